// The SQL of the best attempts: of each learner and course the one that counts, and what was decided by it.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { GivenLearner } from '../learners/contract.ts';

export interface BestAttempt {
  id: string;
  tenant: string;
  studentId: string;
  courseId: string;
  courseName: string;
  testId: string | null;
  score: number;
  maxScore: number;
  percent: number;
  completedAt: Date;
  /** What was said of the learner. */
  given: GivenLearner;
  /** Times that it could not be decided. */
  tries: number;
}

export interface BestFilter {
  tenant: string;
  courseId?: string | undefined;
  studentId?: string | undefined;
  testIds?: readonly string[] | undefined;
}

const columns = sql`id, tenant, student_id AS "studentId", course_id AS "courseId", course_name AS "courseName", test_id AS "testId", score,
  max_score AS "maxScore", percent, completed_at AS "completedAt", given, tries`;

const order = sql`percent DESC, completed_at, source_id`;
const isRead = sql`is_passing AND state IN ('processed', 'waiting', 'parked')`;

/** Where one page ended: the next begins behind it. */
export type BestPlace = Pick<BestAttempt, 'studentId' | 'courseId'>;

const behind = (place: BestPlace | undefined) =>
  place === undefined ? sql`true` : sql`(course_id, student_id) > (${place.courseId}, ${place.studentId})`;

function conditionsOf({ tenant, courseId, studentId, testIds }: BestFilter): RawBuilder<unknown> {
  const conditions: RawBuilder<unknown>[] = [sql`tenant = ${tenant}`, isRead];
  if (courseId !== undefined) conditions.push(sql`course_id = ${courseId}`);
  if (studentId !== undefined) conditions.push(sql`student_id = ${studentId}`);
  if (testIds !== undefined)
    conditions.push(sql`test_id IN (SELECT value FROM json_array_elements_text(${JSON.stringify(testIds)}::json))`);
  return sql.join(conditions, sql` AND `);
}

/** The highest percentage counts, then the earliest. */
export async function findBest(
  queries: Queries,
  filter: BestFilter,
  { after, most }: { after: BestPlace | undefined; most: number },
): Promise<BestAttempt[]> {
  const { rows } = await sql<BestAttempt>`
    SELECT DISTINCT ON (course_id, student_id) ${columns} FROM platen.attempts
    WHERE ${conditionsOf(filter)} AND ${behind(after)} ORDER BY course_id, student_id, ${order} LIMIT ${most}`.execute(
    queries,
  );
  return rows;
}

const pageSize = 500;

/** The best passing attempt of each learner and course, page by page: however many there are, few are in memory. */
export async function* eachBest(queries: Queries, filter: BestFilter): AsyncGenerator<BestAttempt> {
  for (let after: BestPlace | undefined; ; ) {
    const page = await findBest(queries, filter, { after, most: pageSize });
    yield* page;
    after = page.at(-1);
    if (page.length < pageSize) return;
  }
}

/** None is put off for longer: a clock that was put back says so. */
export const longestPauseSeconds = 3600;
const isDue = sql`(next_try_at IS NULL OR next_try_at <= now() OR next_try_at > now() + make_interval(secs => ${sql.lit(longestPauseSeconds)}))`;

/** The best of those learners and courses of which something is to be decided now. */
export async function findUndecided(
  queries: Queries,
  { tenant, after, most }: { tenant: string; after: BestPlace | undefined; most: number },
): Promise<BestAttempt[]> {
  const { rows } = await sql<BestAttempt>`
    SELECT best.* FROM (
      SELECT DISTINCT course_id, student_id FROM platen.attempts
      WHERE tenant = ${tenant} AND is_passing AND decided_at IS NULL AND state IN ('processed', 'waiting') AND ${isDue} AND ${behind(after)}
      ORDER BY course_id, student_id LIMIT ${most}) AS due
    CROSS JOIN LATERAL (
      SELECT ${columns} FROM platen.attempts
      WHERE tenant = ${tenant} AND course_id = due.course_id AND student_id = due.student_id AND ${isRead}
      ORDER BY ${order} LIMIT 1) AS best
    ORDER BY due.course_id, due.student_id`.execute(queries);
  return rows;
}

const ofLearner = ({ tenant, courseId, studentId }: BestAttempt) =>
  sql`tenant = ${tenant} AND course_id = ${courseId} AND student_id = ${studentId} AND is_passing AND decided_at IS NULL
    AND state IN ('processed', 'waiting', 'parked')`;

/** Nothing more is to be done for this learner and course. */
export async function markDecided(queries: Queries, best: BestAttempt, certificateId: string): Promise<void> {
  await sql`
    UPDATE platen.attempts SET decided_at = clock_timestamp(), state = 'processed', last_error = NULL, tries = 0, missing_since = NULL,
      next_try_at = NULL, certificate_id = CASE WHEN id = ${best.id} THEN ${certificateId}::uuid ELSE certificate_id END
    WHERE ${ofLearner(best)}`.execute(queries);
}

const firstPauseSeconds = 10;
const mostMissingHours = 24;

/** It is decided later: what keeps it back, and whether that is a learner who has to be found within a day. */
export async function putOff(
  queries: Queries,
  best: BestAttempt,
  { code, isMissing }: { code: string; isMissing: boolean },
): Promise<void> {
  const pause = Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** Math.min(best.tries, 20));
  const isGivenUp = sql`(${isMissing} AND missing_since < clock_timestamp() - make_interval(hours => ${mostMissingHours}))`;
  await sql`
    UPDATE platen.attempts SET state = CASE WHEN ${isGivenUp} THEN 'parked' ELSE 'waiting' END, last_error = ${code}, tries = tries + 1,
      missing_since = CASE WHEN ${isMissing} THEN coalesce(missing_since, clock_timestamp()) END,
      next_try_at = clock_timestamp() + make_interval(secs => ${pause})
    WHERE ${ofLearner(best)}`.execute(queries);
}

/** Tenants of whom something is to be decided, now or later. */
export async function findTenants(queries: Queries, tenants: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ tenant: string }>`
    SELECT value AS tenant FROM json_array_elements_text(${JSON.stringify(tenants)}::json) WHERE EXISTS (
      SELECT FROM platen.attempts WHERE tenant = value AND is_passing AND decided_at IS NULL AND state IN ('processed', 'waiting'))`.execute(
    queries,
  );
  return rows.map(({ tenant }) => tenant);
}
