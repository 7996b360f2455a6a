// The retriever `passing-attempts`: who has passed a test of a course, by the attempts that are known here.

import type { Database } from '../database/database.ts';
import { type Context, type Criterion, type Decision, z } from '../plugins/contract.ts';
import type { OwnRetriever, OwnTools } from '../plugins/plugins.ts';
import { type BestAttempt, type BestFilter, eachBest } from './best-store.ts';

const options = z.object({
  minimumPercent: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .meta({ description: 'Of the highest score, beside what the test itself asks for.' }),
  testIds: z.array(z.string().min(1).max(1000)).min(1).max(1000).optional().meta({
    description: 'Only attempts at these tests count; of a lesson those at the test of its id, if nothing is said.',
  }),
});
type Options = z.output<typeof options>;

/** A lesson is a part of its course, and its test has its id. */
function placeOf({ kind, id, course }: Context, { testIds }: Options): Pick<BestFilter, 'courseId' | 'testIds'> {
  return kind === 'lesson' ? { courseId: course ?? id, testIds: testIds ?? [id] } : { courseId: id, testIds };
}

const passed = (isMet: boolean): Criterion => ({ name: 'Passed', required: true, actual: isMet, isMet });

/** The best has the highest percentage: where it is not enough, no other is. */
function decide(best: BestAttempt, { minimumPercent }: Options): Decision {
  const { studentId, percent, score, maxScore, given: learner } = best;
  const criteria = [passed(true)];
  if (minimumPercent !== undefined)
    criteria.push({ name: 'Percent', required: minimumPercent, actual: percent, isMet: percent >= minimumPercent });
  return { studentId, isEligible: criteria.every(({ isMet }) => isMet), criteria, learner, score, maxScore };
}

export function createPassingRetriever({ queries }: Pick<Database, 'queries'>): OwnRetriever {
  return {
    name: 'passing-attempts',
    title: 'Passing attempts',
    description:
      'Learners who have passed a test of the course, by the attempts that were fetched or pushed: of several the one with the highest percentage counts, then the earliest.',
    options,
    async *retrieve(context: Context, asked: Options, { tenant, studentId, signal }: OwnTools) {
      let isKnown = false;
      for await (const best of eachBest(queries, { tenant, studentId, ...placeOf(context, asked) })) {
        signal.throwIfAborted();
        isKnown = true;
        yield decide(best, asked);
      }
      if (studentId !== undefined && !isKnown) yield { studentId, isEligible: false, criteria: [passed(false)] };
    },
  };
}
