// Runs inside a page: lets what still moves come to its end in the page's own time, of which ours needs little.
/// <reference lib="dom" />

import type { PageClock, PageSchedule, PageWindow, Pending } from './clock-script.ts';

/** How the page came to rest. */
export interface Settled {
  /** What passed on the page's clock. */
  usedMs: number;
  /** Whether it still asked for frames or timers when its time was up. */
  isAsking: boolean;
}

export interface SettleOptions {
  budgetMs: number;
  /** Whether the page waits for answers: a longer timer may be their time-out, which must not come before they can. */
  hasRequests: boolean;
}

export type Settle = (options: SettleOptions) => Promise<Settled>;

/** Every tree of elements that is shown: the document's and those of open shadow roots. */
export function listTrees(root: Document | ShadowRoot): (Document | ShadowRoot)[] {
  const trees = [root];
  for (const element of root.querySelectorAll('*')) {
    if (element.shadowRoot !== null) trees.push(...listTrees(element.shadowRoot));
  }
  return trees;
}

/** Brings animations of styles and of the Web Animations API, and those of SVG, to their end. @returns how many were under way. */
export function finishAnimations(w: PageWindow, trees: (Document | ShadowRoot)[], aheadMs: number): number {
  let finished = 0;
  const finish = (animation: Animation) => {
    const end = Number(animation.effect?.getComputedTiming().endTime ?? Number.POSITIVE_INFINITY);
    const isUnderWay = animation.playState === 'running' || animation.pending;
    // What follows scrolling shows what it shows unscrolled: on paper nothing is scrolled to.
    const isOfScrolling = animation.timeline !== null && !(animation.timeline instanceof w.DocumentTimeline);
    if (isOfScrolling) animation.cancel();
    else if (!isUnderWay || end === Number.POSITIVE_INFINITY || animation.playbackRate === 0) return;
    else animation.finish();
    finished++;
  };
  for (const tree of trees) {
    for (const animation of tree.getAnimations()) finish(animation);
    for (const drawing of tree.querySelectorAll('svg')) {
      if (
        drawing.ownerSVGElement !== null ||
        drawing.querySelector('animate,animateTransform,animateMotion,set') === null
      )
        continue;
      drawing.setCurrentTime(drawing.getCurrentTime() + aheadMs / 1000);
    }
  }
  return finished;
}

/** What waits until it is scrolled to (charts and sections that are made when they are first seen) is scrolled to, once. */
export function createReveal(
  w: PageWindow,
  schedule: PageSchedule,
  wrap: typeof import('./clock-script.ts').wrapFunction,
) {
  const watched = new Map<Element, Set<IntersectionObserver>>();
  const shown = new WeakSet<Element>();
  const { prototype } = w.IntersectionObserver;
  const { apply } = Reflect;
  const mostStops = 100;
  wrap(prototype, 'observe', (original, self, args) => {
    const result = apply(original, self, args as never[]);
    const target = args[0] as Element;
    watched.set(target, (watched.get(target) ?? new Set()).add(self as IntersectionObserver));
    return result;
  });
  const forget = (target: Element, observer: IntersectionObserver) => {
    const observers = watched.get(target);
    if (observers?.delete(observer) && observers.size === 0) watched.delete(target);
  };
  wrap(prototype, 'unobserve', (original, self, args) => {
    const result = apply(original, self, args as never[]);
    forget(args[0] as Element, self as IntersectionObserver);
    return result;
  });
  wrap(prototype, 'disconnect', (original, self, args) => {
    for (const target of [...watched.keys()]) forget(target, self as IntersectionObserver);
    return apply(original, self, args as never[]);
  });
  const isInView = (element: Element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom >= 0 && top <= w.innerHeight;
  };
  const markSeen = () => {
    for (const target of watched.keys()) {
      if (!target.isConnected) watched.delete(target);
      else if (isInView(target)) shown.add(target);
    }
  };
  /** @returns whether there was anything to scroll to. */
  return async (turn: () => Promise<void>): Promise<boolean> => {
    markSeen();
    const { scrollX, scrollY } = w;
    let stops = 0;
    for (const target of [...watched.keys()]) {
      if (shown.has(target) || !target.isConnected || stops >= mostStops) continue;
      stops++;
      target.scrollIntoView({ block: 'center', behavior: 'instant' });
      await schedule.frame();
      // What was seen in that frame is told after it.
      await turn();
      await turn();
      shown.add(target);
      markSeen();
    }
    if (stops > 0) w.scrollTo({ left: scrollX, top: scrollY, behavior: 'instant' });
    return stops > 0;
  };
}

interface SettleParts {
  clock: PageClock;
  schedule: PageSchedule;
  listTrees: typeof listTrees;
  finishAnimations: typeof finishAnimations;
  reveal: ReturnType<typeof createReveal>;
}

/**
 * Rounds of: one frame of the browser's (what observes sizes and places, and styles, get theirs); animations to their end; then frames and
 * timers one after another, each as soon as the one before is done. A page where nothing of that is to be found has cost one frame.
 */
export function createSettle(
  w: PageWindow,
  { clock, schedule, listTrees, finishAnimations, reveal }: SettleParts,
): Settle {
  /** Time of a frame: few are enough, and springs and the like, which count no step for more than 64 ms, come to rest in them too. */
  const stepMs = 100;
  /** What counts frames in place of time gets as many as in the time given, the clock all but standing still. */
  const framesPerMs = 60 / 1000;
  const extraStepMs = 1;
  const timeOutMs = 1000;
  const soonMs = 500;
  const mostIdleRuns = 2;
  const mostRounds = 60;
  let onTurn: () => void = () => undefined;
  let channel: MessageChannel | undefined;
  /** After what was posted before, in which frameworks do what a frame or a timer has made necessary. */
  const turn = () =>
    new Promise<void>((resolve) => {
      onTurn = resolve;
      if (channel === undefined) {
        channel = new w.MessageChannel();
        channel.port1.onmessage = () => onTurn();
      }
      channel.port2.postMessage(undefined);
    });
  let changes = 0;
  const observer = new w.MutationObserver(() => {
    changes++;
  });
  const kinds = { subtree: true, childList: true, characterData: true, attributes: true };

  return async ({ budgetMs, hasRequests }) => {
    const startedAt = clock.now();
    const aheadBefore = clock.ahead();
    const endsAt = startedAt + budgetMs;
    let framesLeft = Math.ceil(budgetMs * framesPerMs);
    let trees: (Document | ShadowRoot)[] = [];
    const isInTime = () => clock.now() < endsAt;
    const hasCanvas = () => trees.some((tree) => tree.querySelector('canvas') !== null);
    const isIdle = (timer: Pending) => timer.idleRuns >= mostIdleRuns;
    const isWanted = (timer: Pending) =>
      timer.due <= endsAt && !isIdle(timer) && !(hasRequests && timer.delay >= timeOutMs);
    const hasFrame = () => {
      const spentMs = clock.now() - startedAt - (clock.ahead() - aheadBefore);
      return schedule.hasFrames() && framesLeft > 0 && spentMs < budgetMs;
    };

    /** Gives the page what it asked for first; false when it asks for nothing more, or its time is up. */
    const step = async (): Promise<boolean> => {
      const timer = isInTime() ? schedule.nextTimer(isWanted) : undefined;
      const frameAt = hasFrame() ? clock.now() + (isInTime() ? stepMs : extraStepMs) : undefined;
      if (timer !== undefined && timer.due <= (frameAt ?? timer.due)) {
        const before = changes;
        clock.putForward(timer.due - clock.now());
        timer.run();
        await turn();
        timer.idleRuns = timer.period === undefined || changes > before || hasCanvas() ? 0 : timer.idleRuns + 1;
        return true;
      }
      if (frameAt === undefined) return false;
      framesLeft--;
      clock.putForward(frameAt - clock.now());
      schedule.runFrames();
      await turn();
      return true;
    };

    for (let round = 0; round < mostRounds; round++) {
      trees = listTrees(w.document);
      for (const tree of trees) observer.observe(tree, kinds);
      const before = changes;
      await schedule.frame();
      await turn();
      let isQuiet = finishAnimations(w, trees, round === 0 ? budgetMs : 0) === 0 && changes === before;
      while (await step()) isQuiet = false;
      if (!isInTime() || (isQuiet && !(await reveal(turn)))) break;
    }
    observer.disconnect();
    const isDue = (timer: Pending) => timer.due <= endsAt + soonMs && !isIdle(timer);
    const isAsking = schedule.hasFrames() || (!isInTime() && schedule.nextTimer(isDue) !== undefined);
    return { usedMs: clock.now() - startedAt, isAsking };
  };
}
