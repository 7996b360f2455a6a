// Sends a PDF: names, validators, ranges. The only place where report and response meet.

import { Readable } from 'node:stream';
import contentDisposition from 'content-disposition';
import type { Request, Response } from 'express';
import type { Exchange } from '../http/contract.ts';
import type { ObtainedReport } from './public-reports.ts';
import { fileName, type Report } from './report.ts';

const cacheStatus: Record<ObtainedReport['source'], string> = {
  hit: 'platen; hit',
  stored: 'platen; fwd=miss; stored',
  passed: 'platen; fwd=miss',
};

/** First and last byte, both included. */
interface Range {
  start: number;
  end: number;
}

const longestWarnings = 4096;

const encode = (text: string) => text.toWellFormed().replace(/[^\x20-\x7e]|[%,]/gu, encodeURIComponent);

/** As many as a header may be asked to hold, with commas between them; what isn't printable ASCII, and commas, are percent-encoded. */
function warningsHeader(warnings: readonly string[]): string {
  let header = '';
  for (const warning of warnings) {
    const next = header + (header === '' ? '' : ', ') + encode(warning);
    if (next.length > longestWarnings) break;
    header = next;
  }
  return header;
}

/** Whether the caller wants another document than this one (RFC 9110, 13.2.2): such a one is not sent. */
function isPreconditionBroken(req: Request, { sha256, generatedAt }: ObtainedReport): boolean {
  const tags = req.get('If-Match');
  // By strong comparison: a weak tag matches nothing.
  if (tags !== undefined) return !tags.split(',').some((tag) => ['*', `"${sha256}"`].includes(tag.trim()));
  const since = Date.parse(req.get('If-Unmodified-Since') ?? '');
  return since < Math.floor(generatedAt.getTime() / 1000) * 1000;
}

/** Whether the caller has this very document already; `Cache-Control` of the request has no say in it (RFC 9110, 13.1). */
function isNotModified(req: Request, { sha256, generatedAt }: ObtainedReport): boolean {
  const tags = req.get('If-None-Match');
  if (tags !== undefined) {
    return tags.split(',').some((tag) => ['*', `"${sha256}"`].includes(tag.trim().replace(/^W\//, '')));
  }
  const since = Date.parse(req.get('If-Modified-Since') ?? '');
  return since >= Math.floor(generatedAt.getTime() / 1000) * 1000;
}

/** A single range, where one is asked for and the caller's `If-Range` still holds; several are answered by the whole. */
function rangeOf(req: Request, { bytes, sha256 }: ObtainedReport): Range | 'unsatisfiable' | undefined {
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

/** Bytes from `start` to `end`, both included. A stream is read to its end all the same: only then is its digest known. */
async function* slice(content: AsyncIterable<Buffer>, { start, end }: Range) {
  let at = 0;
  for await (const chunk of content) {
    yield chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
    at += chunk.length;
  }
}

function setHeaders(
  res: Response,
  obtained: ObtainedReport,
  fields: { report: Report; disposition: 'attachment' | 'inline' },
): void {
  res.set({
    'Content-Type': 'application/pdf',
    'Content-Disposition': contentDisposition(fileName(fields.report), { type: fields.disposition }),
    ETag: `"${obtained.sha256}"`,
    'Last-Modified': obtained.generatedAt.toUTCString(),
    'Cache-Control': 'private, no-cache',
    'Accept-Ranges': 'bytes',
    'Cache-Status': cacheStatus[obtained.source],
    Vary: 'Authorization, Origin',
    ...(obtained.warnings.length > 0 && { 'Platen-Warnings': warningsHeader(obtained.warnings) }),
  });
}

function discard(content: ObtainedReport['content']): void {
  if (content instanceof Readable) content.destroy();
}

/** Answers with the report: whole, a range, 304 where the caller has it already, or 412 where they want another. */
export async function sendReport(
  { req, res, streamBody }: Pick<Exchange, 'req' | 'res' | 'streamBody'>,
  obtained: ObtainedReport,
  fields: { report: Report; disposition: 'attachment' | 'inline' },
): Promise<void> {
  const { content, bytes } = obtained;
  setHeaders(res, obtained, fields);
  if (isPreconditionBroken(req, obtained)) {
    discard(content);
    res.status(412).end();
    return;
  }
  if (isNotModified(req, obtained)) {
    discard(content);
    res.status(304).end();
    return;
  }
  const range = rangeOf(req, obtained);
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
  await streamBody(slice(content as AsyncIterable<Buffer>, { start, end }));
}
