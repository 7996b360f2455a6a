// Runs inside a page: lets what still moves come to its end in the page's own time, of which ours needs little.
/// <reference lib="dom" />

import type { PageClock, PageFrames, PageTimer, PageTimers, PageWindow, wrapFunction } from './clock-script.ts';

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
function listTrees(root: Document | ShadowRoot): (Document | ShadowRoot)[] {
  const trees = [root];
  for (const element of root.querySelectorAll('*')) {
    if (element.shadowRoot !== null) trees.push(...listTrees(element.shadowRoot));
  }
  return trees;
}

/** Brings animations of styles and of the Web Animations API, and those of SVG, to their end. @returns how many were under way. */
function finishAnimations(w: PageWindow, trees: (Document | ShadowRoot)[], aheadMs: number): number {
  let finished = 0;
  const hasEnd = ({ effect, playbackRate }: Animation) =>
    playbackRate !== 0 &&
    Number(effect?.getComputedTiming().endTime ?? Number.POSITIVE_INFINITY) !== Number.POSITIVE_INFINITY;
  const finish = (animation: Animation) => {
    const { timeline, playState, pending } = animation;
    // What follows scrolling shows what it shows unscrolled: on paper nothing is scrolled to.
    const isOfScrolling = timeline !== null && !(timeline instanceof w.DocumentTimeline);
    const isUnderWay = playState === 'running' || pending;
    if (isOfScrolling) animation.cancel();
    else if (isUnderWay && hasEnd(animation)) animation.finish();
    else return;
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

interface Watched {
  /** Elements of which the page wants to know when they are seen. */
  targets: Map<Element, Set<IntersectionObserver>>;
  /** Whether the page hears of sizes, places or media by a frame of the browser's. */
  needsFrame(): boolean;
}

/** Keeps what the page watches: what comes into view, whether it looks at sizes, whether it listens for the change to print. */
function watchTargets(w: PageWindow, wrap: typeof wrapFunction): Watched {
  const targets = new Map<Element, Set<IntersectionObserver>>();
  const { prototype } = w.IntersectionObserver;
  const { apply } = Reflect;
  let looks = false;
  wrap<ResizeObserver['observe']>(w.ResizeObserver.prototype, 'observe', (original, self, args) => {
    looks = true;
    return apply(original, self as ResizeObserver, args as [Element]);
  });
  wrap<typeof matchMedia>(w, 'matchMedia', (original, self, args) => {
    looks ||= /print|screen|width|height|resolution/i.test(String(args[0]).slice(0, longestQuery));
    return apply(original, self, args as [string]);
  });
  const longestQuery = 1000;
  type Observer = (this: IntersectionObserver, target: Element) => void;
  const forget = (target: Element, observer: IntersectionObserver) => {
    const observers = targets.get(target);
    if (observers?.delete(observer) && observers.size === 0) targets.delete(target);
  };
  wrap<Observer>(prototype, 'observe', (original, self, args) => {
    apply(original, self as IntersectionObserver, args as [Element]);
    const [target] = args as [Element];
    targets.set(target, (targets.get(target) ?? new Set()).add(self as IntersectionObserver));
  });
  wrap<Observer>(prototype, 'unobserve', (original, self, args) => {
    apply(original, self as IntersectionObserver, args as [Element]);
    forget(args[0] as Element, self as IntersectionObserver);
  });
  wrap<Observer>(prototype, 'disconnect', (original, self, args) => {
    apply(original, self as IntersectionObserver, args as [Element]);
    for (const target of [...targets.keys()]) forget(target, self as IntersectionObserver);
  });
  return { targets, needsFrame: () => looks || targets.size > 0 };
}

/** Scrolls to what waits until it is seen (charts and sections that are made then), to each once. */
function createReveal(w: PageWindow, frames: PageFrames, { targets }: Watched) {
  const mostStops = 100;
  const shown = new WeakSet<Element>();
  const isInView = (element: Element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom >= 0 && top <= w.innerHeight;
  };
  const noteShown = () => {
    for (const target of targets.keys()) {
      if (!target.isConnected) targets.delete(target);
      else if (isInView(target)) shown.add(target);
    }
  };
  /** @returns whether there was anything to scroll to. */
  return async (turn: () => Promise<void>): Promise<boolean> => {
    if (targets.size === 0) return false;
    noteShown();
    const { scrollX, scrollY } = w;
    let stops = 0;
    for (const target of [...targets.keys()]) {
      if (shown.has(target) || !target.isConnected || stops >= mostStops) continue;
      stops++;
      target.scrollIntoView({ block: 'center', behavior: 'instant' });
      await frames.next();
      // What was seen in that frame is told after it.
      await turn();
      await turn();
      shown.add(target);
      noteShown();
    }
    if (stops > 0) w.scrollTo({ left: scrollX, top: scrollY, behavior: 'instant' });
    return stops > 0;
  };
}

/** Scrolls through the page, for what shows itself then by listening; it stays at the end, or what was shown might hide again. */
function createScroll(w: PageWindow, frames: PageFrames): () => Promise<void> {
  const mostStops = 100;
  return async () => {
    const { scrollingElement } = w.document;
    if (scrollingElement === null) return;
    for (let stop = 1; stop <= mostStops; stop++) {
      w.scrollTo({ top: stop * w.innerHeight, behavior: 'instant' });
      await frames.next();
      if (w.scrollY + w.innerHeight >= scrollingElement.scrollHeight - 1) return;
    }
  };
}

/** @returns a function that waits for what was posted before, in which frameworks do what a frame or a timer has made necessary. */
function createTurn(w: PageWindow): () => Promise<void> {
  let onTurn: () => void = () => undefined;
  let channel: MessageChannel | undefined;
  return () =>
    new Promise((resolve) => {
      onTurn = resolve;
      if (channel === undefined) {
        channel = new w.MessageChannel();
        channel.port1.onmessage = () => onTurn();
      }
      channel.port2.postMessage(undefined);
    });
}

interface PageTime {
  clock: PageClock;
  frames: PageFrames;
  timers: PageTimers;
  turn: () => Promise<void>;
  /** Has the browser work out what the styles are now. */
  readStyles: () => void;
}

/** The page's time while it comes to rest: what it asks for is given one after another, each as soon as the one before is done. */
function createSteps({ clock, frames, timers, turn, readStyles }: PageTime, { budgetMs, hasRequests }: SettleOptions) {
  /** Time of a frame: few are enough, and springs and the like, which count no step for more than 64 ms, come to rest in them too. */
  const stepMs = 100;
  /** What counts frames in place of time, or makes less of a step than it is, gets as many frames as there are in the time given. */
  const extraStepMs = 16;
  let framesLeft = Math.ceil((budgetMs * 60) / 1000);
  const timeOutMs = 1000;
  const soonMs = 500;
  const mostIdleRuns = 2;
  const startedAt = clock.now();
  const aheadBefore = clock.ahead();
  const endsAt = startedAt + budgetMs;
  const isOver = () => clock.now() >= endsAt;
  const isWanted = (timer: PageTimer, before: number) =>
    timer.due <= before && timer.idleRuns < mostIdleRuns && !(hasRequests && timer.delay >= timeOutMs);
  const isFrameWanted = () => {
    const realMs = clock.now() - startedAt - (clock.ahead() - aheadBefore);
    return frames.areWanted() && framesLeft > 0 && realMs < budgetMs;
  };
  const runTimer = async (timer: PageTimer, countSeen: () => number) => {
    const before = countSeen();
    clock.putForward(timer.due - clock.now());
    timer.run();
    await turn();
    timer.idleRuns = timer.period === undefined || countSeen() > before ? 0 : timer.idleRuns + 1;
  };
  const runFrame = async (at: number) => {
    framesLeft--;
    clock.putForward(at - clock.now());
    frames.run();
    // As a frame of the browser's does: a transition begins only at a style that was there before.
    readStyles();
    await turn();
  };
  return {
    isOver,
    usedMs: () => clock.now() - startedAt,
    /** Gives the page what it asked for first; false when it asks for nothing more, or its time is up. */
    step: async (countSeen: () => number): Promise<boolean> => {
      const timer = isOver() ? undefined : timers.next((each) => isWanted(each, endsAt));
      const frameAt = isFrameWanted() ? clock.now() + (isOver() ? extraStepMs : stepMs) : undefined;
      if (timer !== undefined && timer.due <= (frameAt ?? timer.due)) await runTimer(timer, countSeen);
      else if (frameAt !== undefined) await runFrame(frameAt);
      else return false;
      return true;
    },
    isAsking: () => frames.areWanted() || timers.next((timer) => isWanted(timer, endsAt + soonMs)) !== undefined,
  };
}

/** Counts what changes in the trees of a document; what is drawn on a canvas is not told, and counts whenever somebody asks. */
function createChangeCount(w: PageWindow) {
  let changes = 0;
  let trees: (Document | ShadowRoot)[] = [];
  const observer = new w.MutationObserver(() => {
    changes++;
  });
  const kinds = { subtree: true, childList: true, characterData: true, attributes: true };
  return {
    watch: (next: (Document | ShadowRoot)[]) => {
      trees = next;
      for (const tree of trees) observer.observe(tree, kinds);
    },
    count: () => changes,
    countSeen: () => {
      if (trees.some((tree) => tree.querySelector('canvas') !== null)) changes++;
      return changes;
    },
    stop: () => observer.disconnect(),
  };
}

/**
 * Rounds of: one frame of the browser's, where somebody waits for one (what observes sizes and places, and styles, get theirs); animations
 * to their end; then what the page asks for, step by step.
 */
function createSettle(
  w: PageWindow,
  { watched, ...time }: PageTime & { watched: Watched },
  parts: typeof settleParts,
): Settle {
  const mostRounds = 60;
  const reveal = parts.createReveal(w, time.frames, watched);
  return async (options) => {
    const steps = parts.createSteps(time, options);
    const changes = parts.createChangeCount(w);
    /** @returns whether nothing came of it. */
    const round = async (isFirst: boolean): Promise<boolean> => {
      const trees = parts.listTrees(w.document);
      changes.watch(trees);
      const before = changes.count();
      // Not for its own sake: a frame takes 16 ms, and most pages have had all theirs.
      if (!isFirst || watched.needsFrame() || time.frames.areWanted()) await time.frames.next();
      await time.turn();
      const finished = parts.finishAnimations(w, trees, isFirst ? options.budgetMs : 0);
      const isQuiet = finished === 0 && changes.count() === before;
      let count = 0;
      while (await steps.step(changes.countSeen)) count++;
      return isQuiet && count === 0;
    };
    for (let number = 0; number < mostRounds; number++) {
      const isQuiet = await round(number === 0);
      if (steps.isOver() || (isQuiet && !(await reveal(time.turn)))) break;
    }
    changes.stop();
    return { usedMs: steps.usedMs(), isAsking: steps.isAsking() };
  };
}

export const settleParts = {
  listTrees,
  finishAnimations,
  watchTargets,
  createReveal,
  createScroll,
  createTurn,
  createSteps,
  createChangeCount,
  createSettle,
};
