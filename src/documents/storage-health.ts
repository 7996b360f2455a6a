// What the storage can do at the moment, as operators see it.

import { abortable } from '../abortable.ts';
import type { ObjectStore } from './object-store.ts';
import { type OutageWatch, StoragePaused } from './outage.ts';

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
/** Below it nothing is ever stored. */
const emptyFolder = 'platen-readiness/';

/** Without messages, which may name paths and addresses. */
function describe(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: string; code?: unknown };
  return typeof code === 'string' ? code : (name ?? 'unknown');
}

export class StorageHealth {
  readonly #dependencies: Dependencies;
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
    return writing.isDown ? { state: 'read-only', reason: describe(writing.lastError) } : { state: 'up' };
  }
}
