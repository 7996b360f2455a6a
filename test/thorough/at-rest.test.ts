// What a process asks of its database while there is nothing to do: nothing that only looks for work more often than each 5 s.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { openDatabase } from '../../src/database/database.ts';
import type { JobDefinition } from '../../src/jobs/contract.ts';
import { createJobs } from '../../src/jobs/jobs.ts';
import { configureLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createSealing } from '../../src/sealing.ts';
import { createTestDatabase, describeDatabases } from '../support/postgres.ts';
import { startTestService } from '../support/service.ts';
import { watchStatements } from '../support/statements.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

/** It is asked each 10 s: from one time to the next nothing that is asked each 5 s can come more than three times. */
const ofTenSeconds = /SET start_after = now\(\)\s+WHERE/;

/** How often each statement is asked in 10 s, by the clock of the process itself. */
async function countInTenSeconds(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let looks = 0;
  using _watching = watchStatements(({ text }) => {
    // Asked before another, of a connection that was idle.
    if (text === 'SELECT 1') return;
    if (ofTenSeconds.test(text)) looks++;
    if (looks === 1) counts.set(text, (counts.get(text) ?? 0) + 1);
  });
  await until(() => looks === 2);
  return counts;
}

const often = (counts: Map<string, number>) => [...counts].filter(([, count]) => count > 3);

describeDatabases('at rest', (server) => {
  test('a service asks nothing more often than each 5 s', async () => {
    const place = parts.use(await createTestDatabase(server));
    const env = { DATABASE_URL: place.url };
    const service = parts.use(await startTestService({ origin: 'http://127.0.0.1:1', env }));
    await until(async () => (await service.get('/readyz')).status === 200);
    const counts = await countInTenSeconds();
    expect(often(counts)).toEqual([]);
    // It does look.
    expect([...counts.values()]).toContain(2);
  });

  test('work that pauses before it is tried again is not looked for before its time, and then begun', async () => {
    const place = parts.use(await createTestDatabase(server));
    const database = parts.use(openDatabase(place));
    const jobs = parts.use(
      createJobs({
        database,
        isEmbedded: server === undefined,
        sealing: createSealing(Buffer.alloc(32)),
        concurrency: 2,
        timeoutMs: 60_000,
        historyDays: 1,
        metrics: createMetrics(),
        pollSeconds: 3600,
      }),
    );
    let begun = 0;
    const definition: JobDefinition<object> = {
      name: 'test.pause',
      data: z.object({}),
      mostFailures: 3,
      mayHeal: () => true,
      async run() {
        if (++begun === 1) throw new Error('may heal');
        return {};
      },
    };
    jobs.define(definition);
    jobs.start();
    const request = { data: {}, key: randomUUID(), rank: 0, owner: 'me', subject: {}, secret: undefined };
    const [id = ''] = await jobs.transaction((tx) =>
      jobs.enqueue(definition, [request], { tx, tenant: '', lane: '', groupId: undefined }),
    );
    const pause = () =>
      database.execute(
        `UPDATE platen_queue.job SET start_after = now() + interval '25 seconds' WHERE state = 'retry' RETURNING id`,
      );
    await until(async () => (await pause()).rows.length === 1);
    expect(often(await countInTenSeconds())).toEqual([]);
    expect(begun).toBe(1);
    await until(async () => (await jobs.find(id))?.state === 'completed');
    expect(begun).toBe(2);
  });
});
