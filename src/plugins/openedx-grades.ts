// Whether grades of Open edX are what is asked for. Pure.

import { type Criterion, z } from './contract.ts';

/** One graded part of a course, as the gradebook has it. */
const assignment = z.object({
  attempted: z.boolean(),
  category: z.string().nullish(),
  module_id: z.string(),
  /** 0 to 1. */
  percent: z.number(),
});
export type Assignment = z.output<typeof assignment>;

export const gradebookEntry = z.object({
  username: z.string().min(1),
  percent: z.number().nullish(),
  section_breakdown: z.array(assignment),
});

/** How one category counts. */
const rule = z.object({
  assignment_type: z.string(),
  dropped: z.number().int().min(0).nullish(),
  weight: z.number().nullish(),
});
export const policyAnswer = z.array(rule);
export type Policy = z.output<typeof policyAnswer>;

const same = (name: string | null | undefined) => (name ?? '').trim().toLowerCase();
/** As many digits as a grade has; sums of them have more. */
const digits = (value: number) => Math.round(value * 1e9) / 1e9;

/** The mean of the assignments of a category after the worst ones were dropped; null when none of them was attempted. */
function gradeOf(assignments: readonly Assignment[], dropped: number): number | null {
  if (!assignments.some(({ attempted }) => attempted)) return null;
  const best = assignments.map(({ percent }) => percent).sort((one, other) => other - one);
  const counted = best.slice(0, Math.max(1, best.length - dropped));
  return digits(counted.reduce((sum, percent) => sum + percent, 0) / counted.length);
}

/** All categories together, by the weights as they are, whatever their sum. */
function totalOf(assignments: readonly Assignment[], policy: Policy): number {
  const parts = policy.map(({ assignment_type, dropped, weight }) => {
    const own = assignments.filter(({ category }) => same(category) === same(assignment_type));
    return (gradeOf(own, dropped ?? 0) ?? 0) * (weight ?? 0);
  });
  return digits(parts.reduce((sum, part) => sum + part, 0));
}

interface Judged {
  assignments: readonly Assignment[];
  policy: Policy;
  /** By category, and `Total`. */
  required: Readonly<Record<string, number>>;
  /** The only part that counts, where it is one that a certificate is for. */
  lesson?: string | undefined;
}

/** One criterion for each grade that is required. A category that nobody knows is not met. */
export function judgeGrades({ assignments, policy, required, lesson }: Judged): Criterion[] {
  const counted = lesson === undefined ? assignments : assignments.filter(({ module_id }) => module_id === lesson);
  const actualOf = (name: string): number | null => {
    if (same(name) === 'total') return lesson === undefined ? totalOf(counted, policy) : gradeOf(counted, 0);
    const own = counted.filter(({ category }) => same(category) === same(name));
    const dropped = policy.find(({ assignment_type }) => same(assignment_type) === same(name))?.dropped ?? 0;
    return gradeOf(own, lesson === undefined ? dropped : 0);
  };
  return Object.entries(required).map(([name, least]) => {
    const actual = actualOf(name);
    return { name, required: least, actual, isMet: actual !== null && actual >= least };
  });
}
