// How fast this machine prints while the tests run: what a test wants to be over soon gets its time by that.

import { readyPage, startPages } from './pages.ts';
import { startTestService } from './service.ts';

/** How many pages one after the other fit into the time: enough for one, though the machine becomes several times slower meanwhile. */
const pagesWithin = 8;
const leastMs = 1500;

async function measure(): Promise<number> {
  await using pages = await startPages({ '/report': readyPage('<p>Measured</p>') });
  await using service = await startTestService({ origin: pages.origin });
  const took: number[] = [];
  // The first one waits for the browser to start.
  for (const studentId of ['FIRST', 'SECOND']) {
    const startedAt = performance.now();
    const answer = await service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId });
    if (answer.status !== 202) throw new Error(`the page that is measured was not printed: ${await answer.text()}`);
    took.push(performance.now() - startedAt);
  }
  return Math.round(Math.max(leastMs, pagesWithin * Math.min(...took)));
}

let measured: Promise<number> | undefined;

/** Milliseconds in which a page is loaded and printed, and which one that never ends has soon used up. */
export function shortTimeoutMs(): Promise<number> {
  measured ??= measure();
  return measured;
}
