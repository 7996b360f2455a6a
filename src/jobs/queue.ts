// The door to the queue library: hands tasks to whoever has time, as long as they take, and again when a process has died.

import { setTimeout as wait } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { abortable } from '../abortable.ts';
import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';

const log = createLog('jobs');

/** In a schema of its own beside ours. */
const schema = 'platen_queue';

/** A task of a process that does not say so for this long is given to another; the least that the library takes. */
const heartbeatSeconds = 10;
/** Finds what waited for its time, and what was told while no connection listened. */
const defaultPollSeconds = 1;
/** Nobody else can die there; looking each second would take a tenth of a processor. */
const embeddedSuperviseSeconds = 30;
const firstRetrySeconds = 1;
/** The longest pause after a failure. */
export const longestRetrySeconds = 30;
/** How often tasks are looked for that a clock holds back. */
const lateSeconds = 5;
/** How often a task fails is judged by whoever runs it; the library only has to go on. */
const retryLimit = 100_000;
/** Longer than any task may take. */
const expireSeconds = 3600;

const daySeconds = 86_400;
const queueSettings = {
  notify: true,
  heartbeatSeconds,
  retryLimit,
  retryDelay: firstRetrySeconds,
  retryBackoff: true,
  retryDelayMax: longestRetrySeconds,
  expireInSeconds: expireSeconds,
  retentionSeconds: 365 * daySeconds,
  deleteAfterSeconds: 3600,
};

type Run = (id: string, signal: AbortSignal) => Promise<void>;

/** A task that can be done now. */
export interface Runnable {
  id: string;
  /** The greatest goes first. */
  priority: number;
}

export interface Queue {
  start(): Promise<void>;
  /** Gives tasks to the queue, in the transaction that is open; those that it has already stay as they are. */
  add(name: string, tasks: Runnable[]): Promise<void>;
  /** Takes them back, in the transaction that is open. */
  remove(name: string, ids: string[]): Promise<void>;
  /** Those of the tasks that it will not hand to anybody, since it never had them or takes them for done. */
  missing(name: string, ids: string[]): Promise<string[]>;
  /** Does tasks, `concurrency` at a time. A handler that throws is called again later. */
  work(name: string, concurrency: number, run: Run): Promise<void>;
  /** Takes no more tasks; kept when those under way have ended. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

interface QueueOptions {
  database: Database;
  isEmbedded: boolean;
  names: readonly string[];
  /** Whether this process looks after tasks whose process has died. */
  isSupervisor: boolean;
  /** How often work is looked for that nobody told of. */
  pollSeconds: number | undefined;
  /** Comes when the process stops. */
  signal: AbortSignal;
}

class LibraryQueue implements Queue {
  readonly #options: QueueOptions;
  readonly #boss: PgBoss;
  #freeing: Promise<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    const { database, isEmbedded, isSupervisor, signal } = options;
    this.#boss = new PgBoss({
      db: {
        executeSql: (text, values) => database.execute(text, values),
        listen: (channel, onMessage, onGap) => abortable(database.listen(channel, { onMessage, onGap }), signal),
      },
      backend: isEmbedded ? 'pglite' : 'postgres',
      schema,
      useListenNotify: true,
      schedule: false,
      supervise: isSupervisor,
      superviseIntervalSeconds: isEmbedded ? embeddedSuperviseSeconds : 1,
      monitorIntervalSeconds: 1,
      reindex: false,
      monitorVacuum: false,
    });
    this.#boss.on('error', (error) => log.warn('The queue had a fault; it goes on', { error }));
    this.#boss.on('warning', (warning) => log.warn('The queue warns', { warning }));
  }

  async start(): Promise<void> {
    const { names, isEmbedded, isSupervisor } = this.#options;
    await this.#boss.start();
    for (const name of names) await this.#boss.createQueue(name, queueSettings);
    if (isEmbedded) await this.#freeOrphans();
    if (isSupervisor) this.#freeing = this.#keepFreeing();
  }

  async add(name: string, tasks: Runnable[]): Promise<void> {
    if (tasks.length > 0) await this.#boss.insert(name, tasks);
  }

  async remove(name: string, ids: string[]): Promise<void> {
    if (ids.length > 0) await this.#boss.deleteJob(name, ids);
  }

  async missing(name: string, ids: string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const { rows } = await this.#options.database.execute(
      `SELECT given.id::text FROM unnest($2::uuid[]) AS given (id)
       WHERE NOT EXISTS (SELECT FROM ${schema}.job WHERE job.name = $1 AND job.id = given.id AND job.state < 'completed')`,
      [name, ids],
    );
    return (rows as { id: string }[]).map(({ id }) => id);
  }

  async work(name: string, concurrency: number, run: Run): Promise<void> {
    const { pollSeconds = defaultPollSeconds } = this.#options;
    const polling = { pollingIntervalSeconds: pollSeconds, notifyPollingIntervalSeconds: pollSeconds };
    for (let each = 0; each < concurrency; each++) {
      const workerId: string = await this.#boss.work(name, polling, async ([job]) => {
        try {
          if (job !== undefined) await run(job.id, job.signal);
        } finally {
          // The next one at once, not at the next poll.
          this.#boss.notifyWorker(workerId);
        }
      });
    }
  }

  async drain(): Promise<void> {
    await Promise.all(this.#options.names.map((name) => this.#boss.offWork(name)));
  }

  async stop(): Promise<void> {
    await this.#freeing;
    await this.#boss.stop({ graceful: false, close: false });
  }

  /** Tasks whose process has died are begun again at once, without the pause that follows a failure. */
  async #freeOrphans(): Promise<void> {
    const { database, isEmbedded, names } = this.#options;
    // In the embedded database every task that is under way at the start is a dead process's.
    // One that was heard of in the future was so by a clock that has been put back since.
    const isHeard = `heartbeat_on BETWEEN now() - interval '${heartbeatSeconds} seconds' AND now() + interval '${heartbeatSeconds} seconds'`;
    const isDead = isEmbedded ? 'true' : `NOT (${isHeard})`;
    await database.execute(
      `UPDATE ${schema}.job SET state = 'retry', start_after = now(), heartbeat_on = NULL WHERE name = ANY($1) AND state = 'active' AND ${isDead}`,
      [names],
    );
  }

  async #keepFreeing(): Promise<void> {
    const { signal, isEmbedded } = this.#options;
    for (let second = 1; !signal.aborted; second++) {
      await wait(1000, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (!isEmbedded) await this.#freeOrphans();
        if (second % lateSeconds === 0) await this.#freeLate();
      } catch (error) {
        log.debug('Orphans were not looked for', { error });
      }
    }
  }

  /** A clock that has gone back would hold tasks until it has caught up: none waits for longer than the longest pause. */
  async #freeLate(): Promise<void> {
    const { database, names } = this.#options;
    await database.execute(
      `UPDATE ${schema}.job SET start_after = now() WHERE name = ANY($1) AND state < 'active' AND start_after > now() + interval '${2 * longestRetrySeconds} seconds'`,
      [names],
    );
  }
}

export function createQueue(options: QueueOptions): Queue {
  return new LibraryQueue(options);
}
