// Prints a loaded page: A4, background on, 20px margins, tagged, with an outline; a page's own @page wins.

import type { CDPSession } from 'puppeteer-core';
import { BrowserFault } from '../browser/contract.ts';
import { fail } from '../errors.ts';
import { inspectPdf } from '../pdf/pdf.ts';

const inch = 96;
const margin = 20 / inch;
const chunkBytes = 1 << 20;

const printOptions = {
  paperWidth: 8.27,
  paperHeight: 11.69,
  marginTop: margin,
  marginBottom: margin,
  marginLeft: margin,
  marginRight: margin,
  printBackground: true,
  preferCSSPageSize: true,
  generateTaggedPDF: true,
  generateDocumentOutline: true,
  // As a stream: a giant document would not fit into one message, and can be left before its end.
  transferMode: 'ReturnAsStream',
} as const;

interface PrintOptions {
  maxBytes: number;
  /** 1 prints a pixel of the page as 1/96 inch. */
  scale: number;
}

/** @throws document_too_large beyond `maxBytes`; BrowserFault when the browser can't print. */
export async function printToPdf(session: CDPSession, { maxBytes, scale }: PrintOptions): Promise<Buffer> {
  const { stream } = await session.send('Page.printToPDF', { ...printOptions, scale }).catch((cause: Error) => {
    throw new BrowserFault('print', { cause });
  });
  if (stream === undefined) throw new BrowserFault('print');
  try {
    return await readStream(session, stream, maxBytes);
  } finally {
    // Or the browser keeps the file as long as the tab. Nobody waits for it: a browser that is gone has closed it.
    session.send('IO.close', { handle: stream }).catch(() => undefined);
  }
}

/**
 * Judges what was printed.
 * @param whyEmpty what is said where the sheets show nothing.
 * @throws page_failed; document_too_large.
 */
export async function inspectPrinted(
  printed: Buffer,
  { maxPages, whyEmpty }: { maxPages: number; whyEmpty: string },
): Promise<{ bytes: Buffer; pages: number }> {
  const pdf = await inspectPdf(printed);
  if (pdf === undefined || pdf.pages === 0)
    throw fail('page_failed', { detail: 'The browser did not give a whole PDF.', mayHeal: true });
  const { bytes, pages } = pdf;
  if (pages > maxPages) throw fail('document_too_large');
  if (!pdf.showsSomething) throw fail('page_failed', { detail: whyEmpty });
  return { bytes, pages };
}

async function readStream(session: CDPSession, handle: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (let isOver = false; !isOver; ) {
    const { data, base64Encoded, eof } = await session.send('IO.read', { handle, size: chunkBytes });
    const chunk = Buffer.from(data, base64Encoded === true ? 'base64' : 'latin1');
    bytes += chunk.length;
    if (bytes > maxBytes) throw fail('document_too_large');
    chunks.push(chunk);
    isOver = eof;
  }
  return Buffer.concat(chunks);
}
