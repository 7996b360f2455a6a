// Does one task: begins it, lets its definition work, and writes down how it ended, however that was.

import { setTimeout as wait } from 'node:timers/promises';
import { followSignals } from '../abortable.ts';
import { type Database, isTooSlow, type Queries } from '../database/database.ts';
import { fail, ServiceError } from '../errors.ts';
import { createLog, withLogContext } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { JobError } from '../progress/contract.ts';
import type { Sealing } from '../sealing.ts';
import {
  type BegunTask,
  claimTask,
  type Ending,
  endTask,
  endTaskWithin,
  failByMeans,
  findWaiting,
  handBackTask,
  isWanted,
  type LeftJob,
  lockAttempt,
  reportStage,
} from './attempts.ts';
import type { Changes } from './changes.ts';
import type { EndedJob, EndHook, JobDefinition } from './contract.ts';
import { lineUp, release } from './lining-up.ts';
import { longestRetrySeconds } from './lookout.ts';
import type { Claim, Queue } from './queue.ts';
import { StageReporter } from './stage-reporter.ts';
import { traceAttempt } from './traced-attempt.ts';

const log = createLog('jobs');

/** Attempts that nobody ended, after which a task is taken for one that kills its process. */
const mostLost = 50;
/** For writing down an ending while the database is away; then another process does the task again. */
const persistenceMs = 60_000;
/** A timer for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

interface RunnerOptions {
  database: Database;
  queue: Queue;
  changes: Changes;
  sealing: Sealing;
  definitions: ReadonlyMap<string, JobDefinition>;
  /** Takes part in the transaction in which jobs end; undefined where nobody does. */
  onEnd: EndHook | undefined;
  /** Time that a task may take from its first attempt on, with the pauses between attempts. */
  timeoutMs: number;
  metrics: Metrics;
}

type WantedTask = BegunTask & { asked: NonNullable<BegunTask['asked']> };

/** Ends a task's attempt without blame: the process stops, or another one has the task. */
class Interrupted extends Error {}

const unwanted = new Error('nobody wants it any more');

export class Runner {
  readonly #options: RunnerOptions;
  readonly #underWay = new Map<string, AbortController>();
  readonly #stopping = new AbortController();

  constructor(options: RunnerOptions) {
    this.#options = options;
    options.changes.subscribe((change) => {
      // What is told is a hint, which whoever may connect to the database can give: the tables say what is true.
      if (change.kind === 'cancel') this.#lookWhoIsWanted(change.tasks);
      else if (change.kind === 'gap') this.#lookWhoIsWanted([...this.#underWay.keys()]);
    });
  }

  /** Gives up what is under way; it is handed back. */
  interrupt(): void {
    this.#stopping.abort(new Interrupted('the process stops'));
  }

  /** @throws when the task is to be tried again later. */
  async run(claim: Claim): Promise<void> {
    const { id } = claim;
    const cancelling = new AbortController();
    // Before it begins: it may be cancelled as soon as it has.
    this.#underWay.set(id, cancelling);
    try {
      const task = await this.#begin(claim);
      if (task === undefined) return;
      if (task.attempt === 1) this.#options.metrics.jobWait.observe(task.waitedMs / 1000);
      using ending = followSignals([this.#stopping.signal, cancelling.signal, claim.signal]);
      const { timeoutMs = this.#options.timeoutMs } = this.#options.definitions.get(task.name) ?? {};
      using timeout = startTimeout(timeoutMs - task.elapsedMs);
      using all = followSignals([ending.signal, timeout.signal]);
      const outcome = await withLogContext({ jobTask: id }, () =>
        traceAttempt(task, () => this.#attempt(task, all.signal, cancelling)),
      );
      this.#options.metrics.jobAttempts.inc({ outcome: nameOf(outcome) });
      await this.#conclude(task, outcome);
    } finally {
      // Another attempt of the same task may have begun since, in this process too.
      if (this.#underWay.get(id) === cancelling) this.#underWay.delete(id);
    }
  }

  /** With the next of its lane in the line, when it was the last there. */
  #begin(claim: Claim): Promise<BegunTask | undefined> {
    const { database, queue } = this.#options;
    return database.transaction(async (tx) => {
      const task = await claimTask(tx, claim);
      if (task?.place.wasLast === true) await lineUp(tx, queue, task.place);
      return task;
    });
  }

  /** What became of the attempt; an error that may heal, and an interruption, are given as they are. */
  async #attempt(task: BegunTask, signal: AbortSignal, cancelling: AbortController): Promise<Ending | Error> {
    const definition = this.#options.definitions.get(task.name);
    try {
      const { asked } = task;
      if (asked === undefined) return { state: 'cancelled' };
      if (definition === undefined) throw new Error(`this version knows no job ${task.name}`);
      return { state: 'completed', result: await this.#work(definition, { ...task, asked }, { signal, cancelling }) };
    } catch (error) {
      if (signal.aborted && !(signal.reason instanceof ServiceError))
        return signal.reason === unwanted ? { state: 'cancelled' } : new Interrupted('handed back');
      // Time that is up is up for all who wait.
      const isOwners = !signal.aborted && definition?.isOwnersFault?.(error) === true;
      if (!signal.aborted && !isOwners && isTriedAgain(error, task, definition)) return error as Error;
      return { state: 'failed', error: describeFailure(error, signal), ...(isOwners ? { isOwners } : {}) };
    }
  }

  async #work(
    definition: JobDefinition,
    wanted: WantedTask,
    { signal, cancelling }: { signal: AbortSignal; cancelling: AbortController },
  ): Promise<Record<string, unknown>> {
    const { asked, ...task } = wanted;
    const { data, secret } = asked;
    if (task.lost >= mostLost) throw fail('internal_error', { detail: 'It was begun too often without an end.' });
    signal.throwIfAborted();
    using reporter = new StageReporter((stage) => reportStage(this.#options.database.queries, task, stage));
    return await definition.run({
      data: definition.data.parse(data),
      secret: secret === null ? undefined : this.#options.sealing.open(secret),
      signal,
      onStage: (stage, percent) => reporter.report(stage, percent),
      endWith: (tx, result) => this.#endWithin(tx, wanted, { result, cancelling }),
    });
  }

  async #endWithin(
    tx: Queries,
    task: WantedTask,
    { result, cancelling }: { result: Record<string, unknown>; cancelling: AbortController },
  ): Promise<void> {
    const outcome = await endTaskWithin(tx, task, result);
    if (outcome === 'ended') return release(this.#options.queue, task.name, await findWaiting(tx, task.name, task.key));
    // Perhaps it was not heard of yet.
    cancelling.abort(outcome === 'unwanted' ? unwanted : new Interrupted('another attempt counts'));
    throw cancelling.signal.reason;
  }

  /** Writes it down, for as long as the database is away; then whoever takes the task up begins it again. */
  async #conclude(task: BegunTask, outcome: Ending | Error): Promise<void> {
    const deadline = performance.now() + persistenceMs;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 2000)) {
      try {
        if (outcome instanceof Error) return await this.#handBack(task, outcome);
        if (await this.#isLeftToOthers(task, outcome)) return await this.#handBack(task, new Interrupted('for others'));
        return await this.#end(task, outcome);
      } catch (error) {
        const isAway = error instanceof ServiceError && error.code === 'database_unavailable';
        if (!(isAway || isTooSlow(error)) || performance.now() > deadline || this.#stopping.signal.aborted) throw error;
        await wait(pauseMs);
      }
    }
  }

  async #end(task: BegunTask, ending: Ending): Promise<void> {
    const { database } = this.#options;
    if (ending.state === 'failed')
      log.warn('A job has failed', { key: task.key, code: ending.error.code, attempt: task.attempt });
    const end = async (tx: Queries, allowSuccessor: boolean) => {
      const { outcome, jobs } = await endTask(tx, task, { ending, allowSuccessor });
      await this.#tellOfEnd(tx, task, { ending, jobs });
      return outcome;
    };
    const { onEnd } = this.#options;
    // One statement is enough where nobody else has a part in it.
    const outcome =
      onEnd === undefined ? await end(database.queries, false) : await database.transaction((tx) => end(tx, false));
    if (outcome !== 'successor') return;
    await database.transaction(async (tx) => {
      // First, so that those who join it come before, or find that it has ended.
      await lockAttempt(tx, task);
      await end(tx, true);
      await release(this.#options.queue, task.name, await findWaiting(tx, task.name, task.key));
    });
  }

  async #tellOfEnd(
    tx: Queries,
    { name, place: { tenant } }: BegunTask,
    { ending, jobs }: { ending: Ending; jobs: readonly LeftJob[] },
  ): Promise<void> {
    const end: EndedJob['ending'] = ending.state === 'failed' ? { state: 'failed', code: ending.error.code } : ending;
    if (jobs.length === 0) return;
    await this.#options.onEnd?.(
      tx,
      jobs.map((job) => ({ ...job, name, tenant, ending: end })),
    );
  }

  /** Where it failed by what one owner has given: whether there are others, whose jobs go on. */
  async #isLeftToOthers(task: BegunTask, ending: Ending): Promise<boolean> {
    if (ending.state !== 'failed' || ending.isOwners !== true) return false;
    return this.#options.database.transaction(async (tx) => {
      const { jobs, isWanted: isLeft } = await failByMeans(tx, task, ending.error);
      await this.#tellOfEnd(tx, task, { ending, jobs });
      return isLeft;
    });
  }

  async #handBack(task: BegunTask, error: Error): Promise<void> {
    const isFailure = !(error instanceof Interrupted);
    const handed = await this.#options.database.transaction(async (tx) => {
      const pauseSeconds = isFailure ? longestRetrySeconds : 0;
      const done = await handBackTask(tx, task, { isFailure, pauseSeconds });
      if (done.outcome === 'joined') await release(this.#options.queue, task.name, done.next);
      return done;
    });
    if (handed.outcome !== 'waits') return;
    if (isFailure) log.info('A job is tried again later', { key: task.key, attempt: task.attempt, error });
    // Nothing of the error itself: the queue writes down what is thrown.
    throw new Error(error instanceof ServiceError ? error.code : isFailure ? 'failed' : 'interrupted');
  }

  /** Stops those of the tasks that nobody wants any more. Who can't be looked up now is looked up later. */
  #lookWhoIsWanted(tasks: readonly string[]): void {
    for (const id of tasks) {
      const cancelling = this.#underWay.get(id);
      if (cancelling === undefined) continue;
      isWanted(this.#options.database.queries, id).then(
        (wanted) => wanted || cancelling.abort(unwanted),
        (error) => log.debug('It is not known whether a job is still wanted', { error }),
      );
    }
  }
}

function isTriedAgain(error: unknown, { failures }: BegunTask, definition: JobDefinition | undefined): boolean {
  return definition !== undefined && failures + 1 < definition.mostFailures && definition.mayHeal(error);
}

function nameOf(outcome: Ending | Error): string {
  if (outcome instanceof Error) return outcome instanceof Interrupted ? 'handed_back' : 'retried';
  return outcome.state === 'failed' ? outcome.error.code : outcome.state;
}

function startTimeout(timeoutMs: number): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const end = () =>
    controller.abort(
      fail('render_timeout', { detail: 'The generation took longer than PROGRESS_TIMEOUT_SECONDS allow.' }),
    );
  const timer = setTimeout(end, Math.min(Math.max(0, timeoutMs), longestTimerMs));
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Where time was up: with what the page was doing meanwhile, if the error tells. */
function describeFailure(error: unknown, { aborted, reason }: AbortSignal): JobError {
  if (!aborted) return describeError(error);
  const isRenders = error instanceof ServiceError && error.code === 'render_timeout';
  return { ...describeError(isRenders ? error : reason), isTimeUp: true };
}

function describeError(error: unknown): JobError {
  if (!(error instanceof ServiceError)) {
    log.error('A job failed by a fault of ours', { error });
    return { code: 'internal_error', detail: fail('internal_error').entry.detail };
  }
  const { detail = error.entry.detail, diagnosis } = error.details;
  return { code: error.code, detail, ...(diagnosis === undefined ? {} : { diagnosis }) };
}
