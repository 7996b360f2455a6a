// What a retriever gives, looked at before it is believed.

import { isStorable } from '../letters.ts';
import { type Decision, z } from './contract.ts';

const textOf = (most: number) =>
  z
    .string()
    .max(most, { error: `is longer than ${most} letters` })
    .refine(isStorable, { error: 'has half a character or U+0000, which can not be kept' });
const short = textOf(1000);
/** Which of them can't be printed is said of the learner, and does not fail the others. */
const ofLearner = textOf(10_000);
const value = z.union([short, z.number(), z.boolean(), z.null()], {
  error: 'is neither a text nor a finite number, true, false or null',
});
const criterion = z.object({ name: short, required: value, actual: value, isMet: z.boolean() });
const criteria = z.array(criterion).max(100);
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((given) => given ?? undefined);
const studentId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/, { error: 'is no id' })
  .refine((text) => !text.includes('..'), { error: 'is no id' });

const mostPoints = 1e9;
const outOfBounds = { error: `is not from 0 to ${mostPoints}` };

const fields = z.object({
  studentId,
  isEligible: z.boolean(),
  criteria,
  steps: optional(z.array(z.object({ id: short, isEligible: z.boolean(), criteria })).max(100)),
  learner: optional(
    z.object({
      firstName: optional(ofLearner),
      middleName: optional(ofLearner),
      lastName: optional(ofLearner),
      email: optional(ofLearner),
      language: optional(ofLearner),
    }),
  ),
  score: optional(z.number().min(0, outOfBounds).max(mostPoints, outOfBounds)),
  maxScore: optional(z.number().positive({ error: 'is not above 0' }).max(mostPoints, outOfBounds)),
});

/** A retriever of ours that is asked for all courses says which one it is about. */
export interface OwnDecision extends Decision {
  course?: { id: string; name: string } | undefined;
}

const bounded = <T extends Decision>(schema: z.ZodType<T>) =>
  schema.refine(({ score, maxScore }) => score === undefined || maxScore === undefined || score <= maxScore, {
    error: 'score is above maxScore',
  });
const decision = bounded<Decision>(fields);
const ownDecision = bounded<OwnDecision>(
  fields.extend({ course: optional(z.object({ id: short.min(1), name: ofLearner })) }),
);

/** Its place, and what is wrong there. */
const explain = ({ issues: [first] }: z.ZodError) => [first?.path.join('.'), first?.message].filter(Boolean).join(' ');

/** @throws what is wrong with it, in words. */
function readAs<T>(schema: z.ZodType<T>, given: unknown): T {
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  throw new Error(`a decision can't be read: ${explain(error)}`);
}

export const readDecision = (given: unknown): Decision => readAs(decision, given);
export const readOwnDecision = (given: unknown): OwnDecision => readAs(ownDecision, given);

/** For a retriever that would rather reject one record than fail by it: what is wrong with a decision, in words; undefined where it can be read. */
export function faultOf(given: Decision): string | undefined {
  const { error } = decision.safeParse(given);
  return error === undefined ? undefined : explain(error);
}
