// The SQL of events that wait for Kafka: written with what they tell of, read in order, and kept until they were sent.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { WaitingEvent } from './contract.ts';

export const eventsChannel = 'platen_events';

const readAtOnce = 200;
const firstPauseSeconds = 1;
const longestPauseSeconds = 300;

interface NewEvent {
  type: string;
  tenant: string;
  key: string;
  body: object;
}

/** Belongs to the transaction: it is told of when that commits, or never. */
export async function addEvent(tx: Queries, { type, tenant, key, body }: NewEvent): Promise<void> {
  await sql`
    WITH added AS (
      INSERT INTO platen.events (id, type, tenant, key, body) VALUES (gen_random_uuid(), ${type}, ${tenant}, ${key}, ${JSON.stringify(body)}) RETURNING id
    )
    SELECT pg_notify(${eventsChannel}, '') FROM added`.execute(tx);
}

/** Whether an event still has to wait. One that was never tried has not: only a clock that was put back says so; nor does any for longer than the longest pause. */
const hasToWait = (event: RawBuilder<unknown>) => sql`
  (${event}.attempts > 0 AND ${event}.next_at > clock_timestamp()
    AND ${event}.next_at <= clock_timestamp() + make_interval(secs => ${longestPauseSeconds}))`;

/** Those that may be sent now, in order: one that has to wait holds back the later ones of its key. */
export async function readDue(queries: Queries): Promise<WaitingEvent[]> {
  const { rows } = await sql<WaitingEvent>`
    SELECT seq, id, type, key, body, attempts, extract(epoch FROM clock_timestamp() - created_at)::float8 AS "ageSeconds"
    FROM platen.events AS event
    WHERE state = 'waiting' AND kind = 'kafka' AND NOT ${hasToWait(sql`event`)}
      AND NOT EXISTS (
        SELECT FROM platen.events AS earlier
        WHERE earlier.state = 'waiting' AND earlier.kind = 'kafka' AND earlier.key = event.key
          AND earlier.seq < event.seq AND ${hasToWait(sql`earlier`)})
    ORDER BY seq LIMIT ${readAtOnce}`.execute(queries);
  return rows;
}

const seqsOf = (events: readonly WaitingEvent[]) => events.map(({ seq }) => seq).join(',');

export async function markSent(queries: Queries, events: readonly WaitingEvent[]): Promise<void> {
  await sql`
    UPDATE platen.events SET state = 'sent', sent_at = clock_timestamp(), last_error = NULL
    WHERE seq = ANY(string_to_array(${seqsOf(events)}, ',')::bigint[]) AND state = 'waiting'`.execute(queries);
}

/** It is tried again later, each time after twice the pause; after so many attempts it is set aside. */
export async function markFailed(
  queries: Queries,
  event: WaitingEvent,
  { error, mostAttempts }: { error: string; mostAttempts: number },
): Promise<'waiting' | 'parked'> {
  const pause = Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** event.attempts);
  const state = event.attempts + 1 >= mostAttempts ? 'parked' : 'waiting';
  await sql`
    UPDATE platen.events SET state = ${state}, attempts = attempts + 1, last_error = ${error},
      next_at = clock_timestamp() + make_interval(secs => ${pause})
    WHERE seq = ${event.seq} AND state = 'waiting'`.execute(queries);
  return state;
}

/** Takes what one process does for all, or goes on with it; by a clock that was put back none lasts for longer than it is taken for. @returns whether it is this one's. */
export async function takeLease(
  queries: Queries,
  { name, holder, seconds }: { name: string; holder: string; seconds: number },
): Promise<boolean> {
  const { rows } = await sql`
    INSERT INTO platen.leases AS present (name, holder, expires_at)
    VALUES (${name}, ${holder}, clock_timestamp() + make_interval(secs => ${seconds}))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE present.holder = excluded.holder OR present.expires_at < clock_timestamp()
      OR present.expires_at > clock_timestamp() + make_interval(secs => ${seconds})
    RETURNING name`.execute(queries);
  return rows.length > 0;
}

export async function giveLeaseBack(
  queries: Queries,
  { name, holder }: { name: string; holder: string },
): Promise<void> {
  await sql`DELETE FROM platen.leases WHERE name = ${name} AND holder = ${holder}`.execute(queries);
}
