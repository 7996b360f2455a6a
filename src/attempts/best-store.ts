// The SQL of the best attempts: of each learner and course the one that counts, by a set of options.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { GivenLearner } from '../learners/contract.ts';

export interface BestAttempt {
  studentId: string;
  courseId: string;
  courseName: string;
  testId: string | null;
  score: number;
  maxScore: number;
  /** Null of one that was read before it was kept. */
  passingScore: number | null;
  isPassing: boolean;
  percent: number;
  /** What was said of the learner. */
  given: GivenLearner;
}

export interface BestFilter {
  tenant: string;
  courseId?: string | undefined;
  studentId?: string | undefined;
  testIds?: readonly string[] | undefined;
  /** Whether those count, too, who have not passed. */
  isTried?: boolean | undefined;
}

/** Of one attempt. */
export const columns = sql`student_id AS "studentId", course_id AS "courseId", course_name AS "courseName", test_id AS "testId", score,
  max_score AS "maxScore", passing_score AS "passingScore", is_passing AS "isPassing", percent, given`;

export const order = sql`percent DESC, completed_at, source_id`;
const isKept = sql`state IN ('processed', 'waiting', 'parked')`;
export const isRead = sql`is_passing AND ${isKept}`;

/** Where one page ended: the next begins behind it. */
export type BestPlace = Pick<BestAttempt, 'studentId' | 'courseId'>;

export const behind = (place: BestPlace | undefined) =>
  place === undefined ? sql`true` : sql`(course_id, student_id) > (${place.courseId}, ${place.studentId})`;

export const isAtOneOf = (testIds: readonly string[]): RawBuilder<unknown> =>
  sql`coalesce(test_id, '') IN (SELECT value FROM json_array_elements_text(${JSON.stringify(testIds)}::json))`;

function conditionsOf({ tenant, courseId, studentId, testIds, isTried }: BestFilter): RawBuilder<unknown> {
  const conditions: RawBuilder<unknown>[] = [
    sql`tenant = ${tenant}`,
    isTried ? sql`is_passing IS NOT NULL AND ${isKept}` : isRead,
  ];
  if (courseId !== undefined) conditions.push(sql`course_id = ${courseId}`);
  if (studentId !== undefined) conditions.push(sql`student_id = ${studentId}`);
  if (testIds !== undefined) conditions.push(isAtOneOf(testIds));
  return sql.join(conditions, sql` AND `);
}

/** One that has passed goes before the others; then the highest percentage counts, then the earliest. */
export async function findBest(
  queries: Queries,
  filter: BestFilter,
  { after, most }: { after: BestPlace | undefined; most: number },
): Promise<BestAttempt[]> {
  const { rows } = await sql<BestAttempt>`
    SELECT DISTINCT ON (course_id, student_id) ${columns} FROM platen.attempts
    WHERE ${conditionsOf(filter)} AND ${behind(after)} ORDER BY course_id, student_id, ${filter.isTried ? sql`is_passing DESC, ` : sql``}${order} LIMIT ${most}`.execute(
    queries,
  );
  return rows;
}

const pageSize = 500;

/** A page of some of them, from behind a place on. */
export type FindPage = (page: { after: BestPlace | undefined; most: number }) => Promise<BestAttempt[]>;

/** All of them, page by page: however many there are, few are in memory. */
export async function* eachOf(find: FindPage): AsyncGenerator<BestAttempt> {
  for (let after: BestPlace | undefined; ; ) {
    const page = await find({ after, most: pageSize });
    yield* page;
    after = page.at(-1);
    if (page.length < pageSize) return;
  }
}
