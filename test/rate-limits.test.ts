// How often a caller may do something, counted once for all processes that share a database.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Database, openDatabase } from '../src/database/database.ts';
import type { ServiceError } from '../src/errors.ts';
import { configureLog } from '../src/log.ts';
import { createRateLimiter } from '../src/rate-limiter.ts';
import { createTestDatabase, describeDatabases, type TestDatabase } from './support/postgres.ts';

configureLog({ level: 'silent', secrets: [] });

describeDatabases('the limit', (server) => {
  let place: TestDatabase;
  let database: Database;
  let count = 0;
  beforeAll(async () => {
    place = await createTestDatabase(server);
    database = openDatabase(place);
    await database.ready;
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  /** What one process counts with; all those of a name count together. */
  const limitOf = (name: string) => {
    const limiter = createRateLimiter({ database, name, limit: 3, windowSeconds: 60 });
    return (caller = 'a'): Promise<'taken' | number | undefined> =>
      limiter.take(caller).then(
        () => 'taken' as const,
        (error: ServiceError) => {
          expect(error.code).toBe('rate_limited');
          return error.retryAfterSeconds;
        },
      );
  };
  /** So many seconds, less those that the machine took. */
  const within = (seconds: number) => expect.closeTo(seconds - 4, -1);
  const nextName = () => `name ${++count}`;
  /** As if it were later, or earlier where the number is negative: all that was taken was so long ago. */
  const pass = (seconds: number) =>
    database.execute(
      `UPDATE platen.rate_limits SET expires_at = expires_at - make_interval(secs => $1),
        taken = ARRAY(SELECT at - make_interval(secs => $1) FROM unnest(taken) AS at)`,
      [seconds],
    );
  const callers = async () =>
    (await database.execute('SELECT caller FROM platen.rate_limits ORDER BY caller')).rows.map(
      (row) => (row as { caller: string }).caller,
    );

  test('each caller may do it so often in any minute, and is told when it may again', async () => {
    const take = limitOf(nextName());
    expect(await take()).toBe('taken');
    await pass(30);
    expect([await take(), await take(), await take(), await take()]).toEqual([
      'taken',
      'taken',
      within(30),
      within(30),
    ]);
    expect(await take('b')).toBe('taken');
    await pass(20);
    expect(await take()).toEqual(within(10));
    await pass(10);
    // The first has left the minute; the refused ones never were in it.
    expect([await take(), await take()]).toEqual(['taken', within(30)]);
    const { rows } = await database.execute('SELECT max(cardinality(taken)) AS most FROM platen.rate_limits');
    expect(rows).toEqual([{ most: 3 }]);
  });

  test('is one for all processes, also when they ask at once, and another for what has another name', async () => {
    const name = nextName();
    const processes = [limitOf(name), limitOf(name)];
    const taken = await Promise.all(Array.from({ length: 20 }, (_, index) => processes[index % 2]?.()));
    expect(taken.filter((each) => each === 'taken')).toHaveLength(3);
    for (const each of taken) if (each !== 'taken') expect(each).toBeGreaterThan(55);
    expect(await limitOf(nextName())()).toBe('taken');
  });

  test('does not hold for longer when the clock was put back', async () => {
    const take = limitOf(nextName());
    for (let time = 1; time <= 3; time++) await take();
    await pass(-3600);
    expect(await take()).toBe('taken');
  });

  test('forgets callers who have been quiet, and no others', async () => {
    const take = limitOf(nextName());
    await database.execute('DELETE FROM platen.rate_limits');
    for (const caller of ['quiet', 'also quiet']) await take(caller);
    await pass(61);
    await take('busy');
    expect(await callers()).toEqual(['busy']);
  });
});
