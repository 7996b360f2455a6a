// More than there is room for: many who want one report, many who want different ones, and whether the service still answers.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readyPage, startPages } from '../test/support/pages.ts';
import { teacherToken } from '../test/support/tokens.ts';
import { startPlaten } from './processes.ts';
import type { Section } from './report.ts';
import { quantile, round } from './statistics.ts';

const same = 50;
const different = 200;
const queueLimit = 40;

/** Milliseconds of each answer of /health until `isOver` says so; fails when one is not good. */
async function watchHealth(url: string, isOver: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!isOver()) {
    const startedAt = performance.now();
    const { ok } = await fetch(`${url}/health`);
    if (!ok) throw new Error('/health is not well');
    times.push(performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return times;
}

const asTimes = (times: number[]) => `${round(quantile(times, 0.5), 1)} / ${round(quantile(times, 0.95), 1)}`;

/** Takes about half a minute. */
export async function measureOverload(): Promise<Section> {
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
  await using platen = await startPlaten({
    DATA_DIR: dataDir,
    FRONTEND_ORIGINS: pages.origin,
    RENDER_QUEUE_LIMIT: String(queueLimit),
    CALLER_RENDER_LIMIT: '1000',
  });
  const ask = async (studentId: string) => {
    const response = await fetch(`${platen.url}/generate-pdf?studentId=${studentId}&testId=1&classId=C1`, {
      headers: { authorization: `Bearer ${teacherToken('T1', 'C1')}` },
    });
    await response.arrayBuffer();
    return response;
  };
  await ask('first');
  let isQuietOver = false;
  setTimeout(() => {
    isQuietOver = true;
  }, 3000);
  const quiet = await watchHealth(platen.url, () => isQuietOver);
  pages.requests.length = 0;
  const answers = await Promise.all(Array.from({ length: same }, () => ask('same')));
  const renders = pages.requests.filter((path) => path === '/report').length;
  let isStormOver = false;
  const watching = watchHealth(platen.url, () => isStormOver);
  const storm = await Promise.all(Array.from({ length: different }, (_, index) => ask(`S${index}`)));
  isStormOver = true;
  const during = await watching;
  await rm(dataDir, { recursive: true });
  const refused = storm.filter(({ status }) => status === 503);
  return {
    title: 'Overload',
    text: [
      `${same} at once want one missing report; then ${different} at once want different ones, with room for ${queueLimit} to wait. ` +
        '`/health` is asked before and throughout.',
    ],
    tables: [
      {
        columns: ['', ''],
        rows: [
          [`${same} for one report: PDFs`, answers.filter(({ status }) => status === 200).length],
          ['renders for them', renders],
          [`${different} for different reports: PDFs`, storm.filter(({ status }) => status === 200).length],
          ['refused with 503', refused.length],
          ['of these with Retry-After', refused.filter(({ headers }) => headers.has('retry-after')).length],
          ['/health before, p50 / p95 ms', asTimes(quiet)],
          ['/health throughout, p50 / p95 ms', asTimes(during)],
        ],
      },
    ],
  };
}
