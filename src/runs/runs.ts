// Runs: a configuration carried out once, or rehearsed, as a durable piece of work with a decision for each learner.

import { randomUUID } from 'node:crypto';
import { recordChange } from '../audit/audit.ts';
import type { Awards } from '../certificates/contract.ts';
import type { Configurations } from '../configurations/configurations.ts';
import type { Configuration, Plan } from '../configurations/contract.ts';
import type { Database } from '../database/database.ts';
import { fail, invalidField } from '../errors.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { EndHook, JobDefinition } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Learners } from '../learners/learners.ts';
import type { Backlog, Plugins } from '../plugins/plugins.ts';
import { readUuid } from '../uuid.ts';
import { type RunData, runDefinition } from './carrying-out.ts';
import type { DecisionAnswer, RunsQuery } from './contract.ts';
import { backlogOf, decideOne, isForAll } from './deciding.ts';
import { findItems, type ItemPlace, reopenFailed, type StoredItem } from './item-store.ts';
import {
  addRun,
  addSkipped,
  findRun,
  findRuns,
  findUnderWay,
  markEnded,
  markQueued,
  nameJob,
  type StoredRun,
} from './run-store.ts';

interface RunRequest {
  isDryRun: boolean;
  only?: string[] | undefined;
  except?: string[] | undefined;
}

interface Question {
  studentId: string;
  courseId: string | undefined;
}

export interface Runs {
  /** @returns the id of the run. @throws not_found; run_active. */
  begin(tenant: string, configurationId: string, request: RunRequest): Promise<string>;
  /** Begins a run of each configuration that is due; where one is under way it is written down as skipped. Of the built-in one only where something is to be decided. */
  beginDue(): Promise<void>;
  /** Puts right what a clock that was ahead has made due too late. */
  correctDue(): Promise<void>;
  /** @throws not_found. */
  find(tenant: string, id: string): Promise<StoredRun>;
  items(runId: string, page: { after: ItemPlace | undefined; most: number }): Promise<StoredItem[]>;
  list(tenant: string, query: Omit<RunsQuery, 'origin' | 'limit'> & { most: number }): Promise<StoredRun[]>;
  /** What it has issued stays. @throws not_found; already_ended. */
  cancel(tenant: string, id: string): Promise<void>;
  /** Begins again what has failed or was not done. @returns how many learners. @throws not_found, not_failed, run_active. */
  retry(tenant: string, id: string): Promise<number>;
  /** With what is under way; what has ended stays readable. @throws not_found. */
  removeConfiguration(tenant: string, id: string): Promise<void>;
  /** One decision, as it would be now; by what is for all courses of one of them. @throws not_found; retriever_failed; invalid_request where it is not said of which. */
  decide(configuration: Configuration, asked: Question, signal: AbortSignal): Promise<DecisionAnswer>;
}

interface Dependencies {
  database: Database;
  jobs: Jobs;
  plugins: Plugins;
  certificates: Awards;
  configurations: Configurations;
  learners: Learners | undefined;
  concurrency: number;
}

type Transaction = Parameters<Parameters<Jobs['transaction']>[0]>[0];

class DurableRuns implements Runs {
  readonly #dependencies: Dependencies;
  readonly #definition: JobDefinition<RunData>;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#definition = runDefinition(dependencies);
    dependencies.jobs.define(this.#definition);
    dependencies.jobs.onEnd(this.#onEnd);
  }

  async begin(tenant: string, configurationId: string, { isDryRun, only, except }: RunRequest): Promise<string> {
    const { jobs, configurations } = this.#dependencies;
    const configuration = await configurations.find(tenant, configurationId);
    return jobs.transaction(async (tx) => {
      const plan = { ...(await configurations.planOf(tx, configuration)), only, except };
      const run = { id: randomUUID(), tenant, configurationId: configuration.id, isDryRun, plan };
      if (!(await addRun(tx, run))) throw fail('run_active');
      await this.#enqueue(tx, run);
      const after = { configurationId: configuration.id, only: only?.length, except: except?.length };
      // A rehearsal changes nothing.
      if (!isDryRun) await recordChange(tx, { tenant, target: targetOf(run.id), after });
      return run.id;
    });
  }

  async beginDue(): Promise<void> {
    const { jobs, configurations, plugins } = this.#dependencies;
    await configurations.prepare();
    return jobs.transaction(async (tx) => {
      for (const configuration of await configurations.takeDue(tx)) {
        const { id: configurationId, tenant } = configuration;
        const plan = await configurations.planOf(tx, configuration);
        const backlog = backlogOf(plugins, plan);
        // Nobody wants to read each minute that nothing has happened, or the same failure.
        const isWanted = async (of: Backlog) =>
          !hasJustFailed(configuration) && (await of.isDue(tx, { tenant, options: plan.options }));
        if (backlog !== undefined && !(await isWanted(backlog))) continue;
        const asked = backlog === undefined ? plan : { ...plan, isOnlyNew: true };
        const run = { id: randomUUID(), tenant, configurationId, isDryRun: false, plan: asked };
        if (await addRun(tx, run)) await this.#enqueue(tx, run);
        else if (backlog === undefined) await addSkipped(tx, run);
      }
    });
  }

  correctDue(): Promise<void> {
    return this.#dependencies.configurations.correctDue();
  }

  async find(tenant: string, given: string): Promise<StoredRun> {
    const id = readUuid(given);
    const run = id === undefined ? undefined : await findRun(this.#dependencies.database.queries, id);
    if (run === undefined || run.tenant !== tenant) throw fail('not_found');
    return run;
  }

  items(runId: string, { after, most }: { after: ItemPlace | undefined; most: number }): Promise<StoredItem[]> {
    return findItems(this.#dependencies.database.queries, { runId, after, most });
  }

  list(
    tenant: string,
    { configurationId, state, cursor, most }: Omit<RunsQuery, 'origin' | 'limit'> & { most: number },
  ): Promise<StoredRun[]> {
    return findRuns(this.#dependencies.database.queries, { tenant, configurationId, state, cursor, most });
  }

  async cancel(tenant: string, id: string): Promise<void> {
    const { jobId } = await this.find(tenant, id);
    const outcome = jobId === null ? 'already_ended' : await this.#dependencies.jobs.cancel(jobId);
    if (outcome === 'already_ended') throw fail('already_ended');
  }

  async retry(tenant: string, given: string): Promise<number> {
    const run = await this.find(tenant, given);
    const isUndecided = run.decidedAt === null;
    return this.#dependencies.jobs.transaction(async (tx) => {
      const retried = run.isDryRun ? 0 : await reopenFailed(tx, run.id);
      if (retried === 0 && !isUndecided) throw fail('not_failed', { detail: 'Nothing of this run has failed.' });
      if (!(await markQueued(tx, run))) throw fail('run_active');
      await this.#enqueue(tx, run);
      await recordChange(tx, {
        tenant,
        target: targetOf(run.id),
        before: { state: run.state },
        after: { state: 'queued', retried },
      });
      return retried;
    });
  }

  async removeConfiguration(tenant: string, given: string): Promise<void> {
    const { jobs, database, configurations } = this.#dependencies;
    const { id } = await configurations.find(tenant, given);
    await database.transaction((tx) => configurations.remove(tx, tenant, id));
    // No more of them can begin.
    for (const jobId of await findUnderWay(database.queries, id)) await jobs.cancel(jobId);
  }

  async decide(
    configuration: Configuration,
    { studentId, courseId }: Question,
    signal: AbortSignal,
  ): Promise<DecisionAnswer> {
    const { database, configurations, plugins } = this.#dependencies;
    const { tenant } = configuration;
    const plan = await configurations.planOf(database.queries, configuration);
    const asked = { tenant, signal, studentId, reject: () => undefined };
    return { studentId, ...(await decideOne(plugins, forCourse(plan, courseId), asked)) };
  }

  async #enqueue(
    tx: Transaction,
    run: Pick<StoredRun, 'id' | 'tenant' | 'configurationId' | 'isDryRun'>,
  ): Promise<void> {
    const { id, tenant, configurationId, isDryRun } = run;
    const subject = { runId: id, configurationId, isDryRun };
    const job = { data: { id }, key: id, rank: 0, owner: serviceOwner, subject, secret: undefined };
    const options = { tx, tenant, lane: `runs ${tenant}`, groupId: id };
    const [jobId = ''] = await this.#dependencies.jobs.enqueue(this.#definition, [job], options);
    await nameJob(tx, id, jobId);
  }

  /** In the transaction in which its job ends. */
  readonly #onEnd: EndHook = async (tx, jobs) => {
    for (const { id: jobId, name, tenant, subject, ending } of jobs)
      if (name === this.#definition.name) {
        const code = ending.state === 'failed' ? ending.code : null;
        const id = String(subject.runId);
        await markEnded(tx, { id, jobId, state: ending.state, code });
        await recordChange(tx, { tenant, target: targetOf(id), after: { state: ending.state } });
      }
  };
}

const targetOf = (id: string) => `runs/${id}`;

const pauseAfterFailureMs = 600_000;

/** As a whole, which the next one is likely to do too. One by hand may be begun all the same. */
function hasJustFailed({ lastRun }: Configuration): boolean {
  if (lastRun?.state !== 'failed' || lastRun.endedAt === null) return false;
  // A clock that was put back does not make it longer.
  return Math.abs(Date.now() - Date.parse(lastRun.endedAt)) < pauseAfterFailureMs;
}

/** What is for all courses decides of one as if it were for that one. */
function forCourse(plan: Plan, courseId: string | undefined): Plan {
  if (!isForAll(plan)) return plan;
  if (courseId === undefined) throw invalidField('courseId', 'must be given: the configuration is for all courses');
  return { ...plan, context: { kind: 'course', id: courseId, name: courseId } };
}

export function createRuns(dependencies: Dependencies): Runs {
  return new DurableRuns(dependencies);
}
