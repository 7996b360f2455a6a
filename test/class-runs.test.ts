// All reports of a class as one durable piece of work: accepted, watched, cancelled, retried, downloaded.

import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { steerService } from './support/steered-service.ts';
import { serviceToken, signReportToken, studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';
import { readZip } from './support/zip.ts';

const { frontend, service } = steerService({ env: { RENDER_CONCURRENCY: '2' } });
let count = 0;

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };

interface Run {
  id: string;
  state: string;
  total: number;
  counts: Record<string, number>;
  etaSeconds: number | null;
  items: {
    reportType: string;
    studentId?: string;
    teacherId?: string;
    state: string;
    jobId: string;
    s3Key: string;
    code?: string;
    detail?: string;
  }[];
  nextOffset: number | null;
}

/** A class of which nothing is stored. */
function newClass(students: number) {
  const classId = `CLASS_${++count}`;
  return { classId, testId: '5', studentIds: Array.from({ length: students }, (_, index) => `STU${index + 1}`) };
}

async function accept(body: object, headers: Record<string, string> = {}) {
  const response = await service.internal('/internal/class-runs', body, headers);
  const answer = (await response.json()) as { id: string; total: number; code?: string };
  return { status: response.status, location: response.headers.get('location'), ...answer };
}

const call = (method: string, path: string) =>
  fetch(`${service.url}/internal/class-runs/${path}`, { method, headers: asService });
const look = async (path: string): Promise<Run> => (await (await call('GET', path)).json()) as Run;
const untilOver = (id: string) =>
  until(async () => {
    const run = await look(id);
    return run.counts.queued === 0 && run.counts.active === 0 && run;
  });
const claimsOf = (token: string) => jwt.decode(token) as Record<string, unknown>;

describe('a run', () => {
  test('makes all reports that it names once, in the order asked, and says how each one ended', async () => {
    const asked = newClass(3);
    const body = { ...asked, studentIds: [...asked.studentIds, 'STU1'], teacherIds: ['TCH1'], overall: true };
    const run = await accept(body);
    expect(run).toMatchObject({ status: 202, total: 5, location: `/internal/class-runs/${run.id}` });
    const done = await untilOver(run.id);
    const below = `reports/${asked.classId}/Test_5`;
    expect(done).toMatchObject({
      id: run.id,
      state: 'completed',
      classId: asked.classId,
      testId: '5',
      total: 5,
      counts: { queued: 0, active: 0, completed: 5, failed: 0, cancelled: 0 },
      etaSeconds: 0,
      nextOffset: null,
    });
    const state = 'completed';
    const jobId = expect.any(String);
    expect(done.items).toEqual([
      { reportType: 'overall', state, jobId, s3Key: `${below}/overall.pdf` },
      { reportType: 'teacher', teacherId: 'TCH1', state, jobId, s3Key: `${below}/teacher_TCH1.pdf` },
      ...['STU1', 'STU2', 'STU3'].map((studentId) => {
        return { reportType: 'student', studentId, state, jobId, s3Key: `${below}/students/${studentId}.pdf` };
      }),
    ]);
    const stored = (await service.storedKeys()).filter((key) => key.startsWith(below));
    expect(stored).toEqual(done.items.map(({ s3Key }) => s3Key).sort());
  });

  test('uses one token of the class and test for its students, and the teacher gets one of their own', async () => {
    const asked = newClass(4);
    const run = await accept({ ...asked, teacherIds: ['TCH1'], overall: true });
    await untilOver(run.id);
    const ofStudents = frontend.opened.filter(({ page }) => page.startsWith('/report'));
    expect(ofStudents).toHaveLength(5);
    expect(new Set(ofStudents.map(({ token }) => token)).size).toBe(1);
    expect(claimsOf(ofStudents[0]?.token ?? '')).toMatchObject({
      role: 'educator',
      user_id: 'platen',
      class_id: asked.classId,
      test_id: 'Test_5',
      scope: 'report:read',
      iss: 'inzighted-backend',
    });
    const ofTeacher = frontend.opened.find(({ page }) => page.startsWith('/teacher-report'));
    expect(claimsOf(ofTeacher?.token ?? '')).toMatchObject({ user_type: 'teacher', user_id: 'TCH1' });
  });

  test('uses the token that the backend gives, and a student one of their own where there is one', async () => {
    const asked = newClass(3);
    const forAll = signReportToken({
      role: 'educator',
      email: 'e@school.example',
      educator_id: 'TCH1',
      class_id: asked.classId,
    });
    const own = signReportToken({ user_type: 'student', user_id: 'STU2', student_id: 'STU2', class_id: asked.classId });
    const run = await accept({ ...asked, reportToken: forAll, reportTokens: { STU2: own } });
    await untilOver(run.id);
    const tokens = Object.fromEntries(
      frontend.opened.map(({ page, token }) => [/studentId=(\w+)/.exec(page)?.[1], token]),
    );
    expect(tokens).toEqual({ STU1: forAll, STU2: own, STU3: forAll });
  });

  test("one token of an educator serves all; another teacher's page, which asks who the teacher is, gets one of theirs", async () => {
    const asked = newClass(2);
    const claims = { role: 'educator', email: 'e@school.example', educator_id: 'TCH1' };
    const reportToken = signReportToken({ ...claims, class_id: asked.classId });
    const run = await accept({ ...asked, teacherIds: ['TCH1', 'TCH2'], overall: true, reportToken });
    expect(await untilOver(run.id)).toMatchObject({ state: 'completed', total: 5 });
    const [teachers, others] = [true, false].map((isTeachers) =>
      frontend.opened.filter(({ page }) => page.startsWith('/teacher-report') === isTeachers),
    );
    expect(others?.map(({ token }) => token)).toEqual([reportToken, reportToken, reportToken]);
    const ids = teachers?.map(({ token }) => claimsOf(token).educator_id);
    expect(ids?.sort()).toEqual(['TCH1', 'TCH2']);
    expect(teachers?.map(({ token }) => token)).toContain(reportToken);
    const elsewhere = { ...newClass(1), teacherIds: ['TCH2'], reportToken };
    expect(await accept(elsewhere)).toMatchObject({ status: 422, code: 'report_token_mismatch' });
  });

  test('keeps the version of the data with each of its documents', async () => {
    const asked = newClass(1);
    const { classId } = asked;
    const run = await accept({ ...asked, teacherIds: ['TCH1'], overall: true, dataVersion: 'v7' });
    expect(await untilOver(run.id)).toMatchObject({ state: 'completed', total: 3 });
    const headers = { authorization: `Bearer ${teacherToken('TCH1', classId)}` };
    const below = `testId=5&classId=${classId}`;
    const paths = [
      `/generate-pdf?studentId=STU1&${below}`,
      `/generate-pdf?studentId=overall&${below}`,
      `/generate-teacher-pdf?${below}`,
    ];
    for (const [dataVersion, expected] of [
      ['v7', 200],
      ['v8', 404],
    ])
      for (const path of paths) {
        const url = `${service.url}${path}&dataVersion=${dataVersion}`;
        const { status } = await fetch(url, { method: 'HEAD', headers });
        expect([path, dataVersion, status]).toEqual([path, dataVersion, expected]);
      }
  });

  test('goes on when one of its reports fails, and says why', async () => {
    const asked = newClass(3);
    frontend.figuresFor = ({ page }) => (page.includes('STU2') ? { status: 403 } : { text: 'Figures' });
    const done = await untilOver((await accept(asked)).id);
    expect(done).toMatchObject({ state: 'failed', counts: { completed: 2, failed: 1 } });
    expect(done.items[1]).toMatchObject({ studentId: 'STU2', state: 'failed', code: 'token_rejected' });
  });
});

test('while it goes on a run says how many are in which state and how long it will take', async () => {
  const asked = newClass(4);
  const gate = frontend.createGate();
  frontend.figuresFor = ({ page }) => (page.includes('STU1') ? { text: 'Figures' } : gate.promise);
  const run = await accept(asked);
  const under = await until(async () => {
    const each = await look(run.id);
    return each.counts.completed === 1 && each.counts.active === 2 && each;
  });
  expect(under).toMatchObject({ state: 'active', counts: { queued: 1, active: 2, completed: 1 } });
  expect(under.etaSeconds).toBeGreaterThan(0);
  expect((await look(`${run.id}?state=active`)).items).toHaveLength(2);
  gate.resolve({ text: 'Figures' });
  await untilOver(run.id);
});

test('items come page by page', async () => {
  const asked = newClass(5);
  const run = await accept(asked);
  await untilOver(run.id);
  const seen: (string | undefined)[] = [];
  for (let offset: number | null = 0; offset !== null; ) {
    const page: Run = await look(`${run.id}?limit=2&offset=${offset}`);
    seen.push(...page.items.map(({ studentId }) => studentId));
    offset = page.nextOffset;
  }
  expect(seen).toEqual(asked.studentIds);
});

describe('cancelling', () => {
  test('closes the pages under way, begins no other, and keeps what is done', async () => {
    const asked = newClass(5);
    const gate = frontend.createGate();
    frontend.figuresFor = ({ page }) => (page.includes('STU1') ? { text: 'Figures' } : gate.promise);
    const run = await accept(asked);
    await until(() => frontend.opened.length === 3);
    const response = await call('DELETE', run.id);
    expect([response.status, await response.json()]).toEqual([200, { cancelled: 4 }]);
    await until(() => frontend.opened.filter(({ isClosed }) => isClosed).length === 2);
    expect(await look(run.id)).toMatchObject({ state: 'cancelled', counts: { completed: 1, cancelled: 4 } });
    expect(frontend.opened).toHaveLength(3);
    const again = await call('DELETE', run.id);
    expect([again.status, await again.json()]).toMatchObject([409, { code: 'already_ended' }]);
  });

  test('does not take a report from who asked for it beside the run', async () => {
    const asked = newClass(1);
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    // Both places are taken, so that the report waits and is joined.
    const busy = await accept(newClass(2));
    await until(() => frontend.opened.length === 2);
    const run = await accept(asked);
    const body = { testId: '5', classId: asked.classId, reportType: 'student', studentId: 'STU1' };
    const trigger = await service.internal('/internal/trigger-generate-pdf', body, { prefer: 'respond-async' });
    const { jobId } = (await trigger.json()) as { jobId: string };
    expect((await call('DELETE', run.id)).status).toBe(200);
    gate.resolve({ text: 'Figures' });
    await untilOver(busy.id);
    await until(
      async () => (await (await service.get(`/jobs/${jobId}`, undefined, asService)).json()).state === 'completed',
    );
    expect(await look(run.id)).toMatchObject({ state: 'cancelled' });
  });
});

test('what has failed is begun again, and only that', async () => {
  const asked = newClass(3);
  frontend.figuresFor = ({ page }) => (page.includes('STU2') ? { status: 403 } : { text: 'Figures' });
  const run = await accept(asked);
  const failed = await untilOver(run.id);
  frontend.opened = [];
  frontend.figuresFor = () => ({ text: 'Figures' });
  const response = await call('POST', `${run.id}/retry`);
  expect([response.status, await response.json()]).toEqual([202, { retried: 1 }]);
  const done = await untilOver(run.id);
  expect(done).toMatchObject({ state: 'completed', counts: { completed: 3 } });
  expect(done.items.map(({ jobId }) => jobId)).toEqual(failed.items.map(({ jobId }) => jobId));
  expect(frontend.opened.map(({ page }) => page)).toEqual([expect.stringContaining('STU2')]);
  expect(await (await call('POST', `${run.id}/retry`)).json()).toEqual({ retried: 0 });
});

test('what was cancelled is begun again too, beside what has failed, which says why it did', async () => {
  const asked = newClass(3);
  const gate = frontend.createGate();
  frontend.figuresFor = ({ page }) => (page.includes('STU1') ? { status: 403 } : gate.promise);
  const run = await accept(asked);
  await until(async () => (await look(run.id)).counts.failed === 1);
  expect(await (await call('DELETE', run.id)).json()).toEqual({ cancelled: 2 });
  const { items } = await look(run.id);
  const detail = expect.stringContaining('401 or 403');
  expect(items.map(({ state, code, detail: said }) => [state, code, said])).toEqual([
    ['failed', 'token_rejected', detail],
    ['cancelled', undefined, undefined],
    ['cancelled', undefined, undefined],
  ]);
  frontend.figuresFor = () => ({ text: 'Figures' });
  expect(await (await call('POST', `${run.id}/retry`)).json()).toEqual({ retried: 3 });
  const done = await untilOver(run.id);
  expect(done.items.map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  expect(done.items.map(({ jobId }) => jobId)).toEqual(items.map(({ jobId }) => jobId));
  expect(done).toMatchObject({ state: 'completed', counts: { completed: 3, failed: 0, cancelled: 0 } });
});

test('a fresh token comes with the retry: the old one is erased', async () => {
  const asked = newClass(1);
  const token = (email: string) =>
    signReportToken({ role: 'educator', email, educator_id: 'TCH1', class_id: asked.classId });
  frontend.figuresFor = () => ({ status: 403 });
  const run = await accept({ ...asked, reportToken: token('first@school.example') });
  await untilOver(run.id);
  frontend.figuresFor = () => ({ text: 'Figures' });
  const reportToken = token('second@school.example');
  await service.internal(`/internal/class-runs/${run.id}/retry`, { reportToken });
  expect(await untilOver(run.id)).toMatchObject({ state: 'completed' });
  expect(frontend.opened.at(-1)?.token).toBe(reportToken);
});

test('a token that comes with the retry is checked as those of the run are', async () => {
  const asked = newClass(1);
  frontend.figuresFor = () => ({ status: 403 });
  const run = await accept(asked);
  await untilOver(run.id);
  const retryWith = async (reportToken: string) => {
    const response = await service.internal(`/internal/class-runs/${run.id}/retry`, { reportToken });
    return [response.status, ((await response.json()) as { code: string }).code];
  };
  expect(await retryWith('nonsense')).toEqual([422, 'report_token_invalid']);
  expect(await retryWith(signReportToken({ role: 'educator', class_id: 'ANOTHER' }))).toEqual([
    422,
    'report_token_mismatch',
  ]);
  expect(await look(run.id)).toMatchObject({ state: 'failed' });
});

test('a student whose id is a word of the language has a token as the others have', async () => {
  const studentIds = ['constructor', 'toString', 'STU1'];
  const run = await accept({ ...newClass(0), studentIds, reportTokens: {} });
  expect(await untilOver(run.id)).toMatchObject({ state: 'completed', total: 3 });
});

test('the archive has two files for a teacher and for a student who is called as the file of the teacher', async () => {
  const run = await accept({ ...newClass(0), studentIds: ['teacher_T1', 'student_teacher_T1'], teacherIds: ['T1'] });
  await untilOver(run.id);
  const files = await readZip(Buffer.from(await (await call('GET', `${run.id}/archive`)).arrayBuffer()));
  expect([...files.keys()].slice(0, 3)).toEqual([
    'teacher_T1.pdf',
    'student_teacher_T1.pdf',
    'student_student_teacher_T1.pdf',
  ]);
});

test('the archive has each stored report, and two manifests that tell of all', async () => {
  const asked = newClass(3);
  frontend.figuresFor = ({ page }) => (page.includes('STU2') ? { status: 403 } : { text: `Figures of ${page}` });
  const run = await accept({ ...asked, overall: true });
  await untilOver(run.id);
  const response = await call('GET', `${run.id}/archive`);
  expect(response.headers.get('content-type')).toBe('application/zip');
  const files = await readZip(Buffer.from(await response.arrayBuffer()));
  expect([...files.keys()]).toEqual(['overall.pdf', 'STU1.pdf', 'STU3.pdf', 'manifest.json', 'manifest.csv']);
  expect(files.get('STU1.pdf')?.subarray(0, 5).toString()).toBe('%PDF-');
  const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '');
  expect(manifest).toMatchObject({ id: run.id, state: 'failed', total: 4, counts: { completed: 3, failed: 1 } });
  expect(manifest.items[2]).toMatchObject({ studentId: 'STU2', state: 'failed', code: 'token_rejected' });
  const lines = files.get('manifest.csv')?.toString().split('\r\n') ?? [];
  expect(lines[0]).toBe('reportType,studentId,teacherId,state,code,file,sha256,warnings');
  expect(lines[2]).toMatch(/^student,STU1,,completed,,STU1\.pdf,[0-9a-f]{64},$/);
  expect(lines[3]).toBe('student,STU2,,failed,token_rejected,,,');
});

test("the archive has the run's report of a student, never the view that the student has put in its place since", async () => {
  const asked = newClass(2);
  const run = await accept(asked);
  await untilOver(run.id);
  const own = studentToken('STU1', asked.classId);
  await service.internal('/internal/invalidate', { classId: asked.classId, studentId: 'STU1' });
  const response = await service.get('/generate-student-pdf?testId=5', own);
  expect(response.headers.get('cache-status')).toBe('platen; fwd=miss; stored');
  const files = await readZip(Buffer.from(await (await call('GET', `${run.id}/archive`)).arrayBuffer()));
  expect([...files.keys()]).toEqual(['STU2.pdf', 'manifest.json', 'manifest.csv']);
  expect(JSON.parse(files.get('manifest.json')?.toString() ?? '').items[0]).toMatchObject({ code: 'not_found' });
});

describe('an Idempotency-Key', () => {
  test('makes one run of a request that is sent twice, also at the same time', async () => {
    const asked = newClass(2);
    const headers = { 'idempotency-key': `key ${asked.classId}` };
    const runs = await Promise.all([accept(asked, headers), accept(asked, headers), accept(asked, headers)]);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
    expect(runs.map(({ status }) => status)).toEqual([202, 202, 202]);
    await untilOver(runs[0]?.id ?? '');
    expect(frontend.opened).toHaveLength(2);
  });

  test('finds its run although the token that came with it has run out since', async () => {
    const asked = newClass(1);
    const headers = { 'idempotency-key': `key ${asked.classId}` };
    const claims = { role: 'educator', class_id: asked.classId };
    const first = await accept({ ...asked, reportToken: signReportToken(claims) }, headers);
    const expired = { ...asked, reportToken: signReportToken({ ...claims, exp: 1_700_000_000 }) };
    expect(await accept(expired, headers)).toMatchObject({ status: 202, id: first.id });
    expect(await accept({ ...expired, ...newClass(1) }, {})).toMatchObject({ code: 'report_token_expired' });
  });

  test('with another body is refused', async () => {
    const asked = newClass(1);
    const headers = { 'idempotency-key': `key ${asked.classId}` };
    await accept(asked, headers);
    expect(await accept({ ...asked, studentIds: ['STU9'] }, headers)).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
  });
});

test.each<[string, object, number, string]>([
  ['nothing', { studentIds: [] }, 422, 'invalid_request'],
  ['no list', { studentIds: 'STU1' }, 422, 'invalid_request'],
  [
    '10,001 students',
    { studentIds: Array.from({ length: 10_001 }, (_, index) => `S${index}`) },
    422,
    'invalid_request',
  ],
  ['a bad id', { studentIds: ['../x'] }, 422, 'invalid_request'],
  ['a token for a stranger', { reportTokens: { STU9: 'x' } }, 422, 'invalid_request'],
  ['an origin of nobody', { origin: 'https://elsewhere.example' }, 422, 'invalid_request'],
  ['an unknown field', { priority: 1 }, 400, 'unknown_field'],
  ['a token that is none', { reportToken: 'nonsense' }, 422, 'report_token_invalid'],
])('a run of %s is refused, and nothing is opened', async (_what, more, status, code) => {
  expect(await accept({ ...newClass(1), ...more })).toMatchObject({ status, code });
  expect(frontend.opened).toEqual([]);
});

test('a body of 7 MB is taken, one of more than 8 MB is not', async () => {
  const asked = newClass(1);
  const filler = (bytes: number) =>
    Object.fromEntries([
      ['STU1', 'x'.repeat(8000)],
      ['filler', 'x'.repeat(bytes)],
    ]);
  expect(await accept({ ...asked, reportTokens: filler(7_000_000) })).toMatchObject({ status: 422 });
  const tooLarge = await service
    .internal('/internal/class-runs', { ...asked, reportTokens: filler(8_400_000) })
    .catch(() => undefined);
  // The answer may be lost on a connection that is closed under the rest of the body.
  expect([undefined, 413]).toContain(tooLarge?.status);
});

test('a run of nobody, and without the service token', async () => {
  for (const id of ['00000000-0000-4000-8000-000000000000', 'x', "'"])
    expect((await call('GET', encodeURIComponent(id))).status).toBe(404);
  expect((await fetch(`${service.url}/internal/class-runs/x`)).status).toBe(401);
});

describe('following a run', () => {
  /** The data of all events until the stream ends. */
  async function follow(id: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${service.url}/internal/class-runs/${id}/events`, {
      headers: { ...asService, ...headers },
    });
    const text = await response.text();
    const events = [...text.matchAll(/^id: (.*)\ndata: (.*)$/gm)].map(([, eventId, data]) => ({
      eventId,
      ...(JSON.parse(data ?? '') as Run),
    }));
    return { status: response.status, type: response.headers.get('content-type'), events };
  }

  test('tells its state first, then each change, and ends with the last', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const run = await accept(newClass(4));
    const following = follow(run.id);
    await until(() => frontend.opened.length === 2);
    gate.resolve({ text: 'Figures' });
    const { status, type, events } = await following;
    expect([status, type]).toEqual([200, 'text/event-stream']);
    expect(events[0]).toMatchObject({ id: run.id, total: 4, counts: { completed: 0 } });
    expect(events.at(-1)).toMatchObject({ state: 'completed', counts: { completed: 4 }, etaSeconds: 0 });
    const completed = events.map(({ counts }) => counts.completed ?? 0);
    expect(completed).toEqual(completed.toSorted((a, b) => a - b));
    expect(events[0]).not.toHaveProperty('items');
    const again = await follow(run.id, { 'last-event-id': events.at(-1)?.eventId ?? '' });
    expect(again).toMatchObject({ status: 204, events: [] });
    expect(await follow(run.id.toUpperCase())).toMatchObject({
      status: 200,
      events: [{ id: run.id, state: 'completed' }],
    });
  });

  test('of nobody is not there', async () => {
    expect(await follow('00000000-0000-4000-8000-000000000000')).toMatchObject({ status: 404 });
  });
});

describe('a list of runs', () => {
  const list = async (query: string) => {
    const response = await fetch(`${service.url}/internal/class-runs?${query}`, { headers: asService });
    return { status: response.status, ...((await response.json()) as { classRuns: Run[]; nextCursor: string | null }) };
  };
  const idsOf = ({ classRuns }: { classRuns: Run[] }) => classRuns.map(({ id }) => id);

  test('has the newest first, by class, test and state, page by page', async () => {
    const asked = newClass(1);
    frontend.figuresFor = ({ page }) => (page.includes('Test%206') ? { status: 403 } : { text: 'Figures' });
    const good = await accept(asked);
    await untilOver(good.id);
    const bad = await accept({ ...asked, testId: 'Test 6' });
    await untilOver(bad.id);
    const ofClass = `classId=${asked.classId}`;
    const { counts: _, ...head } = await look(good.id);
    expect(await list(ofClass)).toMatchObject({
      status: 200,
      classRuns: [
        { id: bad.id, state: 'failed', testId: 'Test 6', total: 1, counts: { failed: 1, completed: 0 } },
        { id: good.id, state: 'completed', testId: '5', createdAt: (head as { createdAt?: string }).createdAt },
      ],
      nextCursor: null,
    });
    expect(idsOf(await list(`${ofClass}&state=failed`))).toEqual([bad.id]);
    expect(idsOf(await list(`${ofClass}&testId=Test_5`))).toEqual([good.id]);
    expect(idsOf(await list(`${ofClass}&testId=6&state=completed`))).toEqual([]);
    const first = await list(`${ofClass}&limit=1`);
    expect([idsOf(first), first.nextCursor]).toEqual([[bad.id], bad.id]);
    const second = await list(`${ofClass}&limit=1&cursor=${first.nextCursor}`);
    expect([idsOf(second), second.nextCursor]).toEqual([[good.id], null]);
    expect(idsOf(await list('limit=2'))).toEqual([bad.id, good.id]);
  });

  test.each(['state=done', 'limit=0', 'cursor=x', 'testId=..', 'classId=a/b'])('by %s is refused', async (query) => {
    expect(await list(query)).toMatchObject({ status: 422 });
  });

  test('is for the backend and administrators only', async () => {
    const response = await service.get('/internal/class-runs', teacherToken('TCH1', 'CLASS_1'));
    expect(response.status).toBe(403);
    expect((await service.get('/internal/class-runs')).status).toBe(401);
  });
});

describe('people', () => {
  const askTicket = (id: string, token: string) =>
    fetch(`${service.url}/internal/class-runs/${id}/ticket`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
  const eventsBy = (id: string, ticket: string) =>
    fetch(`${service.url}/internal/class-runs/${id}/events?ticket=${ticket}`);

  test('who teach the class follow its run by a ticket, once, and only that run', async () => {
    const asked = newClass(1);
    const [run, other] = [await accept(asked), await accept({ ...asked, testId: '6' })];
    await Promise.all([untilOver(run.id), untilOver(other.id)]);
    const answer = await askTicket(run.id, teacherToken('TCH1', ['CLASS_X', asked.classId]));
    const { ticket, expiresInSeconds } = (await answer.json()) as { ticket: string; expiresInSeconds: number };
    expect([answer.status, expiresInSeconds]).toEqual([200, 30]);
    expect((await eventsBy(other.id, ticket)).status).toBe(401);
    const events = await eventsBy(run.id.toUpperCase(), ticket);
    expect([events.status, await events.text()]).toEqual([200, expect.stringContaining('"state":"completed"')]);
    expect((await eventsBy(run.id, ticket)).status).toBe(401);
    const byService = await call('POST', `${run.id}/ticket`);
    const given = (await byService.json()) as { ticket: string };
    expect((await eventsBy(run.id, given.ticket)).status).toBe(200);
  });

  test('who teach another class, no class, or nobody get none, and no events: the same 404 as of no run', async () => {
    const asked = newClass(1);
    const run = await accept(asked);
    const strangers = [teacherToken('TCH1', 'ANOTHER'), teacherToken('TCH1'), studentToken('STU1', asked.classId)];
    for (const token of strangers) {
      expect((await askTicket(run.id, token)).status).toBe(404);
      expect((await service.get(`/internal/class-runs/${run.id}/events`, token)).status).toBe(404);
    }
    const nobodys = '00000000-0000-4000-8000-000000000000';
    expect((await askTicket(nobodys, teacherToken('TCH1', asked.classId))).status).toBe(404);
    expect((await call('POST', `${nobodys}/ticket`)).status).toBe(404);
    await untilOver(run.id);
    expect(
      (await service.get(`/internal/class-runs/${run.id}/events`, teacherToken('TCH1', asked.classId))).status,
    ).toBe(200);
  });
});
