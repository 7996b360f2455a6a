// What is printed and how it is read: files of the browser that are closed again, and PDFs that another browser may write.

import { PDFDocument } from '@cantoo/pdf-lib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CDPSession, Page } from 'puppeteer-core';
import { inspectPdf } from '../src/pdf/pdf.ts';
import { printToPdf } from '../src/rendering/print.ts';
import { type BareBrowser, startBareBrowser } from './support/bare-browser.ts';

let bare: BareBrowser;
let page: Page;
let session: CDPSession;
beforeAll(async () => {
  bare = await startBareBrowser();
  page = await bare.browser.newPage();
  session = await page.createCDPSession();
});
afterAll(async () => {
  await bare[Symbol.asyncDispose]();
});

async function print(body: string, maxBytes = 1_000_000): Promise<Buffer> {
  await page.setContent(`<!doctype html><html lang="en"><title>Report</title><body>${body}</body></html>`);
  return printToPdf(session, { maxBytes, scale: 1 });
}

/** Handles that were read from while `work` ran. */
async function handlesOf(work: () => Promise<unknown>): Promise<string[]> {
  const send = session.send.bind(session);
  const handles = new Set<string>();
  session.send = (async (method: string, parameters: { handle?: string }) => {
    if (method === 'IO.read') handles.add(parameters.handle ?? '');
    return send(method as 'IO.read', parameters as { handle: string });
  }) as CDPSession['send'];
  try {
    await work();
  } finally {
    session.send = send;
  }
  return [...handles];
}

test.each([
  ['printed whole', 1_000_000],
  ['left before its end', 10],
])('the browser keeps no file of a document that was %s', async (_how, maxBytes) => {
  const [handle = ''] = await handlesOf(() => print('<p>Figures</p>', maxBytes).catch(() => undefined));
  expect(handle).not.toBe('');
  await expect(session.send('IO.read', { handle })).rejects.toThrow(/Invalid stream handle/);
});

describe('a PDF with packed objects and a cross-reference stream', () => {
  /** As other writers have it, and perhaps the browser one day. */
  async function pack(plain: Buffer): Promise<Buffer> {
    const document = await PDFDocument.load(plain, { updateMetadata: false });
    return Buffer.from(await document.save({ useObjectStreams: true }));
  }

  test.each([
    ['text', '<h1>Report</h1><p>Figures</p>', 1, true],
    ['a drawing', '<svg width="99" height="99"><rect width="50" height="50" fill="red"/></svg>', 1, true],
    ['three sheets', '<p style="break-after: page">One</p><p style="break-after: page">Two</p>Three', 3, true],
    ['nothing', '<div style="height: 10px"></div>', 1, false],
  ])('is read like a plain one: %s', async (_what, body, pages, showsSomething) => {
    const plain = await print(body);
    const packed = await pack(plain);
    expect(packed.toString('latin1')).not.toMatch(/\nxref\n/);
    for (const bytes of [plain, packed]) expect(await inspectPdf(bytes)).toMatchObject({ pages, showsSomething });
  });

  test('has no links that run something either', async () => {
    const packed = await pack(
      await print('<a href="javascript:alert(1)">One</a> <a href="https://two.example/">Two</a>'),
    );
    const inspected = await inspectPdf(packed);
    const text = inspected?.bytes.toString('latin1');
    expect(text).not.toContain('javascript:');
    expect(text).toContain('https://two.example/');
  });

  test('is no PDF when its end is missing', async () => {
    const packed = await pack(await print('<p>Figures</p>'));
    expect(await inspectPdf(packed.subarray(0, packed.length / 2))).toBeUndefined();
  });
});
