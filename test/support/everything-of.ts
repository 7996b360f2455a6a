// What a database and a folder hold of somebody: every table is read as text, every file by its name and content.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Database } from '../../src/database/database.ts';

/** @returns the tables of all schemas of ours in which one of the words stands, with a row that holds it. */
export async function tablesWith(database: Database, words: readonly string[]): Promise<Record<string, string>> {
  const { rows } = await sql<{ schema: string; name: string }>`
    SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`.execute(
    database.queries,
  );
  const found: Record<string, string> = {};
  for (const { schema, name } of rows) {
    const table = sql.table(`${schema}.${name}`);
    const content = await sql<{ row: string }>`SELECT each::text AS row FROM ${table} AS each`.execute(
      database.queries,
    );
    const hit = content.rows.find(({ row }) => words.some((word) => row.includes(word)));
    if (hit !== undefined) found[name] = hit.row;
  }
  return found;
}

/** @returns the files below the folder in whose name or content one of the words stands. */
export async function filesWith(folder: string, words: readonly string[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const content = entry.isFile() ? await readFile(path, 'latin1') : '';
    if (words.some((word) => path.slice(folder.length).includes(word) || content.includes(word))) found.push(path);
  }
  return found;
}
