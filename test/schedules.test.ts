// Turns: each carried out by one process, one that was missed made up once, and what a dead process had begun taken over.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../src/data-folder.ts';
import { openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { createSchedules, type NextTurn, type Schedules } from '../src/schedules/schedules.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

type Run = Parameters<Schedules['define']>[0]['run'];

describeDatabases('schedules', (server) => {
  async function open() {
    const { url, dataDir } = parts.use(await createTestDatabase(server));
    if (url === undefined) parts.use(openDataFolder(dataDir));
    const database = parts.use(openDatabase({ url, dataDir }));
    await database.ready;
    /** As another process has it; not started yet. */
    const create = (run: Run, holdSeconds?: number) => {
      const schedules = parts.use(createSchedules({ database, holdSeconds }));
      schedules.define({ kind: 'test', run });
      return schedules;
    };
    const put = (columns: string) => database.execute(`UPDATE platen.schedules SET ${columns} WHERE kind = 'test'`);
    const read = async () => {
      const { rows } = await sql<{ failures: number; seconds: number | null; holder: string | null }>`
        SELECT failures, extract(epoch FROM due_at - now())::float8 AS seconds, holder FROM platen.schedules WHERE kind = 'test'`.execute(
        database.queries,
      );
      return rows[0];
    };
    const ask = (schedules: Schedules, pauseSeconds = 0) =>
      database.transaction((tx) => schedules.ask(tx, { kind: 'test', name: 'x' }, pauseSeconds));
    return { database, create, put, read, ask };
  }

  test('ten processes carry out a turn once, and a missed one once, however long ago it was', async () => {
    const { create, put, read } = await open();
    const turns: Date[] = [];
    const run: Run = async ({ dueAt }) => {
      turns.push(dueAt);
      return { afterSeconds: 3600 };
    };
    const all = Array.from({ length: 10 }, () => create(run));
    for (const each of all) each.repeat('test', 'x', 3600);
    for (const each of all) each.start();
    await until(async () => turns.length > 0 && (await read())?.holder === null);
    await put(`due_at = now() - interval '5 days'`);
    // A restart of all of them.
    const others = Array.from({ length: 10 }, () => create(run));
    for (const each of others) each.start();
    await until(async () => turns.length > 1 && (await read())?.holder === null);
    await Promise.all([...all, ...others].map((each) => each[Symbol.asyncDispose]()));
    expect(turns).toHaveLength(2);
    expect(Date.now() - (turns[1]?.getTime() ?? 0)).toBeGreaterThan(4 * 86_400_000);
    expect((await read())?.seconds).toBeGreaterThan(3500);
  });

  test('a due time that a clock has put too far off is due now', async () => {
    const { create, put, read } = await open();
    let turns = 0;
    const run: Run = async () => {
      turns++;
      return { afterSeconds: 60 };
    };
    const first = create(run);
    first.repeat('test', 'x', 60);
    first.start();
    await until(async () => turns === 1 && (await read())?.holder === null);
    await put(`due_at = now() + interval '2 days'`);
    const second = create(run);
    second.repeat('test', 'x', 60);
    second.start();
    await until(() => turns === 2);
  });

  test('what is asked for while a turn is under way gets a turn of its own, after the pause', async () => {
    const { create, ask } = await open();
    const turns: number[] = [];
    let goOn: (() => void) | undefined;
    const schedules = create(async () => {
      turns.push(performance.now());
      if (turns.length === 1) await new Promise<void>((resolve) => (goOn = resolve));
      return undefined;
    });
    schedules.start();
    await ask(schedules, 1);
    await until(() => goOn);
    await Promise.all([ask(schedules, 1), ask(schedules, 1), ask(schedules, 1)]);
    goOn?.();
    await until(() => turns.length === 2);
    expect((turns[1] ?? 0) - (turns[0] ?? 0)).toBeGreaterThan(900);
    // Nothing comes of itself.
    await ask(schedules, 0);
    await until(() => turns.length === 3);
  });

  test('what a dead process had begun is taken over; the dead one, come back, changes nothing', async () => {
    const { database, create, put, read, ask } = await open();
    const ends: (() => void)[] = [];
    const outcomes: boolean[] = [];
    const run: Run = async (turn, signal) => {
      await new Promise<void>((resolve) => {
        ends.push(resolve);
        signal.addEventListener('abort', () => resolve());
      });
      outcomes.push(await database.transaction((tx) => turn.end(tx, { afterSeconds: 1000 })));
      return { afterSeconds: 5 };
    };
    const frozen = create(run);
    frozen.start();
    await ask(frozen);
    await until(() => ends.length === 1);
    await put(`held_until = now() - interval '1 second'`);
    const heir = create(run);
    heir.start();
    await until(() => ends.length === 2);
    ends[0]?.();
    await until(() => outcomes.length === 1);
    expect((await read())?.holder).not.toBeNull();
    ends[1]?.();
    await until(() => outcomes.length === 2);
    expect(outcomes).toEqual([false, true]);
    expect((await read())?.seconds).toBeGreaterThan(900);
  });

  test('what fails is tried again after 10 s, doubling', async () => {
    const { create, put, read, ask } = await open();
    let turns = 0;
    const outcomes: (() => NextTurn)[] = [];
    const schedules = create(async () => {
      turns++;
      const outcome = outcomes.shift();
      if (outcome === undefined) throw new Error('it fails');
      return outcome();
    });
    schedules.start();
    for (const seconds of [10, 20, 40]) {
      if (turns > 0) await put(`due_at = now()`);
      await ask(schedules);
      await until(async () => (await read())?.failures === Math.log2(seconds / 5));
      expect((await read())?.seconds).toBeGreaterThan(seconds - 5);
      expect((await read())?.seconds).toBeLessThanOrEqual(seconds);
    }
    outcomes.push(() => ({ at: new Date(Date.now() + 500_000) }));
    await put(`due_at = now()`);
    await ask(schedules);
    await until(async () => (await read())?.failures === 0);
    expect((await read())?.seconds).toBeGreaterThan(490);
  });
});
