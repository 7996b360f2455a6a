// The report endpoints, each as its specification reads: path, who may, what it takes, what it answers.

import { type ErrorCode, fail } from '../errors.ts';
import { askerErrors, bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { type Caller, reportTokenErrors } from '../identity/contract.ts';
import { originFor } from '../tenant-access.ts';
import { zipHeaders } from '../zip.ts';
import { sendReport } from './answer.ts';
import { openArchive } from './archive.ts';
import {
  type BulkBody,
  bulkBody,
  type InvalidateBody,
  invalidateAnswer,
  invalidateBody,
  ownReportQuery,
  prefer,
  progressAnswer,
  queryAliases,
  reportOf,
  reportQuery,
  type TriggerBody,
  testOf,
  triggerAnswer,
  triggerBody,
} from './contract.ts';
import { isId, type Report } from './report.ts';
import type { Reports } from './reports.ts';

interface Dependencies {
  reports: Reports;
  /** Reports of one bulk request obtained at once. */
  concurrency: number;
}

const renderErrors: ErrorCode[] = [
  'document_too_large',
  'report_not_found',
  'page_failed',
  'page_redirected',
  'token_rejected',
  'wrong_subject',
  'resource_limit',
  'browser_unavailable',
  'queue_full',
  'page_not_ready',
  'render_timeout',
];
const publicErrors: ErrorCode[] = [
  'malformed_request',
  'unauthorized',
  'forbidden',
  'invalid_request',
  'rate_limited',
  'too_many_renders',
  'identity_unavailable',
  'database_unavailable',
  ...renderErrors,
];
const pdfAnswers = {
  202: { description: 'With Prefer: respond-async, where the PDF can be kept.', schema: progressAnswer },
  200: {
    description:
      'The PDF, stored or fresh; Cache-Status says which, and Platen-Warnings what was not as it should be on a fresh one.',
    mediaType: 'application/pdf',
  },
  206: { description: 'The range that was asked for.', mediaType: 'application/pdf' },
  304: { description: 'The caller has this very PDF already.' },
  404: { description: 'To HEAD: the PDF would have to be rendered.' },
  412: { description: 'The stored PDF is not the one that If-Match or If-Unmodified-Since names.' },
  416: { description: 'The range lies outside of the PDF.' },
};

/** The class that was asked for, else the one that the token names. */
function classOf(asked: string | undefined, caller: Caller): string | undefined {
  const [only, ...others] = caller.classes;
  const named = only !== undefined && others.length === 0 && isId(only) ? only : undefined;
  return asked ?? named;
}

interface PublicQuery {
  testId: string;
  classId?: string | undefined;
  educatorId?: string | undefined;
  dataVersion?: string | undefined;
  disposition?: 'attachment' | 'inline' | undefined;
}

/** RFC 7240: whether the client would rather not wait. */
const prefersAsync = (req: Exchange['req']) =>
  (req.get('Prefer') ?? '').split(/[,;]/).some((each) => each.trim().toLowerCase() === 'respond-async');

/** 202 with where to look for the job. */
function answerAccepted(res: Exchange['res'], jobId: string, body: object): void {
  res
    .status(202)
    .set({ Location: `/jobs/${jobId}`, 'Preference-Applied': 'respond-async' })
    .json(body);
}

async function answerReport(reports: Reports, exchange: Exchange<PublicQuery, unknown>, report: Report): Promise<void> {
  const { query, req, res, signal, caller } = exchange;
  const { educatorId, dataVersion, disposition = 'attachment' } = query;
  const request = { caller, report, originHeader: req.get('Origin'), educatorId, dataVersion };
  const progressId = req.method === 'GET' && prefersAsync(req) ? await reports.obtainLater(request) : undefined;
  if (progressId !== undefined) return answerAccepted(res, progressId, { progressId });
  const mayRender = req.method !== 'HEAD';
  const obtained = await reports.obtain(request, { signal, priority: 'interactive', mayRender });
  await sendReport(exchange, obtained, { report, disposition });
}

function requestedReport(query: PublicQuery & { studentId: string }, caller: Caller): Report {
  const common = { test: testOf(query.testId), classId: classOf(query.classId, caller) };
  if (query.studentId === 'overall') return { type: 'overall', ...common };
  return { type: 'student', studentId: query.studentId, ...common };
}

function ownReport(type: 'student' | 'teacher', query: PublicQuery, caller: Caller): Report {
  if (caller.type !== type) throw fail('forbidden');
  const common = { test: testOf(query.testId), classId: classOf(query.classId, caller) };
  return type === 'student' ? { type, studentId: caller.id, ...common } : { type, teacherId: caller.id, ...common };
}

async function answerTrigger(reports: Reports, exchange: Exchange<unknown, TriggerBody>): Promise<void> {
  const { body, req, res } = exchange;
  const { classId, reportType, reportToken, dataVersion, teacherId } = body;
  const origin = originFor(exchange, body.origin);
  const educatorId = reportType === 'student' ? teacherId : undefined;
  const request = { report: reportOf(body), origin, reportToken, educatorId, dataVersion };
  // As it was sent, number or text.
  const { testId } = req.body as { testId: unknown };
  const echo = { reportType, testId, classId };
  if (prefersAsync(req)) {
    const { jobId, key } = await reports.generateLater(request);
    const message = 'PDF generation accepted';
    answerAccepted(res, jobId, { success: true, message, ...echo, s3Key: key, jobId });
    return;
  }
  const { key, ...result } = await reports.generate(request);
  res.status(202).json({ success: true, message: 'PDF generation completed', ...echo, s3Key: key, ...result });
}

async function answerBulk(
  { reports, concurrency }: Dependencies,
  exchange: Exchange<unknown, BulkBody>,
): Promise<void> {
  const { body, req, res, signal, caller } = exchange;
  const { studentIds, testId } = body;
  const test = testOf(testId);
  const classId = classOf(body.classId, caller);
  const asked = [...new Set(studentIds)].map((studentId) => ({ type: 'student' as const, studentId, test, classId }));
  await reports.asRenderOf(caller, async () => {
    const request = { caller, originHeader: req.get('Origin'), reports: asked, testId, classId };
    const zip = await openArchive(reports, request, { signal, concurrency });
    res.set(zipHeaders(`inzighted_reports_${test.segment}`));
    await exchange.streamBody(zip);
  });
}

async function answerInvalidate(reports: Reports, exchange: Exchange<unknown, InvalidateBody>): Promise<void> {
  const { classId, testId, studentId, teacherId } = exchange.body;
  const origin = originFor(exchange, exchange.body.origin);
  const testSegment = testId === undefined ? undefined : testOf(testId).segment;
  exchange.res.json({ removed: await reports.invalidate({ classId, testSegment, studentId, teacherId, origin }) });
}

function publicEndpoints(dependencies: Dependencies): Endpoint[] {
  const { reports } = dependencies;
  return [
    defineEndpoint({
      method: 'get',
      path: '/generate-pdf',
      tag: 'Reports',
      summary: 'Report of a student, or of a class with studentId=overall',
      access: 'user',
      query: reportQuery,
      headers: { Prefer: prefer },
      queryAliases,
      answers: pdfAnswers,
      errors: publicErrors,
      handle: (exchange) => answerReport(reports, exchange, requestedReport(exchange.query, exchange.caller)),
    }),
    defineEndpoint({
      method: 'get',
      path: '/generate-student-pdf',
      tag: 'Reports',
      summary: 'Own report of the student whom the token names',
      access: 'user',
      query: ownReportQuery,
      headers: { Prefer: prefer },
      queryAliases,
      answers: pdfAnswers,
      errors: publicErrors,
      handle: (exchange) => answerReport(reports, exchange, ownReport('student', exchange.query, exchange.caller)),
    }),
    defineEndpoint({
      method: 'get',
      path: '/generate-teacher-pdf',
      tag: 'Reports',
      summary: 'Own report of the teacher whom the token names; testId=overall for all tests',
      access: 'user',
      query: ownReportQuery,
      headers: { Prefer: prefer },
      queryAliases,
      answers: pdfAnswers,
      errors: publicErrors,
      handle: (exchange) => answerReport(reports, exchange, ownReport('teacher', exchange.query, exchange.caller)),
    }),
    defineEndpoint({
      method: 'post',
      path: '/generate-bulk-pdf',
      tag: 'Reports',
      summary: 'Reports of many students as a ZIP with a manifest',
      access: 'user',
      body: bulkBody,
      answers: { 200: { description: 'The ZIP, streamed while it is made.', mediaType: 'application/zip' } },
      errors: [...publicErrors, 'unknown_field', 'unsupported_media_type', 'body_too_large', 'bulk_failed'],
      handle: (exchange) => answerBulk(dependencies, exchange),
    }),
  ];
}

function triggerEndpoint({ reports }: Dependencies): Endpoint {
  return defineEndpoint({
    method: 'post',
    path: '/internal/trigger-generate-pdf',
    tag: 'Internal',
    summary: 'Render a report anew and store it; answers when it is stored, or at once with Prefer: respond-async',
    access: 'either',
    headers: { Prefer: prefer },
    body: triggerBody,
    answers: {
      202: {
        description: 'The PDF lies under s3Key; with Prefer: respond-async it will, and jobId names the job.',
        schema: triggerAnswer,
      },
    },
    errors: [
      ...bodyErrors,
      ...askerErrors,
      ...reportTokenErrors,
      'storage_unavailable',
      'database_unavailable',
      'deadline_exceeded',
      ...renderErrors.filter((code) => code !== 'queue_full'),
    ],
    handle: (exchange) => answerTrigger(reports, exchange),
  });
}

/** The one endpoint of reports that a process without HTTP features has too. */
export function invalidationEndpoint(reports: Reports): Endpoint {
  return defineEndpoint({
    method: 'post',
    path: '/internal/invalidate',
    action: 'reports.invalidate',
    tag: 'Internal',
    summary: 'Forget stored PDFs of a class, a test, a student or a teacher',
    access: 'either',
    body: invalidateBody,
    answers: { 200: { description: 'How many were removed.', schema: invalidateAnswer } },
    errors: [...bodyErrors, ...askerErrors, 'storage_unavailable', 'database_unavailable'],
    handle: (exchange) => answerInvalidate(reports, exchange),
  });
}

export function reportEndpoints(dependencies: Dependencies): Endpoint[] {
  return [...publicEndpoints(dependencies), triggerEndpoint(dependencies), invalidationEndpoint(dependencies.reports)];
}
