// Analytics: counted in processes, written down together, told by days; on both databases.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createAnalytics } from '../src/analytics/analytics.ts';
import type { Figures } from '../src/analytics/figures.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { millisecondsOf, Tally } from '../src/tally.ts';
import { issueCertificate } from './support/certificates.ts';
import { pipelineOf } from './support/pipeline.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { startTestService, type TestService } from './support/service.ts';
import { studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const tenants = [
  { origin: 'https://a.example', prefix: '' },
  { origin: 'https://b.example', prefix: 'b' },
];
const today = () => new Date().toISOString().slice(0, 10);
/** Of several days together: the one on which a test was begun may have ended meanwhile. */
const sumOf = (counts: readonly Record<string, unknown>[]): Record<string, unknown> =>
  counts.reduce((sum, each) =>
    Object.fromEntries(
      Object.entries(each).map(([name, value]) => {
        const before = sum[name];
        if (typeof value === 'number') return [name, (before as number) + value];
        const names = Object.keys({ ...(before as object), ...(value as object) });
        const of = (from: unknown, code: string) => (from as Record<string, number>)[code] ?? 0;
        return [name, Object.fromEntries(names.map((code) => [code, of(before, code) + of(value, code)]))];
      }),
    ),
  );
const rowsIn = async (database: Database) =>
  (await sql`SELECT count FROM platen.daily_counts`.execute(database.queries)).rows.length;

test('a time is told within 5 percent', () => {
  for (let ms = 1; ms < 200_000; ms = ms * 1.013 + 1) {
    const tally = new Tally();
    tally.took({ tenant: '' }, ms);
    const [counted] = tally.take();
    const error = Math.abs(millisecondsOf(Number(counted?.code)) - ms) / ms;
    expect(error).toBeLessThan(0.05);
  }
});

describeDatabases('analytics', (server) => {
  test('of two processes that count at once nothing is lost, and each writes one statement', async () => {
    await using place = await createTestDatabase(server);
    await using one = openDatabase(place);
    // An embedded one belongs to one process.
    await using other = server === undefined ? undefined : openDatabase(place);
    await one.ready;
    await other?.ready;
    const begun = today();
    const processes = [one, other ?? one].map((database) => {
      const tally = new Tally();
      return { tally, analytics: createAnalytics({ database, tally, tenants, writeMs: 5 }) };
    });
    const count = async ({ tally }: { tally: Tally }) => {
      for (let index = 0; index < 200; index++) {
        tally.count({ origin: 'https://b.example', name: 'hit' });
        tally.count({ tenant: 'b', courseId: `C${index % 7}`, name: 'downloaded' });
        tally.took({ tenant: 'b' }, index < 190 ? 100 : 9000);
        if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
      }
    };
    await Promise.all(processes.map(count));
    // At its end each writes what is left.
    for (const { analytics } of processes) await analytics[Symbol.asyncDispose]();
    const read = createAnalytics({ database: one, tally: new Tally(), tenants });
    const asked = { tenant: 'b', from: begun, to: today(), courseId: undefined };
    const { days, renderMs } = await read.read(asked);
    expect(days[0]?.date).toBe(begun);
    expect(sumOf(days.map(({ certificates }) => certificates))).toMatchObject({ downloaded: 400 });
    expect(sumOf(days.map(({ reports }) => reports))).toMatchObject({ hits: 400 });
    expect(Math.abs((renderMs.p50 ?? 0) - 100)).toBeLessThan(5);
    expect(Math.abs((renderMs.p99 ?? 0) - 9000)).toBeLessThan(450);
    const ofCourse = await read.read({ ...asked, courseId: 'C1' });
    expect(sumOf(ofCourse.days.map(({ certificates }) => certificates))).toMatchObject({
      downloaded: 2 * Math.ceil(199 / 7),
    });
    const others = await read.read({ ...asked, tenant: '' });
    expect(sumOf(others.days.map(({ reports }) => reports))).toMatchObject({ hits: 0 });
    await read[Symbol.asyncDispose]();
  });

  test('what can not be written down is kept until it can, and fails nobody', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    await database.execute('ALTER TABLE platen.daily_counts RENAME TO gone');
    const tally = new Tally();
    await using analytics = createAnalytics({ database, tally, tenants, writeMs: 5 });
    const begun = today();
    tally.count({ tenant: '', name: 'rendered' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    tally.count({ tenant: '', name: 'rendered' });
    await database.execute('ALTER TABLE platen.gone RENAME TO daily_counts');
    await until(async () => (await rowsIn(database)) > 0);
    const { days } = await analytics.read({ tenant: '', from: begun, to: today(), courseId: undefined });
    expect(sumOf(days.map(({ reports }) => reports))).toMatchObject({ rendered: 2 });
  });
});

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service[Symbol.asyncDispose]());

test('through the front door: what was done today, and nothing on the days before', async () => {
  const day = today();
  const pipeline = pipelineOf(service);
  const report = { classId: 'CLASS_TEST', testId: 'Test_1', reportType: 'student' };
  await service.trigger({ ...report, studentId: 'STU001' });
  await service.trigger({ ...report, studentId: 'NOBODY' });
  const path = '/generate-student-pdf?testId=Test_1&classId=CLASS_TEST';
  await service.get(path, studentToken('STU001', 'CLASS_TEST'));
  await service.get(path, studentToken('STU002', 'CLASS_TEST'));

  const { certificate } = await issueCertificate(service, { courseId: 'ALG1' });
  const { certificate: other } = await issueCertificate(service, {
    courseId: 'ALG2',
    issuanceDate: '2020-01-01',
    expirationDate: '2020-06-01',
  });
  await fetch(`${service.url}/verify/${certificate.verifyUrl.split('/').at(-1)}`);
  const { download_url } = await pipeline.json<{ download_url: string }>(
    'GET',
    `/certificates/${certificate.id}/download`,
  );
  const { pathname, search } = new URL(download_url);
  await fetch(service.url + pathname + search);
  await pipeline.json('POST', `/certificates/${certificate.id}/reissue`, {
    reason: 'a better one',
    score: 1,
    maxScore: 2,
  });

  const before = new Date(Date.parse(day) - 2 * 86_400_000).toISOString().slice(0, 10);
  const read = (query: string) => pipeline.json<Figures>('GET', `/internal/analytics?${query}`);
  const { days, renderMs } = await read(`from=${before}&to=${today()}`);
  const nothing = { issued: 0, revoked: 0, replaced: 0, expired: 0, downloaded: 0, verified: 0, refused: 0, mailed: 0 };
  const noReports = { rendered: 0, hits: 0, misses: 0, failures: {}, warnings: {} };
  expect(days.slice(0, 2).map(({ certificates, reports }) => [certificates, reports])).toEqual([
    [nothing, noReports],
    [nothing, noReports],
  ]);
  expect(days[2]?.date).toBe(day);
  expect(sumOf(days.slice(2).map(({ certificates }) => certificates))).toEqual({
    ...nothing,
    issued: 3,
    replaced: 1,
    downloaded: 1,
    verified: 1,
  });
  expect(sumOf(days.slice(2).map(({ reports }) => reports))).toEqual({
    rendered: 2,
    hits: 1,
    misses: 1,
    failures: { report_not_found: 1 },
    warnings: {},
  });
  expect(renderMs.p50).toBeGreaterThan(10);
  expect((renderMs.p99 ?? 0) >= (renderMs.p50 ?? 0)).toBe(true);

  await pipeline.json('POST', `/certificates/${other.id}/revoke`, { reason: 'no more' });
  const ofCourse = await read(`from=${day}&to=${today()}&courseId=ALG2`);
  expect(sumOf(ofCourse.days.map(({ certificates }) => certificates))).toEqual({ ...nothing, issued: 1, revoked: 1 });
  const then = await read('from=2020-05-31&to=2020-06-02&courseId=ALG2');
  expect(then.days.map(({ certificates }) => certificates.expired)).toEqual([0, 0, 0]);
  const { certificate: past } = await issueCertificate(service, {
    courseId: 'ALG3',
    issuanceDate: '2020-01-01',
    expirationDate: '2020-06-01T01:00:00+05:30',
  });
  expect(past.number).not.toBe('');
  expect((await read('from=2020-05-31&to=2020-06-02')).days.map(({ certificates }) => certificates.expired)).toEqual([
    1, 0, 0,
  ]);
  expect(await read('from=2025-01-01&to=2026-01-01')).toMatchObject({ renderMs: { p50: null } });
});

test.each([
  ['', '422 invalid_request from to'],
  ['from=2026-01-01', '422 invalid_request to'],
  ['from=2026-02-30&to=2026-03-01', '422 invalid_request from'],
  ['from=2026-01-01T00:00:00Z&to=2026-03-01', '422 invalid_request from'],
  ['from=2026-03-02&to=2026-03-01', '422 invalid_request to'],
  ['from=2025-01-01&to=2026-01-02', '422 invalid_request to'],
  ['from=2026-01-01&to=2026-01-01&origin=https://x.example', '422 invalid_request /origin'],
])('refuses %s', async (query, refusal) => {
  expect(await pipelineOf(service).refusal('GET', `/internal/analytics?${query}`)).toBe(refusal);
});
