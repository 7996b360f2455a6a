// The thread in which the embedded database runs, so that no statement of its holds up a request.

import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, types } from '@electric-sql/pglite';
import type { EmbeddedAnswer, EmbeddedRequest } from './embedded.ts';
import { unpackPrepared } from './prepared.ts';
import { Statements } from './statements.ts';

const { folder } = workerData as { folder: string };
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a thread');

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** As the driver of PostgreSQL gives them: numbers that may be too large for JavaScript as text. */
const parsers = { [types.INT8]: (text: string) => text };

const open = (dataDir: string) => PGlite.create({ dataDir, parsers });

/** Its state in memory is broken, and what it answers means nothing: only a new one, on the same folder, can go on. */
class BrokenInstance extends Error {
  readonly code = '57P02';
}

/** Made aside and put in its place when it is whole, so that a crash on the way leaves no half of one. */
async function make(): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  if (!unpackPrepared(unfinished)) await (await open(unfinished)).close();
  await rename(unfinished, folder);
}

async function openFolder(): Promise<PGlite> {
  if (!(await isThere(folder))) await make();
  const parts = ['PG_VERSION', 'global/pg_control', 'base', 'pg_wal'];
  const missing = await Promise.all(parts.map(async (part) => !(await isThere(join(folder, part)))));
  if (missing.includes(true)) {
    const names = parts.filter((_, index) => missing[index]).join(', ');
    const reason = `DATA_DIR/database is not whole (${names} missing): restore a backup, or move it away`;
    throw Object.assign(new Error(reason), { reason });
  }
  return open(folder);
}

/** After a panic the library answers everything with nothing, as if it had succeeded: what was really done names its command. */
function checkResults<T extends { command?: string }>(results: T[]): (T & { command: string })[] {
  if (results.length === 0 || results.some(({ command }) => command === undefined))
    throw new BrokenInstance('the embedded database does not answer any more: it is opened again');
  return results as (T & { command: string })[];
}

async function answer(
  { lite, statements }: { lite: PGlite; statements: Statements },
  request: EmbeddedRequest,
): Promise<EmbeddedAnswer['result']> {
  if ('channel' in request) {
    await lite.listen(request.channel, (payload) => port?.postMessage({ channel: request.channel, payload }));
    return undefined;
  }
  if ('close' in request) {
    await lite.exec('CHECKPOINT');
    await lite.close();
    return undefined;
  }
  const { text, values = [], before } = request;
  if (before !== undefined) checkResults(await statements.run(before));
  // Only without values can there be several statements.
  const results = checkResults(await (values.length > 0 ? statements.ask(text, values) : statements.run(text)));
  const last = results.at(-1);
  return {
    rows: results.flatMap(({ rows }) => rows),
    rowCount: last?.affectedRows ?? 0,
    command: (last?.command.split(' ')[0] ?? 'SELECT') as 'SELECT',
  };
}

/** What an error says, in a form that goes to another thread. */
function describe(error: unknown): NonNullable<EmbeddedAnswer['error']> {
  const { message, code, detail, constraint, reason } = error as Error & Record<string, string | undefined>;
  return { message, code, detail, constraint, reason };
}

/** An error without a state, or with one that says so, is the library's own end and not the statement's. */
const isBroken = (error: unknown) => !/^(?!57P02|XX)[0-9A-Z]{5}$/.test((error as { code?: string }).code ?? '');

try {
  const lite = await openFolder();
  const opened = { lite, statements: new Statements(lite) };
  port.on('message', async (request: EmbeddedRequest) => {
    try {
      port.postMessage({ id: request.id, result: await answer(opened, request) });
      if ('close' in request) port.close();
    } catch (error) {
      port.postMessage({ id: request.id, error: describe(error) });
      if ('close' in request || isBroken(error)) port.close();
    }
  });
  port.postMessage({ id: 0 });
} catch (error) {
  port.postMessage({ id: 0, error: describe(error) });
  port.close();
}
