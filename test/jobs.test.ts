// Work that goes on after the request: accepted when it is committed, done once, looked at and cancelled by who owns it.

import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { startTestService } from './support/service.ts';
import { steerService } from './support/steered-service.ts';
import { serviceToken, signReportToken, studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const { frontend, service } = steerService({ env: { RENDER_CONCURRENCY: '2' } });
let count = 0;

const later = { prefer: 'respond-async' };
const asService = { 'x-service-auth': `Bearer ${serviceToken}` };

async function accept(more: object = {}) {
  const studentId = `STU${++count}`;
  const body = { testId: '5', classId: 'C1', reportType: 'student', studentId, ...more };
  const response = await service.internal('/internal/trigger-generate-pdf', body, later);
  return { response, body: (await response.json()) as { jobId: string; s3Key: string } };
}

const claimsOf = (token: string) => jwt.decode(token) as Record<string, unknown>;
const jobOf = async (id: string) =>
  (await (await service.get(`/jobs/${id}`, undefined, asService)).json()) as Record<string, unknown>;

test('a trigger that prefers not to wait is accepted at once, and its job tells how it ended', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const { response, body } = await accept();
  expect(response.status).toBe(202);
  expect(response.headers.get('preference-applied')).toBe('respond-async');
  expect(response.headers.get('location')).toBe(`/jobs/${body.jobId}`);
  expect(body).toEqual({
    success: true,
    message: 'PDF generation accepted',
    reportType: 'student',
    testId: '5',
    classId: 'C1',
    s3Key: `reports/C1/Test_5/students/STU${count}.pdf`,
    jobId: expect.any(String),
  });
  await until(() => frontend.opened.length === 1);
  expect(await jobOf(body.jobId)).toMatchObject({ id: body.jobId, state: 'active', attempts: 1 });
  gate.resolve({ text: 'Figures' });
  const done = await until(async () => {
    const job = await jobOf(body.jobId);
    return job.state === 'completed' && job;
  });
  expect(done).toMatchObject({
    percent: 100,
    stage: 'completed',
    error: null,
    result: { s3Key: body.s3Key, pages: 1 },
  });
  expect(await service.storedKeys()).toContain(body.s3Key);
});

const isClosed = (studentId: string) =>
  until(() => frontend.opened.find(({ page }) => page.includes(`studentId=${studentId}&`))?.isClosed === true);
const stateOf = async (id: string) => (await jobOf(id)).state;
const untilState = (id: string, state: string) => until(async () => (await stateOf(id)) === state);
const cancel = (id: string, headers: Record<string, string> = asService) =>
  fetch(`${service.url}/jobs/${id}`, { method: 'DELETE', headers });

describe('several who want the same report', () => {
  test('one is rendered, one waits, and whoever comes then joins the one that waits, which takes the newest token and version', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const studentId = `STU${++count}`;
    const tokens = ['1', '2', '3'].map((who) => signReportToken({ role: 'educator', email: who, class_id: 'C1' }));
    const first = await accept({ studentId, reportToken: tokens[0], dataVersion: 'v1' });
    await until(() => frontend.opened.length === 1);
    const others = [
      await accept({ studentId, reportToken: tokens[1], dataVersion: 'v2' }),
      await accept({ studentId, reportToken: tokens[2], dataVersion: 'v3' }),
    ];
    const ids = [first, ...others].map(({ body }) => body.jobId);
    expect(new Set(ids).size).toBe(3);
    expect(await Promise.all(ids.map(stateOf))).toEqual(['active', 'queued', 'queued']);
    gate.resolve({ text: 'Figures' });
    await Promise.all(ids.map((id) => untilState(id, 'completed')));
    expect(frontend.opened.map((page) => page.token)).toEqual([tokens[0], tokens[2]]);
    const sums = await Promise.all(ids.map(async (id) => ((await jobOf(id)).result as { sha256: string }).sha256));
    expect(sums[1]).toBe(sums[2]);
    const path = `/generate-pdf?studentId=${studentId}&testId=5&classId=C1`;
    const stored = await service.get(`${path}&dataVersion=v3`, teacherToken('T1', 'C1'));
    expect(stored.headers.get('cache-status')).toBe('platen; hit');
  });

  test('cancelling takes one of them away; with the last one the page is closed', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const [busyId, studentId] = [`STU${++count}`, `STU${++count}`];
    const busy = await accept({ studentId: busyId });
    await accept();
    await until(() => frontend.opened.length === 2);
    const [one, other] = [await accept({ studentId }), await accept({ studentId })];
    expect(await (await cancel(one.body.jobId)).json()).toMatchObject({ state: 'cancelled' });
    expect(await stateOf(other.body.jobId)).toBe('queued');
    expect((await cancel(busy.body.jobId)).status).toBe(200);
    await isClosed(busyId);
    await until(() => frontend.opened.length === 3);
    expect(await stateOf(other.body.jobId)).toBe('active');
    expect((await cancel(other.body.jobId)).status).toBe(200);
    await isClosed(studentId);
    const again = await cancel(other.body.jobId);
    expect([again.status, await again.json()]).toMatchObject([409, { code: 'already_ended' }]);
  });
});

test('a failure of the page itself is final, and its job says why', async () => {
  frontend.figuresFor = () => ({ error: 'no figures' });
  const { body } = await accept();
  await untilState(body.jobId, 'failed');
  expect(await jobOf(body.jobId)).toMatchObject({
    attempts: 1,
    result: null,
    error: { code: 'page_failed', detail: expect.stringContaining('no figures'), diagnosis: { stage: 'ready' } },
  });
  expect(frontend.opened).toHaveLength(1);
});

test.each([
  ['refused to the page', 'http://elsewhere.example/count'],
  ['not there', '/nothing-here'],
])('a failure of the page itself is final, also beside a request that was %s', async (_, besides) => {
  frontend.figuresFor = () => ({ error: 'no figures', besides });
  const { body } = await accept();
  await untilState(body.jobId, 'failed');
  expect(await jobOf(body.jobId)).toMatchObject({ attempts: 1, error: { code: 'page_failed' } });
  expect(frontend.opened).toHaveLength(1);
});

test('what may heal is tried again', async () => {
  frontend.figuresFor = () => (frontend.opened.length === 1 ? { status: 500 } : { text: 'Figures' });
  const { body } = await accept();
  await untilState(body.jobId, 'completed');
  expect(await jobOf(body.jobId)).toMatchObject({ attempts: 2, error: null });
});

test('what the page says of itself is not believed where its figures could not be had', async () => {
  frontend.figuresFor = () => (frontend.opened.length < 3 ? { status: 503 } : { text: 'Figures' });
  const { body } = await accept();
  await untilState(body.jobId, 'completed');
  expect(await jobOf(body.jobId)).toMatchObject({ attempts: 3 });
});

test('a bad report token is refused before anything is accepted', async () => {
  const { response, body } = await accept({ reportToken: signReportToken({ student_id: 'STU_OTHER' }) });
  expect([response.status, body]).toMatchObject([422, { code: 'report_token_mismatch' }]);
});

describe('a person who does not want to wait', () => {
  const query = 'testId=5&classId=C1';
  const asks = async (path: string, token: string) => {
    const response = await service.get(path, token, later);
    return {
      status: response.status,
      headers: response.headers,
      ...((await response.json()) as { progressId: string }),
    };
  };
  const own = (token: string) => ({ authorization: `Bearer ${token}` });

  test('gets the id of a job of their own, which nobody else may see, and then the stored report', async () => {
    const studentId = `STU${++count}`;
    const token = studentToken(studentId, 'C1');
    const { status, headers, progressId } = await asks(`/generate-student-pdf?${query}`, token);
    expect([status, headers.get('location'), headers.get('preference-applied')]).toEqual([
      202,
      `/jobs/${progressId}`,
      'respond-async',
    ]);
    await untilState(progressId, 'completed');
    expect(frontend.opened).toMatchObject([{ token, page: '/student-report?testId=5' }]);
    const paths = [`/jobs/${progressId}`];
    const statuses = (bearer: string) =>
      Promise.all(paths.map(async (path) => (await service.get(path, bearer)).status));
    expect(await statuses(token)).toEqual([200]);
    expect(await statuses(studentToken('STU_OTHER', 'C1'))).toEqual([404]);
    expect((await cancel(progressId, own(studentToken('STU_OTHER', 'C1')))).status).toBe(404);
    expect((await fetch(`${service.url}/jobs/${progressId}`)).status).toBe(401);
    const report = await service.get(`/generate-student-pdf?${query}`, token);
    expect(report.headers.get('cache-status')).toBe('platen; hit');
  });

  test('of a report that is stored gets a job that has nothing to render', async () => {
    const studentId = `STU${++count}`;
    const token = teacherToken('T1', 'C1');
    await service.trigger({ testId: '5', classId: 'C1', reportType: 'student', studentId });
    frontend.opened = [];
    const { status, progressId } = await asks(`/generate-pdf?studentId=${studentId}&${query}`, token);
    expect(status).toBe(202);
    await untilState(progressId, 'completed');
    expect(frontend.opened).toEqual([]);
  });

  test('has it rendered by a token of Platen when their own is gone: the job is begun again by hand', async () => {
    const studentId = `STU${++count}`;
    frontend.figuresFor = () => ({ error: 'no figures' });
    const { progressId } = await asks(`/generate-student-pdf?${query}`, studentToken(studentId, 'C1'));
    await untilState(progressId, 'failed');
    frontend.figuresFor = () => ({ text: 'Figures' });
    await fetch(`${service.url}/jobs/${progressId}/retry`, { method: 'POST', headers: asService });
    await untilState(progressId, 'completed');
    const page = expect.stringContaining(`/report?studentId=${studentId}&`);
    expect(frontend.opened.at(-1)).toMatchObject({ page });
    expect(jwt.decode(frontend.opened.at(-1)?.token ?? '')).toMatchObject({ student_id: studentId, class_id: 'C1' });
  });

  test('whose token names several classes is told that it is gone: nothing else said which class the report is of', async () => {
    const studentId = `STU${++count}`;
    frontend.figuresFor = () => ({ error: 'no figures' });
    const { progressId } = await asks(`/generate-student-pdf?${query}`, studentToken(studentId, ['C1', 'C2']));
    await untilState(progressId, 'failed');
    const opened = frontend.opened.length;
    await fetch(`${service.url}/jobs/${progressId}/retry`, { method: 'POST', headers: asService });
    await until(async () => ((await jobOf(progressId)).error as { code?: string } | null)?.code !== 'page_failed');
    await untilState(progressId, 'failed');
    expect(await jobOf(progressId)).toMatchObject({ error: { code: 'report_token_expired' } });
    expect(frontend.opened).toHaveLength(opened);
  });

  test('who is unproven waits all the same', async () => {
    const response = await service.get(`/generate-pdf?studentId=STU1&testId=5`, teacherToken('T1'), later);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/pdf']);
  });

  test('does not change what the backend has asked for of the same report', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    await Promise.all([accept(), accept()]);
    await until(() => frontend.opened.length === 2);
    const studentId = `STU${++count}`;
    const asked = await accept({ studentId });
    const { progressId } = await asks(`/generate-student-pdf?${query}`, studentToken(studentId, 'C1'));
    gate.resolve({ text: 'Figures' });
    await Promise.all([untilState(asked.body.jobId, 'completed'), untilState(progressId, 'completed')]);
    expect(frontend.opened.filter(({ page }) => page.startsWith('/student-report'))).toEqual([]);
    expect(frontend.opened.filter(({ page }) => page.includes(`${studentId}&`))).toHaveLength(1);
  });
});

test.each(['x', '00000000-0000-4000-8000-000000000000', "' OR 1=1"])('the job %s is not there', async (id) => {
  for (const method of ['GET', 'DELETE'])
    expect((await fetch(`${service.url}/jobs/${encodeURIComponent(id)}`, { method, headers: asService })).status).toBe(
      404,
    );
});

describe('those who operate Platen', () => {
  test('see what has failed, and begin it again when its cause is mended', async () => {
    frontend.figuresFor = () => ({ status: 403 });
    const { body } = await accept();
    await untilState(body.jobId, 'failed');
    const list = async (query: string) => {
      const response = await service.get(`/internal/jobs${query}`, undefined, asService);
      return ((await response.json()) as { jobs: { id: string }[] }).jobs.map(({ id }) => id);
    };
    expect((await list(''))[0]).toBe(body.jobId);
    expect(await list('?code=token_rejected&limit=1')).toEqual([body.jobId]);
    expect(await list('?code=wrong_subject')).toEqual([]);
    frontend.figuresFor = () => ({ text: 'Figures' });
    const retry = () => fetch(`${service.url}/jobs/${body.jobId}/retry`, { method: 'POST', headers: asService });
    const response = await retry();
    expect([response.status, await response.json()]).toMatchObject([202, { id: body.jobId, error: null }]);
    await untilState(body.jobId, 'completed');
    const again = await retry();
    expect([again.status, await again.json()]).toMatchObject([409, { code: 'not_failed' }]);
  });

  test('page through all that has failed, also where a run has accepted it in one moment', async () => {
    frontend.figuresFor = () => ({ status: 403 });
    const studentIds = Array.from({ length: 7 }, () => `STU${++count}`);
    const run = await service.internal('/internal/class-runs', { classId: 'PAGED', testId: '1', studentIds });
    const { id } = (await run.json()) as { id: string };
    await until(async () => {
      const response = await service.get(`/internal/class-runs/${id}`, undefined, asService);
      return ((await response.json()) as { counts: { failed: number } }).counts.failed === 7;
    });
    const found: string[] = [];
    let cursor = '';
    while (found.length < 7) {
      const response = await service.get(`/internal/jobs?limit=3${cursor}`, undefined, asService);
      const page = (await response.json()) as { jobs: { subject: { studentId: string } }[]; nextCursor: string };
      expect(page.jobs).toHaveLength(3);
      found.push(...page.jobs.map(({ subject }) => subject.studentId));
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(found.slice(0, 7)).toEqual(studentIds.toReversed());
    const all = await service.get('/internal/jobs?limit=1000', undefined, asService);
    expect(await all.json()).toMatchObject({ nextCursor: null });
    expect((await service.get('/internal/jobs?cursor=x', undefined, asService)).status).toBe(422);
  });

  test('begin one again with another token, which is checked as the first one was; where none comes, one is minted', async () => {
    frontend.figuresFor = () => ({ status: 403 });
    const token = (email: string, classId: string) =>
      signReportToken({ role: 'educator', email, educator_id: 'TCH1', class_id: classId });
    const { body } = await accept({ reportToken: token('first@school.example', 'C1') });
    await untilState(body.jobId, 'failed');
    const retry = async (given: unknown, id = body.jobId) => {
      const response = await service.internal(`/jobs/${id}/retry`, given);
      return [response.status, ((await response.json()) as { code?: string }).code];
    };
    expect(await retry({ reportToken: 'nonsense' })).toEqual([422, 'report_token_invalid']);
    expect(await retry({ reportToken: token('e@school.example', 'C2') })).toEqual([422, 'report_token_mismatch']);
    expect(await retry({ token: 'x' })).toEqual([400, 'unknown_field']);
    expect(await stateOf(body.jobId)).toBe('failed');
    const second = token('second@school.example', 'C1');
    expect(await retry({ reportToken: second })).toEqual([202, undefined]);
    await untilState(body.jobId, 'failed');
    expect(frontend.opened.at(-1)?.token).toBe(second);
    expect(await retry({ reportToken: null })).toEqual([202, undefined]);
    await untilState(body.jobId, 'failed');
    expect(claimsOf(frontend.opened.at(-1)?.token ?? '')).toMatchObject({ user_id: `STU${count}` });

    const studentId = `STU${++count}`;
    const own = studentToken(studentId, 'C1');
    const response = await service.get('/generate-student-pdf?testId=5&classId=C1', own, later);
    const { progressId } = (await response.json()) as { progressId: string };
    await untilState(progressId, 'failed');
    expect(await retry({ reportToken: own }, progressId)).toEqual([422, 'invalid_request']);
  });

  test('see in figures how much waits and how attempts ended', async () => {
    frontend.figuresFor = () => ({ error: 'no figures' });
    const { body } = await accept();
    await untilState(body.jobId, 'failed');
    expect(await service.metric('platen_job_attempts_total{outcome="page_failed"}')).toBeGreaterThan(0);
    expect(await service.metric('platen_tasks{state="waiting"}')).toBe(0);
    expect(await service.metric('platen_database_up')).toBe(1);
  });
});

test('a person may ask for as many reports a minute without waiting as the settings say', async () => {
  await using own = await startTestService({ origin: 'http://127.0.0.1:1', env: { ASYNC_REPORTS_PER_MIN: '2' } });
  const token = studentToken('STU1', 'C1');
  const ask = () => own.get('/generate-student-pdf?testId=5&classId=C1', token, later);
  const answers = await Promise.all([ask(), ask(), ask()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 429]);
});

test('a person may ask for five reports a minute without waiting', async () => {
  const token = studentToken(`STU${++count}`, 'C1');
  const ask = () => service.get('/generate-student-pdf?testId=5&classId=C1', token, later);
  const answers = await Promise.all(Array.from({ length: 6 }, ask));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 202, 202, 429]);
  const refused = answers.find(({ status }) => status === 429);
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused?.json()).toMatchObject({ code: 'rate_limited' });
});
