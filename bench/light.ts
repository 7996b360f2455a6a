// What Platen adds to a light page: triggers and a class run in one kept tab, beside a bare loop on the same page, Node and the browser apart.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findExecutable } from '../src/browser/executable.ts';
import { triggerAt } from '../test/support/requests.ts';
import { reportTokenSecret, signReportToken } from '../test/support/tokens.ts';
import type { BareOrder } from './bare-loop.ts';
import { runClass } from './class-run.ts';
import { startBundledPage } from './light-page.ts';
import { cpuMsApart, startPlaten, startWorker } from './processes.ts';
import type { Section } from './report.ts';
import { median, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 6);
const perRound = Number(process.env.BENCH_PER_ROUND ?? 20);
const classId = 'C1';
/** As reports are that show a few figures, and the least that anybody prints. */
const pages = [
  { charts: 40, title: '40 charts' },
  { charts: 1, title: 'one chart' },
];

interface Side {
  name: string;
  pid: number;
  /** Makes so many documents, one after the other. */
  work(count: number): Promise<void>;
}

/** Per document. */
interface Costs {
  ms: number;
  node: number;
  browser: number;
}

async function measure({ pid, work }: Side): Promise<Costs> {
  // The tab was idle for longer than it is kept while others were measured.
  await work(1);
  const before = cpuMsApart(pid);
  const startedAt = performance.now();
  await work(perRound);
  const ms = (performance.now() - startedAt) / perRound;
  const after = cpuMsApart(pid);
  return { ms, node: (after.own - before.own) / perRound, browser: (after.below - before.below) / perRound };
}

async function startSides(parts: AsyncDisposableStack, charts: number): Promise<Side[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  parts.defer(() => rm(dataDir, { recursive: true }));
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  const { origin } = parts.use(await startBundledPage(charts));
  const platen = parts.use(
    await startPlaten({
      DATA_DIR: dataDir,
      FRONTEND_ORIGINS: origin,
      RENDER_CONCURRENCY: '1',
      REPORT_TOKEN_SECRET: reportTokenSecret,
      DATABASE_URL: process.env.DATABASE_URL,
    }),
  );
  const bare = parts.use(await startWorker<BareOrder, unknown>('bench/bare-loop.ts', [path]));
  const token = signReportToken({ role: 'educator', user_id: 'platen', class_id: classId, test_id: 'Test_1' });
  let last = 0;
  // Others each time, of one class and one test: that is one token.
  const students = (count: number) => Array.from({ length: count }, () => `S${++last}`);
  const trigger = async (studentId: string) => {
    const { status, body } = await triggerAt(platen.url, {
      reportType: 'student',
      classId,
      testId: '1',
      studentId,
      reportToken: token,
    });
    if (status !== 202) throw new Error(`${status} ${body}`);
  };
  return [
    {
      name: 'bare-kept',
      pid: bare.pid,
      async work(count) {
        const pages = students(count).map((id) => ({ url: `${origin}/report?studentId=${id}`, token }));
        await bare.obey({ mode: 'kept', atOnce: 1, pages });
      },
    },
    {
      name: 'Platen, triggers',
      pid: platen.pid,
      async work(count) {
        for (const student of students(count)) await trigger(student);
      },
    },
    {
      name: 'Platen, a class run',
      pid: platen.pid,
      work: (count) => runClass(platen.url, { classId, testId: '1', studentIds: students(count) }),
    },
  ];
}

async function measurePage(charts: number): Promise<(string | number)[][]> {
  await using parts = new AsyncDisposableStack();
  const sides = await startSides(parts, charts);
  // All have their tabs and their compiled code from here on.
  for (const { work } of sides) await work(perRound * 2);
  const measured = sides.map((): Costs[] => []);
  for (let number = 0; number < rounds; number++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const at = (number + turn) % sides.length;
      const side = sides[at];
      if (side !== undefined) measured[at]?.push(await measure(side));
    }
  }
  return sides.map(({ name }, at) => {
    const own = measured[at] ?? [];
    const of = (read: (costs: Costs) => number) => round(median(own.map(read)));
    const all = ({ node, browser }: Costs) => node + browser;
    const ratios = own.map((costs, index) => all(costs) / all(measured[0]?.[index] as Costs));
    const more = own.map((costs, index) => all(costs) - all(measured[0]?.[index] as Costs));
    const compared = at === 0 ? ['', ''] : [round(median(ratios), 2), round(median(more))];
    return [name, of(({ ms }) => ms), of(({ node }) => node), of(({ browser }) => browser), of(all), ...compared];
  });
}

/** Takes about six minutes. */
export async function measureLight(): Promise<Section> {
  const tables: Section['tables'] = [];
  for (const { charts, title } of pages) {
    const columns = [title, 'time', 'CPU of Node', 'CPU of the browser', 'both', 'ratio', 'more'];
    tables.push({ columns, rows: await measurePage(charts) });
  }
  return {
    title: 'A light page',
    text: [
      'A page of 80 cards and charts, with a bundle of 1 MB and nine style sheets from the cache of one kept tab, one at a time: by triggers and as a class run, from the ' +
        'request to the stored document, beside `bare-kept`: a loop of the browser driver that uses its tab again and clears its storage. ' +
        `${process.env.DATABASE_URL === undefined ? 'Embedded database' : 'PostgreSQL, whose own time is not counted'}.`,
      `Milliseconds per document; processor time is read from the kernel, of the Node process with all its threads and of the browser's processes apart. ${rounds} rounds of ` +
        `${perRound} documents in turn after one to warm up; medians of the rounds, and of the ratios and differences to the first row inside each round.`,
    ],
    tables,
  };
}
