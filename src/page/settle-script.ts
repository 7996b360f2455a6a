// Runs inside a page: lets what still moves come to its end in the page's own time, of which ours needs little.
/// <reference lib="dom" />

import type { PageClock, PageFrames, PageTimer, PageTimers, PageWindow } from './clock-script.ts';
import type { revealParts, Watched } from './reveal-script.ts';

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

/** @returns a function that waits for what was posted before, in which frameworks do what a frame or a timer has made necessary. */
function createTurn(w: PageWindow): () => Promise<void> {
  const { MessageChannel, MessagePort } = w;
  const { postMessage } = MessagePort.prototype;
  let onTurn: () => void = () => undefined;
  let channel: MessageChannel | undefined;
  return () =>
    new Promise((resolve) => {
      onTurn = resolve;
      if (channel === undefined) {
        channel = new MessageChannel();
        channel.port1.onmessage = () => onTurn();
      }
      Reflect.apply(postMessage, channel.port2, [undefined]);
    });
}

/** Waits for promises only: the browser would use a longer pause to draw what is overtaken at once. */
async function pauseForPromises(): Promise<void> {
  const hops = 20;
  for (let hop = 0; hop < hops; hop++) await undefined;
}

interface PageTime {
  clock: PageClock;
  frames: PageFrames;
  timers: PageTimers;
  /** After what was posted. */
  turn: () => Promise<void>;
  /** After a step: no longer than the page needs for what it makes necessary. */
  pause: () => Promise<void>;
  /** Has the browser work out what the styles are now. */
  readStyles: () => void;
}

/** The page's time while it comes to rest: what it asks for is given one after another, each as soon as the one before is done. */
function createSteps({ clock, frames, timers, pause, readStyles }: PageTime, { budgetMs, hasRequests }: SettleOptions) {
  /** Time of a frame: each twice the one before, up to what no library takes for a page that was asleep (500 ms). Few are enough, and cheap. */
  const firstStepMs = 100;
  const longestStepMs = 400;
  const earlyFrames = 3;
  /** What counts frames in place of time, or makes less of a step than it is, gets as many frames as there are in the time given. */
  const extraStepMs = 16;
  const mostFrames = Math.ceil((budgetMs * 60) / 1000);
  let framesLeft = mostFrames;
  const timeOutMs = 1000;
  const soonMs = 500;
  const mostIdleRuns = 2;
  const startedAt = clock.now();
  const aheadBefore = clock.ahead();
  const endsAt = startedAt + budgetMs;
  const isOver = () => clock.now() >= endsAt;
  const framesGiven = () => mostFrames - framesLeft;
  const nextStepMs = () => (isOver() ? extraStepMs : Math.min(longestStepMs, firstStepMs * 2 ** framesGiven()));
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
    await pause();
    timer.idleRuns = timer.period === undefined || countSeen() > before ? 0 : timer.idleRuns + 1;
  };
  const runFrame = async (at: number) => {
    framesLeft--;
    clock.putForward(at - clock.now());
    frames.run();
    // As a frame of the browser's does: a transition begins only at a style that was there before.
    if (framesGiven() <= earlyFrames) readStyles();
    await pause();
  };
  return {
    isOver,
    usedMs: () => clock.now() - startedAt,
    /** Gives the page what it asked for first; false when it asks for nothing more, or its time is up. */
    step: async (countSeen: () => number): Promise<boolean> => {
      const timer = isOver() ? undefined : timers.next((each) => isWanted(each, endsAt));
      const frameAt = isFrameWanted() ? clock.now() + nextStepMs() : undefined;
      if (timer !== undefined && timer.due <= (frameAt ?? timer.due)) await runTimer(timer, countSeen);
      else if (frameAt !== undefined) await runFrame(frameAt);
      else return false;
      return true;
    },
    isAsking: () => frames.areWanted() || timers.next((timer) => isWanted(timer, endsAt + soonMs)) !== undefined,
  };
}

/** Counts what changes in the trees of a document; what is drawn on a canvas is not told, and counts whenever somebody asks. */
function createChangeCount({ MutationObserver }: PageWindow) {
  let changes = 0;
  let trees: (Document | ShadowRoot)[] = [];
  const observer = new MutationObserver(() => {
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
  parts: typeof settleParts & Pick<typeof revealParts, 'createReveal'>,
): Settle {
  const mostRounds = 60;
  const reveal = parts.createReveal(w, time.frames, watched);
  // As they were: a page may put something else in their place.
  const tools = { MutationObserver: w.MutationObserver } as PageWindow;
  return async (options) => {
    const steps = parts.createSteps(time, options);
    const changes = parts.createChangeCount(tools);
    /** @returns whether nothing came of it. */
    const round = async (isFirst: boolean): Promise<boolean> => {
      const trees = parts.listTrees(w.document);
      changes.watch(trees);
      const before = changes.count();
      const tasksBefore = watched.countTasks();
      // Not for its own sake: a frame takes 16 ms, and most pages have had all theirs.
      if (!isFirst || watched.needsFrame() || time.frames.areWanted()) await time.frames.next();
      await time.turn();
      const finished = parts.finishAnimations(w, trees, isFirst ? options.budgetMs : 0);
      const isQuiet = finished === 0 && changes.count() === before && watched.countTasks() === tasksBefore;
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
  createTurn,
  pauseForPromises,
  createSteps,
  createChangeCount,
  createSettle,
};
