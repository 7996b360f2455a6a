// Requests each on a connection of its own: what befalls the connection befalls this one request, and is told apart.

import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { serviceToken } from './tokens.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Of a problem. */
  code: string | undefined;
}

/** The connection ended inside an answer that had begun. */
export class BrokenOff extends Error {}
/** The connection ended, or there was none, before an answer began. */
export class Unanswered extends Error {}

interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

function codeOf(headers: IncomingHttpHeaders, body: Buffer): string | undefined {
  const isProblem = headers['content-type']?.startsWith('application/problem+json') === true;
  return isProblem && body.length > 0 ? (JSON.parse(body.toString()) as { code: string }).code : undefined;
}

/** @throws {Unanswered | BrokenOff} */
export function ask(url: string, { body, ...options }: Ask = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const asked = request(url, { agent: false, ...options } as RequestOptions, (res) => {
    const { statusCode: status = 0, headers } = res;
    const pieces: Buffer[] = [];
    res.on('data', (piece: Buffer) => pieces.push(piece));
    res.once('error', (cause) => reject(new BrokenOff(`${status} of ${url} broke off`, { cause })));
    res.once('end', () => {
      const whole = Buffer.concat(pieces);
      resolve({ status, headers, body: whole, code: codeOf(headers, whole) });
    });
  });
  asked.once('error', (cause) => reject(new Unanswered(`${url} was not answered: ${cause.message}`, { cause })));
  if (text !== undefined) asked.setHeader('content-type', 'application/json');
  asked.end(text);
  return promise;
}

export const askWith = (token: string, url: string, { headers, ...more }: Ask = {}): Promise<Answer> =>
  ask(url, { headers: { authorization: `Bearer ${token}`, ...headers }, ...more });

/** The backend's trigger; `headers` beside the service token. */
export const triggerAt = (url: string, body: object, { headers, ...more }: Ask = {}): Promise<Answer> =>
  ask(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'x-service-auth': `Bearer ${serviceToken}`, ...headers },
    body,
    ...more,
  });

/** The value of a figure of a service, by its name and labels as they are written; 0 where it has none. */
export async function readMetric(url: string, line: string): Promise<number> {
  const text = (await ask(`${url}/metrics`)).body.toString();
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return Number(found?.split(' ').at(-1) ?? 0);
}
