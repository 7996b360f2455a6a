// The statements of the embedded database: parsed once, and right however tables and transactions change under them.

import { PGlite } from '@electric-sql/pglite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Statements } from '../../src/database/statements.ts';

let lite: PGlite;
let statements: Statements;

beforeAll(async () => {
  lite = await PGlite.create();
});

beforeEach(async () => {
  await lite.exec('DEALLOCATE ALL');
  statements = new Statements(lite);
});

afterEach(() => {
  jest.useRealTimers();
});

afterAll(() => lite.close());

/** Statements that the database has under a name. */
async function countPrepared(): Promise<number> {
  const { rows } = await lite.query<{ count: number }>('SELECT count(*)::integer AS count FROM pg_prepared_statements');
  return rows[0]?.count ?? 0;
}

const rowsOf = async (text: string, values: unknown[]) =>
  (await statements.ask(text, values)).flatMap(({ rows }) => rows);

test('values of all kinds go in and come out as the library itself takes and gives them', async () => {
  const text = `SELECT $1::int8 AS big, $2::jsonb AS object, $3::text[] AS list, $4::bytea AS bytes, $5::timestamptz AS at, $6::boolean AS flag,
    $7::text AS nothing, $8::float8 AS share`;
  const at = new Date('2026-03-04T05:06:07.008Z');
  const values = ['9007199254740993', { a: [1, "it's"] }, ['x', 'y, "z"'], Buffer.from([0, 255]), at, true, null, 0.5];
  const { rows } = await lite.query(text, values);
  expect(await rowsOf(text, values)).toEqual(rows);
  expect(await rowsOf(text, values)).toEqual(rows);
  expect(rows).toEqual([
    {
      big: BigInt('9007199254740993'),
      object: { a: [1, "it's"] },
      list: ['x', 'y, "z"'],
      bytes: Uint8Array.from([0, 255]),
      at,
      flag: true,
      nothing: null,
      share: 0.5,
    },
  ]);
});

test('says what was done, and to how many', async () => {
  await statements.run('CREATE TEMPORARY TABLE counted (id integer)');
  const added = await statements.ask('INSERT INTO counted SELECT * FROM generate_series(1, $1::integer)', [3]);
  expect(added).toMatchObject([{ command: 'INSERT', affectedRows: 3, rows: [] }]);
  const several = await statements.run('SELECT 1 AS one; DELETE FROM counted');
  expect(several).toMatchObject([
    { command: 'SELECT', rows: [{ one: 1 }] },
    { command: 'DELETE', affectedRows: 3 },
  ]);
});

test('a statement is parsed once, and only so many are kept', async () => {
  const before = await countPrepared();
  for (let round = 0; round < 3; round++) await rowsOf('SELECT $1::integer AS value', [round]);
  expect(await countPrepared()).toBe(before + 1);
  for (let each = 0; each < 250; each++)
    expect(await rowsOf(`SELECT $1::integer + ${each} AS sum`, [1])).toEqual([{ sum: each + 1 }]);
  expect(await countPrepared()).toBe(before + 100);
});

test('one that is asked again and again stays when others come and go', async () => {
  const often = 'SELECT $1::integer AS often';
  await rowsOf(often, [0]);
  const nameOf = async () =>
    (
      await lite.query('SELECT name FROM pg_prepared_statements WHERE statement = $1 ORDER BY prepare_time DESC', [
        often,
      ])
    ).rows;
  const name = await nameOf();
  for (let each = 0; each < 150; each++) {
    await rowsOf(`SELECT $1::integer * ${each} AS product`, [1]);
    await rowsOf(often, [each]);
  }
  expect(await nameOf()).toEqual(name);
});

test('a failure says its state, ends nothing else, and the same statement works afterwards', async () => {
  await statements.run('CREATE TEMPORARY TABLE once (id integer PRIMARY KEY)');
  const add = 'INSERT INTO once VALUES ($1)';
  await statements.ask(add, [1]);
  await expect(statements.ask(add, [1])).rejects.toMatchObject({ code: '23505', constraint: 'once_pkey' });
  await statements.run('BEGIN');
  await expect(statements.ask(add, [1])).rejects.toMatchObject({ code: '23505' });
  await expect(statements.ask(add, [2])).rejects.toMatchObject({ code: '25P02' });
  await statements.run('ROLLBACK');
  await statements.ask(add, [2]);
  await expect(statements.ask(add, ['two'])).rejects.toMatchObject({ code: '22P02' });
  await expect(statements.ask('SELECT $1 FROM nowhere', [1])).rejects.toMatchObject({ code: '42P01' });
  expect(await rowsOf('SELECT id FROM once WHERE id >= $1 ORDER BY id', [1])).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a table that becomes another one is known after one failure', async () => {
  await statements.run('CREATE TEMPORARY TABLE changing (id integer)');
  const read = 'SELECT * FROM changing WHERE $1';
  await statements.ask('INSERT INTO changing VALUES ($1)', [1]);
  expect(await rowsOf(read, [true])).toEqual([{ id: 1 }]);
  await statements.run("ALTER TABLE changing ADD COLUMN word text DEFAULT 'new'");
  await expect(rowsOf(read, [true])).rejects.toMatchObject({ code: '0A000' });
  expect(await rowsOf(read, [true])).toEqual([{ id: 1, word: 'new' }]);
});

describe('plans', () => {
  const read = 'SELECT * FROM growing WHERE id = $1';

  /** Whether the plan that is kept for the statement reads the whole table. */
  async function readsAll(): Promise<boolean> {
    const { rows } = await lite.query<{ name: string }>(
      'SELECT name FROM pg_prepared_statements WHERE statement = $1',
      [read],
    );
    const explained = await lite.exec(
      `SET plan_cache_mode = force_generic_plan; EXPLAIN EXECUTE ${rows[0]?.name} (5); RESET plan_cache_mode`,
    );
    return JSON.stringify(explained).includes('Seq Scan');
  }

  test('are made anew when tables have grown, and not while a transaction is open', async () => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'setTimeout', 'setInterval', 'Date'],
    });
    statements = new Statements(lite);
    await statements.run('CREATE TABLE growing (id integer PRIMARY KEY, word text); ANALYZE growing');
    await statements.ask('INSERT INTO growing VALUES ($1, $2)', [0, 'first']);
    for (let each = 0; each < 8; each++) await rowsOf(read, [each]);
    await statements.run('INSERT INTO growing SELECT id, repeat(id::text, 20) FROM generate_series(1, 20000) AS id');
    const wasAll = await readsAll();
    await statements.run('BEGIN');
    jest.advanceTimersByTime(10_001);
    await rowsOf(read, [1]);
    expect(await readsAll()).toBe(wasAll);
    await statements.run('COMMIT');
    await rowsOf(read, [1]);
    expect(wasAll).toBe(true);
    expect(await readsAll()).toBe(false);
  });
});
