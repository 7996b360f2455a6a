// What was decided in a run, and what came of it, as a table for spreadsheets; made page by page while it is read.

import { byteOrderMark, csvLine } from '../csv.ts';
import type { Criterion, Step } from '../plugins/contract.ts';
import { isForAll } from './deciding.ts';
import { describeItem } from './describing.ts';
import type { StoredItem } from './item-store.ts';
import type { RunPlan } from './run-store.ts';

const columns = ['studentId', 'isEligible', 'outcome', 'code', 'certificateId', 'criteria', 'steps'] as const;
/** Of a run for all courses, at the end: what reads the others by their places goes on to do so. */
const courseColumns = ['courseId', 'courseName'] as const;

const inWords = (value: Criterion['required']) => (value === null ? 'none' : String(value));

/** `Score: required 5, actual 9, met; Days: required 10, actual none, not met` */
const criteriaInWords = (criteria: readonly Criterion[]) =>
  criteria
    .map(({ name, required, actual, isMet }) => {
      const end = isMet ? 'met' : 'not met';
      return `${name}: required ${inWords(required)}, actual ${inWords(actual)}, ${end}`;
    })
    .join('; ');

/** Of a pathway: `ALG1 eligible (Score: …); ALG2 not eligible (Score: …)` */
const stepsInWords = (steps: readonly Step[]) =>
  steps
    .map(({ id, isEligible, criteria }) => {
      const decision = isEligible ? 'eligible' : 'not eligible';
      return `${id} ${decision} (${criteriaInWords(criteria)})`;
    })
    .join('; ');

function lineOf(plan: RunPlan, item: StoredItem): string {
  const { studentId, isEligible, outcome = '', code = '', certificateId = '', ...why } = describeItem(plan, item);
  const { criteria, steps = [], courseId = '', courseName = '' } = why;
  const end = [outcome, code, certificateId];
  const course = isForAll(plan) ? [courseId, courseName] : [];
  return csvLine([studentId, String(isEligible), ...end, criteriaInWords(criteria), stepsInWords(steps), ...course]);
}

export async function* reportOf(plan: RunPlan, pages: AsyncIterable<StoredItem[]>): AsyncGenerator<Buffer> {
  yield Buffer.from(byteOrderMark + csvLine(isForAll(plan) ? [...columns, ...courseColumns] : columns));
  for await (const page of pages) yield Buffer.from(page.map((item) => lineOf(plan, item)).join(''));
}
