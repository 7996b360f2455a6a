// The SQL for those who issue by themselves: who has a certificate already, and what is to be looked at about one.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Award, Awarded, Finding } from './contract.ts';

export interface Held {
  studentId: string;
  courseId: string;
}

export interface Holder extends Held {
  certificateId: string;
}

/** One that was replaced has a successor, which is found. */
export async function findHolders(
  queries: Queries,
  { tenant, type, asked }: { tenant: string; type: string; asked: readonly Held[] },
): Promise<Holder[]> {
  const { rows } = await sql<Holder>`
    SELECT student_id AS "studentId", course_id AS "courseId", id AS "certificateId"
    FROM json_to_recordset(${JSON.stringify(asked)}::json) AS asked ("studentId" text, "courseId" text)
    CROSS JOIN LATERAL (
      SELECT id, student_id, course_id FROM platen.certificates
      WHERE tenant = ${tenant} AND student_id = asked."studentId" AND course_id = asked."courseId" AND type = ${type}
        AND status <> 'replaced' AND status <> 'error') AS held`.execute(queries);
  return rows;
}

/** @returns the certificate of each of these learners who has one; one of this very run only when it is made. */
export async function findHoldersOfCourse(
  queries: Queries,
  { tenant, courseId, type, runId }: Award,
  studentIds: readonly string[],
): Promise<Map<string, Awarded>> {
  const { rows } = await sql<Awarded & { studentId: string }>`
    SELECT student_id AS "studentId", id AS "certificateId", run_id IS NOT DISTINCT FROM ${runId}::uuid AS "isIssued" FROM platen.certificates
    WHERE tenant = ${tenant} AND student_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(studentIds)}::jsonb))
      AND course_id = ${courseId} AND type = ${type} AND status NOT IN ('replaced', 'error')
      AND (status <> 'generating' OR run_id IS DISTINCT FROM ${runId}::uuid)`.execute(queries);
  return new Map(rows.map(({ studentId, ...awarded }) => [studentId, awarded]));
}

export async function noteFinding(
  tx: Queries,
  id: string,
  { name, isSo }: { name: Finding; isSo: boolean },
): Promise<void> {
  await sql`
    UPDATE platen.certificates
    SET findings = CASE WHEN ${isSo} THEN array_append(array_remove(findings, ${name}::text), ${name}::text) ELSE array_remove(findings, ${name}::text) END
    WHERE id = ${id}`.execute(tx);
}
