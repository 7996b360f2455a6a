// The SQL for those who issue by themselves: who has a certificate already, and what is to be looked at about one.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Award, Awarded, Finding, Held } from './contract.ts';

/** @returns the certificate of each of these learners who has one; one of this very run only when it is made. One that was replaced has a successor, which is found. */
export async function findHolders(
  queries: Queries,
  { tenant, type, runId }: Omit<Award, 'courseId'>,
  asked: readonly Held[],
): Promise<(Held & Awarded)[]> {
  const { rows } = await sql<Held & Awarded>`
    SELECT asked."studentId", asked."courseId", held.*
    FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) AS asked ("studentId" text, "courseId" text)
    CROSS JOIN LATERAL (
      SELECT id AS "certificateId", run_id IS NOT DISTINCT FROM ${runId}::uuid AS "isIssued" FROM platen.certificates
      WHERE tenant = ${tenant} AND student_id = asked."studentId" AND course_id = asked."courseId" AND type = ${type}
        AND status <> 'replaced' AND status <> 'error' AND (status <> 'generating' OR run_id IS DISTINCT FROM ${runId}::uuid)
      LIMIT 1) AS held`.execute(queries);
  return rows;
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
