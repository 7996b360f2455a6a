// An S3 server in memory whose answers a test scripts: slow, stopping or torn in the middle. Path style, one bucket.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ScriptedObject {
  body: Buffer;
  /** As sent in `x-amz-meta-*`, names without the prefix. */
  metadata: Record<string, string>;
}

/** How a GET ends that does not send the whole object: half of it comes, then nothing more, or a reset. */
export type Fault = 'stop' | 'reset';

export interface ScriptedS3 extends AsyncDisposable {
  /** The settings by which a service uses it. */
  env: Record<string, string>;
  /** What is stored, by key; a test may put in, take out and alter. */
  objects: Map<string, ScriptedObject>;
  /** Keys of the GETs that were answered so far, well or badly. */
  read: string[];
  /** Decides how a GET fails; none does unless the test says otherwise. */
  faultFor: (key: string) => Fault | undefined;
  /** A PUT that came whole is carried out when this is fulfilled; at once unless the test says otherwise. */
  beforePut: (key: string) => Promise<void> | void;
  /** Connections on which a request waits for the end of its answer; those kept alive for the next one don't count. */
  openConnections(): number;
}

const bucket = 'scripted';
const metadataPrefix = 'x-amz-meta-';
const etagOf = ({ body, metadata }: ScriptedObject) =>
  `"${createHash('md5').update(body).update(JSON.stringify(metadata)).digest('hex')}"`;

function refuse(res: ServerResponse, status: number, code: string): void {
  res.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
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

/** Serves one empty bucket on a free port of loopback. */
export async function startScriptedS3(): Promise<ScriptedS3> {
  const objects: ScriptedS3['objects'] = new Map();
  const read: string[] = [];
  const script: Pick<ScriptedS3, 'faultFor' | 'beforePut'> = { faultFor: () => undefined, beforePut: () => undefined };
  let open = 0;

  function list(prefix: string, res: ServerResponse): void {
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const contents = keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
    const xml = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`;
    res.writeHead(200, { 'content-type': 'application/xml' }).end(xml);
  }

  function give(key: string, { method }: IncomingMessage, res: ServerResponse): void {
    const object = objects.get(key);
    if (object === undefined) {
      refuse(res, 404, 'NoSuchKey');
      return;
    }
    const { body, metadata } = object;
    res.setHeaders(new Map(Object.entries(metadata).map(([name, value]) => [metadataPrefix + name, value])));
    res.writeHead(200, { 'content-type': 'application/pdf', 'content-length': body.length, etag: etagOf(object) });
    if (method === 'HEAD') {
      res.end();
      return;
    }
    read.push(key);
    const fault = script.faultFor(key);
    if (fault === undefined) res.end(body);
    else res.write(body.subarray(0, body.length / 2), () => fault === 'reset' && res.socket?.resetAndDestroy());
  }

  async function put(key: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const object = { body: await buffer(req), metadata: metadataOf(req) };
    await script.beforePut(key);
    const present = objects.get(key);
    if (!holds(req, present)) {
      const isGone = present === undefined;
      refuse(res, isGone ? 404 : 412, isGone ? 'NoSuchKey' : 'PreconditionFailed');
      return;
    }
    objects.set(key, object);
    res.writeHead(200, { etag: etagOf(object) }).end();
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://localhost');
    const [, name, ...segments] = pathname.split('/').map(decodeURIComponent);
    const key = segments.join('/');
    if (name !== bucket) refuse(res, 404, 'NoSuchBucket');
    else if (searchParams.get('list-type') === '2') list(searchParams.get('prefix') ?? '', res);
    else if (req.method === 'GET' || req.method === 'HEAD') give(key, req, res);
    else if (req.method === 'PUT') await put(key, req, res);
    else if (req.method === 'DELETE') {
      objects.delete(key);
      res.writeHead(204).end();
    } else refuse(res, 405, 'MethodNotAllowed');
  }

  const server = createServer((req, res) => {
    open++;
    res.once('close', () => open--);
    answer(req, res).catch((error) => res.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    env: {
      AWS_STORAGE_BUCKET_NAME: bucket,
      AWS_S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: 'scripted-key',
      AWS_SECRET_ACCESS_KEY: 'scripted-secret',
    },
    objects,
    read,
    get faultFor() {
      return script.faultFor;
    },
    set faultFor(next) {
      script.faultFor = next;
    },
    get beforePut() {
      return script.beforePut;
    },
    set beforePut(next) {
      script.beforePut = next;
    },
    openConnections: () => open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
