// The wire form of runs, of what was decided in them, and of a single decision.

import { z } from 'zod';
import { idText } from '../certificates/contract.ts';
import { pageOf, pageQuery } from '../pages.ts';
import { originField } from '../tenant-access.ts';

const mostNamed = 10_000;
const ids = z.array(idText).max(mostNamed).optional();

export const runBody = z.strictObject({
  only: ids.meta({ description: 'Only these learners.' }),
  except: ids.meta({ description: 'All but these learners.' }),
  origin: originField,
});
export type RunBody = z.output<typeof runBody>;
export const rehearsalBody = runBody.pick({ origin: true });
export type RehearsalBody = z.output<typeof rehearsalBody>;
/** 10,000 ids in each of two lists. */
export const mostRunBytes = 3 * 1024 * 1024;

export const runStates = ['queued', 'active', 'completed', 'failed', 'cancelled', 'skipped'] as const;
export type RunState = (typeof runStates)[number];

export const outcomes = ['issued', 'skipped', 'not_eligible', 'failed', 'would_issue'] as const;
export type Outcome = (typeof outcomes)[number];

const criterion = z.object({
  name: z.string(),
  required: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  actual: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  isMet: z.boolean(),
});
const step = z.object({ id: z.string(), isEligible: z.boolean(), criteria: z.array(criterion) });
const decision = {
  studentId: z.string(),
  isEligible: z.boolean(),
  criteria: z.array(criterion),
  steps: z.array(step).optional(),
};

export const runItem = z.object({
  ...decision,
  courseId: z.string().optional().meta({ description: 'Where the configuration is for all courses (`*`).' }),
  courseName: z.string().optional(),
  outcome: z.enum(outcomes).optional().meta({ description: 'Left out while it is still to be done.' }),
  code: z.string().optional(),
  certificateId: z.string().optional(),
});
export type RunItem = z.output<typeof runItem>;

const counts = z.object({
  checked: z.int(),
  eligible: z.int(),
  issued: z.int(),
  skipped: z.int(),
  failed: z.int(),
});
export type Counts = z.output<typeof counts>;

export const runSummary = z.object({
  id: z.string(),
  configurationId: z.string(),
  isDryRun: z.boolean(),
  state: z.enum(runStates),
  code: z.string().optional(),
  detail: z.string().optional(),
  counts,
  errors: z
    .array(z.object({ line: z.int().optional(), message: z.string() }))
    .meta({ description: 'Records that the retriever could not use, the first thousand.' }),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});
export type RunSummary = z.output<typeof runSummary>;

export const runsAnswer = pageOf(runSummary.omit({ errors: true }));
export const runAnswer = runSummary.extend({
  items: z.array(runItem),
  next: z.string().nullable().meta({ description: 'Where the next page of items begins, null on the last.' }),
});
export const startedAnswer = z.object({ runId: z.string() });
export const retriedAnswer = z.object({ retried: z.int() });

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const runsQuery = z.object({
  ...pageQuery(uuid),
  configurationId: z.uuid().optional().meta({ description: 'Only runs of this configuration.' }),
  state: z.enum(runStates).optional().meta({ description: 'Only runs in this state.' }),
  origin: originField,
});
export type RunsQuery = z.output<typeof runsQuery>;

export const itemsQuery = z.object({
  ...pageQuery(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}(\/[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99})?$/),
  origin: originField,
});
export type ItemsQuery = z.output<typeof itemsQuery>;

export const decisionQuery = z.object({
  configurationId: z.uuid(),
  studentId: idText,
  courseId: idText.optional().meta({ description: 'Which course, where the configuration is for all (`*`).' }),
  origin: originField,
});
export type DecisionQuery = z.output<typeof decisionQuery>;
export const decisionAnswer = z.object(decision);
export type DecisionAnswer = z.output<typeof decisionAnswer>;

export const ownQuery = z.object({ courseId: idText });
export type OwnQuery = z.output<typeof ownQuery>;
export const ownAnswer = z.object({
  items: z.array(decisionAnswer.omit({ studentId: true }).extend({ type: z.string() })),
});
