// How often one caller may do something that costs much, in this process.

import { fail } from './errors.ts';

export interface RateLimiter {
  /** Counts one more for this caller. @throws rate_limited, with the time to wait, where it has had as many as it may. */
  take(caller: string): void;
}

interface Options {
  /** How many, in any span of time of this length. */
  limit: number;
  windowMs: number;
}

/** Callers after whose number those who have been quiet are looked for. */
const sweepAbove = 1000;

/** Remembers when each of the last `limit` was; those that were refused do not count. */
export function createRateLimiter({ limit, windowMs }: Options): RateLimiter {
  const taken = new Map<string, number[]>();
  let sweepAt = sweepAbove;

  function sweep(now: number): void {
    for (const [caller, times] of taken) if ((times.at(-1) ?? 0) <= now - windowMs) taken.delete(caller);
    sweepAt = Math.max(sweepAbove, taken.size * 2);
  }

  return {
    take(caller) {
      const now = performance.now();
      const recent = (taken.get(caller) ?? []).filter((at) => at > now - windowMs);
      const [first = now] = recent;
      if (recent.length >= limit)
        throw fail('rate_limited', { retryAfterSeconds: Math.max(1, Math.ceil((first + windowMs - now) / 1000)) });
      taken.set(caller, [...recent, now]);
      if (taken.size > sweepAt) sweep(now);
    },
  };
}
