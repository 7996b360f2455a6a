// Takes away what ended long ago: jobs, their tasks, the class runs that have no jobs left, and the runs of configurations; and looks for work that was forgotten.

import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import { asJson } from './as-json.ts';
import { giveForgotten } from './forgotten.ts';
import type { Queue } from './queue.ts';

const log = createLog('jobs');

/** So that nobody waits long for what a batch holds. */
const batchSize = 200;
const pauseMs = 50;
const defaultIntervalMs = 600_000;

// `now()` in all of these: a clock that may move within a statement is asked for each row, and no index can be used.

/** The oldest jobs, with the tasks that nobody else has had. An ended task gets no new jobs. */
async function cleanJobs(database: Database, historyDays: number): Promise<number> {
  return database.transaction(async (tx) => {
    const jobs = await sql<{ task: string }>`
      DELETE FROM platen.jobs WHERE id IN (
        SELECT id FROM platen.jobs WHERE ended_at < now() - make_interval(days => ${historyDays})
        ORDER BY ended_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)
      RETURNING task_id AS task`.execute(tx);
    const tasks = [...new Set(jobs.rows.map(({ task }) => task))];
    await sql`
      DELETE FROM platen.tasks WHERE id IN (SELECT value::uuid FROM json_array_elements_text(${asJson(tasks)}::json))
        AND state = 'ended' AND NOT EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id)`.execute(tx);
    return jobs.rows.length;
  });
}

/** Tasks whose jobs were moved to others, or went before their end: after the jobs, when few are left to be looked at. */
async function cleanTasks(queries: Queries, historyDays: number): Promise<number> {
  const { rows } = await sql`
    DELETE FROM platen.tasks WHERE id IN (
      SELECT id FROM platen.tasks WHERE state = 'ended' AND ended_at < now() - make_interval(days => ${historyDays})
        AND NOT EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id)
      ORDER BY ended_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)
    RETURNING id`.execute(queries);
  return rows.length;
}

/** Class runs of which nothing is left. */
async function cleanClassRuns(queries: Queries, historyDays: number): Promise<number> {
  const { rows } = await sql`
    DELETE FROM platen.class_runs WHERE id IN (
      SELECT id FROM platen.class_runs WHERE created_at < now() - make_interval(days => ${historyDays})
        AND NOT EXISTS (SELECT FROM platen.jobs WHERE group_id = class_runs.id)
      ORDER BY created_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)
    RETURNING id`.execute(queries);
  return rows.length;
}

const itemsAtOnce = 1000;

/** The oldest run of a configuration: its items, so many at once, and with the last of them itself. */
async function cleanRun(database: Database, historyDays: number): Promise<number> {
  return database.transaction(async (tx) => {
    const { rows } = await sql<{ id: string }>`
      SELECT id FROM platen.runs WHERE ended_at < now() - make_interval(days => ${historyDays})
      ORDER BY ended_at LIMIT 1 FOR UPDATE SKIP LOCKED`.execute(tx);
    const [run] = rows;
    if (run === undefined) return 0;
    const gone = await sql`
      DELETE FROM platen.run_items WHERE run_id = ${run.id} AND student_id IN (
        SELECT student_id FROM platen.run_items WHERE run_id = ${run.id} ORDER BY student_id LIMIT ${itemsAtOnce})
      RETURNING student_id`.execute(tx);
    if (gone.rows.length < itemsAtOnce) await sql`DELETE FROM platen.runs WHERE id = ${run.id}`.execute(tx);
    return 1;
  });
}

/** Batch after batch, until one is not full. @returns how many went. */
async function cleanAll(cleanBatch: () => Promise<number>, signal: AbortSignal, full = batchSize): Promise<number> {
  let sum = 0;
  for (;;) {
    const count = await cleanBatch();
    sum += count;
    if (count < full) return sum;
    await wait(pauseMs, undefined, { signal });
  }
}

interface CleaningOptions {
  database: Database;
  queue: Queue;
  historyDays: number;
  intervalMs: number | undefined;
  signal: AbortSignal;
}

async function clean({ database, historyDays, signal }: CleaningOptions): Promise<void> {
  const jobs = await cleanAll(() => cleanJobs(database, historyDays), signal);
  const tasks = await cleanAll(() => cleanTasks(database.queries, historyDays), signal);
  const runs = await cleanAll(() => cleanClassRuns(database.queries, historyDays), signal);
  // With the class runs, in batches.
  const batches = await cleanAll(() => cleanRun(database, historyDays), signal, 1);
  if (jobs + tasks + runs + batches > 0) log.info('Ended work was forgotten', { jobs, tasks, runs, batches });
}

/** Cleans now and then, until the signal comes. Several processes may; a fault only delays it. */
export async function keepClean(options: CleaningOptions): Promise<void> {
  const { database, queue, intervalMs, signal } = options;
  while (!signal.aborted) {
    try {
      await giveForgotten(database, queue);
      await clean(options);
    } catch (error) {
      if (!signal.aborted) log.warn('The tables of jobs could not be looked through yet', { error });
    }
    await wait(intervalMs ?? defaultIntervalMs, undefined, { signal }).catch(() => undefined);
  }
}
