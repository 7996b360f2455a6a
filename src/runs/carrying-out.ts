// Carries a run out: writes down what is decided of each learner, then issues; begun again after a crash it goes on where it stood.

import { z } from 'zod';
import type { Awarded, AwardInput, Awards } from '../certificates/contract.ts';
import { readOptions } from '../configurations/configurations.ts';
import type { Database } from '../database/database.ts';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import type { JobDefinition, Work } from '../jobs/contract.ts';
import type { LearnerProblem, NamedLearner } from '../learners/contract.ts';
import type { Learners } from '../learners/learners.ts';
import { createLog } from '../log.ts';
import type { Decision } from '../plugins/contract.ts';
import type { Plugins } from '../plugins/plugins.ts';
import { conclude, decide } from './deciding.ts';
import { createIdentify, type Identify } from './identifying.ts';
import { addItems, addStep, endItems, findItems, type ItemEnd, type StoredItem } from './item-store.ts';
import { explainFailure, findRun, markBegun, markDecided, type RejectedRecord, type StoredRun } from './run-store.ts';

const log = createLog('runs');

interface Dependencies {
  database: Database;
  plugins: Plugins;
  certificates: Awards;
  /** Undefined where what the retriever says is all that is known. */
  learners: Learners | undefined;
  /** Certificates that are waited for at once. */
  concurrency: number;
}

const runData = z.object({ id: z.uuid() });
export type RunData = z.output<typeof runData>;

const writtenAtOnce = 500;
const mostErrors = 1000;
const weekMs = 7 * 86_400_000;
const dayMs = 86_400_000;

/** Not the item's fault: all others would fail by it too. */
const ofUs: ReadonlySet<ErrorCode> = new Set(['database_unavailable', 'shutting_down']);
const isOfUs = (error: unknown) => error instanceof ServiceError && ofUs.has(error.code);

class CarryingOut {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async run({ data: { id }, signal }: Work<RunData>): Promise<Record<string, unknown>> {
    const { queries } = this.#dependencies.database;
    const run = await findRun(queries, id);
    if (run === undefined) throw fail('not_found');
    await markBegun(queries, id);
    failpoint('run-begun');
    try {
      if (run.decidedAt === null) await this.#decide(run, signal);
      await this.#conclude(run, signal);
    } catch (error) {
      if (error instanceof ServiceError && !signal.aborted && !isOfUs(error))
        await explainFailure(queries, id, error.details.detail ?? error.entry.detail);
      throw error;
    }
    return { runId: id };
  }

  async #decide({ id, tenant, plan }: StoredRun, signal: AbortSignal): Promise<void> {
    const { database, plugins } = this.#dependencies;
    const errors: RejectedRecord[] = [];
    const reject = ({ line, message }: RejectedRecord) => {
      if (errors.length < mostErrors)
        errors.push({ ...(line === undefined ? {} : { line }), message: String(message).slice(0, 500) });
    };
    const only = plan.only === undefined ? undefined : new Set(plan.only);
    const except = new Set(plan.except);
    const studentId = plan.only?.length === 1 ? plan.only[0] : undefined;
    let batch: Decision[] = [];
    let batchStep: string | undefined;
    const write = async () => {
      if (batch.length > 0 && batchStep === undefined) await addItems(database.queries, id, batch);
      else if (batch.length > 0)
        await addStep(database.queries, { runId: id, stepId: batchStep ?? '' }, firstOfEach(batch));
      batch = [];
    };
    for await (const { stepId, decision } of decide(plugins, plan, { tenant, signal, studentId, reject })) {
      if (only?.has(decision.studentId) === false || except.has(decision.studentId)) continue;
      if (stepId !== batchStep || batch.length >= writtenAtOnce) await write();
      batchStep = stepId;
      batch.push(decision);
    }
    await write();
    failpoint('run-written');
    await markDecided(database.queries, id, errors);
    failpoint('run-decided');
  }

  async #conclude(run: StoredRun, signal: AbortSignal): Promise<void> {
    const { database, learners } = this.#dependencies;
    const { queries } = database;
    const identify = createIdentify(learners);
    for (let after = ''; ; ) {
      signal.throwIfAborted();
      const page = await findItems(queries, { runId: run.id, after, most: writtenAtOnce });
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.studentId;
      // By its key and nothing else: where only open ones were asked for, the database came to read the whole run for each page.
      const open = page.filter(({ outcome }) => outcome === null);
      const { ended, left } = await this.#sort(run, open);
      await endItems(queries, run.id, ended);
      await inParallel(left, this.#dependencies.concurrency, async (item) => {
        const end = await this.#issue(run, item, { identify, signal });
        failpoint('run-awarded');
        await endItems(queries, run.id, [end]);
        failpoint('run-noted');
      });
    }
  }

  /** Those of whom it is known what comes of them, and those who are to get a certificate. */
  async #sort(run: StoredRun, page: readonly StoredItem[]): Promise<{ ended: ItemEnd[]; left: StoredItem[] }> {
    const { plan, isDryRun } = run;
    const eligible = page.filter((item) => conclude(plan, item).isEligible);
    const ids = eligible.map(({ studentId }) => studentId);
    const holders = await this.#dependencies.certificates.holders(awardOf(run), ids);
    const chosen = new Set(ids);
    const ended = page.flatMap(({ studentId }): ItemEnd[] => {
      if (!chosen.has(studentId)) return [{ studentId, isEligible: false, outcome: 'not_eligible' }];
      const awarded = holders.get(studentId);
      if (awarded !== undefined) return [endBy(studentId, awarded)];
      return isDryRun ? [{ studentId, isEligible: true, outcome: 'would_issue' }] : [];
    });
    return { ended, left: isDryRun ? [] : eligible.filter(({ studentId }) => !holders.has(studentId)) };
  }

  async #issue(
    run: StoredRun,
    item: StoredItem,
    { identify, signal }: { identify: Identify; signal: AbortSignal },
  ): Promise<ItemEnd> {
    const { studentId } = item;
    try {
      const named = await identify(studentId, item.learner, signal);
      if ('problem' in named) return endWithout(studentId, named.problem);
      const input = this.#inputOf(run, item, named.learner);
      return endBy(studentId, await this.#dependencies.certificates.award(awardOf(run), input, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (isOfUs(error)) throw error;
      if (!(error instanceof ServiceError))
        log.error('A certificate could not be issued by a fault of ours', { error });
      const code = error instanceof ServiceError ? error.code : 'internal_error';
      return { studentId, isEligible: true, outcome: 'failed', code };
    }
  }

  #inputOf({ plan }: StoredRun, { studentId, score, maxScore }: StoredItem, learner: NamedLearner): AwardInput {
    const { plugins } = this.#dependencies;
    const { generator } = readOptions(plugins, plan, { options: plan.options, isPartial: false });
    const now = new Date();
    const expires = plan.validForDays === null ? undefined : new Date(now.getTime() + plan.validForDays * dayMs);
    return {
      userId: studentId,
      courseName: plan.context.name,
      ...learner,
      score: score ?? undefined,
      maxScore: maxScore ?? undefined,
      issuanceDate: now.toISOString(),
      expirationDate: expires?.toISOString(),
      generator: { name: plan.generator, options: generator },
      mail: plan.mail,
      remindDaysBefore: plan.remindDaysBefore ?? undefined,
    };
  }
}

const endBy = (studentId: string, { certificateId, isIssued }: Awarded): ItemEnd => ({
  studentId,
  isEligible: true,
  outcome: isIssued ? 'issued' : 'skipped',
  certificateId,
});

/** Who may not have one is passed over; for the others it can be tried again. */
const endWithout = (studentId: string, problem: LearnerProblem): ItemEnd => ({
  studentId,
  isEligible: true,
  outcome: problem === 'learner_disabled' ? 'skipped' : 'failed',
  code: problem,
});

const awardOf = ({ id, tenant, plan }: StoredRun) => ({
  tenant,
  courseId: plan.context.id,
  type: plan.type,
  runId: id,
});

/** In the order in which they came, which a statement does not keep. */
function firstOfEach(decisions: readonly Decision[]): Decision[] {
  const seen = new Set<string>();
  return decisions.filter(({ studentId }) => !seen.has(studentId) && seen.add(studentId));
}

/** @throws what the first of them has failed with, when all that were begun have ended. */
async function inParallel<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  let hasFailed = false;
  const lines = Array.from({ length: most }, async () => {
    for (const item of left) {
      if (hasFailed) return;
      await work(item).catch((error) => {
        hasFailed = true;
        throw error;
      });
    }
  });
  const failed = (await Promise.allSettled(lines)).find((line) => line.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

export function runDefinition(dependencies: Dependencies): JobDefinition<RunData> {
  const carryingOut = new CarryingOut(dependencies);
  return {
    name: 'runs.carryOut',
    data: runData,
    // What was done stays done: it goes on after each.
    mostFailures: 10,
    timeoutMs: weekMs,
    mayHeal: (error) => !(error instanceof ServiceError) || isOfUs(error) || error.code === 'storage_unavailable',
    run: (work) => carryingOut.run(work),
  };
}
