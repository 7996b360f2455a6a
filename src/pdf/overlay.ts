// Lays one page over the first of a PDF, in a thread that is kept while there is work: reading the library takes longer than a page does.

import { Worker } from 'node:worker_threads';

/** In points, as a reader shows it: turned where the page says so. */
export interface Paper {
  width: number;
  height: number;
}

/** What can't be done with a file. */
export class OverlayFault extends Error {
  readonly kind: 'encrypted' | 'unreadable';

  constructor(kind: OverlayFault['kind']) {
    super(kind === 'encrypted' ? 'The PDF is encrypted.' : 'The PDF could not be read in time.');
    this.kind = kind;
  }
}

export interface OverlayOrder {
  template: Uint8Array;
  /** Undefined to learn about the paper only. */
  overlay: Uint8Array | undefined;
}

export type OverlayAnswer = { paper: Paper; bytes?: Uint8Array } | { fault: OverlayFault['kind'] };

const mostMs = 20_000;
const idleMs = 10_000;
const mostHeapMb = 1024;

let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
let last: Promise<unknown> = Promise.resolve();

function stop(): void {
  void worker?.terminate();
  worker = undefined;
}

async function askThread(order: OverlayOrder): Promise<OverlayAnswer> {
  clearTimeout(idle);
  worker ??= new Worker(new URL('./overlay-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: mostHeapMb },
  });
  const thread = worker;
  thread.ref();
  const { promise, resolve } = Promise.withResolvers<OverlayAnswer | undefined>();
  const onEnd = () => resolve(undefined);
  thread.once('message', resolve).once('error', onEnd).once('exit', onEnd);
  const timeout = setTimeout(onEnd, mostMs);
  thread.postMessage(order);
  const answer = await promise;
  clearTimeout(timeout);
  thread.off('message', resolve).off('error', onEnd).off('exit', onEnd);
  if (answer === undefined) {
    // What it may still say is meant for nobody.
    stop();
    return { fault: 'unreadable' };
  }
  // A process may end while it is kept.
  thread.unref();
  idle = setTimeout(stop, idleMs).unref();
  return answer;
}

/** One after the other: a thread has one core. */
async function ask(order: OverlayOrder): Promise<{ paper: Paper; bytes?: Uint8Array }> {
  const turn = last.then(() => askThread(order));
  last = turn.catch(() => undefined);
  const answer = await turn;
  if ('fault' in answer) throw new OverlayFault(answer.fault);
  return answer;
}

/** The paper of the first page. @throws {OverlayFault} */
export async function paperOf(template: Uint8Array): Promise<Paper> {
  return (await ask({ template, overlay: undefined })).paper;
}

/**
 * The template with the first page of `overlay` drawn over its first page, upright as it is shown, upper left corner on upper left corner;
 * what else it has (further pages, forms, links) stays.
 * @throws {OverlayFault}
 */
export async function layOver(template: Uint8Array, overlay: Uint8Array): Promise<Buffer> {
  const { bytes } = await ask({ template, overlay });
  if (bytes === undefined) throw new OverlayFault('unreadable');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
