// What a retriever gives, looked at before it is believed.

import { type Decision, z } from './contract.ts';

const short = z.string().max(1000);
/** Which of them is too long is said of the learner, and does not fail the others. */
const ofLearner = z.string().max(10_000);
const value = z.union([short, z.number(), z.boolean(), z.null()]);
const criterion = z.object({ name: short, required: value, actual: value, isMet: z.boolean() });
const criteria = z.array(criterion).max(100);
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((given) => given ?? undefined);
const studentId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/, { error: 'is no id' })
  .refine((text) => !text.includes('..'), { error: 'is no id' });

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
  score: optional(z.number().min(0).max(1e9)),
  maxScore: optional(z.number().positive().max(1e9)),
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

/** @throws what is wrong with it, in words. */
function readAs<T>(schema: z.ZodType<T>, given: unknown): T {
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const [first] = error.issues;
  throw new Error(`a decision can't be read: ${[first?.path.join('.'), first?.message].filter(Boolean).join(' ')}`);
}

export const readDecision = (given: unknown): Decision => readAs(decision, given);
export const readOwnDecision = (given: unknown): OwnDecision => readAs(ownDecision, given);
