// How long a class run will take, from what its last reports took: on both databases, without a browser.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findRun } from '../src/class-runs/store.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { createTestDatabase, describeDatabases, type TestDatabase } from './support/postgres.ts';

describeDatabases('the pace of a class run', (server) => {
  let place: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    place = await createTestDatabase(server);
    database = openDatabase(place);
    await database.ready;
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  /** A run whose reports took 2 s each and ended so many seconds before now. */
  async function paceOf(secondsAgo: number[]) {
    const [run, task] = [randomUUID(), randomUUID()];
    await database.execute(
      `INSERT INTO platen.class_runs (id, origin, class_id, test_id, request_digest, total) VALUES ($1, '', 'C', '1', '', 99)`,
      [run],
    );
    await database.execute(
      `INSERT INTO platen.tasks (id, name, key, state, lane, turn) VALUES ($1, 'test', '', 'ended', '', 0)`,
      [task],
    );
    const now = Date.now();
    for (const seconds of secondsAgo) {
      const endedAt = now - seconds * 1000;
      await database.execute(
        `INSERT INTO platen.jobs (id, task_id, owner, group_id, state, subject, data, rank, started_at, ended_at)
         VALUES ($1, $2, '', $3, 'completed', '{}', '{}', 0, $4, $5)`,
        [randomUUID(), task, run, new Date(endedAt - 2000).toISOString(), new Date(endedAt).toISOString()],
      );
    }
    return (await findRun(database.queries, run))?.pace;
  }

  test('is that of its last reports', async () => {
    const pace = await paceOf([9, 8, 7, 6, 5, 4]);
    expect(pace).toMatchObject({ ended: 6, secondsEach: 2, seconds: 5 });
  });

  test('leaves out what was before a pause, for instance before a retry on the next day', async () => {
    const pace = await paceOf([90_003, 90_002, 90_001, 90_000, 5, 4, 3]);
    expect(pace).toMatchObject({ ended: 3, secondsEach: 2, seconds: 2 });
  });

  test('of one whose reports have not ended yet is none', async () => {
    expect(await paceOf([])).toEqual({ ended: 0, seconds: 0, secondsEach: 0 });
  });
});
