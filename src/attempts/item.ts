// An attempt as the testing service writes it: what can be read of it, or why it can't. Pure.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { issueBody } from '../certificates/contract.ts';
import { pointerTo } from '../errors.ts';
import type { GivenLearner } from '../learners/contract.ts';
import { isPlainText } from '../letters.ts';

const { userId, courseId, courseName, issuanceDate } = issueBody.shape;

/** Ids of attempts are the testing service's own, and may be numbers. */
const sourceId = z.union([z.string().trim().min(1).max(200).refine(isPlainText), z.int()], {
  error: 'must be a text of 1 to 200 letters, or a whole number',
});
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);
/** How long a name may be is asked of the one that counts. */
const given = optional(z.string().max(10_000).refine(isPlainText, { error: 'must be plain text' }));
const points = z.number().min(0).max(1e9);

const item = z
  .object({
    id: sourceId,
    studentId: userId,
    courseId,
    courseName,
    testId: given,
    score: points,
    maxScore: z.number().positive().max(1e9),
    passingScore: points,
    completedAt: issuanceDate,
    updatedAt: optional(issuanceDate),
    firstName: given,
    middleName: given,
    lastName: given,
    email: given,
    language: given,
  })
  .superRefine(({ score, maxScore, passingScore }, context) => {
    const refuse = (path: string) =>
      context.addIssue({ code: 'custom', path: [path], message: 'must not be above maxScore' });
    if (score > maxScore) refuse('score');
    if (passingScore > maxScore) refuse('passingScore');
  });

export interface Attempt {
  sourceId: string;
  studentId: string;
  courseId: string;
  courseName: string;
  testId: string | undefined;
  score: number;
  maxScore: number;
  passingScore: number;
  percent: number;
  isPassing: boolean;
  completedAt: string;
  updatedAt: string | undefined;
  given: GivenLearner;
}

export interface Reason {
  /** JSON pointer inside the item. */
  field: string;
  message: string;
}

const mostReasons = 20;
/** Many times what an attempt has. */
export const mostItemLetters = 65_536;

const isMissing = (value: unknown, path: readonly PropertyKey[]) =>
  path.length === 1 && (value as Record<PropertyKey, unknown>)[path[0] as PropertyKey] === undefined;

const instantOf = (text: string) => new Date(text).toISOString();

export function readItem(value: unknown): { attempt: Attempt } | { reasons: Reason[] } {
  const { success, data, error } = item.safeParse(value);
  if (!success) {
    const reasons = error.issues.slice(0, mostReasons).map(({ path, message }) => ({
      field: pointerTo(path),
      message: isMissing(value, path) ? 'is missing' : message,
    }));
    return { reasons };
  }
  const { id, completedAt, updatedAt, firstName, middleName, lastName, email, language, ...attempt } = data;
  const said = Object.entries({ firstName, middleName, lastName, email, language }).filter(
    ([, text]) => text !== undefined,
  );
  return {
    attempt: {
      ...attempt,
      sourceId: String(id),
      percent: (100 * attempt.score) / attempt.maxScore,
      isPassing: attempt.score >= attempt.passingScore,
      completedAt: instantOf(completedAt),
      updatedAt: updatedAt === undefined ? undefined : instantOf(updatedAt),
      given: Object.fromEntries(said),
    },
  };
}

/** How one is kept: as it came, under its digest. */
export interface KeptItem {
  raw: string | null;
  digest: string;
  reasons: Reason[] | null;
}

/** Far more than any attempt has; what writes JSON comes to its end at some thousands. */
const deepest = 100;

/** Of what is nested as deeply as one likes: by its parts, one after the other. */
function digestOfDeep(value: unknown): string {
  const hash = createHash('sha256');
  const left: unknown[] = [value];
  while (left.length > 0) {
    const part = left.pop();
    const isObject = typeof part === 'object' && part !== null;
    hash.update(isObject ? JSON.stringify([Array.isArray(part), Object.keys(part)]) : JSON.stringify([part]));
    if (isObject) left.push(...Object.values(part));
  }
  return hash.digest('hex');
}

function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) return true;
    level = level.flatMap((part) => (typeof part === 'object' && part !== null ? Object.values(part) : []));
  }
  return false;
}

export function keepItem(value: unknown): KeptItem {
  if (isTooDeep(value))
    return { raw: null, digest: digestOfDeep(value), reasons: [{ field: '', message: 'is nested too deeply' }] };
  const raw = JSON.stringify(value);
  const digest = createHash('sha256').update(raw).digest('hex');
  if (raw.length <= mostItemLetters) return { raw, digest, reasons: null };
  return { raw: null, digest, reasons: [{ field: '', message: `is longer than ${mostItemLetters} letters` }] };
}
