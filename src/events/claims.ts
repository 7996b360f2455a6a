// The SQL of events that are claimed for one attempt each: what became of the attempt.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { WaitingEvent } from './contract.ts';

/** Whoever else has claimed it since: what was taken is not sent again. */
export async function markDelivered(queries: Queries, { seq }: WaitingEvent): Promise<void> {
  await sql`
    UPDATE platen.events SET state = 'sent', sent_at = clock_timestamp(), last_error = NULL
    WHERE seq = ${seq} AND state <> 'sent'`.execute(queries);
}

/** It is tried again after a pause; without one it is set aside. Nothing is done where another has begun since. */
export async function markUndelivered(
  queries: Queries,
  { seq, attempts }: WaitingEvent,
  { error, pauseSeconds }: { error: string; pauseSeconds: number | undefined },
): Promise<void> {
  await sql`
    UPDATE platen.events SET state = ${pauseSeconds === undefined ? 'parked' : 'waiting'}, last_error = ${error},
      next_at = clock_timestamp() + make_interval(secs => ${pauseSeconds ?? 0})
    WHERE seq = ${seq} AND state = 'waiting' AND attempts = ${attempts}`.execute(queries);
}

/** As if it had not been claimed. */
export async function giveBack(queries: Queries, { seq, attempts }: WaitingEvent): Promise<void> {
  await sql`
    UPDATE platen.events SET attempts = attempts - 1, next_at = clock_timestamp()
    WHERE seq = ${seq} AND state = 'waiting' AND attempts = ${attempts}`.execute(queries);
}
