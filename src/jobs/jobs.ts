// Durable work: jobs that are committed with what they belong to, done once by whichever process has time, and followed by who asked.

import { abortable } from '../abortable.ts';
import type { Database, DatabaseStatus, Queries } from '../database/database.ts';
import { fail, invalidField } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { type Sealing, sealOnce } from '../sealing.ts';
import { addJobs, addTasks } from './adding.ts';
import { type ChangeListener, Changes } from './changes.ts';
import { keepClean } from './cleaning.ts';
import type { EndHook, EnqueueOptions, JobDefinition, JobRecord, JobRequest } from './contract.ts';
import { detachJobs } from './detaching.ts';
import { insist } from './insisting.ts';
import { lineUp, lineUpNext } from './lining-up.ts';
import { createQueue, type Queue } from './queue.ts';
import { countTasks, selectJobs, toRecord } from './records.ts';
import { retryJobs } from './retrying.ts';
import { Runner } from './runner.ts';
import { withTraceparent } from './traced-attempt.ts';

const startTimeoutMs = 15_000;

export type SecretFor = (subject: Record<string, unknown>) => string | undefined;

export interface Jobs extends AsyncDisposable {
  /** Makes the kind of job known; before `start`. */
  define<Data>(definition: JobDefinition<Data>): void;
  /** Takes part in the transactions in which jobs end, of all kinds; before `start`. */
  onEnd(hook: EndHook): void;
  /** Runs `work` as one transaction in which jobs can be enqueued. @throws database_unavailable. */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>;
  /** Adds jobs in the caller's transaction: they are done when it has committed. @returns their ids, in the order of the requests. */
  enqueue<Data>(
    definition: JobDefinition<Data>,
    requests: readonly JobRequest<Data>[],
    options: EnqueueOptions,
  ): Promise<string[]>;
  find(id: string): Promise<JobRecord | undefined>;
  /** Cancels a job; the last one that leaves a task stops its work. */
  cancel(id: string): Promise<'cancelled' | 'already_ended'>;
  /** Cancels the jobs of a group that have not ended. @returns their number. */
  cancelGroup(groupId: string): Promise<number>;
  /**
   * Begins a failed job again, as itself.
   * @param secret in the place of what it had, which is erased.
   * @throws not_failed; invalid_request where it takes no secret; what its definition says of one that does not fit.
   */
  retry(id: string, secret?: string): Promise<void>;
  /**
   * Begins the jobs of a group again that have failed or were cancelled.
   * @param secretFor the secret of each, by what it is about, checked by the caller.
   * @returns their number.
   */
  retryGroup(groupId: string, secretFor: SecretFor): Promise<number>;
  /** Hears of every change of every job. @returns what ends it. */
  subscribe(listener: ChangeListener): () => void;
  /** Jobs with what is known of their tasks, for queries of their owners. */
  select(queries?: Queries): ReturnType<typeof selectJobs>;
  /** That of the database; `starting` also until jobs are accepted, and done where this process is to do them. */
  status(): Promise<DatabaseStatus>;
  /** Brings the figures of what is in the database up to date, where it answers. */
  measure(): Promise<void>;
  /** Begins to do tasks, as soon as the database is ready. */
  start(): void;
  /** Takes no more tasks; kept when those under way have ended. */
  settle(): Promise<void>;
}

interface Options {
  database: Database;
  isEmbedded: boolean;
  sealing: Sealing;
  /** Tasks at once in this process; 0 for one that only accepts them. */
  concurrency: number;
  /** Time that a task may take from its first attempt on. */
  timeoutMs: number;
  /** Days for which ended jobs are kept. */
  historyDays: number;
  metrics: Metrics;
  /** How often those that are older are looked for. */
  cleaningMs?: number;
  /** How often work is looked for that no notification told of. */
  pollSeconds?: number;
}

class DurableJobs implements Jobs {
  readonly #options: Options;
  readonly #definitions = new Map<string, JobDefinition>();
  readonly #endHooks: EndHook[] = [];
  readonly #changes = new Changes();
  readonly #stopping = new AbortController();
  #queue: Queue | undefined;
  #runner: Runner | undefined;
  /** Resolves when jobs can be accepted. */
  #opened: Promise<Queue> | undefined;
  /** Resolves when they are worked on. */
  #started: Promise<void> | undefined;
  #hasStarted = false;
  #cleaning: Promise<void> | undefined;
  #isSettling = false;

  constructor(options: Options) {
    this.#options = options;
  }

  define<Data>(definition: JobDefinition<Data>): void {
    this.#definitions.set(definition.name, definition as unknown as JobDefinition);
  }

  onEnd(hook: EndHook): void {
    this.#endHooks.push(hook);
  }

  async transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T> {
    const { database } = this.#options;
    if (this.#queue === undefined) {
      // Says at once when the database is away.
      await database.execute('SELECT 1');
      const opened = this.#opened ?? Promise.reject(new Error('not started'));
      await abortable(opened, AbortSignal.timeout(startTimeoutMs)).catch((cause) => {
        throw fail('database_unavailable', {}, { cause });
      });
    }
    return database.transaction(work);
  }

  async enqueue<Data>(
    { name }: JobDefinition<Data>,
    requests: readonly JobRequest<Data>[],
    { tx, tenant, lane, groupId, joinsActive }: EnqueueOptions,
  ): Promise<string[]> {
    const seal = sealOnce(this.#options.sealing);
    const keys = [...new Set(requests.map(({ key }) => key))];
    const tasks = await addTasks(tx, { name, tenant, lane, keys, joinsActive });
    const jobs = requests.map(({ key, secret, ...request }) => ({
      ...request,
      data: withTraceparent(request.data),
      task: tasks.get(key),
      secret: seal(secret),
    }));
    const ids = await addJobs(tx, { groupId, jobs });
    await lineUp(tx, this.#openQueue, { tenant, lane });
    return ids;
  }

  async find(id: string): Promise<JobRecord | undefined> {
    const row = await this.select().where('jobs.id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : toRecord(row);
  }

  async cancel(id: string): Promise<'cancelled' | 'already_ended'> {
    return (await this.#detach({ id })) === 0 ? 'already_ended' : 'cancelled';
  }

  async cancelGroup(groupId: string): Promise<number> {
    return this.#detach({ groupId });
  }

  async retry(id: string, secret?: string): Promise<void> {
    if (secret !== undefined) await this.#checkSecret(id, secret);
    if ((await this.#retry({ id }, () => secret)) === 0) throw fail('not_failed');
  }

  retryGroup(groupId: string, secretFor: SecretFor): Promise<number> {
    return this.#retry({ groupId }, secretFor);
  }

  subscribe(listener: ChangeListener): () => void {
    return this.#changes.subscribe(listener);
  }

  select(queries: Queries = this.#options.database.queries): ReturnType<typeof selectJobs> {
    return selectJobs(queries);
  }

  async status(): Promise<DatabaseStatus> {
    const status = await this.#options.database.status();
    return this.#hasStarted || !isUp(status) ? status : { state: 'starting' };
  }

  async measure(): Promise<void> {
    const { database, metrics } = this.#options;
    const status = await database.status();
    metrics.databaseUp.set(Number(isUp(status)));
    if (!isUp(status)) return;
    const counts = await countTasks(database.queries).catch(() => undefined);
    if (counts === undefined) return;
    for (const name of ['waiting', 'active'] as const) metrics.tasks.set({ state: name }, counts[name]);
  }

  start(): void {
    this.#opened = this.#open();
    this.#started = this.#opened
      .then((queue) => this.#begin(queue))
      .then(() => {
        this.#hasStarted = true;
      });
    for (const step of [this.#opened, this.#started]) step.catch(() => undefined);
  }

  async settle(): Promise<void> {
    this.#isSettling = true;
    await this.#queue?.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(fail('shutting_down'));
    await this.#started?.catch(() => undefined);
    this.#runner?.interrupt();
    await this.settle();
    this.#changes[Symbol.dispose]();
    await this.#cleaning;
    await this.#queue?.stop();
  }

  async #open(): Promise<Queue> {
    const { database, isEmbedded, concurrency, pollSeconds } = this.#options;
    const { signal } = this.#stopping;
    await abortable(database.ready, signal);
    const names = [...this.#definitions.keys()];
    const attempt = async () => {
      const queue = createQueue({ database, isEmbedded, names, isSupervisor: concurrency > 0, pollSeconds, signal });
      try {
        await queue.start();
        return queue;
      } catch (error) {
        await queue.stop().catch(() => undefined);
        throw error;
      }
    };
    this.#queue = await insist(attempt, { complaint: 'The queue could not be started yet', signal });
    return this.#queue;
  }

  async #begin(queue: Queue): Promise<void> {
    const { database, concurrency, historyDays, cleaningMs } = this.#options;
    const { signal } = this.#stopping;
    const follow = () => abortable(this.#changes.start(database), signal);
    await insist(follow, { complaint: 'Changes of jobs can not be followed yet', signal });
    if (concurrency === 0) return;
    const runner = new Runner({
      ...this.#options,
      queue,
      changes: this.#changes,
      definitions: this.#definitions,
      onEnd: this.#endHooks.length === 0 ? undefined : this.#onEnd,
    });
    this.#runner = runner;
    for (const name of this.#definitions.keys())
      if (!this.#isSettling) await queue.work(name, concurrency, (claim) => runner.run(claim));
    this.#cleaning = keepClean({ database, queue, historyDays, intervalMs: cleaningMs, signal });
  }

  readonly #onEnd: EndHook = async (tx, jobs) => {
    for (const hook of this.#endHooks) await hook(tx, jobs);
  };

  get #openQueue(): Queue {
    if (this.#queue === undefined) throw fail('database_unavailable');
    return this.#queue;
  }

  async #checkSecret(id: string, secret: string): Promise<void> {
    const row = await this.select().select(['jobs.data', 'tasks.name']).where('jobs.id', '=', id).executeTakeFirst();
    const definition = this.#definitions.get(row?.name ?? '');
    if (definition?.checkSecret === undefined) throw invalidField('/reportToken', 'is nothing that this job takes');
    await definition.checkSecret(secret, definition.data.parse(row?.data));
  }

  async #retry(which: { id: string } | { groupId: string }, secretFor: SecretFor): Promise<number> {
    const seal = sealOnce(this.#options.sealing);
    return this.transaction(async (tx) => {
      const retried = await retryJobs(tx, which, (subject) => seal(secretFor(subject)));
      for (const lane of retried.lanes) await lineUp(tx, this.#openQueue, lane);
      return retried.jobs;
    });
  }

  async #detach(which: { id: string } | { groupId: string }): Promise<number> {
    const detached = await this.transaction(async (tx) => {
      const left = await detachJobs(tx, which);
      for (const [name, tasks] of Map.groupBy(left.waiting, (task) => task.name))
        await this.#openQueue.remove(
          name,
          tasks.map(({ id }) => id),
        );
      if (left.jobs.length > 0) await this.#onEnd(tx, left.jobs);
      return left;
    });
    // Not in the same transaction: tasks are held in another order than lanes.
    for (const lane of detached.lanes) await lineUpNext(this.#options.database, this.#openQueue, lane);
    return detached.jobs.length;
  }
}

const isUp = ({ state }: DatabaseStatus) => state === 'up' || state === 'degraded';

export function createJobs(options: Options): Jobs {
  return new DurableJobs(options);
}
