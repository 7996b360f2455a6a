// An embedded database that was made once: making one takes seconds, a copy of it a tenth of one.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/database/database.ts';
import { createJobs } from '../../src/jobs/jobs.ts';
import { createSealing } from '../../src/jobs/sealing.ts';
import { createMetrics } from '../../src/metrics.ts';

const run = promisify(execFile);
const migrations = new URL('../../src/database/migrations/', import.meta.url);
const lock = new URL('../../package-lock.json', import.meta.url);

/** Another one for every user of the machine, and every version of the tables and of the libraries. */
async function templateFolder(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(lock));
  for (const name of (await readdir(migrations)).sort()) hash.update(await readFile(new URL(name, migrations)));
  return join(tmpdir(), `platen-test-database-${userInfo().uid}-${hash.digest('hex').slice(0, 16)}`);
}

async function makeTemplate(folder: string): Promise<void> {
  const made = await mkdtemp(join(tmpdir(), 'platen-test-making-'));
  {
    await using database = openDatabase({ url: undefined, dataDir: made });
    // Takes longer than anybody would wait for, on a machine with much else to do.
    await database.ready;
    await using jobs = createJobs({
      database,
      isEmbedded: true,
      sealing: createSealing(Buffer.alloc(32)),
      concurrency: 0,
      metrics: createMetrics(),
      timeoutMs: 1000,
      historyDays: 1,
    });
    jobs.start();
    await jobs.transaction(async () => undefined);
  }
  // Two who make it at once make the same.
  await rename(made, folder).catch(() => rm(made, { recursive: true }));
}

/** Puts a database into the folder, unless it has one. */
export async function copyDatabaseTemplate(dataDir: string): Promise<void> {
  const target = join(dataDir, 'database');
  const isThere = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  if (await isThere(target)) return;
  const folder = await templateFolder();
  if (!(await isThere(folder))) await makeTemplate(folder);
  await mkdir(dataDir, { recursive: true });
  // A tenth of the time that Node takes for a thousand files.
  await run('cp', ['-r', join(folder, 'database'), target]);
}
