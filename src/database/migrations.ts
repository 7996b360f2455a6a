// Brings the tables to the state that this version wants: the files of migrations/, in order, each once, forward only.

import { readdir, readFile } from 'node:fs/promises';
import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { UnusableDatabase } from './connection.ts';

const folder = new URL('./migrations/', import.meta.url);

async function readMigrations() {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql'));
  const entries = names.map(async (name) => {
    const text = await readFile(new URL(name, folder), 'utf8');
    const up = async (db: Kysely<unknown>) => {
      await sql.raw(text).execute(db);
    };
    return [name.replace('.sql', ''), { up }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A migration that this version does not know, if one was applied. */
async function findLater(db: Kysely<unknown>, known: string[]): Promise<string | undefined> {
  const { rows } = await sql<{ name: string }>`SELECT name FROM platen.migrations ORDER BY name DESC`.execute(db);
  return rows.map(({ name }) => name).find((name) => !known.includes(name));
}

/**
 * Applies what is not applied yet, all or nothing, while no other process does.
 * @param last the name of the last one to apply; without it all are.
 * @throws when one fails, or when the database was brought further by a later version.
 */
export async function migrate(db: Kysely<unknown>, schema: string, last?: string): Promise<void> {
  const known = await readMigrations();
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => known },
    migrationTableSchema: schema,
    migrationTableName: 'migrations',
    migrationLockTableName: 'migration_lock',
  });
  const { error } = await (last === undefined ? migrator.migrateToLatest() : migrator.migrateTo(last));
  if (error === undefined) return;
  const later = await findLater(db, Object.keys(known)).catch(() => undefined);
  throw later === undefined ? error : new UnusableDatabase(`a later version has brought it to ${later}`);
}
