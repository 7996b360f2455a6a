// The retriever `passing-attempts`: who has passed a test of a course, by the attempts that are known here.

import { createHash } from 'node:crypto';
import type { Database } from '../database/database.ts';
import { type Context, type Criterion, type Decision, z } from '../plugins/contract.ts';
import { allCourses, type Backlog, type OwnRetriever, type OwnTools } from '../plugins/plugins.ts';
import {
  findUndecided,
  findUnfounded,
  isAnyDue,
  markCertified,
  markPassedOver,
  putOff,
  reopenOthers,
} from './backlog-store.ts';
import { type BestAttempt, type BestFilter, eachOf, type FindPage, findBest } from './best-store.ts';

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
  if (id === allCourses) return { testIds };
  return kind === 'lesson' ? { courseId: course ?? id, testIds: testIds ?? [id] } : { courseId: id, testIds };
}

const passed = (isMet: boolean): Criterion => ({ name: 'Passed', required: true, actual: isMet, isMet });
/** In points, where it is known how many it takes. */
const passedBy = ({ score, passingScore, isPassing }: BestAttempt): Criterion =>
  passingScore === null
    ? passed(isPassing)
    : { name: 'Passed', required: passingScore, actual: score, isMet: isPassing };

/** The best has the highest percentage: where it is not enough, no other is. */
function decide(
  best: BestAttempt,
  { minimumPercent, testIds }: Pick<BestFilter, 'testIds'> & Pick<Options, 'minimumPercent'>,
): Decision {
  const { studentId, testId, percent, score, maxScore, given: learner } = best;
  const isAtOneOf = testIds === undefined || testIds.includes(testId ?? '');
  const criteria = [isAtOneOf ? passedBy(best) : passed(false)];
  if (minimumPercent !== undefined)
    criteria.push({ name: 'Percent', required: minimumPercent, actual: percent, isMet: percent >= minimumPercent });
  return { studentId, isEligible: criteria.every(({ isMet }) => isMet), criteria, learner, score, maxScore };
}

const digestOf = ({ minimumPercent, testIds }: Options) =>
  createHash('sha256')
    .update(JSON.stringify([minimumPercent, testIds]))
    .digest('hex');

/** Options of the generator lie beside ours. */
const createBacklog = (): Backlog => ({
  async isDue(tx, { tenant, options: given }) {
    await reopenOthers(tx, { tenant, optionsId: digestOf(options.parse(given)) });
    return isAnyDue(tx, tenant);
  },
  async settle(tx, { tenant, options: given, ends }) {
    const asked = options.parse(given);
    const { testIds, minimumPercent } = asked;
    const certified = ends.filter(({ certificateId }) => certificateId !== undefined);
    const passedOver = ends.filter(({ isEligible }) => !isEligible);
    const delayed = ends.filter(({ isEligible, certificateId }) => isEligible && certificateId === undefined);
    await markCertified(tx, { tenant, testIds }, certified);
    await markPassedOver(tx, { tenant, testIds, minimumPercent, optionsId: digestOf(asked) }, passedOver);
    await putOff(tx, tenant, delayed);
    return findUnfounded(tx, tenant, certified);
  },
});

export function createPassingRetriever({ queries }: Pick<Database, 'queries'>): OwnRetriever {
  return {
    name: 'passing-attempts',
    title: 'Passing attempts',
    description:
      'Learners who have passed a test of the course, and those who have not yet, by the attempts that were fetched or pushed: of several the one with the highest percentage counts, then the earliest.',
    options,
    backlog: createBacklog(),
    async *retrieve(context: Context, given: Options, { tenant, studentId, isOnlyNew, signal }: OwnTools) {
      const place = placeOf(context, given);
      const asked = { ...given, testIds: place.testIds };
      // Of all courses at once whoever ever tried would be too many.
      const isTried = context.id !== allCourses || studentId !== undefined;
      const find: FindPage = isOnlyNew
        ? (page) => findUndecided(queries, { tenant, testIds: asked.testIds }, page)
        : (page) => findBest(queries, { tenant, studentId, isTried, ...place }, page);
      let isKnown = false;
      for await (const best of eachOf(find)) {
        signal.throwIfAborted();
        isKnown = true;
        const course = { id: best.courseId, name: best.courseName };
        yield { ...decide(best, asked), ...(context.id === allCourses && { course }) };
      }
      if (studentId !== undefined && !isKnown) yield { studentId, isEligible: false, criteria: [passed(false)] };
    },
  };
}
