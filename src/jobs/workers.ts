// Which processes do jobs: each says every few seconds that it is there, and one that only accepts them knows whether anybody is to do them.

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';

const log = createLog('jobs');

const usualAbsentMs = 60_000;
/** Of that time, in which a worker says that it is there, and an answer is good. */
const sayPart = 1 / 4;
const askPart = 1 / 20;

export interface WorkersStatus {
  state: 'up' | 'down';
  reason?: string;
}

interface Options {
  database: Database;
  /** For how long nobody has to be there before that is told. */
  absentMs?: number | undefined;
}

/** Says that this process does jobs, until it is disposed. */
export function announceWorker({ database, absentMs = usualAbsentMs }: Options): AsyncDisposable {
  const id = randomUUID();
  let saying = Promise.resolve();
  const say = () => {
    saying = sql`
      WITH gone AS (DELETE FROM platen.workers WHERE seen_at < now() - interval '1 hour')
      INSERT INTO platen.workers (id, seen_at) VALUES (${id}, now())
      ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`
      .execute(database.queries)
      .then(
        () => undefined,
        (error) => void log.debug('Nobody could be told that this process does jobs', { error }),
      );
  };
  say();
  const timer = setInterval(say, absentMs * sayPart).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await saying;
      const leaving = sql`DELETE FROM platen.workers WHERE id = ${id}`.execute(database.queries);
      await leaving.catch(() => undefined);
    },
  };
}

/** Knows whether some process has said lately that it does jobs. */
export function watchWorkers({ database, absentMs = usualAbsentMs }: Options): () => Promise<WorkersStatus> {
  // Those that were started with this one may not have come so far.
  let seenAt = performance.now();
  let askedAt = Number.NEGATIVE_INFINITY;
  const ask = async () => {
    const { rows } = await sql<{ ago: number | null }>`
      SELECT extract(epoch FROM now() - max(seen_at))::float8 * 1000 AS ago FROM platen.workers`.execute(
      database.queries,
    );
    const ago = rows[0]?.ago;
    if (typeof ago === 'number') seenAt = Math.max(seenAt, performance.now() - ago);
  };
  return async () => {
    const now = performance.now();
    if (now - askedAt > absentMs * askPart) {
      askedAt = now;
      // Of a database that is away its own status tells.
      await ask().catch(() => undefined);
    }
    if (performance.now() - seenAt <= absentMs) return { state: 'up' };
    const seconds = Math.round(absentMs / 1000);
    return { state: 'down', reason: `no worker has been there for ${seconds} s: jobs wait (PLATEN_ROLE=worker)` };
  };
}
