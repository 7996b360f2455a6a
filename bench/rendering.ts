// Rendering: Platen, from trigger to stored document, beside bare loops of the browser driver on the same page, in interleaved rounds.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findExecutable } from '../src/browser/executable.ts';
import { serviceToken, signUserToken } from '../test/support/tokens.ts';
import type { BareOrder } from './bare-loop.ts';
import { cpuMsOf, startPlaten, startServer, startWorker } from './processes.ts';
import type { Section } from './report.ts';
import { median, quantile, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const perRound = Number(process.env.BENCH_PER_ROUND ?? 12);
const classId = 'CLASS_1224';

/** Documents in a row, some at once: how long each took in ms. */
type Loop = (atOnce: number, count: number) => Promise<number[]>;

interface Side {
  name: string;
  pid: number;
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
/** Each a report of its own: the platform's large class, under another test. */
const newTestId = () => `Test_${++tests}`;

async function trigger(url: string, reportToken: string): Promise<void> {
  const response = await fetch(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify({ reportType: 'overall', classId, testId: newTestId(), reportToken }),
  });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

const platenLoop =
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

async function measure({ pid, loop }: Side, atOnce: number): Promise<Measured> {
  const cpuBefore = cpuMsOf(pid);
  const startedAt = performance.now();
  const times = await loop(atOnce, perRound);
  const elapsedMs = performance.now() - startedAt;
  return { perSecond: (perRound * 1000) / elapsedMs, cpuMs: (cpuMsOf(pid) - cpuBefore) / perRound, times };
}

/** One row for each number at once: medians of the rounds, and of the ratios inside each round. */
async function compare(ours: Side, theirs: Side): Promise<Section['tables'][number]> {
  const rows: (string | number)[][] = [];
  for (const atOnce of (process.env.BENCH_AT_ONCE ?? '1 2 4').split(' ').map(Number)) {
    for (const side of [ours, theirs]) await side.loop(atOnce, 8);
    const measured: { ours: Measured; theirs: Measured }[] = [];
    for (let number = 0; number < rounds; number++) {
      // Each goes first in turn.
      const first = number % 2 === 0 ? ours : theirs;
      const a = await measure(first, atOnce);
      const b = await measure(first === ours ? theirs : ours, atOnce);
      measured.push(first === ours ? { ours: a, theirs: b } : { ours: b, theirs: a });
    }
    const of = (read: (pair: (typeof measured)[number]) => number) => median(measured.map(read));
    const spread = (side: 'ours' | 'theirs') => {
      const times = measured.flatMap((pair) => pair[side].times);
      return [quantile(times, 0.5), quantile(times, 0.95)] as const;
    };
    const [p50, p95] = spread('ours');
    const [theirP50, theirP95] = spread('theirs');
    rows.push([
      atOnce,
      round(
        of((pair) => pair.ours.perSecond),
        2,
      ),
      round(
        of((pair) => pair.theirs.perSecond),
        2,
      ),
      round(
        of((pair) => pair.ours.perSecond / pair.theirs.perSecond),
        3,
      ),
      round(of((pair) => pair.ours.cpuMs)),
      round(of((pair) => pair.theirs.cpuMs)),
      round(
        of((pair) => pair.ours.cpuMs / pair.theirs.cpuMs),
        3,
      ),
      `${round(p50)} / ${round(p95)}`,
      `${round(theirP50)} / ${round(theirP95)}`,
      round(p95 / p50 / (theirP95 / theirP50), 3),
    ]);
  }
  const names = [ours.name, theirs.name];
  return {
    columns: [
      'at once',
      ...names.map((name) => `${name} PDF/s`),
      'ratio',
      ...names.map((name) => `${name} CPU ms`),
      'ratio',
      ...names.map((name) => `${name} p50 / p95 ms`),
      'ratio of p95/p50',
    ],
    rows,
  };
}

/** Takes about ten minutes. */
export async function measureRendering(): Promise<Section> {
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  await using school = await startServer(['bench/large-school.ts'], {});
  const origin = school.url.replace('127.0.0.1', 'localhost');
  await using platen = await startPlaten({ DATA_DIR: dataDir, FRONTEND_ORIGINS: origin, RENDER_CONCURRENCY: '4' });
  await using bare = await startWorker<BareOrder, { times: number[] }>('bench/bare-loop.ts', [path]);
  const bareLoop =
    (mode: BareOrder['mode'], tokenOf: () => string): Loop =>
    async (atOnce, count) => {
      const url = `${origin}/report?studentId=overall&testId=Test%201`;
      const pages = Array.from({ length: count }, () => ({ url, token: tokenOf() }));
      return (await bare.obey({ mode, atOnce, pages })).times;
    };
  const one = newToken();
  const only = process.env.BENCH_ONLY;
  const tables = [];
  if (only !== 'kept')
    tables.push(
      await compare(
        { name: 'Platen, different tokens', pid: platen.pid, loop: platenLoop(platen.url, newToken) },
        { name: 'bare-fresh', pid: bare.pid, loop: bareLoop('fresh', newToken) },
      ),
    );
  if (only !== 'fresh')
    tables.push(
      await compare(
        { name: 'Platen, one token', pid: platen.pid, loop: platenLoop(platen.url, () => one) },
        { name: 'bare-kept', pid: bare.pid, loop: bareLoop('kept', () => one) },
      ),
    );
  await rm(dataDir, { recursive: true });
  return {
    title: 'Rendering',
    text: [
      `The class report of the example school with its chart library (1 MB), a class of 235. Each side is a tree of processes of its own; their processor time is read from the kernel. ${rounds} rounds of ${perRound} documents each, in turn.`,
    ],
    tables,
  };
}

if (import.meta.main) {
  for (const { columns, rows } of (await measureRendering()).tables)
    console.table(
      rows.map((row) => Object.fromEntries(columns.map((name, index) => [`${index} ${name}`, row[index]]))),
    );
}
