// A class run, from its request to its last stored report, beside a bare loop that uses its tabs again, in interleaved rounds.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findExecutable } from '../src/browser/executable.ts';
import { reportTokenSecret, serviceToken, signReportToken } from '../test/support/tokens.ts';
import type { BareOrder } from './bare-loop.ts';
import { cpuMsOf, startPlaten, startServer, startWorker } from './processes.ts';
import type { Section } from './report.ts';
import { median, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 4);
const students = 60;
const atOnce = 2;
/** With 66 students, of whom the first 60 are asked for. */
const school = '5619';

const classId = `CLASS_${school}`;
const studentIds = Array.from(
  { length: students },
  (_, index) => `STU_${school}_${String(index + 1).padStart(2, '0')}`,
);
/** A loop prints charts half grown, which is less work: both get them at rest. */
const still = '&animations=off';
const asService = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` };

export interface Measured {
  perSecond: number;
  cpuMs: number;
}

/** Speed, and processor time of the tree of processes below `pid` for each report, of work that makes that many reports. */
export async function measureReports(pid: number, count: number, work: () => Promise<void>): Promise<Measured> {
  const cpuBefore = cpuMsOf(pid);
  const startedAt = performance.now();
  await work();
  const elapsedMs = performance.now() - startedAt;
  return { perSecond: (count * 1000) / elapsedMs, cpuMs: (cpuMsOf(pid) - cpuBefore) / count };
}

/** Asks for the class, and waits until the run is over. */
export async function runClass(url: string, body: object): Promise<void> {
  const accepted = await fetch(`${url}/internal/class-runs`, {
    method: 'POST',
    headers: asService,
    body: JSON.stringify(body),
  });
  if (accepted.status !== 202) throw new Error(await accepted.text());
  const { id } = (await accepted.json()) as { id: string };
  // The stream ends with the run.
  const events = await fetch(`${url}/internal/class-runs/${id}/events`, { headers: asService });
  const last = (await events.text()).trim().split('data: ').at(-1) ?? '';
  if (!last.includes('"state":"completed"')) throw new Error(last);
  await wait(0);
}

/** Takes about three minutes. */
export async function measureClassRun(): Promise<Section> {
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  parts.defer(() => rm(dataDir, { recursive: true }));
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  const frontend = parts.use(await startServer(['bench/large-school.ts'], {}));
  const origin = frontend.url.replace('127.0.0.1', 'localhost');
  const platen = parts.use(
    await startPlaten({
      DATA_DIR: dataDir,
      FRONTEND_ORIGINS: origin,
      RENDER_CONCURRENCY: String(atOnce),
      REPORT_TOKEN_SECRET: reportTokenSecret,
      PAGE_STUDENT: `/report?studentId={studentId}&testId={testId}${still}`,
    }),
  );
  const bare = parts.use(await startWorker<BareOrder, { times: number[] }>('bench/bare-loop.ts', [path]));
  const token = signReportToken({ role: 'educator', user_id: 'platen', class_id: classId, test_id: 'Test_1' });
  const ours = () =>
    measureReports(platen.pid, students, () => runClass(platen.url, { classId, testId: '1', studentIds }));
  const theirs = () =>
    measureReports(bare.pid, students, async () => {
      const pages = studentIds.map((id) => ({
        url: `${origin}/report?studentId=${id}&testId=Test%201${still}`,
        token,
      }));
      await bare.obey({ mode: 'kept', atOnce, pages });
    });
  // Both have their tabs and their compiled scripts from here on.
  await ours();
  await theirs();
  const pairs: [Measured, Measured][] = [];
  for (let number = 0; number < rounds; number++) {
    const first = number % 2 === 0 ? await ours() : await theirs();
    pairs.push(number % 2 === 0 ? [first, await theirs()] : [await ours(), first]);
  }
  const of = (side: 0 | 1, what: keyof Measured) => median(pairs.map((pair) => pair[side][what]));
  const ratio = (what: keyof Measured) => round(median(pairs.map(([a, b]) => a[what] / b[what])), 2);
  return {
    title: 'A class run of 60',
    text: [
      `The reports of ${students} students of one class of the example school without its animations, ${atOnce} at once, embedded database: from the request to the ` +
        `last stored report and the end of the run's events, beside \`bare-kept\`: a loop of the browser driver that uses ${atOnce} tabs again with one token. ${rounds} ` +
        'rounds in turn; medians of the rounds, and of the ratios inside each round.',
    ],
    tables: [
      {
        columns: ['', 'reports/s', 'CPU ms per report'],
        rows: [
          ['Platen', round(of(0, 'perSecond'), 2), round(of(0, 'cpuMs'))],
          ['bare-kept', round(of(1, 'perSecond'), 2), round(of(1, 'cpuMs'))],
          ['ratio', ratio('perSecond'), ratio('cpuMs')],
        ],
      },
    ],
  };
}
