// The thread in which the PDF of a stranger is read: it may run out of time or memory by it, and nothing else does.

import { parentPort, workerData } from 'node:worker_threads';
import { ParseSpeeds, PDFDocument } from '@cantoo/pdf-lib';
import type { Reading } from './reading.ts';

async function read(bytes: Uint8Array): Promise<Reading> {
  const options = { ignoreEncryption: true, updateMetadata: false, parseSpeed: ParseSpeeds.Fastest };
  const document = await PDFDocument.load(bytes, options);
  if (document.isEncrypted) return 'encrypted';
  return document.getPageCount() > 0 ? 'readable' : 'unreadable';
}

const { bytes } = workerData as { bytes: Uint8Array };
parentPort?.postMessage(await read(bytes).catch((): Reading => 'unreadable'));
