// Whether a browser lives: it answers what it is asked, or has at least something to say.

import type { CDPSession } from 'puppeteer-core';
import type { BrowserProcess } from './process.ts';

const answerTimeoutMs = 1500;

/**
 * False when it says nothing at all for 1.5 s although it was asked. One whose pages tell so much that its answer comes late is heard meanwhile: its
 * process passes their words on.
 */
export async function isAlive({
  process,
  session,
}: {
  process: BrowserProcess;
  session: Promise<CDPSession>;
}): Promise<boolean> {
  const askedAt = performance.now();
  return (await answersInTime(session)) || process.heardAt() > askedAt;
}

/** Asks the browser process itself: no tab is opened, and the driver's own answers, which it remembers, are not taken. */
function answersInTime(session: Promise<CDPSession>): Promise<boolean> {
  const answer = session
    .then((open) => open.send('Browser.getVersion'))
    .then(
      () => true,
      () => false,
    );
  return Promise.race([answer, new Promise<boolean>((resolve) => setTimeout(resolve, answerTimeoutMs, false).unref())]);
}
