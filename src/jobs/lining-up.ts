// The SQL of the line: of each lane only the next few tasks stand in it, and only those are given to the queue.

import { type RawBuilder, sql } from 'kysely';
import type { Database, Queries } from '../database/database.ts';
import { asJson } from './as-json.ts';
import type { Queue } from './queue.ts';
import { priorityOf, roundFor, tasksPerTurn } from './turns.ts';

export interface Lane {
  tenant: string;
  lane: string;
}

interface Lined {
  id: string;
  name: string;
  key: string;
}

/** So that two who look at a lane see what the other has done: each waits for the other's transaction. */
export const lockLane = (lane: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`pg_advisory_xact_lock(hashtextextended('platen lane ' || ${lane}, 0))`;

/** Those that stand in the line and were not tried yet: what is tried again is not waited for. */
const inLine = sql`state = 'waiting' AND attempt = 0 AND round IS NOT NULL`;

/** Whether one of a lane stands in the line and can be begun: no other of its key is active. */
const hasNext = (lane: RawBuilder<unknown>) => sql`EXISTS (
  SELECT FROM platen.tasks AS lined WHERE ${inLine} AND lined.lane = ${lane}
    AND NOT EXISTS (SELECT FROM platen.tasks AS active WHERE active.name = lined.name AND active.key = lined.key AND active.state = 'active'))`;

/** Whether tasks of a lane wait to be lined up: none stands in the line that can be begun. */
export const wantsLine = (lane: RawBuilder<unknown>): RawBuilder<boolean> => sql`(NOT ${hasNext(lane)}
  AND EXISTS (SELECT FROM platen.tasks WHERE state = 'waiting' AND round IS NULL AND lane = ${lane}))`;

/**
 * Lets the next tasks of a lane stand in the line, if none does that can be begun, in the transaction that holds its lock.
 * @param begun round of the task of this lane that was begun just now.
 */
export async function lineUp(
  tx: Queries,
  queue: Queue,
  { tenant, lane, begun }: Lane & { begun?: number },
): Promise<void> {
  const {
    rows: [line],
  } = await sql<{ front: string | null; last: string | null }>`
    SELECT (SELECT min(round) FROM platen.tasks WHERE ${inLine}) AS front,
      (SELECT max(round) FROM platen.tasks WHERE ${inLine} AND tenant = ${tenant}) AS last
    WHERE ${wantsLine(sql`${lane}`)}`.execute(tx);
  if (line === undefined) return;
  const read = (round: string | null) => (round === null ? null : Number(round));
  const round = roundFor({ front: read(line.front), last: read(line.last), begun });
  const lined = await sql<Lined>`
    WITH lined AS (
      UPDATE platen.tasks SET round = ${round} WHERE id IN (
        SELECT id FROM platen.tasks WHERE state = 'waiting' AND round IS NULL AND lane = ${lane} ORDER BY turn LIMIT ${tasksPerTurn})
      RETURNING id, name, key, turn)
    SELECT id, name, key FROM lined ORDER BY turn`.execute(tx);
  let given = 0;
  for (const [name, tasks] of Map.groupBy(lined.rows, (task) => task.name)) {
    const blocked = await findActive(
      tx,
      name,
      tasks.map(({ key }) => key),
    );
    const free = tasks.filter(({ key }) => !blocked.has(key));
    given += free.length;
    await queue.add(
      name,
      free.map(({ id }) => ({ id, priority: priorityOf(round) })),
    );
  }
  // All of them wait for others of their keys: so does not the lane.
  if (given === 0) await lineUp(tx, queue, { tenant, lane, begun: round });
}

/** In a transaction of its own, after others of the lane have left. */
export function lineUpNext(database: Database, queue: Queue, lane: Lane): Promise<void> {
  return database.transaction(async (tx) => {
    await sql`SELECT ${lockLane(sql`${lane.lane}::text`)}`.execute(tx);
    await lineUp(tx, queue, lane);
  });
}

/** Gives the queue a task that waited for another of its key, if it stands in the line; else its lane's turn comes. */
export async function release(
  queue: Queue,
  name: string,
  next: { id: string; round: string | null } | undefined,
): Promise<void> {
  if (next !== undefined && next.round !== null)
    await queue.add(name, [{ id: next.id, priority: priorityOf(Number(next.round)) }]);
}

/** Keys of which a task is active; held, so that one that ends meanwhile either sees those that wait in the line, or is seen to have ended. */
async function findActive(tx: Queries, name: string, keys: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ key: string }>`
    SELECT tasks.key FROM platen.tasks JOIN json_array_elements_text(${asJson(keys)}::json) AS given (key) ON tasks.key = given.key
    WHERE tasks.name = ${name} AND state = 'active' ORDER BY tasks.key FOR UPDATE OF tasks`.execute(tx);
  return new Set(rows.map(({ key }) => key));
}

/** Lanes of which tasks wait although none stands in the line. */
export async function findStalledLanes(queries: Queries): Promise<Lane[]> {
  const { rows } = await sql<Lane>`
    SELECT DISTINCT tenant, lane FROM platen.tasks AS waiting WHERE state = 'waiting' AND round IS NULL
      AND NOT ${hasNext(sql`waiting.lane`)}`.execute(queries);
  return rows;
}
