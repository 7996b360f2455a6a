// Sends a report: its name, where it comes from, what was found. The only place where report and response meet.

import contentDisposition from 'content-disposition';
import type { Response } from 'express';
import { sendDocument } from '../document-answer.ts';
import type { Exchange } from '../http/contract.ts';
import type { ObtainedReport } from './public-reports.ts';
import { fileName, type Report } from './report.ts';

const cacheStatus: Record<ObtainedReport['source'], string> = {
  hit: 'platen; hit',
  stored: 'platen; fwd=miss; stored',
  passed: 'platen; fwd=miss',
};

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

function setHeaders(
  res: Response,
  obtained: ObtainedReport,
  fields: { report: Report; disposition: 'attachment' | 'inline' },
): void {
  res.set({
    'Content-Disposition': contentDisposition(fileName(fields.report), { type: fields.disposition }),
    'Cache-Control': 'private, no-cache',
    'Cache-Status': cacheStatus[obtained.source],
    Vary: 'Authorization, Origin',
    ...(obtained.warnings.length > 0 && { 'Platen-Warnings': warningsHeader(obtained.warnings) }),
  });
}

/** Answers with the report: whole, a range, 304 where the caller has it already, or 412 where they want another. */
export async function sendReport(
  exchange: Pick<Exchange, 'req' | 'res' | 'streamBody'>,
  obtained: ObtainedReport,
  fields: { report: Report; disposition: 'attachment' | 'inline' },
): Promise<void> {
  setHeaders(exchange.res, obtained, fields);
  await sendDocument(exchange, obtained);
}
