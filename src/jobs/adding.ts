// The SQL that adds jobs, and tasks for them or none where one waits already.

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import { asJson } from './as-json.ts';
import type { JobRequest } from './contract.ts';
import { type Lane, lockLane } from './lining-up.ts';

export interface NewTask {
  id: string;
  key: string;
}

/** Attempts of one task whose failures are forgotten when somebody joins it. */
const mostForgiven = 24;

interface TasksToAdd extends Lane {
  name: string;
  /** Each once. */
  keys: readonly string[];
}

/** Adds tasks, or joins those of their keys that wait: gives for each key the task that waits now. Holds the lane, of which some may then be lined up. */
export async function addTasks(tx: Queries, { name, tenant, lane, keys }: TasksToAdd): Promise<Map<string, NewTask>> {
  await sql`SELECT ${lockLane(sql`${lane}::text`)}`.execute(tx);
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
  return new Map(added.rows.map((task) => [task.key, task]));
}

interface JobsToAdd {
  groupId: string | undefined;
  jobs: readonly (Omit<JobRequest<unknown>, 'key' | 'secret'> & { taskId: string; secret: Buffer | undefined })[];
}

/** @returns the ids of the jobs, in their order. */
export async function addJobs(tx: Queries, { groupId, jobs }: JobsToAdd): Promise<string[]> {
  const rows = jobs.map(({ secret, ...job }, position) => ({
    ...job,
    id: randomUUID(),
    secret: secret?.toString('base64'),
    position,
  }));
  await sql`
    INSERT INTO platen.jobs (id, task_id, owner, group_id, position, state, subject, data, secret, rank)
    SELECT id, "taskId", owner, ${groupId ?? null}::uuid, position, 'queued', subject, data, decode(secret, 'base64'), rank
    FROM json_to_recordset(${asJson(rows)}::json) AS given (
      id uuid, "taskId" uuid, owner text, subject jsonb, data jsonb, secret text, rank smallint, position integer)
    ORDER BY position`.execute(tx);
  return rows.map(({ id }) => id);
}
