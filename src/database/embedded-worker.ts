// The thread in which the embedded database runs, so that no statement of its holds up a request.

import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, types } from '@electric-sql/pglite';
import type { EmbeddedAnswer, EmbeddedRequest } from './embedded.ts';

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

/** Made aside and put in its place when it is whole, so that a crash on the way leaves no half of one. */
async function make(): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  await (await open(unfinished)).close();
  await rename(unfinished, folder);
}

async function openFolder(): Promise<PGlite> {
  if (!(await isThere(folder))) await make();
  const parts = ['PG_VERSION', 'global/pg_control', 'base', 'pg_wal'];
  const missing = await Promise.all(parts.map(async (part) => !(await isThere(join(folder, part)))));
  if (missing.includes(true)) {
    const names = parts.filter((_, index) => missing[index]).join(', ');
    throw new Error(`DATA_DIR/database is not whole (${names} missing): restore a backup, or move it away`);
  }
  return open(folder);
}

async function answer(lite: PGlite, request: EmbeddedRequest): Promise<EmbeddedAnswer['result']> {
  if ('channel' in request) {
    await lite.listen(request.channel, (payload) => port?.postMessage({ channel: request.channel, payload }));
    return undefined;
  }
  if ('close' in request) {
    await lite.exec('CHECKPOINT');
    await lite.close();
    return undefined;
  }
  const { text, values = [] } = request;
  // Only without values can there be several statements.
  const results = values.length > 0 ? [await lite.query(text, values)] : await lite.exec(text);
  return { rows: results.flatMap(({ rows }) => rows), rowCount: results.at(-1)?.affectedRows ?? 0 };
}

/** What an error says, in a form that goes to another thread. */
function describe(error: unknown) {
  const { message, code, detail, constraint } = error as Error & Record<string, string | undefined>;
  return { message, code, detail, constraint };
}

try {
  const lite = await openFolder();
  port.on('message', async (request: EmbeddedRequest) => {
    try {
      port.postMessage({ id: request.id, result: await answer(lite, request) });
    } catch (error) {
      port.postMessage({ id: request.id, error: describe(error) });
    }
    if ('close' in request) port.close();
  });
  port.postMessage({ id: 0 });
} catch (error) {
  port.postMessage({ id: 0, error: describe(error) });
  port.close();
}
