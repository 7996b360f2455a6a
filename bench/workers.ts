// One worker process against two on one machine, with a front of their own, on one PostgreSQL and one bucket.

import { randomBytes } from 'node:crypto';
import { createPostgresDatabase } from '../test/support/postgres-database.ts';
import { startScriptedS3 } from '../test/support/scripted-s3.ts';
import { reportTokenSecret } from '../test/support/tokens.ts';
import { runClass } from './class-run.ts';
import { startPlaten, startServer } from './processes.ts';
import type { Section } from './report.ts';
import { median, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const students = 60;
const school = '5619';

/** Reports per second of each round. */
async function measure(workers: number, concurrency: number): Promise<number[]> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createPostgresDatabase(process.env.DATABASE_URL ?? ''));
  const s3 = stack.use(await startScriptedS3());
  const frontend = stack.use(await startServer(['bench/large-school.ts'], {}));
  const env = {
    ...s3.env,
    DATABASE_URL: database.url,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    FRONTEND_ORIGINS: frontend.url.replace('127.0.0.1', 'localhost'),
    REPORT_TOKEN_SECRET: reportTokenSecret,
    RENDER_CONCURRENCY: String(concurrency),
  };
  const front = stack.use(await startPlaten({ ...env, PLATEN_ROLE: 'api' }));
  for (let each = 0; each < workers; each++) stack.use(await startPlaten({ ...env, PLATEN_ROLE: 'worker' }));
  const studentIds = Array.from(
    { length: students },
    (_, index) => `STU_${school}_${String(index + 1).padStart(2, '0')}`,
  );
  const speeds: number[] = [];
  // The first warms up.
  for (let number = 0; number <= rounds; number++) {
    const startedAt = performance.now();
    await runClass(front.url, { classId: `CLASS_${school}`, testId: '1', studentIds });
    if (number > 0) speeds.push((students * 1000) / (performance.now() - startedAt));
  }
  return speeds;
}

/** Takes about eight minutes. */
export async function measureWorkers(): Promise<Section> {
  const title = 'Two workers on one machine';
  if (process.env.DATABASE_URL === undefined)
    return { title, text: ['Not measured: DATABASE_URL names no PostgreSQL.'], tables: [] };
  const layouts: [string, number, number][] = [
    ['one worker, 2 at once', 1, 2],
    ['two workers, 1 at once each', 2, 1],
    ['one worker, 1 at once', 1, 1],
  ];
  const rows: (string | number)[][] = [];
  for (const [name, workers, concurrency] of layouts)
    rows.push([name, round(median(await measure(workers, concurrency)), 2)]);
  return {
    title,
    text: [
      `The class run of ${students} above, but with the animations of its charts; one process for HTTP (\`PLATEN_ROLE=api\`) and workers, on PostgreSQL and a bucket in memory; medians of ${rounds} runs after one ` +
        'to warm up. All share this machine: more processes do not make more processors.',
    ],
    tables: [{ columns: ['', 'reports/s'], rows }],
  };
}
