// The SQL that cancels jobs, and finds the tasks that nobody wants any more.

import { type RawBuilder, sql } from 'kysely';
import { recordChange } from '../audit/audit.ts';
import type { Queries } from '../database/database.ts';
import { asJson } from './as-json.ts';
import type { EndedJob } from './contract.ts';
import type { Lane } from './lining-up.ts';
import { mostTold, tell } from './telling.ts';

interface Detached {
  /** Jobs that were cancelled. */
  jobs: EndedJob[];
  /** Tasks that nobody wants any more: those that waited have ended, those that are active are to be stopped. */
  waiting: { id: string; name: string }[];
  /** Lanes of those that waited. */
  lanes: Lane[];
  active: string[];
}

/** Holds tasks that have not ended until the transaction does, in the order in which all hold several. */
const holdTasks = (tx: Queries, which: RawBuilder<unknown>) =>
  sql`SELECT id FROM platen.tasks WHERE id IN (${which}) AND state <> 'ended' ORDER BY key FOR UPDATE`.execute(tx);

/** Cancels jobs that have not ended. */
export async function detachJobs(tx: Queries, which: { id: string } | { groupId: string }): Promise<Detached> {
  const condition = 'id' in which ? sql`id = ${which.id}` : sql`group_id = ${which.groupId}`;
  // First the task, then its jobs, as whoever begins or ends it: otherwise they would wait for each other.
  await holdTasks(tx, sql`SELECT task_id FROM platen.jobs WHERE ${condition} AND state IN ('queued', 'active')`);
  const { rows } = await sql<
    Pick<EndedJob, 'id' | 'name' | 'tenant' | 'subject'> & { task_id: string; group_id: string | null }
  >`
    WITH cancelled AS (
      UPDATE platen.jobs SET state = 'cancelled', ended_at = clock_timestamp(), secret = NULL
      WHERE ${condition} AND state IN ('queued', 'active') RETURNING id, task_id, group_id, subject
    )
    SELECT cancelled.id, task_id, group_id, subject, name, tenant FROM cancelled JOIN platen.tasks ON tasks.id = task_id`.execute(
    tx,
  );
  const tasks = [...new Set(rows.map(({ task_id }) => task_id))];
  if (tasks.length === 0) return { jobs: [], waiting: [], lanes: [], active: [] };
  const given = sql`SELECT value::uuid AS id FROM json_array_elements_text(${asJson(tasks)}::json)`;
  // Jobs may have been moved to another task meanwhile.
  await holdTasks(tx, given);
  // A statement of its own, which sees the jobs that joined while the tasks were waited for.
  const unwanted = await sql<Lane & { id: string; name: string; state: string }>`
    SELECT id, name, state, tenant, lane FROM platen.tasks
    WHERE id IN (${given}) AND state <> 'ended'
      AND NOT EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id AND jobs.state IN ('queued', 'active'))`.execute(
    tx,
  );
  const waiting = unwanted.rows.filter(({ state }) => state === 'waiting');
  const active = unwanted.rows.filter(({ state }) => state === 'active').map(({ id }) => id);
  if (waiting.length > 0) {
    await sql`UPDATE platen.tasks SET state = 'ended', ended_at = clock_timestamp()
      WHERE id IN (SELECT value::uuid FROM json_array_elements_text(${asJson(waiting.map(({ id }) => id))}::json))`.execute(
      tx,
    );
  }
  const groups = [...new Set(rows.flatMap(({ group_id }) => group_id ?? []))];
  // A change of many is told by its group.
  await tell(tx, { kind: 'state', tasks: tasks.slice(0, mostTold), groups });
  for (let at = 0; at < active.length; at += mostTold)
    await tell(tx, { kind: 'cancel', tasks: active.slice(at, at + mostTold) });
  const lanes = [...Map.groupBy(waiting, ({ lane }) => lane).values()].flatMap(([first]) => first ?? []);
  const ending = { state: 'cancelled' } as const;
  const jobs = rows.map(({ task_id: _, group_id, ...job }) => ({ ...job, groupId: group_id ?? undefined, ending }));
  // What a group is, is known to whoever has made it.
  for (const { id, tenant, groupId } of jobs)
    if (groupId === undefined) await recordChange(tx, { tenant, target: `jobs/${id}`, after: ending });
  return { jobs, waiting, lanes, active };
}
