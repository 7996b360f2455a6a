// Attempts through the front door: fetched or pushed, read, and those who have passed are certified by the names that Keycloak knows.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readPdf } from './support/pdf.ts';
import { type ScriptedKeycloak, startScriptedKeycloak } from './support/scripted-keycloak.ts';
import { startTestService, type TestService } from './support/service.ts';
import { attemptOf, startTestingService, type TestingService } from './support/testing-service.ts';
import { adminToken, serviceToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const parts = new AsyncDisposableStack();
let testing: TestingService;
let keycloak: ScriptedKeycloak;
let service: TestService;
beforeAll(async () => {
  testing = parts.use(await startTestingService());
  keycloak = parts.use(await startScriptedKeycloak());
  service = parts.use(
    await startTestService({
      env: {
        TESTING_SERVICE_URL: testing.url,
        TESTING_SERVICE_TOKEN: 'testing-token',
        STATS_WORKER_FETCH_INTERVAL: '1',
        STATS_WORKER_PROCESS_INTERVAL: '1',
        STATS_WORKER_GENERATE_INTERVAL: '1',
        KEYCLOAK_SERVER_URL: keycloak.url,
        KEYCLOAK_REALM: 'school',
        KEYCLOAK_CLIENT_ID: 'platen',
        KEYCLOAK_CLIENT_SECRET: 'client-secret',
      },
    }),
  );
});
afterAll(() => parts.disposeAsync());

interface Certificate {
  id: string;
  number: string;
  status: string;
  s3_key: string;
  findings: string[];
  score: number;
}

interface Listed {
  id: string;
  state: string;
  reasons: { field: string; message: string }[];
  raw: { id?: unknown };
  lastError: string | null;
  nextTryAt: string | null;
}

async function asService<T>(path: string): Promise<T> {
  const response = await service.get(path, undefined, { 'x-service-auth': `Bearer ${serviceToken}` });
  return (await response.json()) as T;
}

const certificatesOf = (student: string) => asService<Certificate[]>(`/certificates/${student}`);
const listOf = async (query: string) => (await asService<{ items: Listed[] }>(`/internal/attempts?${query}`)).items;
const known = (id: string, firstName: string) => ({ id, firstName, lastName: 'Of Keycloak', enabled: true });

const availableOf = (student: string) =>
  until(async () => {
    const [certificate, ...others] = await certificatesOf(student);
    return certificate?.status === 'available' && others.length === 0 && certificate;
  });

test('who has passed gets a certificate, with the names that Keycloak knows', async () => {
  keycloak.users.push(known('STU_1', 'Anjali'));
  testing.items.push(attemptOf('STU_1'), attemptOf('STU_2', { score: 24.9 }));
  const certificate = await availableOf('STU_1');
  expect(certificate).toMatchObject({ score: 45, findings: [] });
  const { text } = await readPdf(await readFile(join(service.dataDir, 'documents', certificate.s3_key)));
  expect(text).toContain('Anjali Of Keycloak');
  expect(await certificatesOf('STU_2')).toEqual([]);
  expect(testing.calls[0]).toEqual({ path: '/attempts?limit=500', authorization: 'Bearer testing-token' });
  expect(await listOf('studentId=STU_2')).toMatchObject([{ state: 'processed', reasons: [], raw: { id: 'A-STU_2' } }]);
});

const changed = (minute: number, changes: object) => ({ updatedAt: `2026-03-02T09:${minute}:00Z`, ...changes });

test('one bad item in 500, and the same attempt from two pages, hold up nobody and give nothing twice', async () => {
  const learners = Array.from({ length: 499 }, (_, index) => `BULK_${index}`);
  const failed = learners.map((student) => attemptOf(student, { score: 1, courseId: 'BULK' }));
  const poison = { ...attemptOf('BULK_BAD'), score: '45', courseName: 'half \ud800 and \u0000' };
  keycloak.users.push(known('BULK_PASSED', 'Passed'));
  const passed = attemptOf('BULK_PASSED', { courseId: 'BULK' });
  const late = attemptOf('BULK_LATE', { courseId: 'BULK', completedAt: '9999-12-31T23:59:59-12:00' });
  testing.items.push(...failed, poison, late, passed, { ...passed }, passed);
  await availableOf('BULK_PASSED');
  const rejected = await until(async () => {
    const found = await listOf('state=rejected');
    return found.length > 1 && found;
  });
  expect(rejected).toMatchObject([{ raw: late }, { raw: poison, lastError: null, nextTryAt: null }]);
  expect(rejected[1]?.reasons.map(({ field }) => field)).toEqual(['/courseName', '/score']);
  expect(await listOf('studentId=BULK_PASSED')).toHaveLength(1);
  expect(await listOf('courseId=BULK&limit=500&state=processed')).toHaveLength(500);
});

test('an attempt that is corrected after its certificate is a finding, takes nothing away, and is none when it passes again', async () => {
  keycloak.users.push(known('STU_C', 'Corrected'));
  testing.items.push(attemptOf('STU_C'));
  const { id } = await availableOf('STU_C');
  testing.items.push(attemptOf('STU_C', changed(10, { score: 3 })));
  const findings = (expected: string[]) =>
    until(async () => {
      const [certificate] = await certificatesOf('STU_C');
      return certificate?.status === 'available' && certificate.findings.join() === expected.join();
    });
  await findings(['no_longer_passing']);
  // An older word, which comes late, changes nothing.
  testing.items.push(attemptOf('STU_C', { score: 44 }));
  testing.items.push(attemptOf('STU_C', changed(20, { score: 30 })));
  await findings([]);
  expect(await listOf('studentId=STU_C')).toMatchObject([{ state: 'processed', raw: { score: 30 } }]);
  expect(await certificatesOf('STU_C')).toMatchObject([{ id, score: 45, status: 'available' }]);
});

test('of several passing attempts the best counts; a renamed course is no second certificate', async () => {
  keycloak.users.push(known('STU_B', 'Best'));
  testing.items.push(
    attemptOf('STU_B', { id: 'B1', score: 30 }),
    attemptOf('STU_B', { id: 'B2', score: 80, maxScore: 80, passingScore: 1 }),
    attemptOf('STU_B', { id: 'B3', score: 49 }),
  );
  const { id } = await availableOf('STU_B');
  testing.items.push(attemptOf('STU_B', { id: 'B4', score: 50, courseName: 'Algebra, renamed' }));
  await until(async () => (await listOf('studentId=STU_B')).filter(({ state }) => state === 'processed').length === 4);
  keycloak.users.push(known('STU_AFTER', 'After'));
  testing.items.push(attemptOf('STU_AFTER'));
  await availableOf('STU_AFTER');
  expect(await certificatesOf('STU_B')).toMatchObject([{ id, score: 80 }]);
});

test('who is not known waits, is listed with the reason, and gets the certificate once they are known', async () => {
  testing.items.push(attemptOf('STU_LATE'));
  const waiting = await until(async () => {
    const [found] = await listOf('state=waiting&studentId=STU_LATE');
    return found;
  });
  expect(waiting).toMatchObject({ lastError: 'learner_not_found', reasons: [] });
  expect(Date.parse(waiting.nextTryAt ?? '') - Date.now()).toBeLessThan(21_000);
  keycloak.users.push(known('STU_LATE', 'Late'));
  const again = await service.internal(`/internal/attempts/${waiting.id}/redrive`, {});
  expect([again.status, await again.json()]).toEqual([
    202,
    { ...waiting, state: 'new', lastError: null, nextTryAt: null },
  ]);
  await availableOf('STU_LATE');
});

test('who is disabled gets nothing; while Keycloak is away nobody is lost', async () => {
  keycloak.users.push({ ...known('STU_OFF', 'Off'), enabled: false }, known('STU_AWAY', 'Away'));
  testing.items.push(attemptOf('STU_OFF'));
  await until(async () => (await listOf('studentId=STU_OFF'))[0]?.lastError === 'learner_disabled');
  expect(await certificatesOf('STU_OFF')).toEqual([]);
  keycloak.answerWith = (_path, response) => response.writeHead(503).end();
  testing.items.push(attemptOf('STU_AWAY'));
  const away = await until(async () => {
    const [found] = await listOf('studentId=STU_AWAY');
    return found?.lastError === 'learner_unavailable' && found;
  });
  expect(away.state).toBe('waiting');
  keycloak.answerWith = () => undefined;
  await service.internal(`/internal/attempts/${away.id}/redrive`, {});
  await availableOf('STU_AWAY');
});

test('while Keycloak is away it is not asked for everybody, and a run says so; all attempts stay waiting', async () => {
  const students = Array.from({ length: 30 }, (_, index) => `AWAY_${index}`);
  keycloak.users.push(...students.map((student) => known(student, 'Back')));
  keycloak.answerWith = (path, response) => path.includes('/users/') && response.writeHead(503).end();
  const before = keycloak.calls.length;
  testing.items.push(...students.map((student) => attemptOf(student, { courseId: 'AWAY' })));
  const waiting = await until(async () => {
    const found = await listOf('courseId=AWAY&state=waiting&limit=500');
    return found.length === students.length && found;
  });
  expect(new Set(waiting.map(({ lastError }) => lastError))).toEqual(new Set(['learner_unavailable']));
  const asked = keycloak.calls.slice(before).filter(({ path }) => path.includes('/users/AWAY_'));
  expect(asked.length).toBeLessThan(students.length / 2);
  keycloak.answerWith = () => undefined;
  const [first] = waiting;
  await service.internal(`/internal/attempts/${first?.id}/redrive`, {});
  await availableOf(students.find((student) => JSON.stringify(first?.raw).includes(`"${student}"`)) ?? '');
});

describe('pushed', () => {
  const push = async (body: object, headers: Record<string, string> = {}) => {
    const response = await service.internal('/internal/attempts', body, headers);
    return { status: response.status, ...((await response.json()) as object) };
  };

  test('counts what is new, what has come before and what can not be read, and answers a request once', async () => {
    keycloak.users.push(known('PUSHED', 'Pushed'));
    const items = [attemptOf('PUSHED'), attemptOf('PUSHED'), attemptOf('PUSHED', { score: 'x' }), 'no attempt'];
    const key = { 'idempotency-key': 'push 1' };
    const first = { status: 202, accepted: 1, duplicates: 1, rejected: 2 };
    expect(await Promise.all([push({ items }, key), push({ items }, key)])).toEqual([first, first]);
    expect(await push({ items: [] }, key)).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    expect(await push({ items })).toEqual({ status: 202, accepted: 0, duplicates: 2, rejected: 2 });
    await availableOf('PUSHED');
  });

  test.each<[string, object, number, string]>([
    ['more than 1,000', { items: Array(1001).fill({}) }, 422, 'invalid_request'],
    ['no list', { items: {} }, 422, 'invalid_request'],
    ['a field that is not known', { items: [], tenant: 'x' }, 400, 'unknown_field'],
    ['an origin that is none of ours', { items: [], origin: 'https://other.example' }, 422, 'invalid_request'],
  ])('%s: refused', async (_what, body, status, code) => {
    expect(await push(body)).toMatchObject({ status, code });
  });

  test('one that is too large is set aside without itself, and stays so; a body that is too large is refused', async () => {
    const large = attemptOf('LARGE', { notes: 'x'.repeat(65_536) });
    expect(await push({ items: [large] })).toEqual({ status: 202, accepted: 0, duplicates: 0, rejected: 1 });
    const aside = (await listOf('state=rejected&limit=500')).find(({ raw }) => raw === null);
    expect(aside).toMatchObject({ reasons: [{ field: '', message: 'is longer than 65536 letters' }] });
    const again = await service.internal(`/internal/attempts/${aside?.id}/redrive`, {});
    expect([again.status, await again.json()]).toMatchObject([202, { state: 'rejected', reasons: aside?.reasons }]);
    const unknown = await service.internal('/internal/attempts/00000000-0000-4000-8000-000000000000/redrive', {});
    expect(unknown.status).toBe(404);
    const parts = Array.from({ length: 140 }, (_, index) => ({ id: index, notes: 'x'.repeat(60_000) }));
    expect(await push({ items: parts })).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  test('a student is refused, an administrator serves their tenant', async () => {
    const send = async (token: string) => (await service.get('/internal/attempts?limit=1', token)).status;
    expect(await Promise.all([send(studentToken('STU_1')), send(adminToken()), send('')])).toEqual([403, 200, 401]);
  });
});

const { KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET } = process.env;
(KEYCLOAK_URL === undefined ? describe.skip : describe)('with the real Keycloak', () => {
  test('a pushed attempt, without a name, becomes a certificate in the name of its learner', async () => {
    const settings = { KEYCLOAK_SERVER_URL: KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET };
    const intervals = { STATS_WORKER_PROCESS_INTERVAL: '1', STATS_WORKER_GENERATE_INTERVAL: '1' };
    await using other = await startTestService({ origin: 'http://127.0.0.1:1', env: { ...settings, ...intervals } });
    const student = '00000000-0000-4000-8000-000000000001';
    const item = attemptOf(student, { firstName: undefined, lastName: undefined });
    expect((await other.internal('/internal/attempts', { items: [item] })).status).toBe(202);
    const serviceHeaders = { 'x-service-auth': `Bearer ${serviceToken}` };
    const listed = async () =>
      (await (await other.get(`/certificates/${student}`, undefined, serviceHeaders)).json()) as Record<
        string,
        string
      >[];
    const [row] = await until(async () => {
      const rows = await listed();
      return rows[0]?.status === 'available' && rows;
    });
    const { pathname } = new URL(row?.verify_url ?? '');
    const shown = (await (await other.get(pathname, undefined, { accept: 'application/json' })).json()) as object;
    expect(shown).toMatchObject({ name: 'அமுதா செல்வராஜ்' });
  });
});
