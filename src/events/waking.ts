// Waiting until there is something to do: told of it, or after a while.

export class Waking {
  #isTold = false;
  #wake: () => void = () => undefined;

  /** Before one looks: what is told from then on is not missed. */
  reset(): void {
    this.#isTold = false;
  }

  wake(): void {
    this.#isTold = true;
    this.#wake();
  }

  /** Until something was told since the last look, or for so long. */
  async wait(ms: number): Promise<void> {
    if (this.#isTold) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}
