// How changes of jobs are told to all processes: in the transaction that makes them, heard when it commits.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Change } from './contract.ts';

export const changesChannel = 'platen_changes';

/** Tasks in one message: what is told has a largest size. */
export const mostTold = 100;

/** Is heard when the transaction commits. */
export function tell(tx: Queries, change: Change): Promise<unknown> {
  return sql`SELECT pg_notify(${changesChannel}, ${JSON.stringify(change)})`.execute(tx);
}

/** For a statement that makes a change: the payload that tells of it, of a task and the groups of its jobs. */
export const told = (task: RawBuilder<unknown>, groups: RawBuilder<unknown>) =>
  sql`pg_notify(${changesChannel}, json_build_object('kind', 'state', 'tasks', json_build_array(${task}), 'groups', coalesce(${groups}, '[]'::json))::text)`;
