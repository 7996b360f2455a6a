// Many who want the same thing at once: the work is done once, by the first one's means, and everyone gets its result.

export interface Participant<T> {
  /** By whose means `attempt` works: what fails one of an owner's attempts would fail the others. */
  owner: string;
  /** Whether somebody waits who goes first. */
  isUrgent: boolean;
  /** Does the work by this participant's own means; `hurry` fires when an urgent participant has joined. */
  attempt(signal: AbortSignal, hurry: AbortSignal): Promise<T>;
  /** Ends this participant's waiting; the work ends when nobody waits any more. */
  signal: AbortSignal;
}

interface Waiter<T> extends Pick<Participant<T>, 'owner' | 'attempt'> {
  settled: PromiseWithResolvers<T>;
}

interface Flight<T> {
  /** In order of arrival; the first one leads. */
  waiters: Waiter<T>[];
  abandon: AbortController;
  hurry: AbortController;
}

/** Whose failure an error is: the leader's own, everybody's, or perhaps the leader's, which the next one's means will tell. */
export type Blame = 'leaders' | 'perhaps_leaders' | 'everybodys';

/**
 * Work shared by key. When it fails by the leader's own fault, only those of the leader's owner get the error and the next one's means are
 * tried; where that is in doubt, once. Any other error is everybody's, and the next to come tries anew.
 */
export class SharedWork<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #blame: (error: unknown) => Blame;

  constructor(blame: (error: unknown) => Blame) {
    this.#blame = blame;
  }

  join(key: string, { owner, isUrgent, attempt, signal }: Participant<T>): Promise<T> {
    signal.throwIfAborted();
    const waiter: Waiter<T> = { owner, attempt, settled: Promise.withResolvers() };
    const present = this.#flights.get(key);
    const flight = present ?? { waiters: [], abandon: new AbortController(), hurry: new AbortController() };
    if (isUrgent) flight.hurry.abort();
    flight.waiters.push(waiter);
    if (present === undefined) {
      this.#flights.set(key, flight);
      void this.#run(key, flight);
    }
    const leave = () => this.#leave(key, flight, { waiter, reason: signal.reason });
    signal.addEventListener('abort', leave, { once: true });
    return waiter.settled.promise.finally(() => signal.removeEventListener('abort', leave));
  }

  #leave(key: string, flight: Flight<T>, { waiter, reason }: { waiter: Waiter<T>; reason: unknown }): void {
    flight.waiters = flight.waiters.filter((each) => each !== waiter);
    waiter.settled.reject(reason);
    if (flight.waiters.length > 0) return;
    this.#forget(key, flight);
    flight.abandon.abort(reason);
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  async #run(key: string, flight: Flight<T>): Promise<void> {
    let isInDoubt = false;
    for (let leader = flight.waiters[0]; leader !== undefined; leader = flight.waiters[0]) {
      try {
        const result = await leader.attempt(flight.abandon.signal, flight.hurry.signal);
        this.#forget(key, flight);
        for (const { settled } of flight.waiters) settled.resolve(result);
        return;
      } catch (error) {
        const blame = this.#blame(error);
        // A second one who comes to the same has it from the page.
        const isLeaders = blame === 'leaders' || (blame === 'perhaps_leaders' && !isInDoubt);
        isInDoubt ||= blame === 'perhaps_leaders';
        const failed = flight.waiters.filter((waiter) => !isLeaders || waiter.owner === leader.owner);
        flight.waiters = flight.waiters.filter((waiter) => !failed.includes(waiter));
        // Before anyone is told: who comes back at once must start anew.
        if (flight.waiters.length === 0) this.#forget(key, flight);
        for (const { settled } of failed) settled.reject(error);
      }
    }
    this.#forget(key, flight);
  }
}
