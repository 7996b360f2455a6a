// Answers with a stored PDF: whole, a range of it, 304 to whoever has it already, 412 to whoever wants another.

import { Readable } from 'node:stream';
import type { Request } from 'express';
import type { StoredDocument } from './documents/documents.ts';
import type { Exchange } from './http/contract.ts';

export interface AnsweredDocument extends Pick<StoredDocument, 'content' | 'bytes'> {
  openPart?: StoredDocument['openPart'] | undefined;
  sha256: string;
  generatedAt: Date;
}

/** First and last byte, both included. */
interface Range {
  start: number;
  end: number;
}

/** Whether the caller wants another document than this one (RFC 9110, 13.2.2): such a one is not sent. */
function isPreconditionBroken(req: Request, { sha256, generatedAt }: AnsweredDocument): boolean {
  const tags = req.get('If-Match');
  // By strong comparison: a weak tag matches nothing.
  if (tags !== undefined) return !tags.split(',').some((tag) => ['*', `"${sha256}"`].includes(tag.trim()));
  const since = Date.parse(req.get('If-Unmodified-Since') ?? '');
  return since < Math.floor(generatedAt.getTime() / 1000) * 1000;
}

/** Whether the caller has this very document already; `Cache-Control` of the request has no say in it (RFC 9110, 13.1). */
function isNotModified(req: Request, { sha256, generatedAt }: AnsweredDocument): boolean {
  const tags = req.get('If-None-Match');
  if (tags !== undefined) {
    return tags.split(',').some((tag) => ['*', `"${sha256}"`].includes(tag.trim().replace(/^W\//, '')));
  }
  const since = Date.parse(req.get('If-Modified-Since') ?? '');
  return since >= Math.floor(generatedAt.getTime() / 1000) * 1000;
}

/** A single range, where one is asked for and the caller's `If-Range` still holds; several are answered by the whole. */
function rangeOf(req: Request, { bytes, sha256 }: AnsweredDocument): Range | 'unsatisfiable' | undefined {
  const condition = req.get('If-Range');
  if (req.method !== 'GET' || (condition !== undefined && condition !== `"${sha256}"`)) return undefined;
  // More last bytes than there are is the whole, which the library takes for unsatisfiable.
  const last = /^bytes=-(\d+)$/.exec(req.get('Range') ?? '')?.[1];
  if (Number(last) >= bytes) return { start: 0, end: bytes - 1 };
  const ranges = req.range(bytes, { combine: true });
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}

/** Bytes from `start` to `end`, both included, of a document that is to be read whole: only at its end is its digest known. */
async function* slice(content: AsyncIterable<Buffer>, { start, end }: Range) {
  let at = 0;
  for await (const chunk of content) {
    yield chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
    at += chunk.length;
  }
}

function discard(content: AnsweredDocument['content']): void {
  if (content instanceof Readable) content.destroy();
}

/** Sends it under headers that say what it is, to which those of validators and ranges are added. */
export async function sendDocument(
  { req, res, streamBody }: Pick<Exchange, 'req' | 'res' | 'streamBody'>,
  document: AnsweredDocument,
): Promise<void> {
  const { content, bytes, sha256, generatedAt } = document;
  res.set({
    'Content-Type': 'application/pdf',
    ETag: `"${sha256}"`,
    'Last-Modified': generatedAt.toUTCString(),
    'Accept-Ranges': 'bytes',
  });
  if (isPreconditionBroken(req, document)) {
    discard(content);
    res.status(412).end();
    return;
  }
  if (isNotModified(req, document)) {
    discard(content);
    res.status(304).end();
    return;
  }
  const range = rangeOf(req, document);
  if (range === 'unsatisfiable') {
    discard(content);
    res.status(416).set('Content-Range', `bytes */${bytes}`).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: bytes - 1 };
  if (range !== undefined) res.status(206).set('Content-Range', `bytes ${start}-${end}/${bytes}`);
  res.set('Content-Length', String(end - start + 1));
  if (req.method === 'HEAD' || Buffer.isBuffer(content)) {
    discard(content);
    res.end(Buffer.isBuffer(content) ? content.subarray(start, end + 1) : undefined);
    return;
  }
  const part = range === undefined ? undefined : await document.openPart?.({ start, end });
  await streamBody(part ?? slice(content, { start, end }));
}
