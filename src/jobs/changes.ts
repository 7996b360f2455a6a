// Changes of jobs, in whichever process they are made, for those in this one who follow them.

import type { Database } from '../database/database.ts';
import type { Change } from './contract.ts';
import { changesChannel } from './telling.ts';

/** `gap`: some may have been missed; who needs to know looks into the database. */
export type ChangeListener = (change: Change | { kind: 'gap' }) => void;

export class Changes {
  readonly #listeners = new Set<ChangeListener>();

  async start(database: Database): Promise<void> {
    await database.listen(changesChannel, {
      onMessage: (payload) => this.#give(JSON.parse(payload) as Change),
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

  #give(change: Change | { kind: 'gap' }): void {
    for (const listener of this.#listeners) listener(change);
  }
}
