// Behind PgBouncer: where it pools transactions nobody is told of anything, which is said, and everything goes on all the same.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { type Database, openDatabase } from '../src/database/database.ts';
import { hasEnded, type JobDefinition, type Work } from '../src/jobs/contract.ts';
import { createFollowing } from '../src/jobs/following.ts';
import { createJobs } from '../src/jobs/jobs.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { describePooler, startPgBouncer } from './support/pgbouncer.ts';
import { connectTo, createPostgresDatabase } from './support/postgres-database.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

describePooler('behind a pooler', () => {
  let parts: AsyncDisposableStack;
  let direct: string;
  let begun: Work<unknown>[];
  beforeEach(async () => {
    parts = new AsyncDisposableStack();
    begun = [];
    direct = parts.use(await createPostgresDatabase(process.env.DATABASE_URL ?? '')).url;
  });
  afterEach(() => parts.disposeAsync());

  const definition: JobDefinition = {
    name: 'test.work',
    data: z.object({}),
    mostFailures: 1,
    mayHeal: () => false,
    run: (work) => {
      begun.push(work);
      return new Promise((_, reject) => work.signal.addEventListener('abort', () => reject(work.signal.reason)));
    },
  };
  const open = (url: string) => parts.use(openDatabase({ url, dataDir: '' }));
  const startJobs = async (database: Database, concurrency: number) => {
    const common = { isEmbedded: false, sealing: createSealing(Buffer.alloc(32)), metrics: createMetrics() };
    const jobs = parts.use(createJobs({ database, concurrency, timeoutMs: 300_000, historyDays: 14, ...common }));
    jobs.define(definition);
    jobs.start();
    await database.ready;
    await jobs.transaction(async () => undefined);
    return jobs;
  };

  test('of transactions: it says that it is not told; work is begun and stopped, and those who follow see its end', async () => {
    const pooler = parts.use(await startPgBouncer(direct, 'transaction'));
    const database = open(pooler.url);
    const jobs = await startJobs(database, 1);
    const other = await startJobs(open(direct), 0);
    const degraded = await until(async () => {
      const status = await database.status();
      return status.state !== 'up' && status;
    });
    expect(degraded).toEqual({ state: 'degraded', reason: expect.stringContaining('notifications do not arrive') });
    const request = { data: {}, key: randomUUID(), rank: 0, owner: 'me', subject: {}, secret: undefined };
    const [id = ''] = await other.transaction((tx) =>
      other.enqueue(definition, [request], { tx, tenant: '', lane: 'lane' }),
    );
    using followed = await createFollowing(jobs).follow(id);
    const ended = new Promise<string>((resolve) => {
      followed?.listen(({ state }) => hasEnded(state) && resolve(state));
    });
    await until(() => begun.length === 1);
    await other.cancel(id);
    expect(await ended).toBe('cancelled');
    await until(() => begun[0]?.signal.aborted);
    expect((await database.status()).state).toBe('degraded');
  });

  test('of sessions: what is told arrives, and it is up', async () => {
    const pooler = parts.use(await startPgBouncer(direct, 'session'));
    const database = open(pooler.url);
    await startJobs(database, 1);
    const client = parts.use(await connectTo(direct));
    let pulses = 0;
    client.on('notification', () => pulses++);
    await client.query('LISTEN platen_pulse');
    await until(() => pulses >= 3);
    expect(await database.status()).toEqual({ state: 'up' });
  });
});
