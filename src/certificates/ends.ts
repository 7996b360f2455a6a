// Waits until the making of a certificate has come to an end, in whichever process it is made.

import { abortable } from '../abortable.ts';
import type { Database } from '../database/database.ts';
import { isUnmade } from './status.ts';
import { certificatesChannel, findCertificate, type StoredCertificate } from './store.ts';

/** Messages may not arrive, and nobody is told of that. */
const lookMs = 5000;

export class Ends {
  readonly #database: Database;
  readonly #waiting = new Map<string, Set<() => void>>();
  #listening: Promise<unknown> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** As it is when it is available, or when an attempt beyond those that were counted has failed. @throws the signal's reason. */
  async wait({ id, attempts }: StoredCertificate, signal: AbortSignal): Promise<StoredCertificate> {
    this.#listen();
    for (;;) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting.add(resolve));
      const timer = setTimeout(resolve, lookMs);
      try {
        const present = await findCertificate(this.#database.queries, id);
        if (present === undefined) throw new Error('the certificate is gone');
        if (!isUnmade(present.status) || present.attempts > attempts) return present;
        await abortable(promise, signal);
      } finally {
        clearTimeout(timer);
        waiting.delete(resolve);
        if (waiting.size === 0) this.#waiting.delete(id);
      }
    }
  }

  #listen(): void {
    const wakeAll = () => {
      for (const waiting of this.#waiting.values()) for (const wake of waiting) wake();
    };
    const onMessage = (id: string) => {
      for (const wake of this.#waiting.get(id) ?? []) wake();
    };
    this.#listening ??= this.#database.listen(certificatesChannel, { onMessage, onGap: wakeAll }).catch(() => {
      this.#listening = undefined;
    });
  }
}
