// Changes of jobs, in whichever process they are made, for those in this one who follow them.

import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';
import { type Change, change } from './contract.ts';
import { changesChannel } from './telling.ts';

const log = createLog('jobs');

/** How often those who follow look by themselves: messages may not arrive, and nobody is told of that. */
const lookMs = 10_000;

/** `gap`: some may have been missed; who needs to know looks into the database. */
export type ChangeListener = (change: Change | { kind: 'gap' }) => void;

export class Changes implements Disposable {
  readonly #listeners = new Set<ChangeListener>();
  #looking: NodeJS.Timeout | undefined;
  #hasComplained = false;

  async start(database: Database): Promise<void> {
    this.#looking ??= setInterval(() => this.#give({ kind: 'gap' }), lookMs).unref();
    await database.listen(changesChannel, {
      onMessage: (payload) => this.#hear(payload),
      onGap: () => this.#give({ kind: 'gap' }),
    });
    // Whoever followed before could not hear anything.
    this.#give({ kind: 'gap' });
  }

  /** @returns what ends it. */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking);
  }

  #hear(payload: string): void {
    const heard = change.safeParse(parseJson(payload));
    if (heard.success) this.#give(heard.data);
    if (heard.success || this.#hasComplained) return;
    log.warn('A message of changes is not understood; it and those like it are ignored');
    this.#hasComplained = true;
  }

  #give(told: Change | { kind: 'gap' }): void {
    for (const listener of this.#listeners) listener(told);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
