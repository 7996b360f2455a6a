// A past for a database: jobs that have ended, their tasks and class runs, and what the queue remembers of them.

import type pg from 'pg';

interface Past {
  /** Jobs that have ended, each with a task of its own; one in a hundred has failed. */
  jobs: number;
  /** Days over which their ends are spread, up to now. */
  days: number;
  /** Name of their kind; the queue must know it. */
  name: string;
}

/** Statements of one past, in their order; `$1` is the number of jobs, `$2` the days. */
const statements = [
  `CREATE TEMPORARY TABLE past AS
   SELECT number, gen_random_uuid() AS job, gen_random_uuid() AS task, gen_random_uuid() AS run,
     now() - number * ($2::float8 * interval '1 day' / $1) AS at
   FROM generate_series(1, $1::integer) AS number`,
  // One run for thirty reports.
  `UPDATE past SET run = first.run FROM past AS first WHERE first.number = past.number - past.number % 30 AND past.number >= 30`,
  `INSERT INTO platen.tasks (id, name, key, state, lane, turn, attempt, stage, percent, created_at, started_at, ended_at)
   SELECT task, $1, 'reports/C' || number, 'ended', 'run ' || run, number, 1, 'completed', 100, at, at, at FROM past`,
  `INSERT INTO platen.jobs (id, task_id, owner, group_id, position, state, subject, data, rank, created_at, started_at, ended_at, result, error)
   SELECT job, task, 'service', run, number % 30, CASE WHEN number % 100 = 0 THEN 'failed' ELSE 'completed' END,
     jsonb_build_object('reportType', 'student', 'studentId', 'STU' || number, 'classId', 'C1', 's3Key', 'reports/C' || number), '{}', 2, at, at, at,
     CASE WHEN number % 100 <> 0 THEN '{"s3Key": "reports/C1/Test_1/student.pdf", "pages": 3, "warnings": []}'::jsonb END,
     CASE WHEN number % 100 = 0 THEN '{"code": "page_failed", "detail": "The page says that it can not be printed."}'::jsonb END
   FROM past ORDER BY number DESC`,
  `INSERT INTO platen.class_runs (id, origin, class_id, test_id, request_digest, total, created_at)
   SELECT run, 'https://reports.school.example', 'C1', '1', 'digest', count(*), min(at) FROM past GROUP BY run`,
  `INSERT INTO platen_queue.job (id, name, state, created_on, started_on, completed_on)
   SELECT task, $1, 'completed', now(), now(), now() FROM past`,
  `DROP TABLE past`,
];

/** Gives a database, which must have its tables and its queue, a past. */
export async function addPast(client: pg.Client, { jobs, days, name }: Past): Promise<void> {
  for (const statement of statements) {
    const values: unknown[] = statement.includes('$2') ? [jobs, days] : statement.includes('$1') ? [name] : [];
    await client.query(statement, values);
  }
  await client.query('VACUUM ANALYZE');
}
