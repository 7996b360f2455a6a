// Issues a certificate to each learner with a passing attempt who has none of that course.

import type { Certificates } from '../certificates/certificates.ts';
import { type IssueBody, issueBody } from '../certificates/contract.ts';
import type { Database } from '../database/database.ts';
import { ServiceError } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { LearnerProblem, NamedLearner } from '../learners/contract.ts';
import { identifyLearner, type Learners } from '../learners/learners.ts';
import { createLog } from '../log.ts';
import { type BestAttempt, type BestPlace, findUndecided, markDecided, putOff } from './best-store.ts';

const log = createLog('attempts');

const certificateType = 'course-completion';
const pageSize = 500;
/** Then nobody else is asked for in this turn: each would have to wait for a time-out. */
const mostUnanswered = 3;

/** eligible = issued + skipped + failed. */
export interface Counts {
  checked: number;
  eligible: number;
  issued: number;
  skipped: number;
  failed: number;
}

interface Options {
  database: Database;
  certificates: Pick<Certificates, 'issue' | 'findHolders'>;
  learners: Learners | undefined;
  /** Prefix of the keys of the tenant. */
  tenant: string;
  /** Certificates that are made at once. */
  concurrency: number;
  signal: AbortSignal;
}

type Outcome = 'issued' | 'skipped' | 'failed';

const nameOf = ({ studentId, courseId }: BestPlace) => JSON.stringify([studentId, courseId]);

function requestFor(best: BestAttempt, learner: NamedLearner): unknown {
  const { studentId: userId, courseId, courseName, score, maxScore } = best;
  return { userId, courseId, courseName, score, maxScore, ...learner, issuanceDate: new Date().toISOString() };
}

class Generation {
  readonly #options: Options;
  /** Learners in a row of whom it could not be found out who they are. */
  #unanswered = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  async run(): Promise<Counts> {
    const { database, tenant, signal } = this.#options;
    const counts: Counts = { checked: 0, eligible: 0, issued: 0, skipped: 0, failed: 0 };
    for (let after: BestPlace | undefined; ; ) {
      signal.throwIfAborted();
      const page = await findUndecided(database.queries, { tenant, after, most: pageSize });
      await this.#decidePage(page, counts);
      after = page.at(-1);
      if (page.length < pageSize || this.#unanswered >= mostUnanswered) return counts;
    }
  }

  async #decidePage(page: readonly BestAttempt[], counts: Counts): Promise<void> {
    const { certificates, tenant, concurrency } = this.#options;
    if (page.length === 0) return;
    const asked = page.map(({ studentId, courseId }) => ({ studentId, courseId }));
    const found = await certificates.findHolders(tenant, certificateType, asked);
    const holders = new Map(found.map((holder) => [nameOf(holder), holder.certificateId]));
    const waiting = page.values();
    const decideSome = async () => {
      for (const best of waiting) {
        if (this.#unanswered >= mostUnanswered) return;
        const outcome = await this.#decide(best, holders.get(nameOf(best)));
        counts.checked++;
        counts.eligible++;
        counts[outcome]++;
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: concurrency }, decideSome));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #decide(best: BestAttempt, heldId: string | undefined): Promise<Outcome> {
    const { database, learners, signal } = this.#options;
    signal.throwIfAborted();
    if (heldId !== undefined) {
      await markDecided(database.queries, best, heldId);
      return 'skipped';
    }
    const { studentId, given } = best;
    const named = await identifyLearner(learners, { studentId, given }, { signal });
    this.#unanswered = 'problem' in named && named.problem === 'learner_unavailable' ? this.#unanswered + 1 : 0;
    if ('problem' in named) return this.#putOff(best, named.problem);
    return this.#issue(best, named.learner);
  }

  async #putOff(best: BestAttempt, problem: LearnerProblem): Promise<Outcome> {
    await putOff(this.#options.database.queries, best, { code: problem, isMissing: problem === 'learner_not_found' });
    return problem === 'learner_disabled' ? 'skipped' : 'failed';
  }

  async #issue(best: BestAttempt, learner: NamedLearner): Promise<Outcome> {
    const { database, certificates, tenant, signal } = this.#options;
    const request = { tenant, idempotencyKey: undefined, owner: serviceOwner, signal, takesPresent: true };
    try {
      const body = readRequest(requestFor(best, learner));
      const { certificate } = await certificates.issue(body, request);
      failpoint('attempt-issued');
      await markDecided(database.queries, best, certificate.id);
      return 'issued';
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ServiceError) || error.code === 'database_unavailable') throw error;
      const { id: attemptId } = best;
      log.warn('A learner who has passed could not be given a certificate yet', { attemptId, code: error.code, error });
      await putOff(database.queries, best, { code: error.code, isMissing: false });
      return 'failed';
    }
  }
}

/** @throws invalid_request for names that can't be printed, whoever gave them. */
function readRequest(request: unknown): IssueBody {
  const { success, data } = issueBody.safeParse(request);
  if (success) return data;
  throw new ServiceError('invalid_request', {});
}

/** Once for those of whom something is to be decided; broken off it goes on the next time. */
export const generateCertificates = (options: Options): Promise<Counts> => new Generation(options).run();
