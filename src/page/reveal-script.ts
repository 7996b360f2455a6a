// Runs inside a page: scrolls to what is made or shown only when it is seen, and keeps what would not come onto paper.
/// <reference lib="dom" />

import type { PageFrames, PageWindow, wrapFunction } from './clock-script.ts';

export interface Watched {
  /** Elements of which the page wants to know when they are seen. */
  targets: Map<Element, Set<IntersectionObserver>>;
  /** Whether the page hears of sizes, places or media by a frame of the browser's. */
  needsFrame(): boolean;
  /** How many tasks the page has given itself by messages, as frameworks do. */
  countTasks(): number;
}

/** Keeps what the page watches: what comes into view, whether it looks at sizes, whether it listens for the change to print. */
function watchTargets(w: PageWindow, wrap: typeof wrapFunction): Watched {
  const targets = new Map<Element, Set<IntersectionObserver>>();
  const { prototype } = w.IntersectionObserver;
  const { apply } = Reflect;
  let looks = false;
  let posts = 0;
  wrap<ResizeObserver['observe']>(w.ResizeObserver.prototype, 'observe', (original, self, args) => {
    looks = true;
    return apply(original, self as ResizeObserver, args as [Element]);
  });
  wrap<typeof matchMedia>(w, 'matchMedia', (original, self, args) => {
    looks ||= /print|screen|width|height|resolution/i.test(String(args[0]).slice(0, longestQuery));
    return apply(original, self, args as [string]);
  });
  const notePosting = (owner: object, name: string) =>
    wrap(owner, name, (original, self, args) => {
      posts++;
      return apply(original, self, args as never[]);
    });
  notePosting(w.MessagePort.prototype, 'postMessage');
  notePosting(w, 'postMessage');
  notePosting(w.Scheduler.prototype, 'postTask');
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
  // A picture looks for its source anew in the frame after the change to print.
  const needsFrame = () => looks || targets.size > 0 || w.document.querySelector('source[media]') !== null;
  return { targets, needsFrame, countTasks: () => posts };
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

/** What was drawn by WebGL is thrown away once it has been shown, and would be missing on paper: it is kept. */
function keepDrawings(w: PageWindow, wrap: typeof wrapFunction): void {
  const { apply } = Reflect;
  type GetContext = (this: HTMLCanvasElement, kind: string, attributes?: object) => unknown;
  wrap<GetContext>(w.HTMLCanvasElement.prototype, 'getContext', (original, self, args) => {
    const [kind, attributes] = args as [string, object | undefined];
    const isDrawn = /^(experimental-)?webgl2?$/.test(kind);
    const given = isDrawn ? [kind, { ...attributes, preserveDrawingBuffer: true }] : args;
    return apply(original, self as HTMLCanvasElement, given as Parameters<GetContext>);
  });
}

export const revealParts = { watchTargets, createReveal, createScroll, keepDrawings };
