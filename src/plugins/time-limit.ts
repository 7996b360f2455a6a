// How long a plug-in is waited for.

import { abortable } from '../abortable.ts';

/** Counts the time that a plug-in takes, and not what is done meanwhile with what it gave. */
export function startLimit(timeoutMs: number, signal: AbortSignal) {
  const ending = new AbortController();
  const all = AbortSignal.any([signal, ending.signal]);
  let leftMs = timeoutMs;
  return {
    signal: all,
    async during<T>(work: Promise<T>): Promise<T> {
      const startedAt = performance.now();
      const timeUp = new Error('it took longer than PLUGIN_TIMEOUT_SECONDS');
      const timer = setTimeout(() => ending.abort(timeUp), leftMs);
      try {
        return await abortable(work, all);
      } finally {
        clearTimeout(timer);
        leftMs = Math.max(0, leftMs - (performance.now() - startedAt));
      }
    },
    /** What it still has under way has nobody to wait for it. */
    [Symbol.dispose]: () => ending.abort(new Error('nobody waits for it any more')),
  };
}
