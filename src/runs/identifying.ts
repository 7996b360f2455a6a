// Who the learners of one run are, as it is known now; while nobody can say so, it is not asked for each of them.

import { identifyLearner, type Learners } from '../learners/learners.ts';
import type { Learner } from '../plugins/contract.ts';

/** Learners in a row; each of the others would have to wait for a time-out. */
const mostUnanswered = 3;

type Named = Awaited<ReturnType<typeof identifyLearner>>;

/** @param given what the retriever has said. */
export type Identify = (studentId: string, given: Learner, signal: AbortSignal) => Promise<Named>;

export function createIdentify(learners: Learners | undefined): Identify {
  let unanswered = 0;
  return async (studentId, given, signal) => {
    if (unanswered >= mostUnanswered) return { problem: 'learner_unavailable' };
    const named = await identifyLearner(learners, { studentId, given }, { signal });
    unanswered = 'problem' in named && named.problem === 'learner_unavailable' ? unanswered + 1 : 0;
    return named;
  };
}
