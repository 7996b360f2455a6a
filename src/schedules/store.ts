// The SQL of schedules: when the next turn of each is due, and who carries one out.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';

export const schedulesChannel = 'platen_schedules';

export interface ScheduleName {
  kind: string;
  name: string;
}

/** After one that has failed. */
export const longestPauseSeconds = 3600;

export interface ClaimedTurn extends ScheduleName {
  /** Of this claim and no other. */
  holder: string;
  dueAt: Date;
  /** Turns before it that have failed, in a row. */
  failures: number;
}

const told = sql`pg_notify(${schedulesChannel}, '')`;

/** Makes it known, and due now where it is not due yet for any time. */
export async function addSchedule(queries: Queries, { kind, name }: ScheduleName, everySeconds: number): Promise<void> {
  await sql`
    INSERT INTO platen.schedules AS present (kind, name, due_at, longest_seconds) VALUES (${kind}, ${name}, clock_timestamp(), ${Math.max(everySeconds, longestPauseSeconds)})
    ON CONFLICT (kind, name) DO UPDATE SET longest_seconds = excluded.longest_seconds,
      due_at = CASE WHEN present.holder IS NULL THEN coalesce(present.due_at, excluded.due_at) ELSE present.due_at END`.execute(
    queries,
  );
}

/** Due as soon as so many seconds have passed since its last turn was begun; belongs to the transaction. */
export async function askForTurn(tx: Queries, { kind, name }: ScheduleName, pauseSeconds: number): Promise<void> {
  await sql`
    WITH asked AS (
      INSERT INTO platen.schedules AS present (kind, name, due_at) VALUES (${kind}, ${name}, clock_timestamp())
      ON CONFLICT (kind, name) DO UPDATE SET
        due_at = least(present.due_at, greatest(clock_timestamp(), least(present.begun_at, clock_timestamp()) + make_interval(secs => ${pauseSeconds})))
      RETURNING kind
    )
    SELECT ${told} FROM asked`.execute(tx);
}

/** Whether its turn has come, or its process has died; what is further off than it can be was set by a clock that has been put back since. */
const isDue = (seconds: number) => sql`(
  (holder IS NULL AND (due_at <= now() OR due_at > now() + make_interval(secs => longest_seconds)))
  OR held_until < now() OR held_until > now() + make_interval(secs => ${2 * seconds}))`;

/** Those turns that are due and nobody carries out; nobody else does so until the claim has run out. */
export async function claimTurns(
  queries: Queries,
  { kinds, seconds, most }: { kinds: readonly string[]; seconds: number; most: number },
): Promise<ClaimedTurn[]> {
  const { rows } = await sql<ClaimedTurn>`
    UPDATE platen.schedules SET holder = gen_random_uuid(), held_until = clock_timestamp() + make_interval(secs => ${seconds}), begun_at = clock_timestamp(),
      turn_due_at = coalesce(turn_due_at, due_at), due_at = CASE WHEN turn_due_at IS NULL THEN NULL ELSE due_at END
    WHERE (kind, name) IN (
      SELECT kind, name FROM platen.schedules WHERE kind = ANY(string_to_array(${kinds.join(',')}, ',')) AND ${isDue(seconds)}
      ORDER BY coalesce(turn_due_at, due_at) LIMIT ${most} FOR UPDATE SKIP LOCKED)
    RETURNING kind, name, holder, turn_due_at AS "dueAt", failures`.execute(queries);
  return rows;
}

/** @returns whether it is still this process's. */
export async function holdTurn(
  queries: Queries,
  { kind, name, holder }: ClaimedTurn,
  seconds: number,
): Promise<boolean> {
  const { rows } = await sql`
    UPDATE platen.schedules SET held_until = clock_timestamp() + make_interval(secs => ${seconds})
    WHERE kind = ${kind} AND name = ${name} AND holder = ${holder} RETURNING name`.execute(queries);
  return rows.length > 0;
}

/** When the next turn comes: after so many seconds, at a time, or not before one is asked for. */
export type NextTurn = { afterSeconds: number } | { at: Date } | undefined;

/** Ends a turn; who asked for another meanwhile gets it earlier. @returns whether it was still this process's. */
export async function endTurn(
  tx: Queries,
  { kind, name, holder }: ClaimedTurn,
  { next, failures }: { next: NextTurn; failures: number },
): Promise<boolean> {
  const at =
    next === undefined
      ? sql`NULL::timestamptz`
      : 'at' in next
        ? sql`${next.at.toISOString()}::timestamptz`
        : sql`clock_timestamp() + make_interval(secs => ${next.afterSeconds})`;
  const { rows } = await sql`
    WITH ended AS (
      UPDATE platen.schedules SET due_at = least(due_at, ${at}), turn_due_at = NULL, holder = NULL, held_until = NULL, failures = ${failures}
      WHERE kind = ${kind} AND name = ${name} AND holder = ${holder} RETURNING name
    )
    SELECT ${told} FROM ended`.execute(tx);
  return rows.length > 0;
}

/** Milliseconds until there may be something to do; undefined where nothing is due at any time. */
export async function findPause(queries: Queries, kinds: readonly string[]): Promise<number | undefined> {
  const { rows } = await sql<{ ms: number | null }>`
    SELECT (extract(epoch FROM min(coalesce(held_until, due_at)) - clock_timestamp()) * 1000)::float8 AS ms FROM platen.schedules
    WHERE kind = ANY(string_to_array(${kinds.join(',')}, ','))`.execute(queries);
  return rows[0]?.ms ?? undefined;
}
