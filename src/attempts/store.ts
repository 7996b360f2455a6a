// The SQL of attempts as they come: kept as they are, read in batches, listed, begun again.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Attempt, KeptItem, Reason } from './item.ts';

export const attemptStates = ['new', 'processed', 'waiting', 'rejected', 'parked'] as const;
export type AttemptState = (typeof attemptStates)[number];

/** Those that have come before are not kept twice. @returns the digests of those that have not. */
export async function keepItems(tx: Queries, tenant: string, items: readonly KeptItem[]): Promise<Set<string>> {
  const { rows } = await sql<{ digest: string }>`
    INSERT INTO platen.attempts (tenant, raw, digest, reasons, state)
    SELECT ${tenant}, raw, digest, reasons, CASE WHEN reasons IS NULL THEN 'new' ELSE 'rejected' END
    FROM json_to_recordset(${JSON.stringify(items)}::json) AS items (raw text, digest text, reasons json)
    ON CONFLICT (tenant, digest) DO NOTHING RETURNING digest`.execute(tx);
  return new Set(rows.map(({ digest }) => digest));
}

export async function readCursor(queries: Queries, source: string): Promise<string | undefined> {
  const { rows } = await sql<{ cursor: string }>`
    SELECT cursor FROM platen.fetch_cursors WHERE source = ${source}`.execute(queries);
  return rows[0]?.cursor;
}

export async function moveCursor(tx: Queries, source: string, cursor: string): Promise<void> {
  await sql`
    INSERT INTO platen.fetch_cursors (source, cursor) VALUES (${source}, ${cursor})
    ON CONFLICT (source) DO UPDATE SET cursor = excluded.cursor, moved_at = clock_timestamp()`.execute(tx);
}

export interface NewItem {
  id: string;
  tenant: string;
  raw: string;
  digest: string;
}

/** In the order in which they came; nobody else reads them until the transaction has ended. */
export async function takeNew(tx: Queries, most: number): Promise<NewItem[]> {
  const { rows } = await sql<NewItem>`
    SELECT id, tenant, raw, digest FROM platen.attempts WHERE state = 'new' ORDER BY seq LIMIT ${most} FOR UPDATE SKIP LOCKED`.execute(
    tx,
  );
  return rows;
}

export async function markRejected(tx: Queries, rejected: readonly { id: string; reasons: Reason[] }[]): Promise<void> {
  if (rejected.length === 0) return;
  await sql`
    UPDATE platen.attempts AS attempt SET state = 'rejected', reasons = given.reasons, is_passing = NULL
    FROM json_to_recordset(${JSON.stringify(rejected)}::json) AS given (id uuid, reasons json)
    WHERE attempt.id = given.id`.execute(tx);
}

/** An attempt of the same id that was read before. */
export interface KnownAttempt {
  id: string;
  tenant: string;
  sourceId: string;
  updatedAt: Date | null;
  isPassing: boolean;
  certificateId: string | null;
}

export async function findKnown(
  tx: Queries,
  asked: readonly { tenant: string; sourceId: string }[],
): Promise<KnownAttempt[]> {
  const { rows } = await sql<KnownAttempt>`
    SELECT attempt.id, attempt.tenant, source_id AS "sourceId", updated_at AS "updatedAt", is_passing AS "isPassing", certificate_id AS "certificateId"
    FROM json_to_recordset(${JSON.stringify(asked)}::json) AS asked (tenant text, "sourceId" text)
    JOIN platen.attempts AS attempt ON attempt.tenant = asked.tenant AND attempt.source_id = asked."sourceId" FOR UPDATE OF attempt`.execute(
    tx,
  );
  return rows;
}

export async function removeItems(tx: Queries, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`DELETE FROM platen.attempts WHERE id IN (
    SELECT value::uuid FROM json_array_elements_text(${JSON.stringify(ids)}::json))`.execute(tx);
}

export type ReadAttempt = Attempt & Pick<NewItem, 'id' | 'raw' | 'digest'>;

/** As they are now; what was decided by what they said before is to be decided anew. */
export async function markRead(tx: Queries, read: readonly ReadAttempt[]): Promise<void> {
  if (read.length === 0) return;
  await sql`
    UPDATE platen.attempts AS attempt SET state = 'processed', reasons = NULL, raw = read.raw, digest = read.digest,
      source_id = read."sourceId", student_id = read."studentId", course_id = read."courseId", course_name = read."courseName", test_id = read."testId",
      score = read.score, max_score = read."maxScore", passing_score = read."passingScore", percent = read.percent, is_passing = read."isPassing",
      completed_at = read."completedAt", updated_at = read."updatedAt", given = read.given,
      decided_at = NULL, passed_over_by = NULL, last_error = NULL, tries = 0, missing_since = NULL, next_try_at = NULL
    FROM json_to_recordset(${JSON.stringify(read)}::json) AS read (id uuid, raw text, digest text, "sourceId" text, "studentId" text, "courseId" text,
      "courseName" text, "testId" text, score float8, "maxScore" float8, "passingScore" float8, percent float8, "isPassing" boolean, "completedAt" timestamptz,
      "updatedAt" timestamptz, given json)
    WHERE attempt.id = read.id`.execute(tx);
}

export interface ListedAttempt {
  id: string;
  place: string;
  state: AttemptState;
  reasons: Reason[] | null;
  raw: string | null;
  lastError: string | null;
  nextTryAt: Date | null;
}

const listed = sql`id, seq::text AS place, state, reasons, raw, last_error AS "lastError",
  CASE WHEN state = 'waiting' THEN next_try_at END AS "nextTryAt"`;

export interface AttemptFilter {
  tenant: string;
  state: AttemptState | undefined;
  studentId: string | undefined;
  courseId: string | undefined;
}

/** The newest first, from behind the place of the cursor on. */
export async function findAttempts(
  queries: Queries,
  { tenant, state, studentId, courseId, cursor, most }: AttemptFilter & { cursor: string | undefined; most: number },
): Promise<ListedAttempt[]> {
  const conditions: RawBuilder<unknown>[] = [sql`tenant = ${tenant}`];
  if (state !== undefined) conditions.push(sql`state = ${state}`);
  if (studentId !== undefined) conditions.push(sql`student_id = ${studentId}`);
  if (courseId !== undefined) conditions.push(sql`course_id = ${courseId}`);
  if (cursor !== undefined) conditions.push(sql`seq < ${cursor}::bigint`);
  const { rows } = await sql<ListedAttempt>`
    SELECT ${listed} FROM platen.attempts WHERE ${sql.join(conditions, sql` AND `)} ORDER BY seq DESC LIMIT ${most}`.execute(
    queries,
  );
  return rows;
}

/** As if it had just come; one that can not be kept stays as it is. */
export async function beginAgain(
  tx: Queries,
  { tenant, id }: { tenant: string; id: string },
): Promise<ListedAttempt | undefined> {
  const { rows } = await sql<ListedAttempt>`
    UPDATE platen.attempts SET state = CASE WHEN raw IS NULL THEN state ELSE 'new' END, reasons = CASE WHEN raw IS NULL THEN reasons END,
      decided_at = NULL, passed_over_by = NULL, last_error = NULL, tries = 0, missing_since = NULL, next_try_at = NULL
    WHERE tenant = ${tenant} AND id = ${id} RETURNING ${listed}`.execute(tx);
  return rows[0];
}
