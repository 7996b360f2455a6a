// Who works with one key at a time: readers together, a writer alone, in the order in which they came.

interface Queue {
  /** How many work or wait. */
  count: number;
  /** Resolves when the last writer is done. Never fails. */
  written: Promise<unknown>;
  /** Those that came after it. They never fail. */
  readers: Set<Promise<unknown>>;
}

const settled = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    () => undefined,
  );

export class Turns {
  readonly #queues = new Map<string, Queue>();

  read<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#join(key, (queue) => {
      const turn = queue.written.then(work);
      const reader = settled(turn);
      queue.readers.add(reader);
      reader.then(() => queue.readers.delete(reader));
      return turn;
    });
  }

  write<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#join(key, (queue) => {
      const turn = Promise.all([queue.written, ...queue.readers]).then(work);
      queue.written = settled(turn);
      queue.readers = new Set();
      return turn;
    });
  }

  #join<T>(key: string, takeTurn: (queue: Queue) => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key) ?? { count: 0, written: Promise.resolve(), readers: new Set() };
    this.#queues.set(key, queue);
    queue.count++;
    return takeTurn(queue).finally(() => {
      queue.count--;
      if (queue.count === 0) this.#queues.delete(key);
    });
  }
}
