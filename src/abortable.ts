// Signals: to wait no longer than one allows, and to follow several; and promises that nobody may wait for.

/** The promise's outcome, or the signal's reason as soon as it is aborted; what the promise does later is not lost, only not waited for. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // Whoever gives up does not look at it again.
  unwatched(promise);
  signal.throwIfAborted();
  const ended = Promise.withResolvers<never>();
  const onAbort = () => ended.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, ended.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The promise, for somebody who may never look at how it ended: its failure is theirs, and does not end the process. */
export function unwatched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A signal that is aborted when one of those given is. Disposed, it follows them no longer, and leaves nothing behind at one that lives long. */
export function followSignals(followed: AbortSignal[]): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const stops: (() => void)[] = [];
  for (const signal of followed) {
    const onAbort = () => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    stops.push(() => signal.removeEventListener('abort', onAbort));
  }
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const stop of stops) stop();
    },
  };
}
