// Calls the JSON services of others: within a time, without following redirects, up to so many bytes, and never quoting what they say.

import { followSignals } from './abortable.ts';

export interface JsonCall {
  method?: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a form where these are parameters. */
  body?: object | URLSearchParams;
  timeoutMs: number;
  mostBytes: number;
  /** Whoever asks may go away earlier. */
  signal?: AbortSignal;
}

export interface JsonAnswer {
  status: number;
  /** Undefined where there is none, or it is no JSON. */
  body: unknown;
}

/** The parser's own error quotes what it read, which is about a person. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readBody(response: Response, mostBytes: number): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > mostBytes) throw new Error(`the answer has more than ${mostBytes} bytes`);
    parts.push(part);
  }
  return parseJson(Buffer.concat(parts).toString('utf8'));
}

function contentOf(body: JsonCall['body']) {
  if (body === undefined) return {};
  if (body instanceof URLSearchParams) return { body, type: 'application/x-www-form-urlencoded' };
  return { body: JSON.stringify(body), type: 'application/json' };
}

/** @throws what the connection fails with; the signal's reason. Any status is an answer. */
export async function callJson(address: string, call: JsonCall): Promise<JsonAnswer> {
  const { body, type } = contentOf(call.body);
  const ends = [AbortSignal.timeout(call.timeoutMs), ...(call.signal === undefined ? [] : [call.signal])];
  using followed = followSignals(ends);
  const response = await fetch(address, {
    method: call.method ?? 'GET',
    headers: { accept: 'application/json', ...(type && { 'content-type': type }), ...call.headers },
    ...(body !== undefined && { body }),
    // A redirect would send what is secret or about a person to an address that nobody has set.
    redirect: 'error',
    signal: followed.signal,
  });
  return { status: response.status, body: await readBody(response, call.mostBytes) };
}

/** An address with a path behind it, however many slashes it ends in. */
export const below = (address: string, path: string): string => `${address.replace(/\/+$/, '')}${path}`;
