// The wire form of the report endpoints: what a request may hold, field by field.

import { z } from 'zod';
import { givenReportToken } from '../identity/contract.ts';
import { isId, parseTest, type Report, type Test } from './report.ts';

const idRule = 'must begin with a letter or digit and hold at most 100 letters, digits and . _ @ + - without ".."';
const testRule = 'must be a test such as 5, "Test 5", Test_5, overall or another id';

// As `isId` and `parseTest` check, for readers of the OpenAPI document.
const idPattern = '[A-Za-z0-9](?:[.]?[A-Za-z0-9_@+-])*[.]?';
export const id = z
  .string({ error: idRule })
  .refine(isId, { error: idRule })
  .meta({ pattern: `^${idPattern}$`, maxLength: 100 });
export const testText = z
  .string({ error: testRule })
  .refine((text) => parseTest(text) !== undefined, { error: testRule })
  .meta({ pattern: `^(?:Test [1-9][0-9]*|${idPattern})$`, maxLength: 100, examples: ['Test_1', '5', 'overall'] });
/** In a body; backends that number their tests send numbers. */
export const testId = z
  .union([testText, z.int().min(0)], { error: testRule })
  .transform(String)
  .meta({ examples: ['Test_1', 5, 'overall'] });
export const studentId = id
  .refine((text) => text !== 'overall', { error: 'overall is reserved for the report of the class' })
  .meta({ not: { const: 'overall' }, examples: ['STU001'] });
export const origin = z
  .string()
  .max(300)
  .meta({ description: 'Origin of the frontend: exactly one of FRONTEND_ORIGINS.' });
export const dataVersion = z
  .string()
  .regex(/^[\x21-\x7e]{1,100}$/, { error: 'must be 1 to 100 visible ASCII characters' })
  .meta({
    description:
      'Version of the figures, named by the backend when it triggers. To a person a stored document of another version is a miss; the fresh one bears none.',
  });
const disposition = z
  .enum(['attachment', 'inline'], { error: 'must be attachment or inline' })
  .meta({ description: '`attachment`: a browser saves it, the default; `inline`: it shows it.' });

/** A field that may be left out or null. */
export const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

export const triggerBody = z
  .strictObject({
    testId,
    classId: id,
    reportType: z.enum(['student', 'teacher', 'overall'], { error: 'must be student, teacher or overall' }),
    studentId: optional(studentId),
    teacherId: optional(id),
    origin: optional(origin),
    reportToken: optional(givenReportToken),
    dataVersion: optional(dataVersion),
  })
  .superRefine((body, context) => {
    const needed = { student: 'studentId', teacher: 'teacherId', overall: undefined }[body.reportType];
    if (needed === 'studentId' && body.studentId === undefined) {
      context.addIssue({ code: 'custom', path: ['studentId'], message: 'is needed for a student report' });
    }
    if (needed === 'teacherId' && body.teacherId === undefined) {
      context.addIssue({ code: 'custom', path: ['teacherId'], message: 'is needed for a teacher report' });
    }
  });
export type TriggerBody = z.output<typeof triggerBody>;

/** A report whose class is known, so that it has a key. */
export type KeyedReport = Report & { classId: string };

/** The test that a request names; its schema has checked it. */
export const testOf = (text: string) => parseTest(text) as Test;

/** The report that a request of the backend names; its schema has checked it. */
export function reportOf(
  body: Pick<TriggerBody, 'testId' | 'classId' | 'reportType'> & Partial<TriggerBody>,
): KeyedReport {
  const common = { test: testOf(body.testId), classId: body.classId };
  if (body.reportType === 'student') return { type: 'student', studentId: body.studentId ?? '', ...common };
  if (body.reportType === 'teacher') return { type: 'teacher', teacherId: body.teacherId ?? '', ...common };
  return { type: 'overall', ...common };
}

/** As it was sent. */
const echoedTest = z.union([z.string(), z.int()]);
const generatedAnswer = z.looseObject({
  success: z.literal(true),
  message: z.literal('PDF generation completed'),
  reportType: z.string(),
  testId: echoedTest,
  classId: z.string(),
  s3Key: z.string(),
  pages: z.int(),
  bytes: z.int(),
  sha256: z.string(),
  durationMs: z.int(),
  warnings: z.array(z.string()),
});
const acceptedAnswer = z.looseObject({
  success: z.literal(true),
  message: z.literal('PDF generation accepted'),
  reportType: z.string(),
  testId: echoedTest,
  classId: z.string(),
  s3Key: z.string(),
  jobId: z.string(),
});
export const triggerAnswer = z.union([generatedAnswer, acceptedAnswer]);

/** RFC 7240; only this one is known. */
export const prefer = z.string().meta({
  description: '`respond-async`: answer at once, and do it afterwards. Other preferences are ignored.',
  examples: ['respond-async'],
});

const commonQuery = {
  testId: testText,
  classId: id.optional(),
  dataVersion: dataVersion.optional(),
  disposition: disposition.optional(),
};

/** Of a job that a person has asked for: progress is followed by it. */
export const progressAnswer = z.object({ progressId: z.string() });

export const reportQuery = z.object({
  ...commonQuery,
  studentId: id.meta({ description: 'A student, or overall for the report of the class.', examples: ['STU001'] }),
  educatorId: id
    .optional()
    .meta({ description: "Educator through whose page it is looked at: the token's own, or any for an admin." }),
});
export const ownReportQuery = z.object(commonQuery);
/** Other spellings that existing callers use. */
export const queryAliases = { classId: ['class_id', 'class', 'classid', 'classID'] };

export const mostBulkStudents = 500;

export const bulkBody = z.strictObject({
  studentIds: z
    .array(studentId, { error: 'must be a list of student ids' })
    .min(1, { error: 'must name at least one student' })
    .max(mostBulkStudents, { error: `must name at most ${mostBulkStudents} students` }),
  testId,
  classId: optional(id),
});
export type BulkBody = z.output<typeof bulkBody>;

export const invalidateBody = z.strictObject({
  classId: id,
  testId: optional(testId),
  studentId: optional(studentId),
  teacherId: optional(id),
  origin: optional(origin),
});
export type InvalidateBody = z.output<typeof invalidateBody>;

export const invalidateAnswer = z.object({ removed: z.int() });

/** How one student fared in a bulk request. */
export interface BulkOutcome {
  studentId: string;
  outcome: 'stored' | 'rendered' | 'failed';
  code?: string;
  file?: string;
  /** Of one that was rendered just now, where there were any. */
  warnings?: readonly string[];
}
