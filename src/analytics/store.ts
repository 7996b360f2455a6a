// The SQL of analytics: counts are added to, and read with what is counted from certificates.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { CountedName } from '../tally.ts';

export interface DailyCount {
  tenant: string;
  day: string;
  name: CountedName;
  courseId: string;
  code: string;
  count: number;
}

/** In one statement, in one order, so that two processes that do so wait for each other and not for ever. */
export async function addCounts(queries: Queries, counts: readonly DailyCount[]): Promise<void> {
  await sql`
    INSERT INTO platen.daily_counts AS present (tenant, day, name, course_id, code, count)
    SELECT tenant, day, name, "courseId", code, sum(count) FROM json_to_recordset(${JSON.stringify(counts)}::json)
      AS given (tenant text, day date, name text, "courseId" text, code text, count bigint)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (tenant, day, name, course_id, code) DO UPDATE SET count = present.count + excluded.count`.execute(
    queries,
  );
}

interface Asked {
  tenant: string;
  /** Days, both of them too. */
  from: string;
  to: string;
  /** Of certificates; reports belong to no course. */
  courseId: string | undefined;
}

const certificateNames = ['downloaded', 'verified', 'refused', 'mailed'];

export async function readCounts(queries: Queries, { tenant, from, to, courseId }: Asked): Promise<DailyCount[]> {
  const ofCourse =
    courseId === undefined ? sql`true` : sql`(course_id = ${courseId} OR name NOT IN (${sql.join(certificateNames)}))`;
  const { rows } = await sql<DailyCount>`
    SELECT day::text, name, code, sum(count)::float8 AS count FROM platen.daily_counts
    WHERE tenant = ${tenant} AND day BETWEEN ${from}::date AND ${to}::date AND ${ofCourse} GROUP BY 1, 2, 3`.execute(
    queries,
  );
  return rows;
}

export interface CertificateCount {
  day: string;
  name: 'issued' | 'revoked' | 'replaced' | 'expired';
  count: number;
}

const dayOf = (column: string) => sql`(${sql.ref(column)} AT TIME ZONE 'UTC')::date`;

/** As they stand: nothing of it is counted twice, or lost. */
export async function countCertificates(
  queries: Queries,
  { tenant, from, to, courseId }: Asked,
): Promise<CertificateCount[]> {
  const ofCourse = courseId === undefined ? sql`true` : sql`certificate.course_id = ${courseId}`;
  const within = (column: string) =>
    sql`${sql.ref(column)} >= ${`${from}T00:00:00Z`}::timestamptz AND ${sql.ref(column)} < ${`${to}T00:00:00Z`}::timestamptz + interval '1 day'`;
  // A date is its first moment in UTC; an instant elsewhere may be of the day before or after.
  const expires = sql`((certificate.input ->> 'expirationDate')::timestamp AT TIME ZONE 'UTC')`;
  const instant = sql`CASE WHEN length(certificate.input ->> 'expirationDate') = 10 THEN ${expires} ELSE (certificate.input ->> 'expirationDate')::timestamptz END`;
  const { rows } = await sql<CertificateCount>`
    SELECT 'issued' AS name, ${dayOf('certificate.generated_at')}::text AS day, count(*)::float8 AS count
    FROM platen.certificates AS certificate WHERE tenant = ${tenant} AND ${ofCourse} AND ${within('certificate.generated_at')} GROUP BY 2
    UNION ALL
    SELECT 'revoked', ${dayOf('certificate.revoked_at')}::text, count(*)::float8
    FROM platen.certificates AS certificate WHERE tenant = ${tenant} AND ${ofCourse} AND ${within('certificate.revoked_at')} GROUP BY 2
    UNION ALL
    -- It was replaced when its successor was recorded.
    SELECT 'replaced', ${dayOf('successor.created_at')}::text, count(*)::float8
    FROM platen.certificates AS successor JOIN platen.certificates AS certificate ON certificate.replaced_by = successor.id
    WHERE successor.tenant = ${tenant} AND ${ofCourse} AND ${within('successor.created_at')} GROUP BY 2
    UNION ALL
    SELECT 'expired', (expiry AT TIME ZONE 'UTC')::date::text, count(*)::float8
    FROM (
      SELECT ${instant} AS expiry FROM platen.certificates AS certificate
      WHERE tenant = ${tenant} AND ${ofCourse} AND status = 'available' AND input ? 'expirationDate'
        AND left(input ->> 'expirationDate', 10) BETWEEN (${from}::date - 1)::text AND (${to}::date + 1)::text) AS expiring
    WHERE expiry <= now() AND ${within('expiry')} GROUP BY 2`.execute(queries);
  return rows;
}
