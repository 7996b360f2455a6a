// Takes away what ended long ago: jobs, their tasks, and the class runs that have no jobs left; and looks for work that was forgotten.

import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import { giveForgotten } from './forgotten.ts';
import type { Queue } from './queue.ts';

const log = createLog('jobs');

/** So that nobody waits long for what a batch holds. */
const batchSize = 200;
const pauseMs = 50;
const defaultIntervalMs = 600_000;

/** @returns whether there may be more. */
async function cleanSome(queries: Queries, historyDays: number): Promise<boolean> {
  const { rows } = await sql<{ jobs: number; tasks: number; runs: number }>`
    WITH old_jobs AS (
      SELECT id FROM platen.jobs WHERE ended_at < clock_timestamp() - make_interval(days => ${historyDays})
      ORDER BY ended_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED
    ), gone_jobs AS (
      DELETE FROM platen.jobs USING old_jobs WHERE jobs.id = old_jobs.id RETURNING jobs.id
    ), old_tasks AS (
      SELECT id FROM platen.tasks WHERE state = 'ended' AND ended_at < clock_timestamp() - make_interval(days => ${historyDays})
        AND NOT EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id)
      ORDER BY ended_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED
    ), gone_tasks AS (
      DELETE FROM platen.tasks USING old_tasks WHERE tasks.id = old_tasks.id RETURNING tasks.id
    ), old_runs AS (
      SELECT id FROM platen.class_runs WHERE created_at < clock_timestamp() - make_interval(days => ${historyDays})
        AND NOT EXISTS (SELECT FROM platen.jobs WHERE group_id = class_runs.id)
      ORDER BY created_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED
    ), gone_runs AS (
      DELETE FROM platen.class_runs USING old_runs WHERE class_runs.id = old_runs.id RETURNING class_runs.id
    )
    SELECT (SELECT count(*) FROM gone_jobs)::integer AS jobs, (SELECT count(*) FROM gone_tasks)::integer AS tasks,
      (SELECT count(*) FROM gone_runs)::integer AS runs`.execute(queries);
  const { jobs = 0, tasks = 0, runs = 0 } = rows[0] ?? {};
  if (jobs + tasks + runs > 0) log.info('Ended work was forgotten', { jobs, tasks, runs });
  // The tasks of these jobs are seen to be without them by the next statement only.
  return jobs > 0 || tasks === batchSize || runs === batchSize;
}

interface CleaningOptions {
  database: Database;
  queue: Queue;
  historyDays: number;
  intervalMs: number | undefined;
  signal: AbortSignal;
}

/** Cleans now and then, until the signal comes. Several processes may; a fault only delays it. */
export async function keepClean({ database, queue, historyDays, intervalMs, signal }: CleaningOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await giveForgotten(database, queue);
      while (await cleanSome(database.queries, historyDays)) await wait(pauseMs, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) log.warn('The tables of jobs could not be looked through yet', { error });
    }
    await wait(intervalMs ?? defaultIntervalMs, undefined, { signal }).catch(() => undefined);
  }
}
