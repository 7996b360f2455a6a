// How changes of jobs are told to all processes: in the transaction that makes them, heard when it commits.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Change } from './contract.ts';

export const changesChannel = 'platen_changes';

/** Tasks in one message, and groups: what is told has a largest size of 8,000 bytes. */
export const mostTold = 90;

/** Is heard when the transaction commits. */
export async function tell(tx: Queries, change: Change): Promise<void> {
  const groups = change.kind === 'state' ? change.groups : [];
  for (let at = 0; at === 0 || at < groups.length; at += mostTold)
    await notify(tx, change.kind === 'state' ? { ...change, groups: groups.slice(at, at + mostTold) } : change);
}

function notify(tx: Queries, change: Change): Promise<unknown> {
  return sql`SELECT pg_notify(${changesChannel}, ${JSON.stringify(change)})`.execute(tx);
}

/** For a statement that makes a change: tells of it, of a task and of the groups in the `group_id` of `jobs`, however many they are. */
export const told = (task: RawBuilder<unknown>, jobs: RawBuilder<unknown>) => sql`(
  SELECT count(pg_notify(${changesChannel}, message)) FROM (
    SELECT json_build_object('kind', 'state', 'tasks', json_build_array(${task}),
      'groups', coalesce(json_agg(group_id) FILTER (WHERE group_id IS NOT NULL), '[]'::json))::text AS message
    FROM (
      SELECT group_id, row_number() OVER () / ${mostTold} AS part
      FROM (SELECT group_id FROM ${jobs} UNION SELECT NULL) AS groups
    ) AS parts GROUP BY part
  ) AS messages)`;
