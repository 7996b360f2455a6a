// What a million ended jobs cost those who have nothing to do with them: a worker without work, whoever cleans, whoever looks through them.

import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { openDatabase } from '../src/database/database.ts';
import type { JobDefinition } from '../src/jobs/contract.ts';
import { createJobs } from '../src/jobs/jobs.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { addPast } from '../test/support/ended-jobs.ts';
import { connectTo, createPostgresDatabase } from '../test/support/postgres-database.ts';
import { until } from '../test/support/until.ts';
import { cpuMsOf, parentOf } from './processes.ts';
import type { Section } from './report.ts';
import { round } from './statistics.ts';

const ended = Number(process.env.BENCH_ENDED_JOBS ?? 1_000_000);
const historyDays = 14;
/** A fiftieth of a percent more than is kept. */
const pastDays = historyDays * 1.002;
const idleSeconds = 30;
const longestSweepMs = 120_000;

const definition: JobDefinition = {
  name: 'bench.render',
  data: z.object({}),
  mostFailures: 1,
  mayHeal: () => false,
  run: async () => ({}),
};

interface Options {
  url: string;
  concurrency: number;
  days: number;
}

async function openJobs({ url, concurrency, days }: Options) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(openDatabase({ url, dataDir: '' }));
  const options = { isEmbedded: false, sealing: createSealing(Buffer.alloc(32)), timeoutMs: 60_000 };
  const jobs = stack.use(
    createJobs({ ...options, database, concurrency, historyDays: days, metrics: createMetrics() }),
  );
  jobs.define(definition);
  jobs.start();
  await jobs.transaction(async () => undefined);
  const running = stack.move();
  return { jobs, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Of a newly made database with its past; what answers is asked for the processor time of the whole server. */
async function preparePast(url: string) {
  // A worker that makes the tables.
  await (await openJobs({ url, concurrency: 0, days: 365 }))[Symbol.asyncDispose]();
  await using client = await connectTo(url);
  await addPast(client, { jobs: ended, days: pastDays, name: definition.name });
}

/** Processor time in ms of a worker with nothing to do, of its own process and of the server, for each second. */
async function measureIdle(url: string, serverPid: number) {
  await using _ = await openJobs({ url, concurrency: 4, days: 365 });
  // Until it has looked for what was left behind.
  await wait(10_000);
  const before = { server: cpuMsOf(serverPid), own: process.cpuUsage() };
  await wait(idleSeconds * 1000);
  const own = process.cpuUsage(before.own);
  return {
    server: (cpuMsOf(serverPid) - before.server) / idleSeconds,
    own: (own.user + own.system) / 1000 / idleSeconds,
  };
}

/** Processor time of the server until all that is too old is gone, or for as long as anybody would wait. */
async function measureSweep(url: string, serverPid: number) {
  await using client = await connectTo(url);
  const countOld = async () => {
    const { rows } = await client.query(
      `SELECT count(*)::integer AS old FROM platen.jobs WHERE ended_at < now() - make_interval(days => $1)`,
      [historyDays],
    );
    return rows[0].old as number;
  };
  const old = await countOld();
  const before = cpuMsOf(serverPid);
  const startedAt = performance.now();
  await using _ = await openJobs({ url, concurrency: 1, days: historyDays });
  await until(async () => {
    await wait(500);
    return performance.now() - startedAt > longestSweepMs || (await countOld()) === 0;
  }, longestSweepMs * 2);
  const left = await countOld();
  return { deleted: old - left, left, cpuMs: cpuMsOf(serverPid) - before, ms: performance.now() - startedAt };
}

async function measureListing(url: string, state: string) {
  await using opened = await openJobs({ url, concurrency: 0, days: 365 });
  const startedAt = performance.now();
  const rows = await opened.jobs
    .select()
    .where('jobs.state', '=', state as 'failed')
    .select('jobs.seq')
    .orderBy('jobs.seq', 'desc')
    .limit(101)
    .execute();
  if (rows.length !== 101) throw new Error(`${rows.length} jobs`);
  return performance.now() - startedAt;
}

/** Takes about six minutes. */
export async function measureEndedJobs(): Promise<Section> {
  const title = 'A million ended jobs';
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL === undefined)
    return { title, text: ['Not measured: DATABASE_URL names no PostgreSQL.'], tables: [] };
  configureLog({ level: 'error', secrets: [] });
  await using place = await createPostgresDatabase(DATABASE_URL);
  await using client = await connectTo(place.url);
  const backend = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number;
  const serverPid = parentOf(backend);
  await preparePast(place.url);
  const completed = await measureListing(place.url, 'completed');
  const failed = await measureListing(place.url, 'failed');
  const idle = await measureIdle(place.url, serverPid);
  const sweep = await measureSweep(place.url, serverPid);
  return {
    title,
    text: [
      `${ended} ended jobs in PostgreSQL on this machine, each with its task, ended within ${historyDays} days but for a few, and as many that the queue still has ` +
        'as completed. Processor time is that of the whole server, all its processes.',
    ],
    tables: [
      {
        columns: ['', ''],
        rows: [
          ['an idle worker of 4 places: the server, ms per second', round(idle.server, 1)],
          ['its own process, ms per second', round(idle.own, 1)],
          [
            `one sweep of what is too old: jobs deleted, and left after ${longestSweepMs / 1000} s`,
            `${sweep.deleted}, ${sweep.left}`,
          ],
          ['the server for each 200 of them, ms', round(sweep.cpuMs / Math.max(1, sweep.deleted / 200))],
          ['all of it, s', round(sweep.ms / 1000)],
          ['100 newest completed jobs, ms', round(completed)],
          ['100 newest failed jobs, ms', round(failed)],
        ],
      },
    ],
  };
}
