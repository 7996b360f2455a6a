// The prepared database: made for exactly these migrations and libraries, the same as one that is made, and nobody's.

import { appendFile, cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Database, openDatabase } from '../src/database/database.ts';
import { preparedFile, unpackPrepared } from '../src/database/prepared.ts';
import { configureLog } from '../src/log.ts';
import { startServiceProcess } from './support/process.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const root = fileURLToPath(new URL('..', import.meta.url));
const parts = new AsyncDisposableStack();
const makeFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'platen-prepared-'));
  parts.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
};
afterAll(() => parts.disposeAsync());

test('it is that of these migrations and libraries: else run "npm run prepare-database"', async () => {
  const there = await readdir(new URL('.', preparedFile()));
  expect(there).toEqual([basename(preparedFile().pathname)]);
});

/** After two versions of its format: made once for each database, and kept in all copies of it. */
const identifierOf = async (database: string) =>
  (await readFile(join(database, 'global', 'pg_control'))).readBigUInt64LE(0);

describe('an embedded database', () => {
  let prepared: string;
  let database: Database;
  beforeAll(async () => {
    prepared = await makeFolder();
    unpackPrepared(prepared);
    const dataDir = await makeFolder();
    database = parts.use(openDatabase({ url: undefined, dataDir }));
    await database.ready;
    expect(await identifierOf(join(dataDir, 'database'))).toBe(await identifierOf(prepared));
  });

  const ask = async (text: string) => (await database.execute(text)).rows;

  test('begins from it, and nothing of anybody is in it', async () => {
    const tables = (await ask(
      `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
       WHERE table_schema LIKE 'platen%' AND table_type = 'BASE TABLE' ORDER BY 1`,
    )) as { name: string }[];
    const filled: string[] = [];
    for (const { name } of tables) if ((await ask(`SELECT FROM ${name} LIMIT 1`)).length > 0) filled.push(name);
    // Which versions it is of, and that nobody has the lock of migrations.
    expect(filled).toEqual(['platen.migration_lock', 'platen.migrations', 'platen_queue.version']);
    expect(await ask('SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin')).toEqual([
      { rolname: 'postgres', rolpassword: null },
    ]);
  });

  /** Tables, columns, indexes, constraints and functions, and to which version the queue has brought its own. */
  const describeAll = async (asked: Database) => {
    const { rows } = await asked.execute(`
        WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname LIKE 'platen%')
        SELECT nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid) FROM ours
          JOIN pg_class ON relnamespace = ours.oid JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
          LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        UNION ALL SELECT nspname, relname, NULL, relkind::text, NULL, pg_get_indexdef(pg_class.oid) FROM ours JOIN pg_class ON relnamespace = ours.oid
        UNION ALL SELECT nspname, conname, NULL, NULL, NULL, pg_get_constraintdef(pg_constraint.oid) FROM ours JOIN pg_constraint ON connamespace = ours.oid
        UNION ALL SELECT nspname, proname, NULL, NULL, NULL, pg_get_functiondef(pg_proc.oid) FROM ours JOIN pg_proc ON pronamespace = ours.oid
        UNION ALL SELECT 'version', version::text, NULL, NULL, NULL, NULL FROM platen_queue.version
        UNION ALL SELECT 'migration', name, NULL, NULL, NULL, NULL FROM platen.migrations
        ORDER BY 1, 2, 3, 4, 6`);
    // The queue has a table for each day, whose name is the day.
    return (rows as { relname: string }[]).filter(({ relname }) => !/^queue_stats_\d{8}/.test(relname));
  };

  test('is made where it does not fit, as for another version of a migration, and is then the same', async () => {
    const copy = await makeFolder();
    await cp(join(root, 'src'), join(copy, 'src'), { recursive: true });
    await symlink(join(root, 'templates'), join(copy, 'templates'));
    await cp(join(root, 'package.json'), join(copy, 'package.json'));
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    const migrations = join(copy, 'src', 'database', 'migrations');
    const last = (await readdir(migrations)).sort().at(-1) ?? '';
    await appendFile(join(migrations, last), "COMMENT ON SCHEMA platen IS 'another version';\n");
    const dataDir = await makeFolder();
    const main = [process.execPath, '--disable-warning=ExperimentalWarning', join(copy, 'src', 'main.ts')] as const;
    await using service = await startServiceProcess({ DATA_DIR: dataDir }, [...main]);
    await until(async () => (await (await fetch(`${service.url}/readyz`)).json()).database.state === 'up', 300_000);
    await service.stop('SIGTERM');
    expect(await identifierOf(join(dataDir, 'database'))).not.toBe(await identifierOf(prepared));
    await using made = openDatabase({ url: undefined, dataDir });
    const { rows } = await made.execute("SELECT obj_description('platen'::regnamespace) AS comment");
    expect(rows).toEqual([{ comment: 'another version' }]);
    expect(await describeAll(database)).toEqual(await describeAll(made));
  }, 300_000);
});
