// Makes the empty database from which every embedded one begins; to be run when migrations or the libraries of the database have changed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../src/database/database.ts';
import { packPrepared, preparedFile } from '../src/database/prepared.ts';
import { createJobs } from '../src/jobs/jobs.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';

const dataDir = await mkdtemp(join(tmpdir(), 'platen-prepared-'));
// Else it would begin from the one that is there.
await rm(preparedFile(), { force: true });
{
  await using database = openDatabase({ url: undefined, dataDir });
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
  // The queue has made its tables when something can be given to it.
  await jobs.transaction(async () => undefined);
  // What led to it is not needed any more.
  await database.execute('SET wal_recycle = off');
  await database.execute('SELECT pg_switch_wal()');
}
const file = packPrepared(join(dataDir, 'database'));
await rm(dataDir, { recursive: true });
process.stdout.write(`${file.pathname}\n`);
