// Reads a file that is sent: as the body itself, or as the one file of a form, as pages without scripts send it.

import type { Readable } from 'node:stream';
import { Busboy, type BusboyConfig } from '@fastify/busboy';
import type { Request, Response } from 'express';
import { fail } from '../errors.ts';
import type { Endpoint } from './contract.ts';

const usualBytes = 50 * 1024 * 1024;
/** What a form may have around its file. */
const formBytes = 64 * 1024;
/** Bytes of files that are in memory at once, over all requests. */
const mostHeldBytes = 256 * 1024 * 1024;
/** Of a form: the file, and a few words beside it. */
const mostParts = 4;
/** How long the rest of what was refused is read. */
const discardMs = 5000;
const formType = 'multipart/form-data';

let heldBytes = 0;

/** Counts what one request holds in memory, until it is answered. */
function holdFor(res: Response, mostBytes: number): (chunk: Buffer) => void {
  let held = 0;
  res.once('close', () => {
    heldBytes -= held;
  });
  return ({ length }) => {
    if (held + length > mostBytes) throw fail('body_too_large');
    if (heldBytes + length > mostHeldBytes) throw fail('queue_full', { detail: 'Too many files are looked at now.' });
    held += length;
    heldBytes += length;
  };
}

/** Not by iteration, which would end the connection, or leave it as if somebody still waited for more. */
function readAll(source: Readable, hold: (chunk: Buffer) => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const held: Buffer[] = [];
  const take = (chunk: Buffer) => {
    try {
      hold(chunk);
      held.push(chunk);
    } catch (error) {
      source.off('data', take);
      reject(error);
    }
  };
  source.on('data', take);
  source.once('end', () => resolve(Buffer.concat(held)));
  source.once('error', reject);
  source.once('close', () => reject(brokenOff()));
  return promise;
}

const brokenOff = () => fail('malformed_request', { detail: 'The file has not come whole.' });
const noFile = () => fail('malformed_request', { detail: 'The form holds no file.' });
const brokenForm = (cause: unknown) => fail('malformed_request', { detail: 'The form could not be read.' }, { cause });

function openForm(config: BusboyConfig): InstanceType<typeof Busboy> {
  try {
    return new Busboy(config);
  } catch (cause) {
    throw brokenForm(cause);
  }
}

/** The first file of a form; what else it holds is passed over. */
async function readForm(req: Request, hold: (chunk: Buffer) => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const headers = { ...req.headers, 'content-type': req.get('Content-Type') ?? '' };
  const form = openForm({ headers, limits: { files: 1, fields: mostParts, parts: mostParts, headerPairs: 20 } });
  let isFound = false;
  form.on('file', (_field, file) => {
    isFound = true;
    readAll(file, hold).then(resolve, reject);
  });
  form.on('finish', () => {
    // The file itself may still be on its way through.
    if (!isFound) reject(noFile());
  });
  form.on('error', (cause) => reject(brokenForm(cause)));
  const onClose = () => {
    if (!req.complete) reject(noFile());
  };
  req.once('close', onClose);
  req.pipe(form);
  try {
    return await promise;
  } finally {
    req.off('close', onClose).unpipe(form);
  }
}

/** Who still sends while the connection is closed would never see the answer: the rest is read, for a moment, and thrown away. */
function discardRest(req: Request): void {
  if (req.complete) return;
  const timer = setTimeout(() => req.socket.destroy(), discardMs);
  req.once('close', () => clearTimeout(timer)).resume();
}

/**
 * The bytes of the file that was sent, of one of the endpoint's media types.
 * @throws unsupported_media_type, body_too_large, malformed_request where it is empty or no form; queue_full while others are read.
 */
export async function readFile(endpoint: Pick<Endpoint, 'fileTypes' | 'mostBodyBytes'>, req: Request): Promise<Buffer> {
  try {
    return await readWhole(endpoint, req);
  } catch (error) {
    discardRest(req);
    throw error;
  }
}

async function readWhole(
  { fileTypes = [], mostBodyBytes = usualBytes }: Pick<Endpoint, 'fileTypes' | 'mostBodyBytes'>,
  req: Request,
): Promise<Buffer> {
  const isPlain = (req.get('Content-Encoding') ?? 'identity').toLowerCase() === 'identity';
  const isForm = req.is(formType) === formType;
  if (!isPlain || !(isForm || req.is([...fileTypes])))
    throw fail('unsupported_media_type', { detail: `Send a file of type ${fileTypes.join(', ')}, uncompressed.` });
  if (Number(req.get('Content-Length') ?? 0) > mostBodyBytes + (isForm ? formBytes : 0)) throw fail('body_too_large');
  const hold = holdFor(req.res as Response, mostBodyBytes);
  const file = await (isForm ? readForm(req, hold) : readAll(req, hold));
  if (file.length === 0) throw fail('malformed_request', { detail: 'The file is empty.' });
  return file;
}
