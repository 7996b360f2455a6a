// Finds work that nothing would ever begin, or that nobody does any more, and gives it to the queue again. A last line of defence: no known fault leads there.

import { type RawBuilder, sql } from 'kysely';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import { findStalledLanes, lineUpNext } from './lining-up.ts';
import type { Queue } from './queue.ts';
import { priorityOf } from './turns.ts';

const log = createLog('jobs');

/** Tasks that are looked at in one go. */
const batchSize = 1000;
/** What is younger may still be on its way. */
const leastSeconds = 60;

interface Unended {
  id: string;
  name: string;
  key: string;
}

type State = 'waiting' | 'active';

/** What the queue should have: of those that stand in the line, only those of whose key no other is active. */
const isDue: Record<State, RawBuilder<unknown>> = {
  waiting: sql`state = 'waiting' AND round IS NOT NULL AND created_at < now() - make_interval(secs => ${leastSeconds})
    AND NOT EXISTS (SELECT FROM platen.tasks AS active WHERE active.name = tasks.name AND active.key = tasks.key AND active.state = 'active')`,
  active: sql`state = 'active' AND started_at < now() - make_interval(secs => ${leastSeconds})`,
};

/** In the order of the index that each state has. */
async function findDue(queries: Queries, state: State, after: Unended): Promise<Unended[]> {
  const { rows } = await sql<Unended>`
    SELECT id, name, key FROM platen.tasks WHERE (name, key) > (${after.name}, ${after.key}) AND ${isDue[state]}
    ORDER BY name, key LIMIT ${batchSize}`.execute(queries);
  return rows;
}

async function giveAgain(
  queue: Queue,
  name: string,
  { tx, ids, state }: { tx: Queries; ids: string[]; state: State },
): Promise<number> {
  // Held and looked at again: it may have been begun, or ended, meanwhile.
  const held = await tx
    .selectFrom('tasks')
    .select(['id', 'round'])
    .where('id', 'in', ids)
    .where('state', '=', state)
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
    tasks.map(({ id, round }) => ({ id, priority: priorityOf(Number(round ?? 0)) })),
  );
  return tasks.length;
}

async function giveForgottenOf(state: State, database: Database, queue: Queue): Promise<void> {
  let after: Unended = { id: '', name: '', key: '' };
  for (;;) {
    const due = await findDue(database.queries, state, after);
    for (const [name, tasks] of Map.groupBy(due, (task) => task.name)) {
      const all = tasks.map(({ id }) => id);
      const ids = await queue.missing(name, all);
      if (ids.length === 0) continue;
      const count = await database.transaction((tx) => giveAgain(queue, name, { tx, ids, state }));
      if (count > 0) log.warn('Work that the queue had lost was given to it again', { name, state, count });
    }
    const last = due.at(-1);
    if (last === undefined || due.length < batchSize) return;
    after = last;
  }
}

/** Looks through all that waits, and all that is said to be under way. */
export async function giveForgotten(database: Database, queue: Queue): Promise<void> {
  await giveForgottenOf('waiting', database, queue);
  await giveForgottenOf('active', database, queue);
  for (const lane of await findStalledLanes(database.queries)) await lineUpNext(database, queue, lane);
}
