// What is known of jobs, as it is read.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { JobStage } from '../progress/contract.ts';
import type { JobRecord, JobState } from './contract.ts';

const jobColumns = [
  'jobs.id',
  'jobs.task_id',
  'jobs.owner',
  'jobs.group_id',
  'jobs.state',
  'jobs.subject',
  'jobs.created_at',
  'jobs.started_at',
  'jobs.ended_at',
  'jobs.result',
  'jobs.error',
  'tasks.attempt',
  'tasks.stage',
  'tasks.percent',
  'tasks.state as task_state',
] as const;

const elapsed = sql<number>`coalesce(
  extract(epoch FROM coalesce(jobs.ended_at, clock_timestamp()) - jobs.started_at) * 1000, 0)::float8`;

export function selectJobs(queries: Queries) {
  return queries
    .selectFrom('jobs')
    .innerJoin('tasks', 'tasks.id', 'jobs.task_id')
    .select(jobColumns)
    .select(elapsed.as('elapsed'));
}

export type JobRow = Awaited<ReturnType<ReturnType<typeof selectJobs>['executeTakeFirstOrThrow']>>;

export function toRecord(row: JobRow): JobRecord {
  return {
    id: row.id,
    taskId: row.task_id,
    owner: row.owner,
    groupId: row.group_id ?? undefined,
    state: row.state as JobState,
    attempts: row.attempt,
    // The task of one that was cancelled may go on for others.
    stage: row.state === 'cancelled' ? undefined : ((row.stage as JobStage | null) ?? undefined),
    percent: row.state === 'completed' ? 100 : ['queued', 'cancelled'].includes(row.state) ? 0 : row.percent,
    subject: row.subject,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    elapsedMs: row.elapsed,
    result: row.result ?? undefined,
    error: row.error ?? undefined,
  };
}

/** Tasks that have not ended, by their state; each is counted by its own index. */
export async function countTasks(queries: Queries): Promise<{ waiting: number; active: number } | undefined> {
  const { rows } = await sql<{ waiting: number; active: number }>`
    SELECT (SELECT count(*)::integer FROM platen.tasks WHERE state = 'waiting') AS waiting,
      (SELECT count(*)::integer FROM platen.tasks WHERE state = 'active') AS active`.execute(queries);
  return rows[0];
}
