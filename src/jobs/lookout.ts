// Looks for what no message tells of: work that waited for its time, and tasks whose process has died or that a clock holds back.

import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';

const log = createLog('jobs');

/** The longest pause after a failure. */
export const longestRetrySeconds = 30;

/** How often work is looked for that nobody told of. */
const defaultPollSeconds = 5;
/** The same where nobody can be told. */
const deafPollSeconds = 1;
/** How often tasks are looked for whose process has died. */
const orphanSeconds = 5;
/** Of those that wait, the first in the line: one was handed to a process that died before it had begun it. */
const frontLength = 100;
/** How often tasks are looked for that a clock holds back. */
const lateSeconds = 10;

interface LookoutOptions {
  database: Database;
  /** Of the queue's tables. */
  schema: string;
  names: readonly string[];
  isEmbedded: boolean;
  /** A lease that is not renewed for this long has run out: its task is an orphan. */
  heartbeatSeconds: number;
  /** How often work is looked for that nobody told of, where those who listen hear. */
  pollSeconds: number | undefined;
  /** Lets those look who have time to do work. */
  wake(): void;
  /** Comes when the process stops. */
  signal: AbortSignal;
}

/** A task that can be begun again at once. */
const freed = `state = 'retry', start_after = now(), heartbeat_on = NULL`;

export class Lookout {
  readonly #options: LookoutOptions;
  /** By `performance.now()`, when the next pause of a task ends. */
  #pauseEnd = Number.POSITIVE_INFINITY;
  /** How often that is to be looked up. */
  #lookUps = 0;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Work of this process is tried again after a pause, whose end is told to nobody. */
  expectPauses(): void {
    // Twice: the first time it may not be written down yet.
    this.#lookUps = 2;
  }

  async keepLooking(): Promise<void> {
    const { signal, isEmbedded, wake } = this.#options;
    for (let second = 1; !signal.aborted; second++) {
      await wait(1000, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (second % this.#pollSeconds === 0) wake();
      try {
        await this.#awaitPause();
        if (!isEmbedded && second % orphanSeconds === 0) await this.#freeOrphans();
        if (second % lateSeconds === 0) await this.#freeLate();
      } catch (error) {
        log.debug('Tasks that are held up were not looked for', { error });
      }
    }
  }

  /** In the embedded database every task that is under way at the start is a dead process's. */
  async freeAll(): Promise<void> {
    const { database, schema, names } = this.#options;
    await database.execute(`UPDATE ${schema}.job SET ${freed} WHERE name = ANY($1) AND state = 'active'`, [names]);
  }

  get #pollSeconds(): number {
    const { database, pollSeconds = defaultPollSeconds } = this.#options;
    return database.isDeaf ? deafPollSeconds : pollSeconds;
  }

  /** Lets work be looked for when a pause has ended, and asks only then when the next one will. */
  async #awaitPause(): Promise<void> {
    const isOver = performance.now() >= this.#pauseEnd;
    if (isOver) this.#options.wake();
    if (!isOver && this.#lookUps === 0) return;
    const { database, schema, names } = this.#options;
    const { rows } = await database.execute(
      `SELECT (extract(epoch FROM min(start_after) - now()) * 1000)::float8 AS ms FROM ${schema}.job
       WHERE name = ANY($1) AND state < 'active' AND NOT blocked AND start_after > now()`,
      [names],
    );
    const { ms } = rows[0] as { ms: number | null };
    this.#pauseEnd = ms === null ? Number.POSITIVE_INFINITY : performance.now() + ms;
    this.#lookUps = Math.max(0, this.#lookUps - 1);
  }

  /** Tasks whose process has died are begun again at once, without the pause that follows a failure. */
  async #freeOrphans(): Promise<void> {
    const { database, schema, names, heartbeatSeconds, wake } = this.#options;
    // One that was heard of in the future was so by a clock that has been put back since.
    const isHeard = `heartbeat_on BETWEEN now() - interval '${heartbeatSeconds} seconds' AND now() + interval '${heartbeatSeconds} seconds'`;
    // By our own few that are not done: the queue's table has no index of those under way.
    const { rows } = await database.execute(
      `UPDATE ${schema}.job SET ${freed} FROM (
         (SELECT id FROM platen.tasks WHERE state = 'active')
         UNION ALL (
           SELECT id FROM platen.tasks WHERE state = 'waiting' AND attempt = 0 AND round IS NOT NULL ORDER BY round LIMIT ${frontLength})
       ) AS unended
       WHERE job.name = ANY($1) AND job.id = unended.id AND job.state = 'active' AND NOT (${isHeard}) RETURNING job.id`,
      [names],
    );
    if (rows.length > 0) wake();
  }

  /** A clock that has gone back would hold tasks until it has caught up: none waits for longer than the longest pause. */
  async #freeLate(): Promise<void> {
    const { database, schema, names, wake } = this.#options;
    const { rows } = await database.execute(
      `UPDATE ${schema}.job SET start_after = now()
       WHERE name = ANY($1) AND state < 'active' AND NOT blocked AND start_after > now() + interval '${2 * longestRetrySeconds} seconds' RETURNING id`,
      [names],
    );
    if (rows.length > 0) wake();
  }
}
