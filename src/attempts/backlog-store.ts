// The SQL of what is still to be decided by attempts, and of what came of it.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { DecisionEnd } from '../plugins/plugins.ts';
import { type BestAttempt, type BestPlace, behind, columns, isAtOneOf, isRead, order } from './best-store.ts';

/** None is put off for longer: a clock that was put back says so. */
const longestPauseSeconds = 3600;
const firstPauseSeconds = 10;
const mostMissingHours = 24;

type TestIds = readonly string[] | undefined;

/** Attempts at tests that count go before the others. */
const counting = (testIds: TestIds): RawBuilder<unknown> =>
  testIds === undefined ? sql`` : sql`${isAtOneOf(testIds)} DESC, `;
const isOpen = sql`is_passing AND decided_at IS NULL AND state IN ('processed', 'waiting')`;
const isDue = sql`(next_try_at IS NULL OR next_try_at <= now() OR next_try_at > now() + make_interval(secs => ${sql.lit(longestPauseSeconds)}))`;

/** Whether something is to be decided now. */
export async function isAnyDue(queries: Queries, tenant: string): Promise<boolean> {
  const { rows } = await sql<{ isAny: boolean }>`
    SELECT EXISTS (SELECT FROM platen.attempts WHERE tenant = ${tenant} AND ${isOpen} AND ${isDue}) AS "isAny"`.execute(
    queries,
  );
  return rows[0]?.isAny === true;
}

/** What was not enough by other options than these is decided anew. */
export async function reopenOthers(
  tx: Queries,
  { tenant, optionsId }: { tenant: string; optionsId: string },
): Promise<void> {
  await sql`
    UPDATE platen.attempts SET decided_at = NULL, passed_over_by = NULL
    WHERE tenant = ${tenant} AND (passed_over_by < ${optionsId} OR passed_over_by > ${optionsId})`.execute(tx);
}

/** The best of those learners and courses of which something is to be decided now; of tests that count, where there is one. */
export async function findUndecided(
  queries: Queries,
  { tenant, testIds }: { tenant: string; testIds: TestIds },
  { after, most }: { after: BestPlace | undefined; most: number },
): Promise<BestAttempt[]> {
  const { rows } = await sql<BestAttempt>`
    SELECT best.* FROM (
      SELECT DISTINCT course_id, student_id FROM platen.attempts
      WHERE tenant = ${tenant} AND ${isOpen} AND ${isDue} AND ${behind(after)}
      ORDER BY course_id, student_id LIMIT ${most}) AS due
    CROSS JOIN LATERAL (
      SELECT ${columns} FROM platen.attempts
      WHERE tenant = ${tenant} AND course_id = due.course_id AND student_id = due.student_id AND ${isRead}
      ORDER BY ${counting(testIds)}${order} LIMIT 1) AS best
    ORDER BY due.course_id, due.student_id`.execute(queries);
  return rows;
}

interface Told {
  tenant: string;
  testIds: TestIds;
}

const given = (ends: readonly DecisionEnd[]) => sql`jsonb_to_recordset(${JSON.stringify(ends)}::jsonb)
  AS ended ("studentId" text, "courseId" text, code text, "certificateId" uuid)`;
/** Of the learner and the course of an end, what is not decided yet. */
const ofEnd = (
  tenant: string,
) => sql`tenant = ${tenant} AND course_id = ended."courseId" AND student_id = ended."studentId"
  AND is_passing AND decided_at IS NULL AND state IN ('processed', 'waiting', 'parked')`;
const healed = sql`state = 'processed', last_error = NULL, tries = 0, missing_since = NULL, next_try_at = NULL`;

/** They have their certificates: nothing more is to be done. The one that counts knows its certificate. */
export async function markCertified(
  tx: Queries,
  { tenant, testIds }: Told,
  ends: readonly DecisionEnd[],
): Promise<void> {
  if (ends.length === 0) return;
  await sql`
    UPDATE platen.attempts AS attempt SET decided_at = clock_timestamp(), ${healed},
      certificate_id = CASE WHEN attempt.id = best.id THEN ended."certificateId" ELSE attempt.certificate_id END
    FROM ${given(ends)} CROSS JOIN LATERAL (
      SELECT id FROM platen.attempts WHERE tenant = ${tenant} AND course_id = ended."courseId" AND student_id = ended."studentId" AND ${isRead}
      ORDER BY ${counting(testIds)}${order} LIMIT 1) AS best
    WHERE ${ofEnd(tenant)}`.execute(tx);
}

/**
 * Who has passed when it was decided, and has not any more: the attempt that was changed last knows the certificate.
 * @returns their certificates.
 */
export async function findUnfounded(tx: Queries, tenant: string, ends: readonly DecisionEnd[]): Promise<string[]> {
  if (ends.length === 0) return [];
  const { rows } = await sql<{ certificateId: string }>`
    UPDATE platen.attempts AS attempt SET certificate_id = ended."certificateId"
    FROM ${given(ends)} CROSS JOIN LATERAL (
      SELECT id FROM platen.attempts WHERE tenant = ${tenant} AND student_id = ended."studentId" AND course_id = ended."courseId"
      ORDER BY is_passing DESC NULLS LAST, updated_at DESC NULLS LAST, seq DESC LIMIT 1) AS last
    WHERE attempt.id = last.id AND attempt.is_passing IS FALSE AND attempt.certificate_id IS NULL
    RETURNING ended."certificateId" AS "certificateId"`.execute(tx);
  return rows.map(({ certificateId }) => certificateId);
}

/** Not enough by these options: to be decided anew when it changes, or they do. What has come meanwhile and is enough stays to be decided. */
export async function markPassedOver(
  tx: Queries,
  { tenant, testIds, minimumPercent = 0, optionsId }: Told & { minimumPercent: number | undefined; optionsId: string },
  ends: readonly DecisionEnd[],
): Promise<void> {
  if (ends.length === 0) return;
  const isAtTest = testIds === undefined ? sql`true` : isAtOneOf(testIds);
  await sql`
    UPDATE platen.attempts AS attempt SET decided_at = clock_timestamp(), ${healed}, passed_over_by = ${optionsId}
    FROM ${given(ends)}
    WHERE ${ofEnd(tenant)} AND NOT (percent >= ${minimumPercent} AND ${isAtTest})`.execute(tx);
}

/** They are decided later: a learner who is not to be found has to be found within a day. */
export async function putOff(tx: Queries, tenant: string, ends: readonly DecisionEnd[]): Promise<void> {
  if (ends.length === 0) return;
  const isMissing = sql`ended.code = 'learner_not_found'`;
  const isGivenUp = sql`(${isMissing} AND missing_since < clock_timestamp() - make_interval(hours => ${mostMissingHours}))`;
  const pause = sql`least(${longestPauseSeconds}, ${firstPauseSeconds} * 2 ^ least(known.tries, 20))`;
  await sql`
    UPDATE platen.attempts AS attempt SET state = CASE WHEN ${isGivenUp} THEN 'parked' ELSE 'waiting' END, last_error = ended.code,
      tries = known.tries + 1, missing_since = CASE WHEN ${isMissing} THEN coalesce(missing_since, clock_timestamp()) END,
      next_try_at = clock_timestamp() + make_interval(secs => ${pause})
    FROM ${given(ends)} CROSS JOIN LATERAL (SELECT max(tries) AS tries FROM platen.attempts WHERE ${ofEnd(tenant)}) AS known
    WHERE ${ofEnd(tenant)}`.execute(tx);
}
