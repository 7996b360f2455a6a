// An S3 server in memory whose answers a test scripts: refusing, silent, slow, stopping or torn in the middle. Path style, one bucket.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ScriptedObject {
  body: Buffer;
  /** As sent in `x-amz-meta-*`, names without the prefix. */
  metadata: Record<string, string>;
  /** As sent in `x-amz-tagging`. */
  tags?: string;
}

/** How a GET ends that does not send the object as it is; other requests are not touched by these. */
const bodyFaults = ['stop', 'reset', 'trickle', 'truncated', 'altered'] as const;
/** How any request fails before its answer begins. */
const refusals = {
  error: [500, 'InternalError'],
  throttled: [503, 'SlowDown'],
  full: [507, 'XMinioStorageFull'],
  denied: [403, 'AccessDenied'],
  'no-bucket': [404, 'NoSuchBucket'],
} as const;
type Outage = keyof typeof refusals | 'silent' | 'hang-up';
export type Fault = (typeof bodyFaults)[number] | Outage;
const isOutage = (fault: Fault | undefined): fault is Outage =>
  fault !== undefined && !bodyFaults.some((each) => each === fault);

export interface ScriptedS3 extends AsyncDisposable {
  /** The settings by which a service uses it. */
  env: Record<string, string>;
  /** What is stored, by key; a test may put in, take out and alter. */
  objects: Map<string, ScriptedObject>;
  /** Keys of the GETs whose answers had a body so far, well or badly. */
  read: string[];
  /** Every request so far, as `GET key`, without those that list. */
  requests: string[];
  /** Decides how a request fails; none does unless the test says otherwise. A listing has an empty key. */
  faultFor: (key: string, method: string) => Fault | undefined;
  /** A PUT that came whole is carried out when this is fulfilled; at once unless the test says otherwise. */
  beforePut: (key: string) => Promise<void> | void;
  /** A PUT that was carried out is answered when this is fulfilled. */
  afterPut: (key: string) => Promise<void> | void;
  /** Connections on which a request waits for the end of its answer; those kept alive for the next one don't count. */
  openConnections(): number;
  /** Whether a write with tags is taken; refused as AWS refuses whoever may not tag. */
  takesTags: boolean;
}

const bucket = 'scripted';
const metadataPrefix = 'x-amz-meta-';
const tricklePauseMs = 100;
const etagOf = ({ body, metadata }: Pick<ScriptedObject, 'body' | 'metadata'>) =>
  `"${createHash('md5').update(body).update(JSON.stringify(metadata)).digest('hex')}"`;

function refuse(res: ServerResponse, status: number, code: string): void {
  res.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
}

function failAtOnce(outage: Outage, res: ServerResponse): void {
  if (outage === 'silent') return;
  if (outage === 'hang-up') {
    res.socket?.resetAndDestroy();
    return;
  }
  const [status, code] = refusals[outage];
  refuse(res, status, code);
}

function trickle(body: Buffer, res: ServerResponse): void {
  let at = 0;
  const timer = setInterval(() => res.write(body.subarray(at, ++at)), tricklePauseMs);
  res.once('close', () => clearInterval(timer));
}

function sendBadly(fault: Fault, body: Buffer, res: ServerResponse): void {
  const middle = body.length >> 1;
  if (fault === 'trickle') trickle(body, res);
  else if (fault === 'altered') res.end(Buffer.from(body).fill(~(body[middle] ?? 0), middle, middle + 1));
  else if (fault === 'truncated') res.end(body.subarray(0, middle));
  else res.write(body.subarray(0, middle), () => fault === 'reset' && res.socket?.resetAndDestroy());
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith(metadataPrefix));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(metadataPrefix.length), String(value)]));
}

/** Whether a write may happen: If-None-Match wants nothing there, If-Match the very object. */
function holds({ headers }: IncomingMessage, present: ScriptedObject | undefined): boolean {
  if (headers['if-none-match'] === '*' && present !== undefined) return false;
  const wanted = headers['if-match'];
  return wanted === undefined || (present !== undefined && etagOf(present) === wanted);
}

class Bucket {
  readonly objects: ScriptedS3['objects'] = new Map();
  readonly read: string[] = [];
  readonly requests: string[] = [];
  takesTags = true;
  faultFor: ScriptedS3['faultFor'] = () => undefined;
  beforePut: ScriptedS3['beforePut'] = () => undefined;
  afterPut: ScriptedS3['afterPut'] = () => undefined;

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://localhost');
    const [, name, ...segments] = pathname.split('/').map(decodeURIComponent);
    const key = segments.join('/');
    const method = req.method ?? '';
    if (key !== '') this.requests.push(`${method} ${key}`);
    const fault = this.faultFor(key, method);
    if (isOutage(fault)) failAtOnce(fault, res);
    else if (name !== bucket) refuse(res, 404, 'NoSuchBucket');
    else if (searchParams.get('list-type') === '2') this.#list(searchParams.get('prefix') ?? '', res);
    else if (method === 'GET' || method === 'HEAD') this.#give({ key, fault }, req, res);
    else if (method === 'PUT') await this.#put(key, req, res);
    else if (method === 'DELETE') {
      this.objects.delete(key);
      res.writeHead(204).end();
    } else refuse(res, 405, 'MethodNotAllowed');
  }

  #list(prefix: string, res: ServerResponse): void {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const contents = keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
    const xml = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`;
    res.writeHead(200, { 'content-type': 'application/xml' }).end(xml);
  }

  #give({ key, fault }: { key: string; fault: Fault | undefined }, req: IncomingMessage, res: ServerResponse): void {
    const object = this.objects.get(key);
    if (object === undefined) {
      refuse(res, 404, 'NoSuchKey');
      return;
    }
    const { body, metadata } = object;
    const etag = etagOf(object);
    if (req.headers['if-none-match'] === etag) {
      res.writeHead(304, { etag }).end();
      return;
    }
    const length = fault === 'truncated' ? Math.floor(body.length / 2) : body.length;
    res.setHeaders(new Map(Object.entries(metadata).map(([name, value]) => [metadataPrefix + name, value])));
    res.writeHead(200, { 'content-type': 'application/pdf', 'content-length': length, etag });
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    this.read.push(key);
    if (fault === undefined) res.end(body);
    else sendBadly(fault, body, res);
  }

  async #put(key: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const object = {
      body: await buffer(req),
      metadata: metadataOf(req),
      tags: String(req.headers['x-amz-tagging'] ?? ''),
    };
    if ((object.tags ?? '') !== '' && !this.takesTags) {
      refuse(res, 403, 'AccessDenied');
      return;
    }
    await this.beforePut(key);
    const present = this.objects.get(key);
    if (!holds(req, present)) {
      const isGone = present === undefined;
      refuse(res, isGone ? 404 : 412, isGone ? 'NoSuchKey' : 'PreconditionFailed');
      return;
    }
    this.objects.set(key, object);
    await this.afterPut(key);
    res.writeHead(200, { etag: etagOf(object) }).end();
  }
}

/** Serves one empty bucket on a free port of loopback. */
export async function startScriptedS3(): Promise<ScriptedS3> {
  const served = new Bucket();
  let open = 0;
  const server = createServer((req, res) => {
    open++;
    res.once('close', () => open--);
    served.answer(req, res).catch((error) => res.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = {
    AWS_STORAGE_BUCKET_NAME: bucket,
    AWS_S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: 'scripted-key',
    AWS_SECRET_ACCESS_KEY: 'scripted-secret',
  };
  return Object.assign(served, {
    env,
    openConnections: () => open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  });
}
