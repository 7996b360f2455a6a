// The one script that the browser runs in each document before the page's own: its parts, put together as text.

import { clockParts, type PageWindow } from './clock-script.ts';
import { revealParts } from './reveal-script.ts';
import { type SessionScript, sessionParts } from './session-script.ts';
import { type Settle, settleParts } from './settle-script.ts';

/** What a document hands over to us, who drive it from outside: its own scripts can't see it. */
export interface DocumentControl {
  /** Whether the page is ready now. */
  isReady(): boolean;
  settle: Settle;
  /** Scrolls to the end of the page, by as much as is seen at once. */
  scroll(): Promise<void>;
}

/** The first argument of the message to the console by which a document hands over its control; the second is that, the third its name. */
export type HandOver = [nonce: string, control: DocumentControl, document: string, isTop: boolean];

const parts = { ...sessionParts, ...clockParts, ...revealParts, ...settleParts };

// The session first: what it asks of the browser for itself is none of the page's own.
function prepareDocument(script: SessionScript, p: typeof parts): void {
  const w = globalThis as unknown as PageWindow;
  const document = String(Math.random());
  const isReady = p.prepareSession(w, script, { ...p, document });
  // Before what the page posts is noted: this is ours.
  const turn = p.createTurn(w);
  const clock = p.createClock(w, p.wrapFunction);
  const frames = p.createFrames(w, clock, p);
  const timers = p.createTimers(w, clock, p);
  p.keepDrawings(w, p.wrapFunction);
  const watched = p.watchTargets(w, p.wrapFunction);
  const readStyles = () => void w.document.getAnimations();
  const pause = () => (watched.countTasks() > 0 ? turn() : p.pauseForPromises());
  const settle = p.createSettle(w, { clock, frames, timers, turn, pause, readStyles, watched }, p);
  const handOver: HandOver = [
    script.nonce,
    { isReady, settle, scroll: p.createScroll(w, frames) },
    document,
    w.top === w,
  ];
  w.console.debug(...handOver);
}

const partsSource = `{${Object.entries(parts)
  .map(([name, part]) => `${name}: ${part.toString()}`)
  .join(',\n')}}`;

/** Source of the script; strict, so that nothing that is called from it can look back at its caller. */
export function pageSource(script: SessionScript): string {
  return `'use strict';(${prepareDocument.toString()})(${JSON.stringify(script)}, ${partsSource})`;
}
