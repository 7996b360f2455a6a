// The SQL for those who operate Platen: events listed, told again, counted, and forgotten when they are old.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import { type Kind, kinds } from './contract.ts';
import { eventsChannel } from './outbox.ts';

export const eventStates = ['waiting', 'sent', 'parked'] as const;
export type EventState = (typeof eventStates)[number];

export interface StoredEvent {
  id: string;
  kind: Kind;
  type: string;
  key: string;
  webhookId: string | null;
  linkId: string | null;
  state: EventState;
  attempts: number;
  createdAt: Date;
  nextAt: Date;
  sentAt: Date | null;
  lastError: string | null;
  /** Where in the list it stands: what comes behind it is the next page. */
  place: string;
}

/** Undefined: of all tenants. */
type Tenant = string | undefined;

// Microseconds of its time and its number, exactly.
const columns = sql`id, kind, type, key, webhook_id AS "webhookId", link_id AS "linkId", state, attempts, created_at AS "createdAt", next_at AS "nextAt",
  sent_at AS "sentAt", last_error AS "lastError", (extract(epoch FROM created_at) * 1000000)::bigint || '-' || seq AS place`;

const timeOf = (microseconds: string) => sql`'epoch'::timestamptz + ${microseconds}::float8 * interval '1 microsecond'`;

export interface EventFilter {
  tenant: Tenant;
  from: Date | undefined;
  to: Date | undefined;
  state: EventState | undefined;
}

function conditionsOf({ tenant, from, to, state }: Partial<EventFilter>): RawBuilder<unknown> {
  const conditions = [
    tenant === undefined ? undefined : sql`tenant = ${tenant}`,
    from === undefined ? undefined : sql`created_at >= ${from.toISOString()}::timestamptz`,
    to === undefined ? undefined : sql`created_at < ${to.toISOString()}::timestamptz`,
    state === undefined ? undefined : sql`state = ${state}`,
  ].filter((condition) => condition !== undefined);
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` AND `);
}

/** The newest first, from behind the place of the cursor on. */
export async function findEvents(
  queries: Queries,
  { cursor, most, ...filter }: EventFilter & { cursor: string | undefined; most: number },
): Promise<StoredEvent[]> {
  const [time = '', seq = ''] = cursor?.split('-') ?? [];
  const behind = cursor === undefined ? sql`true` : sql`(created_at, seq) < (${timeOf(time)}, ${seq}::bigint)`;
  const { rows } = await sql<StoredEvent>`
    SELECT ${columns} FROM platen.events WHERE ${conditionsOf(filter)} AND ${behind}
    ORDER BY created_at DESC, seq DESC LIMIT ${most}`.execute(queries);
  return rows;
}

// What is not due yet stays so: `greatest` passes over null.
const again = sql`state = 'waiting', attempts = 0, next_at = greatest(clock_timestamp(), due_at), sent_at = NULL`;

/** As if it had never been tried. Undefined where there is none. */
export async function redriveEvent(
  queries: Queries,
  { tenant, id }: { tenant: Tenant; id: string },
): Promise<StoredEvent | undefined> {
  const { rows } = await sql<StoredEvent & { told: unknown }>`
    WITH redriven AS (
      UPDATE platen.events SET ${again} WHERE id = ${id} AND ${conditionsOf({ tenant })} RETURNING *
    )
    SELECT ${columns}, pg_notify(${eventsChannel}, '')::text AS told FROM redriven`.execute(queries);
  if (rows[0] === undefined) return undefined;
  const { told: _, ...event } = rows[0];
  return event;
}

const replayedAtOnce = 100;

/**
 * Those of a time that were sent or set aside wait again: a batch of them, the oldest first.
 * @param after where the batch before ended.
 * @returns how many, and where it ended; undefined when there are no more.
 */
export async function replayBatch(
  queries: Queries,
  { tenant, from, to, after }: { tenant: Tenant; from: Date; to: Date; after: string | undefined },
): Promise<{ count: number; last: string | undefined }> {
  const [time = '', seq = ''] = after?.split('-') ?? [];
  const behind = after === undefined ? sql`true` : sql`(created_at, seq) > (${timeOf(time)}, ${seq}::bigint)`;
  const { rows } = await sql<{ count: number; last: string | null }>`
    WITH found AS (
      SELECT seq AS number, created_at AS time FROM platen.events WHERE ${conditionsOf({ tenant, from, to })} AND ${behind}
      ORDER BY created_at, seq LIMIT ${replayedAtOnce}
    ), replayed AS (
      UPDATE platen.events SET ${again} FROM found WHERE seq = found.number AND state <> 'waiting' RETURNING seq
    )
    SELECT (SELECT count(*)::integer FROM replayed) AS count, (SELECT count(pg_notify(${eventsChannel}, '')) FROM (SELECT FROM replayed LIMIT 1) AS few) AS told,
      (SELECT (extract(epoch FROM time) * 1000000)::bigint || '-' || number FROM found ORDER BY time DESC, number DESC LIMIT 1) AS last`.execute(
    queries,
  );
  const { count = 0, last = null } = rows[0] ?? {};
  return { count, last: last ?? undefined };
}

const forgottenAtOnce = 1000;

/** Some of those that were sent long ago. @returns whether there may be more. */
export async function forgetSent(queries: Queries, days: number): Promise<boolean> {
  // `now()`: a clock that may move within a statement is asked for each row, and no index can be used.
  const { rows } = await sql`
    DELETE FROM platen.events WHERE seq IN (
      SELECT seq FROM platen.events WHERE state = 'sent' AND sent_at < now() - make_interval(days => ${days})
      ORDER BY sent_at LIMIT ${forgottenAtOnce} FOR UPDATE SKIP LOCKED)
    RETURNING seq`.execute(queries);
  return rows.length === forgottenAtOnce;
}

export interface EventFigures {
  waiting: Record<Kind, number>;
  parked: Record<Kind, number>;
  oldestSeconds: Record<Kind, number>;
}

const mostCounted = 10_000;
/** A mail that is written ahead waits for its day, and not for us. */
const isWaiting = (kind: Kind) =>
  kind === 'mail' ? sql`state = 'waiting' AND coalesce(due_at, created_at) <= now()` : sql`state = 'waiting'`;
const since = (kind: Kind) => (kind === 'mail' ? sql`coalesce(due_at, created_at)` : sql`created_at`);
const counted = (kind: Kind, condition: RawBuilder<unknown>) => sql`(
  SELECT count(*)::integer FROM (SELECT FROM platen.events WHERE kind = ${sql.lit(kind)} AND ${condition} LIMIT ${mostCounted}) AS few)`;
const age = (kind: Kind) => sql`coalesce((
  SELECT extract(epoch FROM clock_timestamp() - ${since(kind)})::float8 FROM platen.events
  WHERE kind = ${sql.lit(kind)} AND ${isWaiting(kind)}
  ORDER BY ${kind === 'kafka' ? sql`seq` : since(kind)} LIMIT 1), 0)`;
const ofEach = (figure: (kind: Kind) => RawBuilder<unknown>) =>
  sql`json_build_object(${sql.join(kinds.map((kind) => sql`${sql.lit(kind)}, ${figure(kind)}`))})`;

/** Each read by an index of its own. */
export async function countEvents(queries: Queries): Promise<EventFigures | undefined> {
  const { rows } = await sql<EventFigures>`
    SELECT ${ofEach((kind) => counted(kind, isWaiting(kind)))} AS waiting, ${ofEach((kind) => counted(kind, sql`state = 'parked'`))} AS parked,
      ${ofEach(age)} AS "oldestSeconds"`.execute(queries);
  return rows[0];
}
