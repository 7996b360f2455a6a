// Several frontends on one service: each tenant's reports, keys, callers and limits are its own.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pages } from './support/pages.ts';
import { readPdf } from './support/pdf.ts';
import { startTestService, type TestService } from './support/service.ts';
import { steerPages } from './support/steered-pages.ts';
import { serviceToken, signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const frontend = steerPages();

let siteA: Pages;
let siteB: Pages;
let service: TestService;
let limited: TestService;
let count = 0;
beforeAll(async () => {
  siteA = await frontend.start();
  siteB = await frontend.start();
  const tenants = {
    FRONTEND_ORIGINS: `${siteA.origin} ${siteB.origin}=b`,
    DEFAULT_FRONTEND_ORIGIN: siteB.origin,
    USER_TOKEN_ISSUERS: `https://id.a=${siteA.origin} https://id.b=${siteB.origin}`,
    RENDER_CONCURRENCY: '4',
  };
  service = await startTestService({ origin: siteA.origin, env: tenants });
  limited = await startTestService({ origin: siteA.origin, env: { RATE_LIMIT_PER_15_MIN: '3' } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await limited[Symbol.asyncDispose]();
  await siteA[Symbol.asyncDispose]();
  await siteB[Symbol.asyncDispose]();
});

interface Run {
  counts: Record<string, number>;
  items: { s3Key: string }[];
}

const later = { prefer: 'respond-async' };
const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const newId = () => `STU${++count}`;
const teacher = (claims: object) =>
  signUserToken({ user_type: 'teacher', teacher_id: 'TCH1', class_id: 'CLASS_1', ...claims });
const ofA = () => teacher({ iss: 'https://id.a' });
const ofB = () => teacher({ iss: 'https://id.b' });
const pathOf = (studentId: string, classId = 'CLASS_1') =>
  `/generate-pdf?studentId=${studentId}&testId=1&classId=${classId}`;
const triggerOf = (studentId: string, more: object = {}) =>
  service.trigger({ testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId, ...more });
const keyOf = (studentId: string, prefix = '') => `${prefix}reports/CLASS_1/Test_1/students/${studentId}.pdf`;
const cacheStatus = (response: Response) => response.headers.get('cache-status');
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
const hosts = () => frontend.opened.map(({ host }) => `http://${host}`);
const stored = 'platen; fwd=miss; stored';
const notStored = 'platen; fwd=miss';

describe('the trigger', () => {
  test('opens the origin that it names, and stores under the prefix of that tenant', async () => {
    const id = newId();
    const atA = await triggerOf(id, { origin: siteA.origin });
    expect(await atA.json()).toMatchObject({ s3Key: keyOf(id) });
    const atB = await triggerOf(id, { origin: siteB.origin });
    expect(await atB.json()).toMatchObject({ s3Key: keyOf(id, 'b/') });
    expect(hosts()).toEqual([siteA.origin, siteB.origin]);
    expect((await service.storedKeys()).filter((key) => key.includes(`${id}.pdf`))).toEqual([
      keyOf(id, 'b/'),
      keyOf(id),
    ]);
  });

  test('does the same for who does not wait', async () => {
    const id = newId();
    const body = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: id };
    for (const [origin, key] of [
      [siteA.origin, keyOf(id)],
      [siteB.origin, keyOf(id, 'b/')],
    ] as const) {
      const accepted = await service.internal('/internal/trigger-generate-pdf', { ...body, origin }, later);
      expect([accepted.status, await accepted.json()]).toMatchObject([202, { s3Key: key }]);
      await until(async () => (await service.storedKeys()).includes(key));
      expect(hosts().at(-1)).toBe(origin);
    }
    expect(frontend.opened).toHaveLength(2);
  });

  test('without an origin opens the default one', async () => {
    const id = newId();
    expect(await (await triggerOf(id)).json()).toMatchObject({ s3Key: keyOf(id, 'b/') });
    expect(hosts()).toEqual([siteB.origin]);
  });

  test.each([
    ['another site', () => 'https://evil.example'],
    ['a longer one', () => `${siteA.origin}.evil.example`],
    ['one with a user name', () => `http://${new URL(siteA.origin).host}@evil.example`],
    ['one with another port', () => `${siteA.origin}1`],
    ['no origin', () => 'nonsense'],
    ['null', () => 'null'],
  ])('refuses %s with a 422 that names the field, and opens nothing', async (_what, originOf) => {
    const response = await triggerOf(newId(), { origin: originOf() });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', errors: [{ field: '/origin' }] });
    expect(frontend.opened).toEqual([]);
  });

  test('takes an origin with a final slash for what it is', async () => {
    const id = newId();
    const response = await triggerOf(id, { origin: `${siteA.origin}/` });
    expect({ status: response.status, answer: await response.json() }).toMatchObject({
      status: 202,
      answer: { s3Key: keyOf(id) },
    });
  });
});

test('a class run opens the origin that it names and stores under its prefix; the same run of another tenant is another one', async () => {
  const classId = `CLASS_R${++count}`;
  const ids = new Set<string>();
  for (const [origin, prefix] of [
    [siteA.origin, ''],
    [siteB.origin, 'b/'],
  ] as const) {
    frontend.opened = [];
    const body = { classId, testId: '1', studentIds: ['STU_1', 'STU_2'], overall: true, origin };
    const accepted = await service.internal('/internal/class-runs', body, { 'idempotency-key': `key ${classId}` });
    const { id } = (await accepted.json()) as { id: string };
    const run = await until(async () => {
      const each = (await (await service.get(`/internal/class-runs/${id}`, undefined, asService)).json()) as Run;
      return each.counts.completed === 3 && each;
    });
    const below = `${prefix}reports/${classId}/Test_1`;
    const keys = [`${below}/overall.pdf`, `${below}/students/STU_1.pdf`, `${below}/students/STU_2.pdf`];
    expect(run.items.map(({ s3Key }) => s3Key)).toEqual(keys);
    expect((await service.storedKeys()).filter((key) => key.startsWith(below))).toEqual(keys);
    expect(hosts()).toEqual([origin, origin, origin]);
    ids.add(id);
  }
  expect(ids.size).toBe(2);
});

describe('a user token', () => {
  test.each([
    ['its issuer', () => teacher({ iss: 'https://id.b' })],
    ['its origin claim', () => teacher({ origin: siteB.origin })],
    ['both', () => teacher({ iss: 'https://id.b', origin: siteB.origin })],
    ['its origin claim, with a final slash', () => teacher({ iss: 'https://id.b', origin: `${siteB.origin}/` })],
  ])('opens the tenant that it names by %s: its pages and its keys', async (_how, tokenOf) => {
    const id = newId();
    const response = await service.get(pathOf(id), tokenOf());
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: stored });
    expect(hosts()).toEqual([siteB.origin]);
    expect(await service.storedKeys()).toContain(keyOf(id, 'b/'));
  });

  test('never opens the report of another tenant with the same ids', async () => {
    const id = newId();
    frontend.figuresFor = ({ host }) => ({ text: `Figures of ${host}` });
    await triggerOf(id, { origin: siteA.origin });
    const response = await service.get(pathOf(id), ofB());
    expect(cacheStatus(response)).toBe(stored);
    const { text } = await readPdf(await response.arrayBuffer());
    expect(text).toContain(siteB.origin.slice('http://'.length));
    expect(cacheStatus(await service.get(pathOf(id), ofA()))).toBe('platen; hit');
  });

  test('whose issuer and origin contradict each other is refused with 401', async () => {
    const token = teacher({ iss: 'https://id.a', origin: siteB.origin });
    expect((await service.get(pathOf(newId()), token)).status).toBe(401);
    expect(frontend.opened).toEqual([]);
  });

  test('is refused with 403 at the site of another tenant, stored or not', async () => {
    const [kept, missing] = [newId(), newId()];
    await triggerOf(kept, { origin: siteA.origin });
    frontend.opened = [];
    for (const id of [kept, missing]) {
      const response = await service.get(pathOf(id), ofA(), { origin: siteB.origin });
      expect({ status: response.status, code: await codeOf(response) }).toEqual({ status: 403, code: 'forbidden' });
    }
    expect(frontend.opened).toEqual([]);
  });

  test.each([
    ['its own', () => siteA.origin],
    ['none of ours', () => 'https://elsewhere.example'],
    ['of no site', () => 'null'],
  ])('is served at its own tenant when the Origin header is %s', async (_which, originOf) => {
    const response = await service.get(pathOf(newId()), ofA(), { origin: originOf() });
    expect(cacheStatus(response)).toBe(stored);
    expect(hosts()).toEqual([siteA.origin]);
  });

  test.each([
    ['an allowed Origin header: that origin is opened', () => siteA.origin, () => siteA.origin],
    ['an Origin header of none of ours: the default is opened', () => 'https://evil.example', () => siteB.origin],
    ['no Origin header: the default is opened', () => undefined, () => siteB.origin],
  ])('of no named tenant is rendered and not kept; with %s', async (_what, originOf, openedAt) => {
    const twoTenants = { FRONTEND_ORIGINS: `${siteA.origin} ${siteB.origin}=b`, DEFAULT_FRONTEND_ORIGIN: siteB.origin };
    await using unmapped = await startTestService({ origin: siteA.origin, env: twoTenants });
    const origin = originOf();
    const response = await unmapped.get(pathOf(newId()), teacher({}), origin === undefined ? {} : { origin });
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
    expect(hosts()).toEqual([openedAt()]);
    expect(await unmapped.storedKeys()).toEqual([]);
  });

  test('of an issuer that is not mapped names no tenant: rendered, not kept', async () => {
    const response = await service.get(pathOf(newId()), teacher({ iss: 'https://id.c' }));
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
  });
});

describe('to forget reports', () => {
  const reportsOf = (classId: string) => [
    { testId: 'Test_1', classId, reportType: 'student', studentId: 'STU_1' },
    { testId: 'Test_1', classId, reportType: 'student', studentId: 'STU_2' },
    { testId: 'Test_2', classId, reportType: 'student', studentId: 'STU_1' },
    { testId: 'Test_1', classId, reportType: 'teacher', teacherId: 'TCH_1' },
    { testId: 'overall', classId, reportType: 'teacher', teacherId: 'TCH_1' },
    { testId: 'Test_1', classId, reportType: 'overall' },
  ];
  const all = [
    'Test_1/overall.pdf',
    'Test_1/students/STU_1.pdf',
    'Test_1/students/STU_2.pdf',
    'Test_1/teacher_TCH_1.pdf',
    'Test_2/students/STU_1.pdf',
    'overall/teacher_TCH_1.pdf',
  ];
  const forget = async (body: object) => (await service.internal('/internal/invalidate', body)).json();
  const keysBelow = async (folder: string) =>
    (await service.storedKeys()).filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
  async function storeClass(classId: string, origin: string) {
    for (const report of reportsOf(classId)) expect((await service.trigger({ ...report, origin })).status).toBe(202);
  }

  test.each([
    ['one student', { studentId: 'STU_1' }, [1, 4]],
    ['one student, one test', { studentId: 'STU_1', testId: '1' }, [1]],
    ['one teacher', { teacherId: 'TCH_1' }, [3, 5]],
    ['one teacher, all tests', { teacherId: 'TCH_1', testId: 'Overall' }, [5]],
    ['one test', { testId: 'Test 1' }, [0, 1, 2, 3]],
    ['the class', {}, [0, 1, 2, 3, 4, 5]],
    ['somebody unknown', { studentId: 'STU_9' }, []],
  ])('removes just those of %s and says how many', async (_which, narrowing, gone: number[]) => {
    const classId = `CLASS_F${++count}`;
    await storeClass(classId, siteA.origin);
    expect(await forget({ classId, origin: siteA.origin, ...narrowing })).toEqual({ removed: gone.length });
    expect(await keysBelow(`reports/${classId}/`)).toEqual(all.filter((_, at) => !gone.includes(at)));
    expect(await forget({ classId, origin: siteA.origin, ...narrowing })).toEqual({ removed: 0 });
  });

  test('touches neither another tenant nor a class whose id begins alike', async () => {
    await storeClass('CLASS_G', siteA.origin);
    await storeClass('CLASS_G', siteB.origin);
    await storeClass('CLASS_G1', siteA.origin);
    expect(await forget({ classId: 'CLASS_G', origin: siteA.origin })).toEqual({ removed: 6 });
    expect(await keysBelow('b/reports/CLASS_G/')).toEqual(all);
    expect(await keysBelow('reports/CLASS_G1/')).toEqual(all);
    expect(await forget({ classId: 'CLASS_G' })).toEqual({ removed: 6 });
    expect(await keysBelow('b/reports/CLASS_G/')).toEqual([]);
  });

  test('makes the next request render anew', async () => {
    const id = newId();
    await service.get(pathOf(id), ofA());
    await forget({ classId: 'CLASS_1', studentId: id, origin: siteA.origin });
    expect(cacheStatus(await service.get(pathOf(id), ofA()))).toBe(stored);
  });

  test('keeps a render that is under way from bringing the old document back: it is sent, not stored', async () => {
    const id = newId();
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const answer = service.get(pathOf(id), ofA());
    await until(() => frontend.opened.length === 1);
    expect(await forget({ classId: 'CLASS_1', origin: siteA.origin })).toMatchObject({});
    gate.resolve({ text: 'Old figures' });
    const response = await answer;
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
    expect(await service.storedKeys()).not.toContain(keyOf(id));
  });

  test('lets a render under way be kept when it is of another student or tenant', async () => {
    const id = newId();
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const answer = service.get(pathOf(id), ofA());
    await until(() => frontend.opened.length === 1);
    await forget({ classId: 'CLASS_1', studentId: 'STU_OTHER', origin: siteA.origin });
    await forget({ classId: 'CLASS_1', origin: siteB.origin });
    gate.resolve({ text: 'Figures' });
    expect(cacheStatus(await answer)).toBe(stored);
  });

  test('makes a trigger that is under way store the new figures, never the old', async () => {
    const id = newId();
    const gate = frontend.createGate();
    frontend.figuresFor = () => (frontend.opened.length === 1 ? gate.promise : { text: 'New figures' });
    const answer = triggerOf(id, { origin: siteA.origin });
    await until(() => frontend.opened.length === 1);
    await forget({ classId: 'CLASS_1', studentId: id, origin: siteA.origin });
    gate.resolve({ text: 'Old figures' });
    expect((await answer).status).toBe(202);
    const pdf = await readPdf(await readFile(join(service.dataDir, 'documents', keyOf(id))));
    expect(pdf.text).toContain('New figures');
  });
});

describe('a frontend in the browser', () => {
  const preflight = (origin: string, method = 'GET') =>
    fetch(service.url + pathOf('STU1'), {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
    });

  test.each([
    ['first', () => siteA.origin],
    ['second', () => siteB.origin],
  ])('of the %s tenant may call: the preflight says so', async (_which, originOf) => {
    const response = await preflight(originOf());
    expect([200, 204]).toContain(response.status);
    expect(response.headers.get('access-control-allow-origin')).toBe(originOf());
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
    expect(response.headers.get('access-control-allow-methods')).toContain('GET');
    expect(response.headers.get('vary')).toMatch(/origin/i);
  });

  test('may read the headers that it needs, of a PDF as of a problem', async () => {
    const pdf = await service.get(pathOf(newId()), ofA(), { origin: siteA.origin });
    const problem = await service.get(pathOf(newId()), undefined, { origin: siteA.origin });
    expect([pdf.status, problem.status]).toEqual([200, 401]);
    for (const { headers } of [pdf, problem]) {
      expect(headers.get('access-control-allow-origin')).toBe(siteA.origin);
      expect(headers.get('vary')).toMatch(/origin/i);
      const exposed = headers.get('access-control-expose-headers')?.split(/,\s*/);
      expect(exposed).toEqual(
        expect.arrayContaining([
          'Content-Disposition',
          'Content-Length',
          'ETag',
          'Cache-Status',
          'Location',
          'Retry-After',
          'X-Request-Id',
          'RateLimit',
          'RateLimit-Policy',
        ]),
      );
    }
  });

  test.each([
    ['another site', () => 'https://evil.example'],
    ['a site whose name begins alike', () => `${siteA.origin}.evil.example`],
    ['no site', () => 'null'],
  ])('of %s is not let in', async (_which, originOf) => {
    const asked = await preflight(originOf());
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
    const response = await service.get(pathOf('STU1'), ofA(), { origin: originOf() });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(response.headers.get('vary')).toMatch(/origin/i);
  });
});

describe('the rate limit', () => {
  const ask = (token: string, path = pathOf('STU1')) => limited.get(path, token);
  const own = (id: string, more = {}) =>
    signUserToken({ user_type: 'teacher', teacher_id: id, class_id: 'CLASS_1', ...more });

  test('is told with each answer, in the form of draft 8', async () => {
    for (const remaining of [2, 1, 0]) {
      const { status, headers } = await ask(own('TCH_HEADERS'));
      expect(status).toBe(200);
      expect(headers.get('ratelimit')).toMatch(new RegExp(`^"[^"]+"; *r=${remaining}; *t=\\d+$`));
      expect(headers.get('ratelimit-policy')).toMatch(/^"[^"]+"; *q=3; *w=900(;|$)/);
    }
  });

  test('answers 429 beyond it, with Retry-After, whatever token and endpoint the caller uses; others go on', async () => {
    await ask(own('TCH_BUSY'));
    await ask(own('TCH_BUSY', { jti: 'another token' }), '/generate-teacher-pdf?testId=1');
    await ask(own('TCH_BUSY'), '/generate-pdf?studentId=overall&testId=1');
    const lookups = await limited.metric('platen_document_lookups_total{result="hit"}');
    const response = await ask(own('TCH_BUSY', { jti: 'a third token' }));
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await codeOf(response)).toBe('rate_limited');
    const retryAfter = Number(response.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(900);
    expect(response.headers.get('ratelimit')).toMatch(/r=0/);
    expect(await limited.metric('platen_document_lookups_total{result="hit"}')).toBe(lookups);
    expect((await ask(own('TCH_CALM'))).status).toBe(200);
    const student = signUserToken({ user_type: 'student', student_id: 'TCH_BUSY', class_id: 'CLASS_1' });
    expect((await ask(student, '/generate-student-pdf?testId=1')).status).toBe(200);
  });

  test('is not spent by those who have no valid token', async () => {
    for (let each = 0; each < 5; each++) expect((await ask('no-token')).status).toBe(401);
  });

  test('does not bind the backend', async () => {
    const report = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: 'STU_BACKEND' };
    for (let each = 0; each < 5; each++) {
      const response = await limited.trigger(report);
      expect(response.status).toBe(202);
      expect(response.headers.get('ratelimit')).toBeNull();
    }
  });
});

describe('an administrator', () => {
  const admin = (site: 'a' | 'b') => signUserToken({ user_type: 'admin', user_id: 'ADM', iss: `https://id.${site}` });
  const call = async (token: string, method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(service.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const type = response.headers.get('content-type') ?? '';
    const answer = type.includes('json') ? await response.json() : await response.arrayBuffer();
    return { status: response.status, answer: answer as Record<string, never> };
  };
  const statusOf = async (...asked: Parameters<typeof call>) => (await call(...asked)).status;
  const report = () => ({ testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: newId() });
  const trigger = '/internal/trigger-generate-pdf';

  test('triggers and invalidates in their tenant, and in no other; nobody else may', async () => {
    const asked = report();
    const { status, answer } = await call(admin('b'), 'POST', trigger, asked);
    expect([status, answer.s3Key]).toEqual([202, keyOf(asked.studentId, 'b/')]);
    expect(await statusOf(admin('a'), 'POST', trigger, { ...report(), origin: siteB.origin })).toBe(403);
    const learner = signUserToken({
      user_type: 'student',
      student_id: 'STU1',
      class_id: 'CLASS_1',
      iss: 'https://id.a',
    });
    const ofClass = { classId: 'CLASS_1', testId: 'Test_1' };
    for (const token of [ofA(), learner]) {
      expect(await statusOf(token, 'POST', trigger, report())).toBe(403);
      expect(await statusOf(token, 'POST', '/internal/invalidate', ofClass)).toBe(403);
      expect(await statusOf(token, 'POST', '/internal/class-runs', { ...ofClass, studentIds: ['STU1'] })).toBe(403);
    }
    const invalidate = { classId: 'CLASS_1', testId: 'Test_1', studentId: asked.studentId };
    expect((await call(admin('a'), 'POST', '/internal/invalidate', invalidate)).answer).toEqual({ removed: 0 });
    expect((await call(admin('b'), 'POST', '/internal/invalidate', invalidate)).answer).toEqual({ removed: 1 });
  });

  test('begins, sees, takes and cancels class runs and jobs of their tenant, and of no other', async () => {
    const body = { classId: 'CLASS_ADM', testId: 'Test_1', studentIds: [newId(), newId()] };
    const begun = await call(admin('b'), 'POST', '/internal/class-runs', body);
    expect(begun.status).toBe(202);
    const run = `/internal/class-runs/${begun.answer.id}`;
    await until(async () => (await call(admin('b'), 'GET', run)).answer.state === 'completed');
    for (const [method, path] of [
      ['GET', run],
      ['GET', `${run}/archive`],
      ['GET', `${run}/events`],
      ['POST', `${run}/ticket`],
      ['POST', `${run}/retry`],
      ['DELETE', run],
    ] as const)
      expect([method, path, await statusOf(admin('a'), method, path)]).toEqual([method, path, 404]);
    expect(await statusOf(ofB(), 'GET', run)).toBe(403);
    expect(await statusOf(admin('b'), 'GET', `${run}/archive`)).toBe(200);
    expect(await statusOf(admin('b'), 'DELETE', run)).toBe(409);
    const runsOf = async (site: 'a' | 'b') =>
      (
        (await call(admin(site), 'GET', '/internal/class-runs?classId=CLASS_ADM')).answer
          .classRuns as unknown as object[]
      ).length;
    expect([await runsOf('a'), await runsOf('b')]).toEqual([0, 1]);
    const jobsOf = async (site: 'a' | 'b') => {
      const { answer } = await call(admin(site), 'GET', '/internal/jobs?state=completed&limit=1000');
      return (answer.jobs as unknown as { id: string; subject: { classId: string } }[]).filter(
        ({ subject }) => subject?.classId === 'CLASS_ADM',
      );
    };
    const [job, ...others] = await jobsOf('b');
    expect(others).toHaveLength(1);
    expect(await jobsOf('a')).toEqual([]);
    expect(await statusOf(admin('a'), 'POST', `/jobs/${job?.id}/retry`, {})).toBe(404);
    expect(await statusOf(admin('b'), 'POST', `/jobs/${job?.id}/retry`, {})).toBe(409);
    expect(await statusOf(ofB(), 'GET', '/internal/jobs')).toBe(403);
  });
});
