// Finds work that waits although nothing would ever begin it, and gives it to the queue again. A last line of defence: no known fault leads there.

import { sql } from 'kysely';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import type { Queue } from './queue.ts';
import { priorityOf } from './turns.ts';

const log = createLog('jobs');

/** Tasks that are looked at in one go. */
const batchSize = 1000;
/** What is younger may still be on its way. */
const leastSeconds = 60;

interface Waiting {
  id: string;
  name: string;
  turn: string;
}

/** Tasks that could be begun, by their ids: no other of their key is active. */
async function findBeginnable(queries: Queries, after: string): Promise<Waiting[]> {
  const { rows } = await sql<Waiting>`
    SELECT id, name, turn FROM platen.tasks
    WHERE state = 'waiting' AND id > ${after}::uuid AND created_at < clock_timestamp() - make_interval(secs => ${leastSeconds})
      AND NOT EXISTS (
        SELECT FROM platen.tasks AS active WHERE active.name = tasks.name AND active.key = tasks.key AND active.state = 'active')
    ORDER BY id LIMIT ${batchSize}`.execute(queries);
  return rows;
}

async function giveAgain(queue: Queue, name: string, { tx, ids }: { tx: Queries; ids: string[] }): Promise<number> {
  // Held and looked at again: it may have been begun meanwhile.
  const held = await tx
    .selectFrom('tasks')
    .select(['id', 'turn'])
    .where('id', 'in', ids)
    .where('state', '=', 'waiting')
    .forUpdate()
    .skipLocked()
    .execute();
  const missing = new Set(
    await queue.missing(
      name,
      held.map(({ id }) => id),
    ),
  );
  await queue.remove(name, [...missing]);
  const tasks = held.filter(({ id }) => missing.has(id));
  await queue.add(
    name,
    tasks.map(({ id, turn }) => ({ id, priority: priorityOf(Number(turn)) })),
  );
  return tasks.length;
}

/** Looks through all that waits. */
export async function giveForgotten(database: Database, queue: Queue): Promise<void> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const waiting = await findBeginnable(database.queries, after);
    for (const [name, tasks] of Map.groupBy(waiting, (task) => task.name)) {
      const all = tasks.map(({ id }) => id);
      const ids = await queue.missing(name, all);
      if (ids.length === 0) continue;
      const count = await database.transaction((tx) => giveAgain(queue, name, { tx, ids }));
      if (count > 0) log.warn('Work that nothing would have begun was given to the queue again', { name, count });
    }
    const last = waiting.at(-1);
    if (last === undefined || waiting.length < batchSize) return;
    after = last.id;
  }
}
