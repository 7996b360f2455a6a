// Reads a JSON body: uncompressed UTF-8, 256 KB unless an endpoint says otherwise, refused as soon as it is known to be too large.

import type { Request, RequestHandler } from 'express';
import { fail } from '../errors.ts';
import type { Endpoint } from './contract.ts';

const usualBytes = 256 * 1024;
const deepest = 8;

function checkType(req: Request): void {
  const [, charset = 'utf-8'] = /;\s*charset="?([^";\s]+)"?/i.exec(req.get('Content-Type') ?? '') ?? [];
  const isPlain = (req.get('Content-Encoding') ?? 'identity').toLowerCase() === 'identity';
  if (!req.is('application/json') || !isPlain || !/^utf-?8$/i.test(charset)) throw fail('unsupported_media_type');
}

async function readBytes(req: Request, mostBytes: number): Promise<Buffer> {
  if (Number(req.get('Content-Length') ?? 0) > mostBytes) throw fail('body_too_large');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw fail('body_too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fail('malformed_request', { detail: 'The body is not JSON.' }, { cause });
  }
}

function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= deepest || Object.values(value).some((each) => isTooDeep(each, depth + 1));
}

/** Puts the bytes that are the body into `req.body`. */
export function readAsBytes({ mostBodyBytes = usualBytes }: Pick<Endpoint, 'mostBodyBytes'>): RequestHandler {
  return async (req, _res, next) => {
    if ((req.get('Content-Encoding') ?? 'identity').toLowerCase() !== 'identity') throw fail('unsupported_media_type');
    req.body = await readBytes(req, mostBodyBytes);
    next();
  };
}

/** Puts the JSON object that is the body into `req.body`; nothing where it may be, and is, left out. */
export function readJson({
  isBodyOptional = false,
  mostBodyBytes = usualBytes,
}: Pick<Endpoint, 'isBodyOptional' | 'mostBodyBytes'>): RequestHandler {
  return async (req, _res, next) => {
    const isEmpty =
      req.get('Content-Length') === '0' || (req.get('Transfer-Encoding') ?? req.get('Content-Length')) === undefined;
    if (isEmpty && isBodyOptional) {
      req.body = {};
      return next();
    }
    if (isEmpty) throw fail('malformed_request', { detail: 'The body is empty; a JSON object is needed.' });
    checkType(req);
    const body = parse((await readBytes(req, mostBodyBytes)).toString('utf8'));
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw fail('malformed_request', { detail: 'The body must be a JSON object.' });
    }
    if (isTooDeep(body)) throw fail('malformed_request', { detail: 'The body is nested too deeply.' });
    req.body = body;
    next();
  };
}
