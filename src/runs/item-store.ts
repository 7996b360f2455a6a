// The SQL of the items of runs: what was decided of each learner, and what came of it.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Criterion, Learner } from '../plugins/contract.ts';
import type { OwnDecision } from '../plugins/plugins.ts';
import type { Outcome } from './contract.ts';

/** Of a pathway, by the id of the step. */
export type StoredSteps = Record<string, { isEligible: boolean; criteria: Criterion[] }>;

/** Where an item stands in its run. */
export interface ItemPlace {
  studentId: string;
  /** '' where the run is for one course, which its plan names. */
  courseId: string;
}

export interface StoredItem extends ItemPlace {
  courseName: string | null;
  isEligible: boolean;
  criteria: Criterion[];
  steps: StoredSteps | null;
  learner: Learner;
  score: number | null;
  maxScore: number | null;
  outcome: Outcome | null;
  code: string | null;
  certificateId: string | null;
}

const columns = sql`student_id AS "studentId", course_id AS "courseId", course_name AS "courseName", is_eligible AS "isEligible", criteria, steps, learner, score, max_score AS "maxScore", outcome, code,
  certificate_id AS "certificateId"`;

const given = (decisions: readonly OwnDecision[]) =>
  JSON.stringify(
    decisions.map(({ studentId, course, isEligible, criteria, steps, learner, score, maxScore }) => ({
      student_id: studentId,
      course_id: course?.id ?? '',
      course_name: course?.name,
      is_eligible: isEligible,
      criteria,
      ...(steps === undefined ? {} : { steps: Object.fromEntries(steps.map(({ id, ...step }) => [id, step])) }),
      learner: learner ?? {},
      score,
      max_score: maxScore,
    })),
  );
const rowsOf = (
  json: string,
) => sql`jsonb_to_recordset(${json}::jsonb) AS decided (student_id text, course_id text, course_name text, is_eligible boolean, criteria jsonb, steps jsonb,
  learner jsonb, score float8, max_score float8)`;

/** Of one learner, and course, twice the first counts. */
export async function addItems(queries: Queries, runId: string, decisions: readonly OwnDecision[]): Promise<void> {
  await sql`
    INSERT INTO platen.run_items (run_id, student_id, course_id, course_name, is_eligible, criteria, steps, learner, score, max_score)
    SELECT ${runId}::uuid, student_id, course_id, course_name, is_eligible, criteria, steps, learner, score, max_score FROM ${rowsOf(given(decisions))}
    ON CONFLICT (run_id, student_id, course_id) DO NOTHING`.execute(queries);
}

/** Adds what was decided for one step of a pathway; nobody is eligible before all steps are there. */
export async function addStep(
  queries: Queries,
  { runId, stepId }: { runId: string; stepId: string },
  decisions: readonly OwnDecision[],
): Promise<void> {
  await sql`
    INSERT INTO platen.run_items AS item (run_id, student_id, is_eligible, criteria, steps, learner)
    SELECT DISTINCT ON (student_id) ${runId}::uuid, student_id, false, '[]'::jsonb,
      jsonb_build_object(${stepId}::text, jsonb_build_object('isEligible', is_eligible, 'criteria', criteria)), learner
    FROM ${rowsOf(given(decisions))}
    ON CONFLICT (run_id, student_id, course_id) DO UPDATE SET steps = item.steps || excluded.steps, learner = excluded.learner || item.learner
    WHERE NOT item.steps ? ${stepId}`.execute(queries);
}

/** A page of them, in the order of their learners and courses. */
export async function findItems(
  queries: Queries,
  { runId, after, most }: { runId: string; after: ItemPlace | undefined; most: number },
): Promise<StoredItem[]> {
  const { rows } = await sql<StoredItem>`
    SELECT ${columns} FROM platen.run_items WHERE run_id = ${runId} AND (student_id, course_id) > (${after?.studentId ?? ''}, ${after?.courseId ?? ''})
    ORDER BY student_id, course_id LIMIT ${most}`.execute(queries);
  return rows;
}

export interface ItemEnd extends ItemPlace {
  isEligible: boolean;
  outcome: Outcome;
  code?: string | undefined;
  certificateId?: string | undefined;
}

export async function endItems(queries: Queries, runId: string, ends: readonly ItemEnd[]): Promise<void> {
  if (ends.length === 0) return;
  await sql`
    UPDATE platen.run_items AS item SET is_eligible = ended."isEligible", outcome = ended.outcome, code = ended.code, certificate_id = ended."certificateId"
    FROM jsonb_to_recordset(${JSON.stringify(ends)}::jsonb) AS ended ("studentId" text, "courseId" text, "isEligible" boolean, outcome text, code text, "certificateId" uuid)
    WHERE item.run_id = ${runId} AND item.student_id = ended."studentId" AND item.course_id = ended."courseId"`.execute(
    queries,
  );
}

/** @returns how many are to be done again, with those that were never done. */
export async function reopenFailed(tx: Queries, runId: string): Promise<number> {
  await sql`
    UPDATE platen.run_items SET outcome = NULL, code = NULL WHERE run_id = ${runId} AND outcome = 'failed'`.execute(tx);
  const { rows } = await sql<{ open: number }>`
    SELECT count(*)::integer AS open FROM platen.run_items WHERE run_id = ${runId} AND outcome IS NULL`.execute(tx);
  return rows[0]?.open ?? 0;
}
