// Trying again until it works: the database may go away at any time.

import { setTimeout as wait } from 'node:timers/promises';
import { createLog } from '../log.ts';

const log = createLog('jobs');

const firstPauseMs = 200;
const longestPauseMs = 5000;

interface Insistence {
  /** Logged each time it did not work. */
  complaint: string;
  /** Comes when the process stops. */
  signal: AbortSignal;
}

/** @throws when the signal has come. */
export async function insist<T>(attempt: () => Promise<T>, { complaint, signal }: Insistence): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      log.error(complaint, { error });
      await wait(pauseMs, undefined, { signal });
    }
  }
}
