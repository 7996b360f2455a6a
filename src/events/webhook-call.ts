// One call of a webhook: signed, to an address that was looked up once and is allowed, without following anything.

import { createHmac } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { abortable } from '../abortable.ts';
import { isInside } from '../addresses.ts';

const secretPrefix = 'whsec_';

export const secretTextOf = (secret: Buffer) => `${secretPrefix}${secret.toString('base64')}`;

interface Call {
  url: string;
  /** The same however often it is called with this body. */
  id: string;
  body: string;
  /** As its owner has it. */
  secret: string;
}

/** All addresses of a name, as they are now. */
type Resolve = (host: string) => Promise<LookupAddress[]>;

const askSystem: Resolve = (host) => lookup(host, { all: true });

interface Means {
  trustedHosts: readonly string[];
  signal: AbortSignal;
  resolve?: Resolve;
}

/** Without the brackets of IPv6. */
const hostOf = ({ hostname }: URL) => hostname.replace(/^\[(.*)\]$/, '$1');

/** Why such an address is not called; undefined where it may be. What a name leads to is seen only when it is called. */
export function faultOfUrl(text: string, trustedHosts: readonly string[]): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return 'must be an https URL';
  if (url.username !== '' || url.password !== '' || url.hash !== '') return 'must have no user, password or fragment';
  const host = hostOf(url);
  if (trustedHosts.includes(host)) return undefined;
  if (url.protocol !== 'https:') return 'must be an https URL, unless WEBHOOK_HOSTS names its host';
  return isIP(host) !== 0 && isInside(host) ? 'must not lead inside, unless WEBHOOK_HOSTS names its host' : undefined;
}

/** As the Standard Webhooks convention wants it. */
function sign({ id, body, secret }: Call, timestamp: string): string {
  const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** Looked up here, and never again for this call: who answers otherwise a second time is not asked. */
async function pin(url: URL, { trustedHosts, signal, resolve = askSystem }: Means) {
  const host = hostOf(url);
  const found = await abortable(resolve(host), signal);
  const allowed = trustedHosts.includes(host) ? found : found.filter(({ address }) => !isInside(address));
  const [first] = allowed;
  if (first === undefined) throw new Error('its host leads inside');
  const pinned: LookupFunction = (_host, options, done) =>
    options.all === true ? done(null, allowed) : done(null, first.address, first.family);
  return pinned;
}

/** Resolves when it was answered with 2xx. @throws what went wrong, in words of ours or of the network. */
export async function callWebhook(call: Call, means: Means): Promise<void> {
  const fault = faultOfUrl(call.url, means.trustedHosts);
  if (fault !== undefined) throw new Error(`its URL ${fault}`);
  const url = new URL(call.url);
  const pinned = await pin(url, means);
  const timestamp = String(Math.floor(Date.now() / 1000));
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(call.body),
    'user-agent': 'Platen',
    'webhook-id': call.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': sign(call, timestamp),
  };
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = request(
    url,
    { method: 'POST', headers, lookup: pinned, agent: false, signal: means.signal },
    (answer) => {
      resolve(answer.statusCode ?? 0);
      // What it says beyond its status is nothing to us.
      answer.destroy();
    },
  );
  sent.on('error', reject);
  sent.end(call.body);
  const status = await promise;
  if (status < 200 || status > 299) throw new Error(`it answered ${status}`);
}
