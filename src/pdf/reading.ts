// Whether the PDF of a stranger can be read: found out in a thread of its own, one file at a time, with limits of time and memory.

import { Worker } from 'node:worker_threads';
import { fail } from '../errors.ts';

export type Reading = 'readable' | 'encrypted' | 'unreadable';

const mostMs = 10_000;
/** Of JavaScript's objects. */
const mostHeapMb = 512;
/** By which the process may grow meanwhile: what a file inflates to lies outside of that heap. */
const mostGrowthBytes = 768 * 1024 * 1024;
const lookMs = 50;
const mostWaiting = 8;

let waiting = 0;
let last: Promise<unknown> = Promise.resolve();

async function readInThread(bytes: Buffer): Promise<Reading> {
  const copy = new Uint8Array(bytes);
  const resourceLimits = { maxOldGenerationSizeMb: mostHeapMb };
  const options = { workerData: { bytes: copy }, transferList: [copy.buffer], resourceLimits };
  const worker = new Worker(new URL('./reading-worker.ts', import.meta.url), options);
  const { promise, resolve } = Promise.withResolvers<Reading>();
  worker.once('message', resolve);
  worker.once('error', () => resolve('unreadable'));
  worker.once('exit', () => resolve('unreadable'));
  const deadline = setTimeout(resolve, mostMs, 'unreadable');
  const before = process.memoryUsage.rss();
  const look = setInterval(() => {
    if (process.memoryUsage.rss() - before > mostGrowthBytes) resolve('unreadable');
  }, lookMs);
  try {
    return await promise;
  } finally {
    clearTimeout(deadline);
    clearInterval(look);
    await worker.terminate();
  }
}

/** @throws queue_full while too many others wait. */
export async function readStrangersPdf(bytes: Buffer): Promise<Reading> {
  if (bytes.subarray(0, 1024).indexOf('%PDF-') === -1) return 'unreadable';
  if (waiting >= mostWaiting) throw fail('queue_full', { detail: 'Too many files are looked at now.' });
  waiting++;
  const reading = last.then(() => readInThread(bytes));
  last = reading.catch(() => undefined);
  return reading.finally(() => {
    waiting--;
  });
}
