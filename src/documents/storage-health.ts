// What the storage can do at the moment, as operators see it.

import { randomUUID } from 'node:crypto';
import { abortable } from '../abortable.ts';
import { createLog } from '../log.ts';
import type { ObjectStore } from './object-store.ts';
import { type OutageWatch, StoragePaused } from './outage.ts';

const log = createLog('documents');

export interface StorageStatus {
  /** `read-only`: stored documents are given, new ones were not taken lately. */
  state: 'up' | 'read-only' | 'down';
  reason?: string;
}

interface Dependencies {
  store: ObjectStore;
  reading: OutageWatch;
  writing: OutageWatch;
  /** How long an answer is good. */
  statusMs: number;
}

const timeoutMs = 3000;
/** Below it nothing is ever stored for longer than it takes to see that it can be. */
const emptyFolder = 'platen-readiness/';
/** As large as a small document: a disk that is full takes an empty one. */
const trialBytes = 64 * 1024;

/** Without messages, which may name paths and addresses. */
function describe(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: string; code?: unknown };
  return typeof code === 'string' ? code : (name ?? 'unknown');
}

export class StorageHealth {
  readonly #dependencies: Dependencies;
  /** The same each time, so that of what could not be taken away one at most is left. */
  readonly #trialKey = `${emptyFolder}${randomUUID()}`;
  #trial: Promise<void> | undefined;
  #last: { at: number; status: Promise<StorageStatus> } | undefined;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  status(): Promise<StorageStatus> {
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at > this.#dependencies.statusMs)
      this.#last = { at: now, status: this.#look() };
    return this.#last.status;
  }

  async #look(): Promise<StorageStatus> {
    const { store, reading, writing } = this.#dependencies;
    try {
      const list = store.list(emptyFolder)[Symbol.asyncIterator]().next();
      await abortable(list, AbortSignal.timeout(timeoutMs));
      // Also how it comes back when nobody asks for a document.
      if (reading.isDown) await reading.run((signal) => store.head(`${emptyFolder}none`, { signal }));
    } catch (error) {
      return { state: 'down', reason: describe(error instanceof StoragePaused ? error.cause : error) };
    }
    if (!writing.isDown) return { state: 'up' };
    // The answer does not wait for it: the next one tells.
    this.#trial ??= this.#tryWriting().finally(() => {
      this.#trial = undefined;
    });
    return { state: 'read-only', reason: describe(writing.lastError) };
  }

  /** How it comes back when nobody stores anything. Beside the watch, where only a success counts: a storage that refuses this key may take documents. */
  async #tryWriting(): Promise<void> {
    const { store, writing } = this.#dependencies;
    const options = { metadata: {}, replaces: undefined, signal: AbortSignal.timeout(timeoutMs) };
    try {
      if (await store.put(this.#trialKey, Buffer.alloc(trialBytes), options)) await writing.run(async () => undefined);
    } catch (error) {
      log.debug('The storage takes nothing yet', { error });
    }
    await store.remove(this.#trialKey).catch(() => undefined);
  }
}
