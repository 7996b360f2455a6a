// The SQL that adds jobs, and tasks for them or none where one waits already.

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import { asJson } from './as-json.ts';
import type { JobRequest } from './contract.ts';
import { turnsFor } from './turns.ts';

export interface NewTask {
  id: string;
  key: string;
  /** Whether it can begin, or waits for the active one of its key. */
  isRunnable: boolean;
  turn: number;
}

/** Attempts of one task whose failures are forgotten when somebody joins it. */
const mostForgiven = 24;

interface TasksToAdd {
  name: string;
  lane: string;
  /** Each once. */
  keys: readonly string[];
}

/** Adds tasks, or joins those of their keys that wait: gives for each key the task that waits now. */
export async function addTasks(tx: Queries, { name, lane, keys }: TasksToAdd): Promise<Map<string, NewTask>> {
  const {
    rows: [line],
  } = await sql<{ first: string | null; last: string | null }>`
    SELECT (SELECT min(turn) FROM platen.tasks WHERE state = 'waiting') AS first,
           (SELECT max(turn) FROM platen.tasks WHERE state = 'waiting' AND lane = ${lane}) AS last`.execute(tx);
  const firstTurn = turnsFor(line ?? { first: null, last: null });
  const rows = keys.map((key, index) => ({ id: randomUUID(), key, turn: firstTurn + index }));
  // In the order of keys, so that two who add many at once wait for each other and not for ever. One that waits is held, so that it begins
  // only when the jobs that join it are there.
  const added = await sql<{ id: string; key: string; turn: string }>`
    INSERT INTO platen.tasks (id, name, key, state, lane, turn)
    SELECT id, ${name}, key, 'waiting', ${lane}, turn
    FROM json_to_recordset(${asJson(rows)}::json) AS given (id uuid, key text, turn bigint)
    ORDER BY key
    -- What failed for those who were there before is not held against who joins, unless somebody joins again and again.
    ON CONFLICT (name, key) WHERE state = 'waiting' DO UPDATE SET started_at = NULL, idle_from = NULL,
      failures = CASE WHEN tasks.attempt < ${mostForgiven} THEN 0 ELSE tasks.failures END
    RETURNING id, key, turn`.execute(tx);
  // After the rows are there: an active task that ends meanwhile either sees them, or is seen to have ended.
  const blocked = await sql<{ key: string }>`
    WITH given AS (SELECT value AS key FROM json_array_elements_text(${asJson(keys)}::json)),
    active AS (
      SELECT id FROM platen.tasks JOIN given USING (key) WHERE name = ${name} AND state = 'active' ORDER BY key FOR UPDATE OF tasks
    )
    UPDATE platen.tasks SET has_successor = true FROM active WHERE tasks.id = active.id AND tasks.state = 'active' RETURNING tasks.key`.execute(
    tx,
  );
  const blockedKeys = new Set(blocked.rows.map(({ key }) => key));
  return new Map(
    added.rows.map(({ id, key, turn }) => [key, { id, key, turn: Number(turn), isRunnable: !blockedKeys.has(key) }]),
  );
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
