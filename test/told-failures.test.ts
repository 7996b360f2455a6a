// What a caller is told of a failure: what the page says of itself, who did not answer, which word was missing.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { shortTimeoutMs } from './support/pace.ts';
import { html, openPageStage, type PageStage, ready, script, student } from './support/page-stage.ts';
import { startPages } from './support/pages.ts';
import { startServiceProcess } from './support/process.ts';
import { startTestService } from './support/service.ts';
import { serviceToken, signReportToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const saying = (said: string) => html(`<p>x</p>${script(`window.__PDF_ERROR__ = ${said}`)}`);

/** An origin where nobody listens. */
async function closedOrigin(): Promise<string> {
  await using pages = await startPages({});
  return pages.origin;
}

describe('a page that says that it failed', () => {
  let stage: PageStage;
  beforeAll(async () => {
    stage = await openPageStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([
    ['not_found', 404, 'report_not_found'],
    ['student_not_found', 404, 'report_not_found'],
    ['no_data', 404, 'report_not_found'],
    ['marks_no_data', 404, 'report_not_found'],
    ['STUDENT_NOT_FOUND', 404, 'report_not_found'],
    ['not_found_handler_crashed', 502, 'page_failed'],
    ['report_failed', 502, 'page_failed'],
  ])('with the code %s: %i %s, and its code is told', async (pageCode, status, code) => {
    const answer = await stage.print(saying(JSON.stringify({ code: pageCode, message: 'Nobody of that name.' })));
    expect(answer).toMatchObject({ status, code, diagnosis: { pageCode } });
    expect(answer.detail).toContain('Nobody of that name.');
    expect(await stage.service.storedKeys()).toEqual([]);
  });

  test('as text has no code', async () => {
    const answer = await stage.print(saying('"not_found"'));
    expect(answer).toMatchObject({ status: 502, code: 'page_failed' });
    expect(answer.diagnosis).not.toHaveProperty('pageCode');
  });

  test('with its token as the code does not give it away', async () => {
    const answer = await stage.print(saying('{ code: localStorage.token }'));
    expect(answer).toMatchObject({ status: 502, diagnosis: { pageCode: '[redacted]' } });
  });

  test('to a person who asked: 404', async () => {
    stage.pages.pages = { '/student-report': saying('{ code: "no_data", message: "no marks yet" }') };
    const response = await stage.service.get('/generate-student-pdf?testId=1', studentToken('S1', 'C1'));
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { code: 'report_not_found', diagnosis: { pageCode: 'no_data' } },
    ]);
  });

  test('after its token was refused: token_rejected', async () => {
    const code = `fetch('/api', { headers: { authorization: 'Bearer ' + localStorage.token } }).then(() => { window.__PDF_ERROR__ = { code: 'no_data' } })`;
    const answer = await stage.print(html(script(code)), { '/api': (_req, res) => void res.writeHead(401).end() });
    expect(answer).toMatchObject({ status: 502, code: 'token_rejected' });
  });
});

test('a page that never is ready is told what it should have said', async () => {
  await using stage = await openPageStage({ PDF_TIMEOUT: String(await shortTimeoutMs()) });
  const answer = await stage.print(html('<p>x</p>'));
  expect(answer).toMatchObject({ status: 504, code: 'page_not_ready' });
  expect(answer.detail).toContain('window.__PDF_READY__');
});

describe('what does not answer is named', () => {
  test('the frontend', async () => {
    const origin = await closedOrigin();
    await using service = await startTestService({ origin });
    const response = await service.trigger(student);
    const problem = (await response.json()) as { code: string; detail: string };
    expect([response.status, problem.code]).toEqual([502, 'page_failed']);
    expect(problem.detail).toContain(`${origin} refused the connection`);
    expect(JSON.stringify(problem)).not.toContain('SOCKS');
  });

  test('an API of the page, and what the page may not reach', async () => {
    const [api, strange] = await Promise.all([closedOrigin(), closedOrigin()]);
    await using stage = await openPageStage({ RENDER_ALLOWED_ORIGINS: api });
    const code = `fetch('${api}/figures').catch(() => fetch('${strange}/x')).catch(() => { window.__PDF_ERROR__ = 'no figures' })`;
    const { diagnosis } = await stage.print(html(script(code)));
    expect(diagnosis?.failedRequests).toEqual([
      { path: `${api}/figures`, error: expect.stringContaining(`${api} refused the connection`) },
      { path: `${strange}/x`, error: `RENDER_ALLOWED_ORIGINS does not name ${strange}` },
    ]);
  });

  test('an origin to which the page leads, and which it may not reach', async () => {
    const strange = await closedOrigin();
    await using stage = await openPageStage();
    const answer = await stage.print((_req, res) => void res.writeHead(302, { location: `${strange}/login` }).end());
    const said = `RENDER_ALLOWED_ORIGINS does not name ${strange}`;
    expect(answer).toMatchObject({ status: 502, code: 'page_failed', detail: expect.stringContaining(said) });
    expect(answer.diagnosis?.failedRequests).toEqual([{ path: `${strange}/login`, error: said }]);
  });

  test('a frontend that closes the connection', async () => {
    await using stage = await openPageStage();
    const { code, detail } = await stage.print((req) => void req.socket.destroy());
    expect(code).toBe('page_failed');
    expect(detail).toContain(`${stage.pages.origin} closed the connection`);
  });
});

describe('what is wrong with a request', () => {
  let stage: PageStage;
  beforeAll(async () => {
    stage = await openPageStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const good = html(`<p>Report</p>${script(ready)}`);

  test.each([
    ['class_id', { class_id: 'OTHER' }],
    ['test_id', { class_id: 'CLASS_1', test_id: 'Test_9' }],
    ['student_id', { user_type: 'student', student_id: 'STU999' }],
    ['user_id', { user_type: 'student', user_id: 'STU999' }],
  ])('a report token for another report: %s is named', async (claim, claims) => {
    const reportToken = signReportToken(claims);
    const answer = await stage.print(good, {}, { ...student, reportToken });
    expect(answer).toMatchObject({ status: 422, code: 'report_token_mismatch' });
    expect(answer.detail).toContain(`${claim} `);
  });

  test.each([
    ['user_type', { user_type: 'student' }, { reportType: 'overall', studentId: undefined }],
    ['teacher_id', { teacher_id: 'T2' }, { reportType: 'teacher', teacherId: 'T1' }],
    ['educator_id', { educator_id: 'T2' }, { reportType: 'teacher', teacherId: 'T1' }],
    ['user_id', { role: 'educator', user_id: 'T2' }, { reportType: 'teacher', teacherId: 'T1' }],
  ])('for another kind of report: %s is named', async (claim, claims, fields) => {
    const answer = await stage.print(good, {}, { ...student, ...fields, reportToken: signReportToken(claims) });
    expect(answer).toMatchObject({ status: 422, code: 'report_token_mismatch' });
    expect(answer.detail).toContain(`${claim} `);
  });

  test('a test may be given as a number, and is echoed as it was sent', async () => {
    const answer = await stage.print(good, {}, { ...student, testId: 1 });
    const s3Key = 'reports/CLASS_1/Test_1/students/STU001.pdf';
    expect(answer).toMatchObject({ status: 202, testId: 1, s3Key });
    for (const testId of [-1, 1.5, 2 ** 53, true, null])
      expect(await stage.print(good, {}, { ...student, testId })).toMatchObject({ status: 422 });
    const removal = await stage.service.internal('/internal/invalidate', { classId: 'CLASS_1', testId: 1 });
    expect([removal.status, await removal.json()]).toEqual([200, { removed: 1 }]);
  });

  test('a field that is missing is said to be missing, in bodies and in queries', async () => {
    const errorsOf = async (response: Response) => ((await response.json()) as { errors: unknown }).errors;
    expect(await errorsOf(await stage.service.trigger({ studentId: 'STU001' }))).toEqual(
      ['/testId', '/classId', '/reportType'].map((field) => ({ field, message: 'is missing' })),
    );
    expect(await errorsOf(await stage.service.internal('/internal/class-runs', { classId: 'C1' }))).toEqual(
      ['/testId', '/studentIds'].map((field) => ({ field, message: 'is missing' })),
    );
    const path = '/generate-pdf?testId=1';
    expect(await errorsOf(await stage.service.get(path, studentToken('S1', 'C1')))).toEqual([
      { field: 'studentId', message: 'is missing' },
    ]);
  });
});

test('the log says why a service token was refused, without it', async () => {
  await using service = await startServiceProcess({ FRONTEND_ORIGINS: 'http://127.0.0.1:1' });
  const ask = (headers: Record<string, string>) =>
    fetch(`${service.url}/internal/invalidate`, { method: 'POST', headers }).then(({ status }) => status);
  expect(
    await Promise.all([
      ask({}),
      ask({ 'x-service-auth': serviceToken }),
      ask({ 'x-service-auth': 'Bearer some-other-token-of-another-service' }),
    ]),
  ).toEqual([401, 401, 401]);
  const reasons = () =>
    service
      .output()
      .split('\n')
      .filter((line) => line.includes('Service token refused'))
      .map((line) => (JSON.parse(line) as { reason: string }).reason)
      .sort();
  await until(() => reasons().length === 3);
  expect(reasons()).toEqual([
    'X-Service-Auth has another token than PDF_SERVICE_INTERNAL_TOKEN',
    'X-Service-Auth is missing',
    'X-Service-Auth is not of the form: Bearer <token>',
  ]);
  expect(service.output()).not.toContain('some-other-token');
});
