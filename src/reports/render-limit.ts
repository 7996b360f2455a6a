// How many renders one public caller may have at once.

import { fail } from '../errors.ts';
import { type Caller, callerKey } from '../identity/contract.ts';

export class RenderLimit {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Runs `work` as one of the caller's renders. @throws too_many_renders. */
  async run<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
    const owner = callerKey(caller);
    const count = this.#counts.get(owner) ?? 0;
    if (count >= this.#most) throw fail('too_many_renders');
    this.#counts.set(owner, count + 1);
    try {
      return await work();
    } finally {
      const left = (this.#counts.get(owner) ?? 1) - 1;
      if (left === 0) this.#counts.delete(owner);
      else this.#counts.set(owner, left);
    }
  }
}
