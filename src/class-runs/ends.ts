// Tells others of class runs that have ended, in the transaction in which the last of their reports does.

import { recordChange } from '../audit/audit.ts';
import type { Queries } from '../database/database.ts';
import type { Events } from '../events/events.ts';
import type { EndedJob, EndHook } from '../jobs/contract.ts';
import { findOwner, holdEnded } from './store.ts';

export function tellOfEnds(events: Events): EndHook {
  return async (tx, jobs) => {
    const tenants = new Map(
      jobs.flatMap(({ groupId, tenant }) => (groupId === undefined ? [] : [[groupId, tenant] as const])),
    );
    // In one order, so that two who hold several wait for each other and not for ever.
    for (const [id, tenant] of [...tenants].sort(([one], [other]) => (one < other ? -1 : 1))) {
      await recordCancelled(tx, id, jobs);
      const run = await holdEnded(tx, id);
      if (run === undefined) continue;
      const { classId, testId, total } = run;
      const { completed, failed, cancelled } = run.counts;
      const state = failed > 0 ? 'failed' : cancelled > 0 ? 'cancelled' : 'completed';
      const counts = { completed, failed, cancelled };
      await events.classRunEnded(tx, tenant, { classRunId: id, classId, testId, state, total, counts });
    }
  };
}

async function recordCancelled(tx: Queries, id: string, jobs: readonly EndedJob[]): Promise<void> {
  const cancelled = jobs.filter(({ groupId, ending }) => groupId === id && ending.state === 'cancelled');
  const [first] = cancelled;
  // Of other groups it is no business of ours.
  if (first === undefined || (await findOwner(tx, id)) === undefined) return;
  const after = { cancelled: cancelled.length };
  await recordChange(tx, { tenant: first.tenant, target: `class-runs/${id}`, after });
}
