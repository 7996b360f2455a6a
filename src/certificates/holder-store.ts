// The SQL that finds out which learners have a certificate already.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Award } from './contract.ts';

/** @returns the id of the certificate of each of these learners who has one. */
export async function findHolders(
  queries: Queries,
  { tenant, courseId, type, runId }: Award,
  studentIds: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await sql<{ studentId: string; id: string }>`
    SELECT student_id AS "studentId", id FROM platen.certificates
    WHERE tenant = ${tenant} AND student_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(studentIds)}::jsonb))
      AND course_id = ${courseId} AND type = ${type} AND status NOT IN ('replaced', 'error') AND run_id IS DISTINCT FROM ${runId}`.execute(
    queries,
  );
  return new Map(rows.map(({ studentId, id }) => [studentId, id]));
}
