// Rendering: Platen, from trigger to stored document, beside bare loops of the browser driver on the same page, in interleaved rounds.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findExecutable } from '../src/browser/executable.ts';
import { serviceToken, signUserToken } from '../test/support/tokens.ts';
import type { BareOrder } from './bare-loop.ts';
import { cpuMsOf, startPlaten, startServer, startWorker } from './processes.ts';
import type { Section, Table } from './report.ts';
import { median, quantile, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 4);
const perRound = Number(process.env.BENCH_PER_ROUND ?? 8);
const classId = 'CLASS_1224';
/** A loop prints charts half grown, which is less work: both get them at rest. */
const still = '&animations=off';

/** Prints documents in a row, some at once; gives how long each took in ms. */
type Loop = (atOnce: number, count: number) => Promise<number[]>;

interface Side {
  name: string;
  /** Roots of the trees of processes whose processor time counts. */
  pids: number[];
  loop: Loop;
}

interface Measured {
  perSecond: number;
  cpuMs: number;
  times: number[];
}

let tokens = 0;
const newToken = () => signUserToken({ role: 'admin', user_id: 'ADM001', class_id: classId, jti: `bench-${++tokens}` });
let tests = 0;

async function trigger(url: string, reportToken: string): Promise<void> {
  const response = await fetch(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    // A report of its own each time: the platform shows the same class under any test.
    body: JSON.stringify({ reportType: 'overall', classId, testId: `Test_${++tests}`, reportToken }),
  });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

const loopOfPlaten =
  (url: string, tokenOf: () => string): Loop =>
  async (atOnce, count) => {
    const times: number[] = [];
    let left = count;
    const work = async () => {
      while (left-- > 0) {
        const startedAt = performance.now();
        await trigger(url, tokenOf());
        times.push(performance.now() - startedAt);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return times;
  };

async function measure({ pids, loop }: Side, atOnce: number): Promise<Measured> {
  // While the other side was measured kept tabs were idle for longer than they are kept.
  await loop(atOnce, atOnce);
  const cpuMs = () => pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  const cpuBefore = cpuMs();
  const startedAt = performance.now();
  const times = await loop(atOnce, perRound);
  const elapsedMs = performance.now() - startedAt;
  return { perSecond: (perRound * 1000) / elapsedMs, cpuMs: (cpuMs() - cpuBefore) / perRound, times };
}

type Pair = [ours: Measured, theirs: Measured];

async function measurePairs([ours, theirs]: [Side, Side], atOnce: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let number = 0; number < rounds; number++) {
    // Each goes first in turn.
    if (number % 2 === 0) {
      const measured = await measure(ours, atOnce);
      pairs.push([measured, await measure(theirs, atOnce)]);
    } else {
      const measured = await measure(theirs, atOnce);
      pairs.push([await measure(ours, atOnce), measured]);
    }
  }
  return pairs;
}

function summarise(atOnce: number, pairs: Pair[]): (string | number)[] {
  const both = (read: (measured: Measured) => number) => [
    ...[0, 1].map((side) => median(pairs.map((pair) => read(pair[side] as Measured)))),
    median(pairs.map(([ours, theirs]) => read(ours) / read(theirs))),
  ];
  const [pdfs = 0, theirPdfs = 0, pdfRatio = 0] = both(({ perSecond }) => perSecond);
  const [cpu = 0, theirCpu = 0, cpuRatio = 0] = both(({ cpuMs }) => cpuMs);
  const [ours, theirs] = [0, 1].map((side) => {
    const times = pairs.flatMap((pair) => (pair[side] as Measured).times);
    return { p50: quantile(times, 0.5), p95: quantile(times, 0.95) };
  }) as [Record<'p50' | 'p95', number>, Record<'p50' | 'p95', number>];
  return [
    atOnce,
    round(pdfs, 2),
    round(theirPdfs, 2),
    round(pdfRatio, 2),
    round(cpu),
    round(theirCpu),
    round(cpuRatio, 2),
    `${round(ours.p50)} / ${round(ours.p95)}`,
    `${round(theirs.p50)} / ${round(theirs.p95)}`,
    round(ours.p95 / ours.p50 / (theirs.p95 / theirs.p50), 2),
  ];
}

/** One row for each number at once: medians of the rounds, and of the ratios inside each round. */
async function compare(sides: [Side, Side], atOnce: number[]): Promise<Table> {
  const [a, b] = sides.map(({ name }) => name);
  const rows: (string | number)[][] = [];
  for (const number of atOnce) rows.push(summarise(number, await measurePairs(sides, number)));
  return {
    columns: [
      'at once',
      `${a}, PDF/s`,
      `${b}, PDF/s`,
      'ratio',
      `${a}, CPU ms per PDF`,
      `${b}, CPU ms per PDF`,
      'ratio',
      `${a}, p50 / p95 ms`,
      `${b}, p50 / p95 ms`,
      'ratio of p95/p50',
    ],
    rows,
  };
}

interface Bench extends AsyncDisposable {
  /** Platen, from the trigger to the stored document. */
  ours(name: string, tokenOf: () => string): Side;
  /** The bare loop. */
  theirs(name: string, mode: BareOrder['mode'], options?: { isThroughProxy?: boolean }): Side;
}

/** Of the tab that is kept in the bare loop, and of Platen's. */
const one = newToken();

async function startBench(): Promise<Bench> {
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  parts.defer(() => rm(dataDir, { recursive: true }));
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  const school = parts.use(await startServer(['bench/large-school.ts'], {}));
  const origin = school.url.replace('127.0.0.1', 'localhost');
  const platen = parts.use(
    await startPlaten({
      DATA_DIR: dataDir,
      FRONTEND_ORIGINS: origin,
      RENDER_CONCURRENCY: '4',
      PAGE_CLASS: `/report?studentId=overall&testId={testId}${still}`,
    }),
  );
  const proxy = parts.use(await startServer(['bench/proxy.ts', origin], {}));
  const bare = parts.use(await startWorker<BareOrder, { times: number[] }>('bench/bare-loop.ts', [path]));
  const running = parts.move();
  return {
    ours: (name, tokenOf) => ({ name, pids: [platen.pid], loop: loopOfPlaten(platen.url, tokenOf) }),
    theirs: (name, mode, { isThroughProxy = false } = {}) => ({
      name,
      pids: isThroughProxy ? [bare.pid, proxy.pid] : [bare.pid],
      loop: async (atOnce, count) => {
        const url = `${origin}/report?studentId=overall&testId=Test%201${still}`;
        const pages = Array.from({ length: count }, () => ({ url, token: mode === 'kept' ? one : newToken() }));
        const order = { mode, atOnce, pages, ...(isThroughProxy ? { proxyUrl: proxy.url } : {}) };
        return (await bare.obey(order)).times;
      },
    }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

const how =
  `Each side is a tree of processes of its own, whose processor time is read from the kernel. ${rounds} rounds of ${perRound} documents each, in turn, ` +
  'each after one per place to warm up; medians of the rounds, and of the ratios inside each round.';

/** Takes about five minutes. */
export async function measureFresh(): Promise<Section> {
  await using bench = await startBench();
  return {
    title: 'Rendering, different tokens',
    text: [
      'The class report of the example school for a class of 235: 9 printed pages, tagged, 52 requests, a chart library of 1 MB, no animations. Platen from the trigger ' +
        'to the stored document, beside `bare-fresh`: a loop of the browser driver on the same page, with a context for each document.',
      how,
    ],
    tables: [await compare([bench.ours('Platen', newToken), bench.theirs('bare-fresh', 'fresh')], [1, 2, 4])],
  };
}

/** Takes about four minutes. */
export async function measureKept(): Promise<Section> {
  await using bench = await startBench();
  return {
    title: 'Rendering, one token',
    text: [
      'The same page, beside `bare-kept`: a loop that uses one tab again for one token and clears its storage in between.',
      how,
    ],
    tables: [await compare([bench.ours('Platen', () => one), bench.theirs('bare-kept', 'kept')], [1, 2, 4])],
  };
}

/** Takes about two minutes. */
export async function measureProxy(): Promise<Section> {
  await using bench = await startBench();
  const through = bench.theirs('through the proxy', 'fresh', { isThroughProxy: true });
  return {
    title: 'The egress proxy',
    text: ['`bare-fresh` with and without the egress proxy, which is a process of its own here.', how],
    tables: [await compare([through, bench.theirs('bare-fresh', 'fresh')], [1])],
  };
}
