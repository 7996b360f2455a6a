// Runs inside a page before its own scripts: clocks, frames and timers that can be put forward, so that a page's second need not be one of ours.
/// <reference lib="dom" />

export type PageWindow = Window & typeof globalThis & Record<string, unknown> & { Scheduler: { prototype: object } };
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
function createClock(w: PageWindow, wrap: typeof wrapFunction): PageClock {
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

/** Runs what the page gave to the browser, as the browser does: what it throws is reported, and no more. */
function callBack(w: PageWindow, callback: AnyFunction, args: unknown[]): void {
  try {
    Reflect.apply(callback, w, args);
  } catch (error) {
    w.reportError(error);
  }
}

export interface PageFrames {
  /** Whether the page asked for one. */
  areWanted(): boolean;
  /** Gives the page the frame that it asked for; what it asks for then comes with the next. */
  run(): void;
  /** The browser's own next frame. */
  next(): Promise<void>;
}

/** Keeps the frames that the page asks for, and can give them before the browser does. */
function createFrames(w: PageWindow, clock: PageClock, { wrapFunction: wrap, callBack: call }: ClockParts): PageFrames {
  /** For a frame that never comes, as in a document that is not shown. */
  const longestMs = 500;
  const { apply } = Reflect;
  const { setTimeout } = w;
  const wanted = new Map<number, AnyFunction>();
  const ask = wrap<typeof requestAnimationFrame>(w, 'requestAnimationFrame', (original, self, args) => {
    const [callback] = args as [AnyFunction];
    if (typeof callback !== 'function') return apply(original, self, args);
    const run = (time: number) => {
      wanted.delete(id);
      apply(callback, w, [time + clock.ahead()]);
    };
    const id = apply(original, self, [run]) as number;
    wanted.set(id, callback);
    return id;
  });
  const drop = wrap<typeof cancelAnimationFrame>(w, 'cancelAnimationFrame', (original, self, args) => {
    const result = apply(original, self, args);
    wanted.delete(Number(args[0]));
    return result;
  });
  return {
    areWanted: () => wanted.size > 0,
    run: () => {
      for (const [id, callback] of [...wanted]) {
        if (!wanted.delete(id)) continue;
        apply(drop, w, [id]);
        call(w, callback, [clock.now()]);
      }
    },
    next: () =>
      new Promise((resolve) => {
        apply(ask, w, [() => resolve()]);
        apply(setTimeout, w, [resolve, longestMs]);
      }),
  };
}

/** Something that the page has asked the browser to call later. */
export interface PageTimer {
  /** Calls it in the browser's place. */
  run(): void;
  /** On the page's clock. */
  due: number;
  /** Of an interval. */
  period: number | undefined;
  /** What was asked for when it was set. */
  delay: number;
  /** How often it has been run here without anything to be seen. */
  idleRuns: number;
}

export interface PageTimers {
  /** The one that is due first, of those that `isWanted`. */
  next(isWanted: (timer: PageTimer) => boolean): PageTimer | undefined;
}

/** Keeps the timers that the page sets and the idle moments that it waits for, and can call them before the browser does. */
function createTimers(w: PageWindow, clock: PageClock, { wrapFunction: wrap, callBack: call }: ClockParts): PageTimers {
  // What sets itself again and again would come to no end in a time that stands still.
  const leastDelayMs = 4;
  const frameMs = 16;
  const idleDeadline = { didTimeout: false, timeRemaining: () => 10 };
  const { apply } = Reflect;
  const timers = new Map<string, PageTimer>();

  /** `row`: numbers of timers and of idle callbacks are not of one row. */
  const keep = (name: string, cancelName: string, { row, isRepeated }: { row: string; isRepeated: boolean }) => {
    const cancel = wrap<(id: number) => void>(w, cancelName, (original, self, args) => {
      const result = apply(original, self, args);
      timers.delete(row + Number(args[0]));
      return result;
    });
    wrap<AnyFunction>(w, name, (original, self, [callback, given, ...args]) => {
      if (typeof callback !== 'function') return apply(original, self, [callback, given, ...args] as never[]);
      const isIdle = row === 'idle';
      const delay = isIdle ? frameMs : Math.max(leastDelayMs, Number(given) || 0);
      const onTime = (...actual: unknown[]) => {
        if (isRepeated) timer.due = clock.now() + delay;
        else timers.delete(row + id);
        return apply(callback as AnyFunction, w, actual);
      };
      const id = apply(original, self, [onTime, given, ...args] as never[]) as number;
      const run = () => {
        if (isRepeated) timer.due = Math.max(timer.due + delay, clock.now());
        else if (timers.delete(row + id)) apply(cancel, w, [id]);
        call(w, callback as AnyFunction, isIdle ? [idleDeadline] : args);
      };
      const period = isRepeated ? delay : undefined;
      const timer: PageTimer = { run, due: clock.now() + delay, period, delay, idleRuns: 0 };
      timers.set(row + id, timer);
      return id;
    });
  };
  keep('setTimeout', 'clearTimeout', { row: 'timer', isRepeated: false });
  keep('setInterval', 'clearInterval', { row: 'timer', isRepeated: true });
  keep('requestIdleCallback', 'cancelIdleCallback', { row: 'idle', isRepeated: false });

  return {
    next: (isWanted) => {
      let next: PageTimer | undefined;
      for (const timer of timers.values()) {
        if ((next === undefined || timer.due < next.due) && isWanted(timer)) next = timer;
      }
      return next;
    },
  };
}

export const clockParts = { wrapFunction, callBack, createClock, createFrames, createTimers };
type ClockParts = Pick<typeof clockParts, 'wrapFunction' | 'callBack'>;
