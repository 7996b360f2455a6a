// Runs inside a page before its own scripts: clocks, frames and timers that can be put forward, so that a page's second need not be one of ours.
/// <reference lib="dom" />

export type PageWindow = Window & typeof globalThis & Record<string, unknown>;
type AnyFunction = (...args: never[]) => unknown;

/**
 * Puts `handle` before a function of the browser's. A proxy, so that name, length, text and the refusal of a wrong `this` stay.
 * @returns the function as it was.
 */
export function wrapFunction<F extends AnyFunction>(
  owner: object,
  name: string,
  handle: (original: F, self: unknown, args: unknown[]) => unknown,
): F {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
  const original = descriptor.value as F;
  const value = new Proxy(original, { apply: (target, self, args) => handle(target, self, args) });
  Object.defineProperty(owner, name, { ...descriptor, value });
  return original;
}

export interface PageClock {
  /** As `performance.now()`. */
  now(): number;
  /** How far it is ahead of the browser's. */
  ahead(): number;
  putForward(ms: number): void;
}

/** `performance.now`, `Date.now` and `new Date`, which can be put forward together. */
export function createClock(w: PageWindow, wrap: typeof wrapFunction): PageClock {
  const { apply, construct } = Reflect;
  let ahead = 0;
  const readTime = wrap<() => number>(w.Performance.prototype, 'now', (original, self, args) => {
    return (apply(original, self, args) as number) + ahead;
  });
  const { performance, Date: OriginalDate } = w;
  const readDate = wrap<() => number>(OriginalDate, 'now', (original, self, args) => {
    return (apply(original, self, args) as number) + ahead;
  });
  const here = () => readDate() + ahead;
  const value = new Proxy(OriginalDate, {
    apply: () => new OriginalDate(here()).toString(),
    construct: (target, args, newTarget) => construct(target, args.length === 0 ? [here()] : args, newTarget),
  });
  const asIs = (owner: object, name: string) => Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(OriginalDate.prototype, 'constructor', {
    ...asIs(OriginalDate.prototype, 'constructor'),
    value,
  });
  Object.defineProperty(w, 'Date', { ...asIs(w, 'Date'), value });
  return {
    now: () => (apply(readTime, performance, []) as number) + ahead,
    ahead: () => ahead,
    putForward: (ms) => {
      ahead += Math.max(0, ms);
    },
  };
}

/** Something that the page has asked the browser to call later. */
export interface Pending {
  /** Calls it in the browser's place. */
  run(): void;
  /** On the page's clock; undefined for a frame. */
  due: number;
  /** Of an interval. */
  period: number | undefined;
  /** What was asked for when it was set. */
  delay: number;
  /** How often it has been run here without anything to be seen. */
  idleRuns: number;
}

export interface PageSchedule {
  /** Frames that were asked for; each call takes them out and runs them. */
  hasFrames(): boolean;
  runFrames(): void;
  /** The one that is due first, of those that `isWanted`. */
  nextTimer(isWanted: (timer: Pending) => boolean): Pending | undefined;
  /** The browser's own next frame. */
  frame(): Promise<void>;
}

/** Keeps what the page waits for (frames, timers, idle moments), and can give it before the browser does. */
export function createSchedule(w: PageWindow, clock: PageClock, wrap: typeof wrapFunction): PageSchedule {
  const { apply } = Reflect;
  const { reportError } = w;
  const frames = new Map<number, AnyFunction>();
  const timers = new Map<string, Pending>();
  const call = (callback: AnyFunction, args: unknown[]) => {
    try {
      apply(callback, w, args);
    } catch (error) {
      reportError(error);
    }
  };

  const askFrame = wrap<typeof requestAnimationFrame>(w, 'requestAnimationFrame', (original, self, args) => {
    const [callback] = args as [AnyFunction];
    if (typeof callback !== 'function') return apply(original, self, args);
    const run = (time: number) => {
      frames.delete(id);
      apply(callback, w, [time + clock.ahead()]);
    };
    const id = apply(original, self, [run]) as number;
    frames.set(id, callback);
    return id;
  });
  const dropFrame = wrap<typeof cancelAnimationFrame>(w, 'cancelAnimationFrame', (original, self, args) => {
    const result = apply(original, self, args);
    frames.delete(Number(args[0]));
    return result;
  });

  // What asks for itself again and again would come to no end in a time that stands still.
  const leastDelayMs = 4;
  const frameMs = 16;
  /** For a frame that never comes, as in one that is not shown. */
  const longestFrameMs = 500;
  /** Numbers of timers and of idle callbacks are not of one row. */
  const wrapTimer = (name: string, cancelName: string, kind: 'timer' | 'interval' | 'idle') => {
    const row = kind === 'idle' ? 'idle' : 'timer';
    const cancel = wrap<(id: number) => void>(w, cancelName, (original, self, args) => {
      const result = apply(original, self, args);
      timers.delete(row + Number(args[0]));
      return result;
    });
    return wrap<AnyFunction>(w, name, (original, self, [callback, given, ...args]) => {
      if (typeof callback !== 'function') return apply(original, self, [callback, given, ...args] as never[]);
      const delay = kind === 'idle' ? frameMs : Math.max(leastDelayMs, Number(given) || 0);
      const period = kind === 'interval' ? delay : undefined;
      const onTime = (...givenArgs: unknown[]) => {
        if (period === undefined) timers.delete(row + id);
        else pending.due = clock.now() + period;
        return apply(callback as AnyFunction, w, givenArgs);
      };
      const id = apply(original, self, [onTime, given, ...args] as never[]) as number;
      const runArgs = kind === 'idle' ? [{ didTimeout: false, timeRemaining: () => 10 }] : args;
      const run = () => {
        if (period === undefined) {
          timers.delete(row + id);
          apply(cancel, w, [id]);
        } else pending.due = Math.max(pending.due + period, clock.now());
        call(callback as AnyFunction, runArgs);
      };
      const pending: Pending = { run, due: clock.now() + delay, period, delay, idleRuns: 0 };
      timers.set(row + id, pending);
      return id;
    });
  };
  const later = wrapTimer('setTimeout', 'clearTimeout', 'timer') as typeof setTimeout;
  wrapTimer('setInterval', 'clearInterval', 'interval');
  wrapTimer('requestIdleCallback', 'cancelIdleCallback', 'idle');

  return {
    hasFrames: () => frames.size > 0,
    runFrames: () => {
      // Those that these ask for come with the next frame.
      for (const [id, callback] of [...frames]) {
        if (!frames.delete(id)) continue;
        apply(dropFrame, w, [id]);
        call(callback, [clock.now()]);
      }
    },
    nextTimer: (isWanted) => {
      let next: Pending | undefined;
      for (const timer of timers.values()) {
        if ((next === undefined || timer.due < next.due) && isWanted(timer)) next = timer;
      }
      return next;
    },
    frame: () =>
      new Promise((resolve) => {
        apply(askFrame, w, [() => resolve()]);
        apply(later, w, [resolve, longestFrameMs]);
      }),
  };
}
