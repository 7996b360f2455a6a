// The end of a class run is seen once, also where its last reports end at the same moment.

import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { addRun, holdEnded } from '../src/class-runs/store.ts';
import { openDatabase, type Queries } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { createTestDatabase, describeServer } from './support/postgres.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

describeServer('a class run', (server) => {
  test('whose last two reports end at once has ended in one of the two transactions', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    const id = randomUUID();
    const asked = { origin: 'https://o.example', classId: 'C1', testId: '1', total: 2 };
    await addRun(database.queries, { id, ...asked, idempotencyKey: undefined, digest: 'd' });
    const jobs = [randomUUID(), randomUUID()];
    for (const job of jobs) {
      await sql`INSERT INTO platen.tasks (id, name, key, lane, tenant, state, turn) VALUES (${job}, 'test', ${job}, '', '', 'active', 1)`.execute(
        database.queries,
      );
      await sql`INSERT INTO platen.jobs (id, task_id, owner, group_id, position, state, subject, data, rank)
        VALUES (${job}, ${job}, 'me', ${id}, 0, 'active', '{}', '{}', 0)`.execute(database.queries);
    }
    const end = async (tx: Queries, job = '') => {
      await sql`UPDATE platen.jobs SET state = 'completed', ended_at = now() WHERE id = ${job}`.execute(tx);
      return (await holdEnded(tx, id))?.counts.completed;
    };
    const both = Promise.withResolvers<void>();
    const first = database.transaction(async (tx) => {
      const seen = await end(tx, jobs[0]);
      await both.promise;
      return seen;
    });
    const second = database.transaction((tx) => end(tx, jobs[1]));
    // The second waits for the first.
    await until(async () => {
      const { rows } = await sql`
        SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()`.execute(
        database.queries,
      );
      return rows.length > 0;
    });
    both.resolve();
    expect([await first, await second]).toEqual([undefined, 2]);
  });
});
