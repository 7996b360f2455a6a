// The wire form of class runs: what a request may hold, and what is told of a run.

import { z } from 'zod';
import { givenReportToken } from '../identity/contract.ts';
import { dataVersion, id, optional, origin, studentId, testId, testText } from '../reports/contract.ts';

const mostRunStudents = 10_000;
const mostRunTeachers = 1000;
/** With the one of the class itself. */
export const mostRunReports = mostRunStudents + mostRunTeachers + 1;
/** A name for each of 10,000 students, and a token for each. */
export const mostRunBytes = 8 * 1024 * 1024;

const ids = (each: typeof id, most: number) =>
  z
    .array(each, { error: 'must be a list of ids' })
    .max(most, { error: `must name at most ${most}` })
    .transform((list) => [...new Set(list)]);

export const classRunBody = z
  .strictObject({
    classId: id,
    testId,
    studentIds: ids(studentId, mostRunStudents),
    teacherIds: optional(ids(id, mostRunTeachers)),
    overall: optional(z.boolean()),
    origin: optional(origin),
    reportToken: optional(givenReportToken.meta({ description: 'Serves the whole run.' })),
    reportTokens: optional(
      z.record(id, givenReportToken).meta({ description: 'A token of its own for each student named.' }),
    ),
    dataVersion: optional(dataVersion),
  })
  .superRefine(({ studentIds, teacherIds = [], overall = false, reportTokens = {} }, context) => {
    const total = studentIds.length + teacherIds.length + Number(overall);
    if (total === 0) context.addIssue({ code: 'custom', path: ['studentIds'], message: 'nothing is asked for' });
    const known = new Set(studentIds);
    const stranger = Object.keys(reportTokens).find((each) => !known.has(each));
    if (stranger !== undefined)
      context.addIssue({ code: 'custom', path: ['reportTokens'], message: 'names a student who is not in studentIds' });
  });
export type ClassRunBody = z.output<typeof classRunBody>;

export const retryBody = z.strictObject({
  reportToken: optional(givenReportToken),
  reportTokens: optional(z.record(id, givenReportToken)),
});
export type RetryBody = z.output<typeof retryBody>;

const runState = z.enum(['queued', 'active', 'completed', 'failed', 'cancelled']);
export type RunState = z.output<typeof runState>;

export const isOver = (state: RunState): boolean => state !== 'queued' && state !== 'active';

export const itemsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100).meta({ description: 'Items of one page.' }),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0).meta({ description: 'Items before the page.' }),
  state: runState.optional().meta({ description: 'Only items in this state.' }),
});
export type ItemsQuery = z.output<typeof itemsQuery>;

export const runsQuery = z.object({
  classId: id.optional().meta({ description: 'Only runs of this class.' }),
  testId: testText.optional().meta({ description: 'Only runs for this test, in whichever spelling.' }),
  state: runState.optional().meta({ description: 'Only runs in this state.' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100).meta({ description: 'Runs of one page.' }),
  cursor: z
    .uuid({ error: 'must be the nextCursor of a page' })
    .optional()
    .meta({ description: '`nextCursor` of the page before.' }),
});
export type RunsQuery = z.output<typeof runsQuery>;

export const acceptedRunAnswer = z.object({ id: z.string(), total: z.int() });

const counts = z.object({
  queued: z.int(),
  active: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
});

/** What followers of a run are told. */
export const runSummary = z.object({
  id: z.string(),
  state: runState,
  classId: z.string(),
  testId: z.string(),
  total: z.int(),
  counts,
  warnings: z
    .record(z.string(), z.int())
    .meta({ description: 'Stored reports that have a warning of the code, by code: `printed_while_moving`: 3.' }),
  etaSeconds: z
    .int()
    .nullable()
    .meta({ description: 'From the time that reports took so far; null while nobody knows.' }),
});
export type RunSummary = z.output<typeof runSummary>;

export interface FollowedRun extends RunSummary {
  createdAt: Date;
}

export const runItem = z.object({
  reportType: z.enum(['student', 'teacher', 'overall']),
  studentId: z.string().optional(),
  teacherId: z.string().optional(),
  state: runState,
  jobId: z.string(),
  s3Key: z.string(),
  code: z.string().optional(),
  detail: z.string().optional().meta({ description: 'Of one that has failed: what went wrong, for people.' }),
  warnings: z
    .array(z.string())
    .optional()
    .meta({ description: 'What was not as it should be when it was printed; each begins with its code.' }),
});
export type RunItem = z.output<typeof runItem>;

export const runAnswer = runSummary.extend({
  createdAt: z.iso.datetime(),
  items: z.array(runItem),
  nextOffset: z.int().nullable().meta({ description: 'Offset of the next page of items, null on the last.' }),
});
export const runsAnswer = z.object({
  classRuns: z.array(runSummary.omit({ warnings: true, etaSeconds: true }).extend({ createdAt: z.iso.datetime() })),
  nextCursor: z.string().nullable().meta({
    description:
      'Where the next page begins, null on the last. A page of filtered runs may be short, or empty, before it.',
  }),
});
export interface ListedRun extends Omit<RunSummary, 'warnings' | 'etaSeconds'> {
  createdAt: Date;
}
export const ticketAnswer = z.object({ ticket: z.string(), expiresInSeconds: z.int() });
export const retriedAnswer = z.object({ retried: z.int() });
export const cancelledRunAnswer = z.object({ cancelled: z.int() });
