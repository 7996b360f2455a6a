// Follows a stream of events to its end: over broken connections, silent ones, and a service that is away for a while.

import { EventParser } from './event-parser.ts';
import { PlatenError, readProblem } from './problem.ts';

export interface FollowOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds after which a lost connection is made again. Default: 2000. */
  reconnectMs?: number;
  /** Milliseconds without a sign of life, after which a connection counts as lost. Default: 45,000. */
  silenceMs?: number;
  /** Milliseconds for which the service may be away. Default: 5 minutes. */
  patienceMs?: number;
}

interface Stream<State> extends FollowOptions {
  /** Makes the connection, with the id of the last event that came. */
  open(lastEventId: string, signal: AbortSignal): Promise<Response>;
  isLast(state: State): boolean;
}

/** Statuses of an answer that may be another one the next time. */
const mayPass = new Set([408, 429, 500, 502, 503, 504]);

export function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function parse<State>(text: string): State {
  try {
    return JSON.parse(text) as State;
  } catch {
    throw new PlatenError('malformed_answer', 'An event was not JSON.');
  }
}

/** A signal that is aborted when `follow`ed is, or when nothing was heard for too long. */
class Watch {
  readonly #controller = new AbortController();
  readonly #followed: AbortSignal | undefined;
  readonly #silenceMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(followed: AbortSignal | undefined, silenceMs: number) {
    this.#followed = followed;
    this.#silenceMs = silenceMs;
    if (followed?.aborted) this.stop();
    followed?.addEventListener('abort', this.stop);
    this.hear();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  hear(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.stop, this.#silenceMs);
  }

  readonly stop = (): void => {
    clearTimeout(this.#timer);
    this.#followed?.removeEventListener('abort', this.stop);
    this.#controller.abort(this.#followed?.reason ?? new PlatenError('unreachable', 'The connection has gone silent.'));
  };
}

/** Events of one connection, until it is lost. */
async function* readEvents(
  response: Response,
  { watch, patience, provenMs }: { watch: Watch; patience: Patience; provenMs: number },
) {
  const openedAt = performance.now();
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read()) {
    watch.hear();
    // It lives, although there is nothing new. Not at once: one that is dropped again and again does not.
    if (performance.now() - openedAt > provenMs) patience.renew();
    yield* parser.push(decoder.decode(chunk.value, { stream: true }));
  }
}

/** How long to wait before the next try; throws when there is to be none. */
class Patience {
  readonly #options: FollowOptions;
  #goneSince: number | undefined;
  #wasLimited = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** An event has come, or the connection has lasted. */
  renew(): void {
    this.#goneSince = undefined;
    this.#wasLimited = false;
  }

  /** @param error why there is no connection; none where it only ended. */
  pauseAfter(error: unknown): number {
    const { reconnectMs = 2000, patienceMs = 300_000 } = this.#options;
    if (error === undefined) return reconnectMs;
    const { status, retryAfterSeconds = 0 } = error instanceof PlatenError ? error : {};
    if (error instanceof PlatenError && error.code === 'malformed_answer') throw error;
    if (status !== undefined && !mayPass.has(status)) throw error;
    // Once it may have been an accident; whoever is refused again asks too much.
    if (status === 429 && (this.#wasLimited || retryAfterSeconds === 0)) throw error;
    this.#wasLimited = status === 429;
    this.#goneSince ??= performance.now();
    const pauseMs = Math.max(reconnectMs, retryAfterSeconds * 1000);
    if (performance.now() + pauseMs - this.#goneSince > patienceMs)
      throw error instanceof PlatenError ? error : new PlatenError('unreachable', String(error));
    return pauseMs;
  }
}

/** The states as they come; ends after the last one. @throws PlatenError when it gives up; the signal's reason. */
export async function* followStream<State>(stream: Stream<State>): AsyncGenerator<State, void, undefined> {
  const { signal, silenceMs = 45_000, open, isLast } = stream;
  const patience = new Patience(stream);
  let lastEventId = '';
  for (;;) {
    const watch = new Watch(signal, silenceMs);
    let lost: unknown;
    try {
      const response = await open(lastEventId, watch.signal);
      if (response.status === 204) return;
      if (!response.ok) throw await readProblem(response);
      if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
        throw new PlatenError('malformed_answer', 'The answer is no stream of events.');
      for await (const { id, data } of readEvents(response, { watch, patience, provenMs: silenceMs })) {
        const state = parse<State>(data);
        lastEventId = id;
        patience.renew();
        watch.hear();
        yield state;
        if (isLast(state)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      lost = error;
    } finally {
      // Also when whoever follows has had enough.
      watch.stop();
    }
    await wait(patience.pauseAfter(lost), signal);
  }
}
