// The SQL that adds jobs, and tasks for them or none where there is one that they join.

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import { asJson } from './as-json.ts';
import type { JobRequest } from './contract.ts';
import { type Lane, lockLane } from './lining-up.ts';

export interface NewTask {
  id: string;
  key: string;
  /** Of one that is being done: since when. */
  startedAt?: Date;
}

/** Attempts of one task whose failures are forgotten when somebody joins it. */
const mostForgiven = 24;

interface TasksToAdd extends Lane {
  name: string;
  /** Each once. */
  keys: readonly string[];
  /** Whether those that are being done are joined too. */
  joinsActive?: boolean | undefined;
}

/** Adds tasks, or joins those of their keys that are there: gives for each key its task. Holds the lane, of which some may then be lined up. */
export async function addTasks(
  tx: Queries,
  { joinsActive = false, ...asked }: TasksToAdd,
): Promise<Map<string, NewTask>> {
  await sql`SELECT ${lockLane(sql`${asked.lane}::text`)}`.execute(tx);
  const joined = new Map(joinsActive ? (await joinActive(tx, asked)).map((task) => [task.key, task]) : []);
  const keys = asked.keys.filter((key) => !joined.has(key));
  if (keys.length > 0) for (const task of await addWaiting(tx, { ...asked, keys })) joined.set(task.key, task);
  return joined;
}

/** Those of the keys that are being done for somebody: what nobody wants is about to be stopped. */
async function joinActive(tx: Queries, { name, keys }: TasksToAdd): Promise<NewTask[]> {
  const active = await sql<{ id: string }>`
    SELECT id FROM platen.tasks JOIN json_array_elements_text(${asJson(keys)}::json) AS given (key) USING (key)
    WHERE name = ${name} AND state = 'active' ORDER BY key FOR UPDATE OF tasks`.execute(tx);
  const ids = active.rows.map(({ id }) => id);
  // By a statement of its own, which sees who has left while the task was waited for. Whoever ends the task looks again for who wants it, as
  // where another waits for its end.
  const joined = await sql<Required<NewTask>>`
    UPDATE platen.tasks SET has_successor = true
    WHERE id IN (SELECT value::uuid FROM json_array_elements_text(${asJson(ids)}::json))
      AND EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id AND jobs.state IN ('queued', 'active'))
    RETURNING id, key, started_at AS "startedAt"`.execute(tx);
  return joined.rows;
}

async function addWaiting(tx: Queries, { name, tenant, lane, keys }: TasksToAdd): Promise<NewTask[]> {
  const {
    rows: [last],
  } = await sql<{ turn: string | null }>`
    SELECT max(turn) AS turn FROM platen.tasks WHERE state = 'waiting' AND round IS NULL AND lane = ${lane}`.execute(
    tx,
  );
  const firstTurn = Number(last?.turn ?? 0) + 1;
  const rows = keys.map((key, index) => ({ id: randomUUID(), key, turn: firstTurn + index }));
  // In the order of keys, so that two who add many at once wait for each other and not for ever. One that waits is held, so that it begins
  // only when the jobs that join it are there.
  const added = await sql<NewTask>`
    INSERT INTO platen.tasks (id, name, key, state, tenant, lane, turn)
    SELECT id, ${name}, key, 'waiting', ${tenant}, ${lane}, turn
    FROM json_to_recordset(${asJson(rows)}::json) AS given (id uuid, key text, turn bigint)
    ORDER BY key
    -- What failed for those who were there before is not held against who joins, unless somebody joins again and again.
    ON CONFLICT (name, key) WHERE state = 'waiting' DO UPDATE SET started_at = NULL, idle_from = NULL,
      failures = CASE WHEN tasks.attempt < ${mostForgiven} THEN 0 ELSE tasks.failures END
    RETURNING id, key`.execute(tx);
  // After the rows are there: an active task that ends meanwhile either sees them, or is seen to have ended.
  await sql`
    WITH given AS (SELECT value AS key FROM json_array_elements_text(${asJson(keys)}::json)),
    active AS (
      SELECT id FROM platen.tasks JOIN given USING (key) WHERE name = ${name} AND state = 'active' ORDER BY key FOR UPDATE OF tasks
    )
    UPDATE platen.tasks SET has_successor = true FROM active WHERE tasks.id = active.id AND tasks.state = 'active'`.execute(
    tx,
  );
  return added.rows;
}

interface JobsToAdd {
  groupId: string | undefined;
  jobs: readonly (Omit<JobRequest<unknown>, 'key' | 'secret'> & {
    task: NewTask | undefined;
    secret: Buffer | undefined;
  })[];
}

/** @returns the ids of the jobs, in their order. */
export async function addJobs(tx: Queries, { groupId, jobs }: JobsToAdd): Promise<string[]> {
  const rows = jobs.map(({ secret, task, ...job }, position) => ({
    ...job,
    taskId: task?.id,
    state: task?.startedAt === undefined ? 'queued' : 'active',
    startedAt: task?.startedAt,
    id: randomUUID(),
    secret: secret?.toString('base64'),
    position,
  }));
  await sql`
    INSERT INTO platen.jobs (id, task_id, owner, group_id, position, state, started_at, subject, data, secret, rank)
    SELECT id, "taskId", owner, ${groupId ?? null}::uuid, position, state, "startedAt", subject, data, decode(secret, 'base64'), rank
    FROM json_to_recordset(${asJson(rows)}::json) AS given (
      id uuid, "taskId" uuid, owner text, state text, "startedAt" timestamptz, subject jsonb, data jsonb, secret text, rank smallint, position integer)
    ORDER BY position`.execute(tx);
  return rows.map(({ id }) => id);
}
