// The SQL that begins jobs again that have failed, or were cancelled with their group: the same jobs, with new tasks.

import { sql } from 'kysely';
import { recordChange } from '../audit/audit.ts';
import type { Queries } from '../database/database.ts';
import { addTasks, type NewTask } from './adding.ts';
import type { Lane } from './lining-up.ts';
import { mostTold, tell } from './telling.ts';

interface FailedJob extends Lane {
  id: string;
  group_id: string | null;
  subject: Record<string, unknown>;
  name: string;
  key: string;
}

interface Retried {
  jobs: number;
  /** Of their new tasks, held, for some to be lined up. */
  lanes: Lane[];
}

async function retryLane(
  tx: Queries,
  failed: FailedJob[],
  secretFor: (subject: Record<string, unknown>) => Buffer | undefined,
): Promise<NewTask[]> {
  const { name = '', tenant = '', lane = '' } = failed[0] ?? {};
  const tasks = await addTasks(tx, { name, tenant, lane, keys: [...new Set(failed.map(({ key }) => key))] });
  const moved = failed.map(({ id, key, subject }) => ({
    id,
    taskId: tasks.get(key)?.id,
    secret: secretFor(subject)?.toString('base64'),
  }));
  await sql`
    UPDATE platen.jobs SET task_id = given."taskId", state = 'queued', started_at = NULL, ended_at = NULL, error = NULL,
      secret = decode(given.secret, 'base64')
    FROM json_to_recordset(${JSON.stringify(moved)}::json) AS given (id uuid, "taskId" uuid, secret text)
    WHERE jobs.id = given.id`.execute(tx);
  return [...tasks.values()];
}

/** Gives a failed job, or those of a group that have failed or were cancelled, new tasks, or those of their keys that wait. */
export async function retryJobs(
  tx: Queries,
  which: { id: string } | { groupId: string },
  secretFor: (subject: Record<string, unknown>) => Buffer | undefined,
): Promise<Retried> {
  const condition =
    'id' in which
      ? sql`jobs.id = ${which.id} AND jobs.state = 'failed'`
      : sql`jobs.group_id = ${which.groupId} AND jobs.state IN ('failed', 'cancelled')`;
  const { rows } = await sql<FailedJob>`
    SELECT jobs.id, jobs.group_id, jobs.subject, tasks.name, tasks.key, tasks.tenant, tasks.lane
    FROM platen.jobs JOIN platen.tasks ON tasks.id = jobs.task_id
    WHERE ${condition} ORDER BY jobs.position FOR UPDATE OF jobs`.execute(tx);
  const tasks: NewTask[] = [];
  // In one order, so that two who do so wait for each other and not for ever.
  const lanes = [...Map.groupBy(rows, ({ name, lane }) => JSON.stringify([lane, name]))].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  for (const [, lane] of lanes) tasks.push(...(await retryLane(tx, lane, secretFor)));
  const states = { before: { state: 'failed' }, after: { state: 'queued' } };
  // Those of a group are the business of whoever has made it.
  if ('id' in which)
    for (const { id, tenant } of rows) await recordChange(tx, { tenant, target: `jobs/${id}`, ...states });
  const groups = [...new Set(rows.flatMap(({ group_id }) => group_id ?? []))];
  if (rows.length > 0) await tell(tx, { kind: 'state', tasks: tasks.slice(0, mostTold).map(({ id }) => id), groups });
  return { jobs: rows.length, lanes: lanes.flatMap(([, [first]]) => first ?? []) };
}
