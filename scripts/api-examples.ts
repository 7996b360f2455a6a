// An example of a request and its answer for each endpoint, in an order in which they can be sent: docs/http-api.md shows them, test/api-examples.test.ts sends them.

import { attemptExamples } from './attempt-examples.ts';
import { auditExamples } from './audit-examples.ts';
import { certificateExamples } from './certificate-examples.ts';
import { eventExamples } from './event-examples.ts';
import type { Example, Who } from './example.ts';
import { pipelineExamples } from './pipeline-examples.ts';

/** Names of values that differ from time to time. */
export const changing = new Set(
  'id at days renderMs jobId progressId timestamp version environment createdAt startedAt endedAt pages bytes sha256 durationMs ticket total cancelled nextCursor diagnosis detail stage percent number verifyUrl downloadUrl download_url verify_url s3_key generated_at credential badge schema sample secret next nextAt count runId configurationId'.split(
    ' ',
  ),
);

const classOfTest = { testId: 'Test_1', classId: 'CLASS_TEST' };
const student = { ...classOfTest, reportType: 'student', studentId: 'STU001' };
const id = '5f0c9a52-3f0e-4b57-9d9b-5d3a8c1f7e10';
const createdAt = '2026-01-15T09:30:00.000Z';
const counts = { queued: 0, active: 0, completed: 2, failed: 0, cancelled: 0 };
const run = { id, state: 'completed', classId: 'CLASS_TEST', testId: 'Test_1', total: 2, counts };
const keyOf = (name: string) => `reports/CLASS_TEST/Test_1/${name}.pdf`;
const pdfOf = (name: string, cacheStatus: string) => ({
  'content-type': 'application/pdf',
  'content-disposition': `attachment; filename="${name}.pdf"`,
  'cache-status': cacheStatus,
});
const hit = 'platen; hit';
const stored = 'platen; fwd=miss; stored';

const reports: Example[] = [
  {
    endpoint: 'POST /internal/trigger-generate-pdf',
    as: 'service',
    path: '/internal/trigger-generate-pdf',
    body: student,
    status: 202,
    answer: {
      success: true,
      message: 'PDF generation completed',
      reportType: 'student',
      ...classOfTest,
      s3Key: keyOf('students/STU001'),
      pages: 2,
      bytes: 48_213,
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      durationMs: 640,
      warnings: [],
    },
  },
  {
    endpoint: 'GET /generate-pdf',
    as: 'teacher',
    path: '/generate-pdf?studentId=STU001&testId=Test_1&classId=CLASS_TEST',
    status: 200,
    answerHeaders: pdfOf('report_STU001_Test_1', hit),
  },
  {
    endpoint: 'GET /generate-student-pdf',
    as: 'student',
    path: '/generate-student-pdf?testId=Test_1&classId=CLASS_TEST&disposition=inline',
    status: 200,
    answerHeaders: { 'content-type': 'application/pdf', 'cache-status': hit },
  },
  {
    endpoint: 'GET /generate-teacher-pdf',
    as: 'teacher',
    path: '/generate-teacher-pdf?testId=Test_1&classId=CLASS_TEST',
    status: 200,
    answerHeaders: pdfOf('report_teacher_TCH001_Test_1', stored),
  },
  {
    endpoint: 'POST /generate-bulk-pdf',
    as: 'teacher',
    path: '/generate-bulk-pdf',
    body: { studentIds: ['STU001', 'STU002'], ...classOfTest },
    status: 200,
    answerHeaders: { 'content-type': 'application/zip' },
  },
  {
    endpoint: 'POST /internal/invalidate',
    as: 'service',
    path: '/internal/invalidate',
    body: { classId: 'CLASS_TEST', testId: 'Test_1', studentId: 'STU002' },
    status: 200,
    answer: { removed: 1 },
  },
];

const classRuns: Example[] = [
  {
    endpoint: 'POST /internal/class-runs',
    as: 'service',
    path: '/internal/class-runs',
    headers: { 'Idempotency-Key': 'marks-of-monday' },
    body: { ...classOfTest, studentIds: ['STU001'], overall: true },
    status: 202,
    answer: { id, total: 2 },
    keep: { RUN_ID: 'id' },
  },
  {
    endpoint: 'GET /internal/class-runs/{id}',
    as: 'service',
    path: '/internal/class-runs/$RUN_ID',
    status: 200,
    answer: {
      ...run,
      createdAt,
      warnings: {},
      etaSeconds: 0,
      items: [
        { reportType: 'overall', state: 'completed', jobId: id, s3Key: keyOf('overall') },
        { reportType: 'student', studentId: 'STU001', state: 'completed', jobId: id, s3Key: keyOf('students/STU001') },
      ],
      nextOffset: null,
    },
  },
  {
    endpoint: 'GET /internal/class-runs',
    as: 'service',
    path: '/internal/class-runs?classId=CLASS_TEST&state=completed',
    status: 200,
    answer: { classRuns: [{ ...run, createdAt }], nextCursor: null },
  },
  {
    endpoint: 'POST /internal/class-runs/{id}/ticket',
    as: 'teacher',
    path: '/internal/class-runs/$RUN_ID/ticket',
    status: 200,
    answer: { ticket: 'Zk3vJ2t9u5hY1mQ0xWc7aR4sL8pE6nBdGfTiVoKjHqA', expiresInSeconds: 30 },
    keep: { TICKET: 'ticket' },
  },
  {
    endpoint: 'GET /internal/class-runs/{id}/events',
    as: 'nobody',
    path: '/internal/class-runs/$RUN_ID/events?ticket=$TICKET',
    status: 200,
    answerHeaders: { 'content-type': 'text/event-stream' },
    text: '"state":"completed"',
  },
  {
    endpoint: 'GET /internal/class-runs/{id}/archive',
    as: 'service',
    path: '/internal/class-runs/$RUN_ID/archive',
    status: 200,
    answerHeaders: { 'content-type': 'application/zip' },
  },
  {
    endpoint: 'POST /internal/class-runs/{id}/retry',
    as: 'service',
    path: '/internal/class-runs/$RUN_ID/retry',
    body: {},
    status: 202,
    answer: { retried: 0 },
  },
];

const report = { reportType: 'student', testId: 'Test_1', classId: 'CLASS_TEST' };
const failedJob = {
  id,
  state: 'failed',
  attempts: 1,
  stage: 'data_validation',
  percent: 35,
  createdAt,
  startedAt: createdAt,
  endedAt: createdAt,
  subject: { ...report, studentId: 'NOBODY', s3Key: keyOf('students/NOBODY') },
  result: null,
  error: {
    code: 'report_not_found',
    detail: 'The page said that it failed: student_not_found: …',
    diagnosis: { pageCode: 'student_not_found', stage: 'ready', elapsedMs: 212 },
  },
};
const anew = { attempts: 0, stage: null, percent: 0, startedAt: null, endedAt: null, error: null };
const startLater = (studentId: string, name: string): Example => ({
  endpoint: undefined,
  as: 'service',
  path: '/internal/trigger-generate-pdf',
  headers: { Prefer: 'respond-async' },
  body: { ...student, studentId },
  status: 202,
  keep: { [name]: 'jobId' },
});

const jobs: Example[] = [
  startLater('NOBODY', 'JOB_ID'),
  { endpoint: 'GET /jobs/{id}', as: 'service', path: '/jobs/$JOB_ID', status: 200, answer: failedJob },
  {
    endpoint: 'GET /internal/jobs',
    as: 'service',
    path: '/internal/jobs?code=report_not_found&limit=1',
    status: 200,
    answer: { jobs: [failedJob], nextCursor: null },
  },
  {
    endpoint: 'GET /jobs/{id}/events',
    as: 'service',
    path: '/jobs/$JOB_ID/events',
    status: 200,
    answerHeaders: { 'content-type': 'text/event-stream' },
    text: '"state":"failed"',
  },
  {
    endpoint: 'POST /jobs/{id}/retry',
    as: 'service',
    path: '/jobs/$JOB_ID/retry',
    body: {},
    status: 202,
    answer: { ...failedJob, ...anew, state: 'queued' },
  },
  startLater('STU002', 'PROGRESS_ID'),
  {
    endpoint: 'POST /api/certificates/progress/{id}/ticket',
    as: 'service',
    path: '/api/certificates/progress/$PROGRESS_ID/ticket',
    status: 200,
    answer: { ticket: 'Qm1zR8v4tYb6nL0pXc2wKd9sFh3gJu5aEoTiVxMqZrB', expiresInSeconds: 30 },
    keep: { TICKET: 'ticket' },
  },
  {
    endpoint: 'GET /api/certificates/progress/{id}',
    as: 'nobody',
    path: '/api/certificates/progress/$PROGRESS_ID?ticket=$TICKET',
    status: 200,
    answerHeaders: { 'content-type': 'text/event-stream' },
    text: '"status":"completed"',
  },
];

/** What is under way is cancelled: behind a run that takes a while. */
const cancelling: Example[] = [
  {
    endpoint: undefined,
    as: 'service',
    path: '/internal/class-runs',
    body: { ...classOfTest, studentIds: Array.from({ length: 40 }, (_, index) => `LATER${index + 1}`) },
    status: 202,
    keep: { RUN_ID: 'id' },
  },
  startLater('STU003', 'JOB_ID'),
  {
    endpoint: 'DELETE /jobs/{id}',
    as: 'service',
    path: '/jobs/$JOB_ID',
    method: 'DELETE',
    status: 200,
    answer: {
      ...failedJob,
      ...anew,
      state: 'cancelled',
      endedAt: createdAt,
      subject: { ...report, studentId: 'STU003', s3Key: keyOf('students/STU003') },
    },
  },
  startLater('STU004', 'PROGRESS_ID'),
  {
    endpoint: 'DELETE /api/certificates/progress/{id}',
    as: 'service',
    path: '/api/certificates/progress/$PROGRESS_ID',
    method: 'DELETE',
    status: 200,
    answer: { success: true },
  },
  {
    endpoint: 'DELETE /internal/class-runs/{id}',
    as: 'service',
    path: '/internal/class-runs/$RUN_ID',
    method: 'DELETE',
    status: 200,
    answer: { cancelled: 38 },
  },
];

const up = { state: 'up' };
const service: Example[] = [
  {
    endpoint: 'GET /health',
    as: 'nobody',
    path: '/health',
    status: 200,
    answer: { status: 'OK', timestamp: createdAt, environment: 'production', service: 'Platen', version: '0.1.0' },
  },
  {
    endpoint: 'GET /readyz',
    as: 'nobody',
    path: '/readyz',
    status: 200,
    answer: { status: 'ready', browser: up, storage: up, database: up },
  },
  { endpoint: 'GET /metrics', as: 'nobody', path: '/metrics', status: 200, text: 'platen_renders_total{outcome="ok"}' },
];

export const examples: Example[] = [
  ...reports,
  ...classRuns,
  ...jobs,
  ...cancelling,
  ...certificateExamples,
  ...attemptExamples,
  ...eventExamples,
  ...pipelineExamples,
  ...auditExamples,
  ...service,
];

const tokenOf: Record<Who, string> = {
  service: ' -H "X-Service-Auth: Bearer $SERVICE_TOKEN"',
  student: ' -H "Authorization: Bearer $STUDENT_TOKEN"',
  teacher: ' -H "Authorization: Bearer $TEACHER_TOKEN"',
  nobody: '',
};

export const methodOf = ({ method, body, endpoint }: Example): string =>
  method ?? endpoint?.split(' ')[0] ?? (body === undefined ? 'GET' : 'POST');

/** The example as Markdown. */
export function describeExample(example: Example): string[] {
  const { as, path, body, file, status, answer, text, answerHeaders = {} } = example;
  const method = methodOf(example);
  const headers = Object.entries(example.headers ?? {}).map(([name, value]) => ` -H "${name}: ${value}"`);
  const command = `curl${method === 'GET' ? '' : ` -X ${method}`} "$PLATEN${path}"${tokenOf[as]}${headers.join('')}`;
  const data = body === undefined ? '' : ` -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(body)}'`;
  const upload = file === undefined ? '' : ` -H "Content-Type: ${file.type}" --data-binary @${file.name}`;
  const told = Object.entries(answerHeaders).map(([name, value]) => `${name}: ${value}`);
  const content =
    answer === undefined ? (text === undefined ? [] : [`… ${text} …`]) : [JSON.stringify(answer, null, 2)];
  const lines = [`HTTP ${status}`, ...told, ...(content.length === 0 ? [] : ['', ...content])];
  return ['```sh', command + data + upload, '```', '', '```', ...lines, '```', ''];
}
