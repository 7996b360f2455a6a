// The thread in which one PDF is laid over another: a file that takes too long or too much ends with it, and nothing else does.

import { parentPort } from 'node:worker_threads';
import { degrees, EncryptedPDFError, PDFDocument, type PDFPage } from '@cantoo/pdf-lib';
import type { OverlayAnswer, OverlayOrder, Paper } from './overlay.ts';

const quarter = (page: PDFPage) => (((page.getRotation().angle % 360) + 360) % 360) as 0 | 90 | 180 | 270;

/** As a reader shows it: what is cut away is not there, and what is turned is turned. */
function paperOf(page: PDFPage): Paper {
  const { width, height } = page.getCropBox();
  return quarter(page) % 180 === 0 ? { width, height } : { width: height, height: width };
}

/** Where what is drawn begins on the page as it is written, and how it is turned there, so that upper left lies on upper left as it is shown. */
function placeOn(page: PDFPage, drawnHeight: number) {
  const { x, y, width, height } = page.getCropBox();
  const angle = quarter(page);
  const up = paperOf(page).height - drawnHeight;
  const places = {
    0: [x, y + up],
    90: [x + width - up, y],
    180: [x + width, y + height - up],
    270: [x + up, y + height],
  } as const;
  const [left, bottom] = places[angle];
  return { x: left, y: bottom, rotate: degrees(angle) };
}

async function obey({ template, overlay }: OverlayOrder): Promise<OverlayAnswer> {
  const document = await PDFDocument.load(template, { updateMetadata: false });
  const [page] = document.getPages();
  if (page === undefined) return { fault: 'unreadable' };
  if (overlay === undefined) return { paper: paperOf(page) };
  const [drawn] = await document.embedPdf(overlay, [0]);
  if (drawn === undefined) return { fault: 'unreadable' };
  page.drawPage(drawn, { ...placeOn(page, drawn.height), width: drawn.width, height: drawn.height });
  return { paper: paperOf(page), bytes: await document.save({ updateFieldAppearances: false, addDefaultPage: false }) };
}

parentPort?.on('message', async (order: OverlayOrder) => {
  const answer = await obey(order).catch((error): OverlayAnswer => {
    return { fault: error instanceof EncryptedPDFError ? 'encrypted' : 'unreadable' };
  });
  parentPort?.postMessage(answer);
});
