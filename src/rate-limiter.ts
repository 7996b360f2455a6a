// How often one caller may do something that costs much, over all processes of one database.

import { sql } from 'kysely';
import type { Database } from './database/database.ts';
import { fail } from './errors.ts';

export interface RateLimiter {
  /** Counts one more for this caller. @throws rate_limited, with the time to wait, where it has had as many as it may; database_unavailable. */
  take(caller: string): Promise<void>;
}

interface Options {
  database: Database;
  /** What is limited; stored. */
  name: string;
  /** How many, in any span of time of this length. */
  limit: number;
  windowSeconds: number;
}

/** Callers who have been quiet, taken away with each that is counted. */
const sweptAtOnce = 10;

/** Remembers when each of the last `limit` was, by the database's clock; those that were refused do not count. */
export function createRateLimiter({ database, name, limit, windowSeconds }: Options): RateLimiter {
  const window = sql`make_interval(secs => ${windowSeconds})`;
  // What lies far ahead is from before the clock was put back.
  const isRecent = sql`at BETWEEN clock_timestamp() - ${window} AND clock_timestamp() + ${window}`;

  return {
    async take(caller) {
      const { rows } = await sql<{ is_taken: boolean; wait: number | null }>`
        WITH quiet AS (
          -- Not by a clock that moves within the statement: no index could be used.
          DELETE FROM platen.rate_limits WHERE (name, caller) IN (
            SELECT name, caller FROM platen.rate_limits
            WHERE expires_at < now() AND (name, caller) <> (${name}, ${caller})
            ORDER BY expires_at LIMIT ${sweptAtOnce} FOR UPDATE SKIP LOCKED)
        ), taken AS (
          INSERT INTO platen.rate_limits AS present (name, caller, taken, expires_at)
          VALUES (${name}, ${caller}, ARRAY[clock_timestamp()], clock_timestamp() + ${window})
          ON CONFLICT (name, caller) DO UPDATE SET
            taken = ARRAY(SELECT at FROM unnest(present.taken) AS at WHERE ${isRecent}) || clock_timestamp(),
            expires_at = clock_timestamp() + ${window}
          WHERE (SELECT count(*) FROM unnest(present.taken) AS at WHERE ${isRecent}) < ${limit}
          RETURNING name
        )
        SELECT EXISTS (SELECT FROM taken) AS is_taken, (
          SELECT ceil(extract(epoch FROM min(at) + ${window} - clock_timestamp()))::integer
          FROM platen.rate_limits, unnest(taken) AS at WHERE name = ${name} AND caller = ${caller} AND ${isRecent}
        ) AS wait`.execute(database.queries);
      const [row] = rows;
      if (row?.is_taken !== true)
        throw fail('rate_limited', { retryAfterSeconds: Math.max(1, row?.wait ?? windowSeconds) });
    },
  };
}
