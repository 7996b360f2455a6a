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
import type { OwnDecision, Plugins } from '../plugins/plugins.ts';
import { backlogOf, conclude, decide } from './deciding.ts';
import { createIdentify, type Identify } from './identifying.ts';
import { addItems, addStep, endItems, findItems, type ItemEnd, type ItemPlace, type StoredItem } from './item-store.ts';
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
    const asked = { tenant, signal, studentId, isOnlyNew: plan.isOnlyNew, reject };
    let batch: OwnDecision[] = [];
    let batchStep: string | undefined;
    const write = async () => {
      if (batch.length > 0 && batchStep === undefined) await addItems(database.queries, id, batch);
      else if (batch.length > 0)
        await addStep(database.queries, { runId: id, stepId: batchStep ?? '' }, firstOfEach(batch));
      batch = [];
    };
    for await (const { stepId, decision } of decide(plugins, plan, asked)) {
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
    const identify = createIdentify(learners);
    for (let after: ItemPlace | undefined; ; ) {
      signal.throwIfAborted();
      const page = await findItems(database.queries, { runId: run.id, after, most: writtenAtOnce });
      after = page.at(-1);
      if (after === undefined) return;
      // By its key and nothing else: where only open ones were asked for, the database came to read the whole run for each page.
      const open = page.filter(({ outcome }) => outcome === null);
      const { ended, left } = await this.#sort(run, open);
      await this.#end(run, ended);
      await inParallel(left, this.#dependencies.concurrency, async (item) => {
        const end = await this.#issue(run, item, { identify, signal });
        failpoint('run-awarded');
        await this.#end(run, [end]);
        failpoint('run-noted');
      });
    }
  }

  /** Whoever keeps a list of what is to be decided learns what came of it. */
  async #end(run: StoredRun, ends: readonly ItemEnd[]): Promise<void> {
    const { database, plugins, certificates } = this.#dependencies;
    const { id, tenant, plan, isDryRun } = run;
    const backlog = isDryRun ? undefined : backlogOf(plugins, plan);
    if (backlog === undefined) return endItems(database.queries, id, ends);
    await database.transaction(async (tx) => {
      await endItems(tx, id, ends);
      const unfounded = await backlog.settle(tx, { tenant, options: plan.options, ends });
      for (const each of unfounded) await certificates.noteFinding(tx, each, { name: 'no_longer_passing', isSo: true });
    });
  }

  /** Those of whom it is known what comes of them, and those who are to get a certificate. */
  async #sort(run: StoredRun, page: readonly StoredItem[]): Promise<{ ended: ItemEnd[]; left: StoredItem[] }> {
    const { id, tenant, plan, isDryRun } = run;
    const eligible = page.filter((item) => conclude(plan, item).isEligible);
    const asked = eligible.map((item) => ({ studentId: item.studentId, ...courseOf(run, item) }));
    const found = await this.#dependencies.certificates.holders({ tenant, type: plan.type, runId: id }, asked);
    const holders = new Map(found.map((holder) => [nameOf(holder), holder]));
    const holderOf = (item: StoredItem) => holders.get(nameOf({ ...item, ...courseOf(run, item) }));
    const chosen = new Set(eligible);
    const ended = page.flatMap((item): ItemEnd[] => {
      const place = placeOf(item);
      if (!chosen.has(item)) return [{ ...place, isEligible: false, outcome: 'not_eligible' }];
      const holder = holderOf(item);
      if (holder !== undefined) return [endBy(place, holder)];
      return isDryRun ? [{ ...place, isEligible: true, outcome: 'would_issue' }] : [];
    });
    return { ended, left: isDryRun ? [] : eligible.filter((item) => holderOf(item) === undefined) };
  }

  async #issue(
    run: StoredRun,
    item: StoredItem,
    { identify, signal }: { identify: Identify; signal: AbortSignal },
  ): Promise<ItemEnd> {
    const place = placeOf(item);
    try {
      const named = await identify(item.studentId, item.learner, signal);
      if ('problem' in named) return endWithout(place, named.problem);
      const input = this.#inputOf(run, item, named.learner);
      return endBy(place, await this.#dependencies.certificates.award(awardOf(run, item), input, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (isOfUs(error)) throw error;
      if (!(error instanceof ServiceError))
        log.error('A certificate could not be issued by a fault of ours', { error });
      const code = error instanceof ServiceError ? error.code : 'internal_error';
      return { ...place, isEligible: true, outcome: 'failed', code };
    }
  }

  #inputOf(run: StoredRun, item: StoredItem, learner: NamedLearner): AwardInput {
    const { plugins } = this.#dependencies;
    const { plan } = run;
    const { studentId, score, maxScore } = item;
    const { generator } = readOptions(plugins, plan, { options: plan.options, isPartial: false });
    const now = new Date();
    const expires = plan.validForDays === null ? undefined : new Date(now.getTime() + plan.validForDays * dayMs);
    return {
      userId: studentId,
      courseName: courseOf(run, item).courseName,
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

const placeOf = ({ studentId, courseId }: ItemPlace): ItemPlace => ({ studentId, courseId });
const nameOf = ({ studentId, courseId }: ItemPlace) => JSON.stringify([studentId, courseId]);

/** What the certificate is for: the item's own course, where the run is for all of them. */
const courseOf = ({ plan: { context } }: StoredRun, { courseId, courseName }: StoredItem) =>
  courseId === ''
    ? { courseId: context.id, courseName: context.name }
    : { courseId, courseName: courseName ?? courseId };

const endBy = (place: ItemPlace, { certificateId, isIssued }: Awarded): ItemEnd => ({
  ...place,
  isEligible: true,
  outcome: isIssued ? 'issued' : 'skipped',
  certificateId,
});

/** Who may not have one is passed over; for the others it can be tried again. */
const endWithout = (place: ItemPlace, problem: LearnerProblem): ItemEnd => ({
  ...place,
  isEligible: true,
  outcome: problem === 'learner_disabled' ? 'skipped' : 'failed',
  code: problem,
});

const awardOf = (run: StoredRun, item: StoredItem) => ({
  tenant: run.tenant,
  courseId: courseOf(run, item).courseId,
  type: run.plan.type,
  runId: run.id,
});

/** In the order in which they came, which a statement does not keep. */
function firstOfEach(decisions: readonly OwnDecision[]): OwnDecision[] {
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
