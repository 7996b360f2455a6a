// The `fetch` of plug-ins: to the origins that the operator has named, at an address that is looked up once, and following nothing.

import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { abortable, unwatched } from '../abortable.ts';
import { isLinkLocal } from '../addresses.ts';

const bodiless = new Set([101, 204, 205, 304]);

/** Naming an origin is consent to wherever its name leads, but never to the services of the machine itself. */
async function pin({ hostname }: URL, signal: AbortSignal): Promise<LookupFunction> {
  const found = await abortable(lookup(hostname.replace(/^\[(.*)\]$/, '$1'), { all: true }), signal);
  const allowed = found.filter(({ address }) => !isLinkLocal(address));
  const [first] = allowed;
  if (first === undefined) throw new Error('its host leads to the machine itself');
  return (_host, options, done) =>
    options.all === true ? done(null, allowed) : done(null, first.address, first.family);
}

/** @param signal ends every request that is under way. */
export function createOutwardFetch(origins: readonly string[], signal: AbortSignal) {
  const ask = async (input: string | URL, init: RequestInit): Promise<Response> => {
    const asked = new Request(input, init);
    const url = new URL(asked.url);
    if (!origins.includes(url.origin)) throw new TypeError(`PLUGIN_ORIGINS does not name ${url.origin}`);
    const all = AbortSignal.any([signal, asked.signal]);
    const body = Buffer.from(await asked.arrayBuffer());
    const headers = { ...Object.fromEntries(asked.headers), 'accept-encoding': 'identity' };
    const answered = Promise.withResolvers<Response>();
    const pinned = await pin(url, all);
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = send(url, { method: asked.method, headers, lookup: pinned, agent: false, signal: all }, (answer) => {
      const { statusCode: status = 0, statusMessage: statusText = '', rawHeaders } = answer;
      const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ''] as const] : []));
      const content = bodiless.has(status) ? null : (Readable.toWeb(answer) as ReadableStream);
      answered.resolve(new Response(content, { status, statusText, headers: pairs.map(([...pair]) => pair) }));
    });
    sent.on('error', answered.reject);
    sent.end(body);
    return answered.promise;
  };
  return (input: string | URL, init: RequestInit = {}): Promise<Response> => unwatched(ask(input, init));
}
