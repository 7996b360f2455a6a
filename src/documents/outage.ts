// Notices that a storage fails, and spares it and those who wait for it until it may have recovered.

import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type IBackoff,
} from 'cockatiel';
import { abortable } from '../abortable.ts';
import { createLog } from '../log.ts';

const log = createLog('documents');

/** Failures in a row after which it counts as down. */
const mostFailures = 3;
/** The library measures by the wall clock, which may jump: it is told "never" and "now" by the monotonic one. */
function pause(ms: number): IBackoff<unknown> {
  const endsAt = performance.now() + ms;
  return {
    next: () => pause(ms),
    get duration() {
      return performance.now() < endsAt ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    },
  };
}

/** It was not asked, since it failed a moment ago. */
export class StoragePaused extends Error {
  constructor(cause: unknown) {
    super('the storage failed a moment ago and is not asked yet', { cause });
    this.name = 'StoragePaused';
  }
}

interface Options {
  /** In the log: what the storage does not do. */
  name: 'reading' | 'writing';
  /** Work that takes longer is given up, and has failed. */
  timeoutMs: number;
  /** How long nobody asks it once it is down; then one does, and the others do without until that one has its answer. */
  pauseMs: number;
  onChange: (isPaused: boolean) => void;
}

/** Every error counts: work that finds nothing must say so by its result. */
export class OutageWatch {
  readonly #circuit: CircuitBreakerPolicy;
  readonly #timeoutMs: number;

  constructor({ name, timeoutMs, pauseMs, onChange }: Options) {
    this.#timeoutMs = timeoutMs;
    this.#circuit = circuitBreaker(handleAll, {
      halfOpenAfter: { next: () => pause(pauseMs) },
      breaker: new ConsecutiveBreaker(mostFailures),
    });
    this.#circuit.onBreak(() => {
      log.error(`The storage fails at ${name} and is left alone for ${pauseMs} ms`, { error: this.lastError });
      onChange(true);
    });
    this.#circuit.onReset(() => {
      log.info(`The storage succeeds at ${name} again`);
      onChange(false);
    });
  }

  /** Whether it has failed and not been seen to work since. */
  get isDown(): boolean {
    return this.#circuit.state !== CircuitState.Closed;
  }

  get lastError(): unknown {
    const failure = this.#circuit.lastFailure;
    return failure !== undefined && 'error' in failure ? failure.error : undefined;
  }

  /** @throws StoragePaused at once while it is left alone; else what the work throws, or a TimeoutError. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    // The library would let everybody wait for the one who tries.
    if (this.#circuit.state === CircuitState.HalfOpen) throw new StoragePaused(this.lastError);
    try {
      return await this.#circuit.execute(() => this.#inTime(work));
    } catch (error) {
      throw error instanceof BrokenCircuitError ? new StoragePaused(this.lastError) : error;
    }
  }

  /** As `run`, but it is asked even while it is left alone. */
  async insist<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.run(work).catch((error) => {
      if (error instanceof StoragePaused) return this.#inTime(work);
      throw error;
    });
  }

  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const tooLong = () => controller.abort(new DOMException('the storage takes too long', 'TimeoutError'));
    const timer = setTimeout(tooLong, this.#timeoutMs);
    return abortable(work(controller.signal), controller.signal).finally(() => clearTimeout(timer));
  }
}
