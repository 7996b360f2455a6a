// The SQL of class runs; their items are the jobs of which the run is the group.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import { readUuid } from '../uuid.ts';
import type { ItemsQuery, RunItem, RunState, RunSummary } from './contract.ts';

type Counts = RunSummary['counts'];

export interface StoredRun {
  id: string;
  classId: string;
  testId: string;
  total: number;
  createdAt: Date;
  counts: Counts;
  warnings: Record<string, number>;
  /** Of the reports that ended last without a pause between them: how many, in how many seconds, and what one took. */
  pace: { ended: number; seconds: number; secondsEach: number };
}

interface NewRun {
  id: string;
  origin: string;
  classId: string;
  testId: string;
  total: number;
  idempotencyKey: string | undefined;
  digest: string;
}

/** A run that was accepted, and the digest of what was asked for. */
export interface KnownRun {
  id: string;
  total: number;
  digest: string;
}

/** The run of an origin that has the idempotency key, if one has. */
export async function findKnownRun(
  queries: Queries,
  { origin, idempotencyKey }: Pick<NewRun, 'origin' | 'idempotencyKey'>,
): Promise<KnownRun | undefined> {
  if (idempotencyKey === undefined) return undefined;
  return queries
    .selectFrom('class_runs')
    .select(['id', 'total', 'request_digest as digest'])
    .where('origin', '=', origin)
    .where('idempotency_key', '=', idempotencyKey)
    .executeTakeFirst();
}

/** @returns whether it was added; it is not where one has its idempotency key already. */
export async function addRun(tx: Queries, run: NewRun): Promise<boolean> {
  const added = await tx
    .insertInto('class_runs')
    .values({
      id: run.id,
      origin: run.origin,
      class_id: run.classId,
      test_id: run.testId,
      idempotency_key: run.idempotencyKey ?? null,
      request_digest: run.digest,
      total: run.total,
    })
    .onConflict((present) => present.doNothing())
    .returning('id')
    .executeTakeFirst();
  return added !== undefined;
}

/** A run of which nothing is queued or active, held until the transaction has ended: of several whose last jobs end at once one sees that it has. */
export async function holdEnded(tx: Queries, id: string): Promise<CountedRun | undefined> {
  const held = await sql`SELECT FROM platen.class_runs WHERE id = ${id} FOR UPDATE`.execute(tx);
  if (held.rows.length === 0) return undefined;
  // A statement of its own, which sees what those have done for whom it waited.
  const left = await sql`
    SELECT FROM platen.jobs WHERE group_id = ${id} AND state IN ('queued', 'active') LIMIT 1`.execute(tx);
  return left.rows.length > 0 ? undefined : findRun(tx, id);
}

/** Whose a run is, by what may be its id. */
export async function findOwner(
  queries: Queries,
  given: string,
): Promise<{ id: string; origin: string; classId: string } | undefined> {
  const id = readUuid(given);
  if (id === undefined) return undefined;
  return queries
    .selectFrom('class_runs')
    .select(['id', 'origin', 'class_id as classId'])
    .where('id', '=', id)
    .executeTakeFirst();
}

export type CountedRun = Pick<StoredRun, 'id' | 'classId' | 'testId' | 'total' | 'createdAt' | 'counts'>;

const noCounts: Counts = { queued: 0, active: 0, completed: 0, failed: 0, cancelled: 0 };

/** Runs with their counts, the newest first, from behind the one of the cursor on. */
export async function findRuns(
  queries: Queries,
  asked: { origin?: string | undefined; classId: string | undefined; cursor: string | undefined; most: number },
): Promise<CountedRun[]> {
  const { origin, classId, cursor, most } = asked;
  const ofOrigin = origin === undefined ? sql`` : sql`AND origin = ${origin}`;
  const ofClass = classId === undefined ? sql`` : sql`AND class_id = ${classId}`;
  const behind =
    cursor === undefined
      ? sql``
      : sql`AND (created_at, id) < (SELECT created_at, id FROM platen.class_runs WHERE id = ${cursor})`;
  const { rows } = await sql<CountedRun & { counts: Partial<Counts> | null }>`
    SELECT id, class_id AS "classId", test_id AS "testId", total, created_at AS "createdAt", (
      SELECT json_object_agg(state, count) FROM (
        SELECT state, count(*)::integer AS count FROM platen.jobs WHERE group_id = runs.id GROUP BY state) AS states) AS counts
    FROM (
      SELECT * FROM platen.class_runs WHERE true ${ofOrigin} ${ofClass} ${behind} ORDER BY created_at DESC, id DESC LIMIT ${most}
    ) AS runs ORDER BY created_at DESC, id DESC`.execute(queries);
  return rows.map((row) => ({ ...row, counts: { ...noCounts, ...row.counts } }));
}

/** How many of the last ends the pace is taken from. */
const paceSample = 50;
/** Times that a report usually takes, after which the next end belongs to another stretch of work. */
const pauseFactor = 5;

interface RunRow extends Omit<StoredRun, 'counts' | 'warnings' | 'pace'> {
  counts: Partial<Counts> | null;
  warnings: Record<string, number> | null;
  ended: number;
  seconds: number | null;
  each: number | null;
}

export async function findRun(queries: Queries, id: string): Promise<StoredRun | undefined> {
  const {
    rows: [row],
  } = await sql<RunRow>`
    WITH ends AS (
      SELECT ended_at, ended_at - started_at AS took, ended_at - lag(ended_at) OVER (ORDER BY ended_at) AS since_last FROM platen.jobs
      WHERE group_id = ${id} AND state IN ('completed', 'failed') ORDER BY ended_at DESC LIMIT ${paceSample}
    ), usual AS (
      SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS took FROM ends
    ), recent AS (
      -- A retry on the next day, or a storage that was away, says nothing of the pace.
      SELECT * FROM ends WHERE ended_at >= coalesce(
        (SELECT max(ended_at) FROM ends, usual WHERE since_last > ${pauseFactor} * usual.took + interval '1 second'), '-infinity')
    )
    SELECT
      (SELECT json_object_agg(state, count) FROM (
        SELECT state, count(*)::integer AS count FROM platen.jobs WHERE group_id = ${id} GROUP BY state) AS states) AS counts,
      (SELECT json_object_agg(code, count) FROM (
        SELECT split_part(warning, ' ', 1) AS code, count(DISTINCT id)::integer AS count
        FROM platen.jobs, jsonb_array_elements_text(result->'warnings') AS warning
        WHERE group_id = ${id} AND state = 'completed' AND jsonb_typeof(result->'warnings') = 'array' GROUP BY code) AS warned) AS warnings,
      id, class_id AS "classId", test_id AS "testId", total, created_at AS "createdAt", ended, seconds, each
    FROM platen.class_runs, (
      SELECT count(*)::integer AS ended, extract(epoch FROM max(ended_at) - min(ended_at))::float8 AS seconds,
        extract(epoch FROM avg(took))::float8 AS each
      FROM recent) AS pace
    WHERE id = ${id}`.execute(queries);
  if (row === undefined) return undefined;
  const { counts, warnings, ended, seconds, each, ...run } = row;
  return {
    ...run,
    counts: { ...noCounts, ...counts },
    warnings: warnings ?? {},
    pace: { ended, seconds: seconds ?? 0, secondsEach: each ?? 0 },
  };
}

/** A page of items, in the order asked for. */
export async function findItems(
  queries: Queries,
  id: string,
  { limit, offset, state }: ItemsQuery,
): Promise<RunItem[]> {
  const all = queries
    .selectFrom('jobs')
    .select(['id', 'state', 'subject', 'error', 'result'])
    .where('group_id', '=', id);
  const rows = await (state === undefined ? all : all.where('state', '=', state))
    .orderBy('position')
    .limit(limit)
    .offset(offset)
    .execute();
  return rows.map((row) => {
    const { reportType, studentId, teacherId, s3Key } = row.subject as Pick<RunItem, 'reportType' | 's3Key'> &
      Partial<RunItem>;
    return {
      reportType,
      ...(studentId === undefined ? {} : { studentId }),
      ...(teacherId === undefined ? {} : { teacherId }),
      state: row.state as RunState,
      jobId: row.id,
      s3Key,
      ...(row.error === null ? {} : { code: row.error.code, detail: row.error.detail }),
      ...warningsOf(row.result),
    };
  });
}

function warningsOf(result: Record<string, unknown> | null): Pick<RunItem, 'warnings'> {
  const warnings = (result?.warnings ?? []) as string[];
  return warnings.length === 0 ? {} : { warnings };
}
