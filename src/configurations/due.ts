// When configurations are due: taken by one process each time, and put right where a clock was ahead.

import type { Queries } from '../database/database.ts';
import { bringForward, findScheduled, holdDue, type NewConfiguration, putOff } from './configuration-store.ts';
import type { Configuration } from './contract.ts';
import { nextTimes } from './schedule.ts';

const correctedAtOnce = 500;
const zeroUuid = '00000000-0000-0000-0000-000000000000';

/** Null where it is off, or never due again. */
export const dueAfter = (configuration: Omit<NewConfiguration, 'nextDueAt'>, now: Date): Date | null =>
  configuration.isEnabled ? (nextTimes(configuration, now, 1)[0] ?? null) : null;

/** Those that are due; nobody else has them until the transaction has ended, and not for this time. */
export async function takeDue(tx: Queries): Promise<Configuration[]> {
  const due = await holdDue(tx);
  for (const configuration of due) {
    // A clock that is behind the one of the database must not find the same time again.
    const latest = Math.max(Date.now(), configuration.nextDueAt?.getTime() ?? 0);
    await putOff(tx, configuration.id, dueAfter(configuration, new Date(latest)));
  }
  return due;
}

/** What is due later than its schedule says was put there by a clock that was ahead: from now on it is due as the schedule says. */
export async function correctDue(queries: Queries): Promise<void> {
  for (let after = zeroUuid; ; ) {
    const page = await findScheduled(queries, { after, most: correctedAtOnce });
    for (const configuration of page) {
      const at = dueAfter(configuration, new Date());
      if (at !== null && configuration.nextDueAt !== null && at < configuration.nextDueAt)
        await bringForward(queries, configuration, at);
    }
    after = page.at(-1)?.id ?? after;
    if (page.length < correctedAtOnce) return;
  }
}
