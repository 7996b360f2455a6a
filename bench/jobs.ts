// Durable work without its rendering: how soon it is accepted and begun, and what a job costs while a district waits.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openDatabase } from '../src/database/database.ts';
import type { JobDefinition } from '../src/jobs/contract.ts';
import { createJobs } from '../src/jobs/jobs.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { createPostgresDatabase } from '../test/support/postgres-database.ts';
import { until } from '../test/support/until.ts';
import type { Section } from './report.ts';
import { median, quantile, round } from './statistics.ts';

const samples = 100;
const district = 7185;
const parts = 6;

interface SimulatedJobs extends AsyncDisposable {
  /** Adds so many at once, and commits. */
  enqueue(count: number): Promise<void>;
  /** An insert of one row and nothing else, in the same database. */
  bareInsert(): Promise<void>;
  /** When each was begun, by the monotonic clock. */
  starts: number[];
  /** Holds those that are begun from now on. */
  hold(): () => void;
}

async function openJobs(url: string | undefined): Promise<SimulatedJobs> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-'));
  stack.defer(() => rm(dataDir, { recursive: true }));
  const database = stack.use(openDatabase({ url, dataDir }));
  const jobs = stack.use(
    createJobs({
      database,
      isEmbedded: url === undefined,
      sealing: createSealing(Buffer.alloc(32)),
      concurrency: 2,
      timeoutMs: 3_000_000,
      historyDays: 1,
      metrics: createMetrics(),
    }),
  );
  const starts: number[] = [];
  let gate: Promise<void> | undefined;
  const definition: JobDefinition<{ student: string }> = {
    name: 'bench.render',
    data: z.object({ student: z.string() }),
    mostFailures: 1,
    mayHeal: () => false,
    async run() {
      starts.push(performance.now());
      await gate;
      return { s3Key: 'reports/C1/Test_1/overall.pdf', pages: 1 };
    },
  };
  jobs.define(definition);
  jobs.start();
  await jobs.transaction(async () => undefined);
  await database.execute('CREATE TABLE bare (id bigserial PRIMARY KEY, data jsonb)');
  let last = 0;
  const running = stack.move();
  return {
    starts,
    async enqueue(count) {
      const requests = Array.from({ length: count }, () => {
        const student = `STU${++last}`;
        const subject = { reportType: 'student', testId: 'Test_1', classId: 'C1', studentId: student };
        return { key: student, rank: 0, data: { student }, owner: 'service', subject, secret: 'a token' };
      });
      await jobs.transaction((tx) => jobs.enqueue(definition, requests, { tx, tenant: '', lane: 'bench' }));
    },
    async bareInsert() {
      await database.execute('INSERT INTO bare (data) VALUES ($1)', ['{"student":"STU1"}']);
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = undefined;
        resolve();
      };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** On each database that is there. */
async function onEach<T>(work: (jobs: SimulatedJobs) => Promise<T>): Promise<[name: string, measured: T][]> {
  configureLog({ level: 'error', secrets: [] });
  const measured: [string, T][] = [];
  const { DATABASE_URL } = process.env;
  for (const server of DATABASE_URL === undefined ? [undefined] : [undefined, DATABASE_URL]) {
    await using place = server === undefined ? undefined : await createPostgresDatabase(server);
    await using jobs = await openJobs(place?.url);
    measured.push([server === undefined ? 'embedded' : 'PostgreSQL', await work(jobs)]);
  }
  return measured;
}

/** Takes about 15 seconds. */
export async function measureAccepting(): Promise<Section> {
  const measured = await onEach(async (jobs) => {
    const times = { accept: [] as number[], bare: [] as number[], start: [] as number[] };
    for (let each = 0; each < samples; each++) {
      const insertedAt = performance.now();
      await jobs.bareInsert();
      times.bare.push(performance.now() - insertedAt);
      const count = jobs.starts.length;
      const askedAt = performance.now();
      await jobs.enqueue(1);
      times.accept.push(performance.now() - askedAt);
      await until(() => jobs.starts.length > count);
      times.start.push((jobs.starts.at(-1) ?? 0) - askedAt);
    }
    return times;
  });
  const both = (values: number[]) => `${round(median(values), 1)} / ${round(quantile(values, 0.95), 1)}`;
  return {
    title: 'Accepting a job, and beginning it',
    text: [
      `Milliseconds, median / 95th percentile of ${samples}, nothing else waiting: from the call to the commit, after which 202 is sent; beside one bare insert in ` +
        'the same database; and from the call to the start of the work.',
    ],
    tables: [
      {
        columns: ['database', 'accepted', 'bare insert', 'ratio of medians', 'work begins'],
        rows: measured.map(([name, { accept, bare, start }]) => [
          name,
          both(accept),
          both(bare),
          round(median(accept) / median(bare), 1),
          both(start),
        ]),
      },
    ],
  };
}

/** Takes about two minutes. */
export async function measureDistrict(): Promise<Section> {
  const measured = await onEach(async (jobs) => {
    const release = jobs.hold();
    const askedAt = performance.now();
    await jobs.enqueue(district);
    const enqueueMs = performance.now() - askedAt;
    release();
    const size = Math.floor(district / parts);
    let since = performance.now();
    const eachMs: number[] = [];
    for (let part = 1; part <= parts; part++) {
      await until(() => jobs.starts.length >= part * size, 300_000);
      const at = jobs.starts[part * size - 1] ?? 0;
      eachMs.push((at - since) / size);
      since = at;
    }
    return { enqueueMs, eachMs };
  });
  return {
    title: 'A district: 7,185 jobs at once, rendered by nobody',
    text: [
      `${district} jobs in one transaction, then done by two workers whose rendering takes no time: what a job costs beside its rendering, for each sixth of the ` +
        'queue in the order done. It stays flat when the last sixth costs no more than the first.',
    ],
    tables: [
      {
        columns: [
          'database',
          'enqueued, ms',
          ...Array.from({ length: parts }, (_, part) => `sixth ${part + 1}, ms per job`),
        ],
        rows: measured.map(([name, { enqueueMs, eachMs }]) => [
          name,
          round(enqueueMs),
          ...eachMs.map((each) => round(each, 1)),
        ]),
      },
    ],
  };
}
