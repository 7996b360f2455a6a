// The door to the queue library: hands tasks to whoever has time, as long as they take, and again when a process has died.

import { type RawBuilder, sql } from 'kysely';
import { PgBoss } from 'pg-boss';
import { abortable } from '../abortable.ts';
import type { Database, Listener } from '../database/database.ts';
import { createLog } from '../log.ts';
import { Lookout, longestRetrySeconds } from './lookout.ts';

const log = createLog('jobs');

/** In a schema of its own beside ours. */
const schema = 'platen_queue';

/** A lease that is not renewed for this long has run out; the least that the library takes. */
const heartbeatSeconds = 10;
/** The library never looks by itself. */
const neverSeconds = 86_400;
const firstRetrySeconds = 1;
/** How often the library counts its tasks and takes away those that are done: it reads the whole of its table. */
const maintenanceSeconds = 60;
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
  deleteAfterSeconds: maintenanceSeconds,
};

/** A task on which the queue has given this process a lease. */
export interface Claim {
  id: string;
  /** Of its kind. */
  name: string;
  /** How many leases there had been on it before. */
  count: number;
  /** Aborted when the lease is another's. */
  signal: AbortSignal;
}

type Run = (claim: Claim) => Promise<void>;

/** Whether the lease is still this claim's: that of a process that was frozen has run out, and another has one since. */
export const hasLease = ({ id, name, count }: Claim): RawBuilder<boolean> => sql`EXISTS (
  SELECT FROM ${sql.table(`${schema}.job`)} WHERE job.name = ${name} AND job.id = ${id} AND job.state = 'active' AND job.retry_count = ${count})`;

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
  /** How often work is looked for that nobody told of, where those who listen hear. */
  pollSeconds: number | undefined;
  /** Comes when the process stops. */
  signal: AbortSignal;
}

/** Where one task at a time is done. */
interface Place {
  id: string;
  isBusy: boolean;
}

class LibraryQueue implements Queue {
  readonly #options: QueueOptions;
  readonly #boss: PgBoss;
  /** By the kind of task that is done there. */
  readonly #places = new Map<string, Place[]>();
  readonly #lookout: Lookout;
  #looking: Promise<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#lookout = new Lookout({ ...options, schema, heartbeatSeconds, wake: () => this.#wakeAll() });
    const { database, isEmbedded, isSupervisor, signal } = options;
    this.#boss = new PgBoss({
      db: {
        executeSql: (text, values) => database.execute(text, values),
        listen: (channel) => abortable(database.listen(channel, this.#listener()), signal),
      },
      backend: isEmbedded ? 'pglite' : 'postgres',
      schema,
      useListenNotify: true,
      schedule: false,
      supervise: isSupervisor,
      superviseIntervalSeconds: maintenanceSeconds,
      monitorIntervalSeconds: maintenanceSeconds,
      maintenanceIntervalSeconds: maintenanceSeconds,
      // Of things that we do not use.
      flowIntervalSeconds: neverSeconds,
      // How many wait is a metric.
      warningQueueSize: Number.MAX_SAFE_INTEGER,
      reindex: false,
      monitorVacuum: false,
    });
    this.#boss.on('error', (error) => log.warn('The queue had a fault; it goes on', { error }));
    this.#boss.on('warning', (warning) => log.warn('The queue warns', { warning }));
  }

  async start(): Promise<void> {
    const { names, isEmbedded, isSupervisor } = this.#options;
    await this.#boss.start();
    for (const name of names) {
      await this.#boss.createQueue(name, queueSettings);
      // One that was there keeps those of the version that made it.
      await this.#boss.updateQueue(name, queueSettings);
    }
    if (isEmbedded) await this.#lookout.freeAll();
    if (isSupervisor) this.#looking = this.#lookout.keepLooking();
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
    const places: Place[] = [];
    this.#places.set(name, places);
    const polling = { pollingIntervalSeconds: neverSeconds, notifyPollingIntervalSeconds: neverSeconds };
    for (let each = 0; each < concurrency; each++) {
      const place: Place = { id: '', isBusy: false };
      place.id = await this.#boss.work(name, polling, async ([job]) => {
        if (job === undefined) return;
        place.isBusy = true;
        // Where there was one there may be more.
        this.#wake(name);
        try {
          await run({ id: job.id, name, count: job.retryCount, signal: job.signal });
        } catch (error) {
          this.#lookout.expectPauses();
          throw error;
        } finally {
          place.isBusy = false;
          // The next one at once, not when somebody looks.
          this.#boss.notifyWorker(place.id);
        }
      });
      places.push(place);
    }
  }

  async drain(): Promise<void> {
    await Promise.all(this.#options.names.map((name) => this.#boss.offWork(name)));
  }

  async stop(): Promise<void> {
    await this.#looking;
    await this.#boss.stop({ graceful: false, close: false });
  }

  /** Lets one place look for a task; if it finds one, the next place looks. */
  #wake(name: string): void {
    const idle = this.#places.get(name)?.find(({ isBusy }) => !isBusy);
    if (idle !== undefined) this.#boss.notifyWorker(idle.id);
  }

  #wakeAll(): void {
    for (const name of this.#places.keys()) this.#wake(name);
  }

  /** In place of the library's, which lets every place look at each message. */
  #listener(): Listener {
    return { onMessage: (name) => this.#wake(name), onGap: () => this.#wakeAll() };
  }
}

export function createQueue(options: QueueOptions): Queue {
  return new LibraryQueue(options);
}
