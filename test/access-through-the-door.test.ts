// Who gets what, as a table: every kind of caller, every public endpoint, the report stored or missing.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { Pages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { steerPages } from './support/steered-pages.ts';
import { serviceToken, signUserToken, userTokenSecret } from './support/tokens.ts';

const frontend = steerPages();
const seenTokens = () => frontend.opened.map(({ token }) => token);

/**
 * hit: streamed from storage. kept: storage asked, rendered, stored, sent. sent: storage asked, rendered, sent, not stored.
 * alone: rendered and sent; storage neither read nor written. 403, 401: neither storage nor a page.
 */
type Cell = 'hit' | 'kept' | 'sent' | 'alone' | 403 | 401;

interface Outcome {
  status: number;
  lookups: number;
  pages: number;
  isStored: boolean;
}

/** What each cell means, where the report is missing at first. */
const whenMissing: Record<Cell, Outcome> = {
  hit: { status: 200, lookups: 1, pages: 0, isStored: false },
  kept: { status: 200, lookups: 1, pages: 1, isStored: true },
  sent: { status: 200, lookups: 1, pages: 1, isStored: false },
  alone: { status: 200, lookups: 0, pages: 1, isStored: false },
  403: { status: 403, lookups: 0, pages: 0, isStored: false },
  401: { status: 401, lookups: 0, pages: 0, isStored: false },
};

let siteA: Pages;
let siteB: Pages;
let service: TestService;
let nextTest = 100;
/** Look-ups up to the last question: those of a question are what has come since. */
let lookupsSeen = 0;

beforeAll(async () => {
  siteA = await frontend.start();
  siteB = await frontend.start();
  const env = { FRONTEND_ORIGINS: `${siteA.origin} ${siteB.origin}=b` };
  service = await startTestService({ origin: siteA.origin, env });
  const common = { testId: 'Test_1', classId: 'CLASS_1' };
  const reports = [
    { ...common, reportType: 'overall' },
    ...['STU001', 'STU002'].map((studentId) => ({ ...common, reportType: 'student', studentId })),
    ...['TCH001', 'TCH002'].map((teacherId) => ({ ...common, reportType: 'teacher', teacherId })),
  ];
  for (const report of reports) expect((await service.trigger(report)).status).toBe(202);
  lookupsSeen = await lookups();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await siteA[Symbol.asyncDispose]();
  await siteB[Symbol.asyncDispose]();
});

const student = (id: string, claims = {}) => ({ user_type: 'student', student_id: id, ...claims });
const teacher = (id: string, claims = {}) => ({ user_type: 'teacher', teacher_id: id, ...claims });

/** The claims of each caller; each names the first tenant unless it says another, or null for none. */
const callers: Record<string, Record<string, unknown>> = {
  'the student': student('STU001', { class_id: 'CLASS_1' }),
  'the student, no class in the token': student('STU001'),
  'the student, of another class': student('STU001', { class_id: 'CLASS_2' }),
  'another student of the class': student('STU002', { class_id: 'CLASS_1' }),
  'a teacher of the class': teacher('TCH001', { class_id: 'CLASS_1' }),
  'an educator of the class': { role: 'educator', educator_id: 'TCH001', class_id: ['CLASS_1'] },
  'a teacher of another class': teacher('TCH002', { class_id: 'CLASS_2' }),
  'a teacher, no class in the token': teacher('TCH001'),
  'a teacher of several classes': teacher('TCH001', { class_id: ['CLASS_1', 'CLASS_2'] }),
  'a teacher of several other classes': teacher('TCH001', { class_id: ['CLASS_2', 'CLASS_3'] }),
  'an admin': { role: 'admin', user_id: 'ADM001' },
  'an admin of another class': { role: 'admin', user_id: 'ADM001', class_id: 'CLASS_2' },
  'a teacher of a tenant that is not ours': teacher('TCH001', { class_id: 'CLASS_1', origin: 'https://evil.example' }),
  'an admin of a tenant that is not ours': { role: 'admin', user_id: 'ADM001', origin: 'https://evil.example' },
  'a teacher of no named tenant': teacher('TCH001', { class_id: 'CLASS_1', origin: null }),
  'the student, of no named tenant': student('STU001', { class_id: 'CLASS_1', origin: null }),
  'another student, of no named tenant': student('STU002', { class_id: 'CLASS_1', origin: null }),
  'an admin of no named tenant': { role: 'admin', user_id: 'ADM001', origin: null },
};

/** Each caller's token; undefined is no token at all. */
function tokenOf(caller: string): string | undefined {
  if (caller === 'no token') return undefined;
  if (caller === 'the service token') return serviceToken;
  if (caller === 'a token of another secret') return signUserToken(callers['an admin'] ?? {}, 'x'.repeat(40));
  if (caller === 'a token without expiry') return jwt.sign({ ...callers['an admin'] }, userTokenSecret);
  const { origin = siteA.origin, ...claims } = callers[caller] ?? {};
  return signUserToken({ ...claims, ...(origin === null ? {} : { origin }) });
}

const endpoints = ['student', 'class', 'own student', 'own teacher', 'bulk'] as const;
type EndpointName = (typeof endpoints)[number];

async function ask(endpoint: EndpointName, testId: string, token: string | undefined): Promise<Response> {
  const query = `testId=${testId}&classId=CLASS_1`;
  if (endpoint === 'student') return service.get(`/generate-pdf?studentId=STU001&${query}`, token);
  if (endpoint === 'class') return service.get(`/generate-pdf?studentId=overall&${query}`, token);
  if (endpoint === 'own student') return service.get(`/generate-student-pdf?${query}`, token);
  if (endpoint === 'own teacher') return service.get(`/generate-teacher-pdf?${query}`, token);
  return fetch(`${service.url}/generate-bulk-pdf`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ studentIds: ['STU001'], testId, classId: 'CLASS_1' }),
  });
}

/** How often storage was asked, whatever was found. */
async function lookups(): Promise<number> {
  const metrics = await (await service.get('/metrics')).text();
  const counts = metrics.matchAll(/^platen_document_lookups_total\{result="(?:hit|miss)"\} (\d+)$/gm);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
const pagesOpened = () =>
  [siteA, siteB].flatMap(({ requests }) => requests).filter((path) => path.endsWith('report')).length;

/** Every stored key of a test, with its bytes. */
async function storedOf(testId: string): Promise<Record<string, string>> {
  const keys = (await service.storedKeys()).filter((key) => key.includes(`/${testId}/`));
  const read = async (key: string) => [
    key,
    (await readFile(join(service.dataDir, 'documents', key))).toString('base64'),
  ];
  return Object.fromEntries(await Promise.all(keys.map(read)));
}

async function observe(endpoint: EndpointName, testId: string, token: string | undefined): Promise<Outcome> {
  const [lookupsBefore, pagesBefore] = [lookupsSeen, pagesOpened()];
  const response = await ask(endpoint, testId, token);
  await response.arrayBuffer();
  lookupsSeen = await lookups();
  return {
    status: response.status,
    lookups: lookupsSeen - lookupsBefore,
    pages: pagesOpened() - pagesBefore,
    isStored: Object.keys(await storedOf(testId)).length > 0,
  };
}

/** For each caller and endpoint: what happens when the report is stored, and when it is missing. */
const table: [string, ...Record<'stored' | 'missing', Cell>[]][] = [
  //                                          student         class           own student     own teacher     bulk
  ['the student', ...cells('hit kept', '403 403', 'hit kept', '403 403', 'hit kept')],
  ['the student, no class in the token', ...cells('hit sent', '403 403', 'hit sent', '403 403', 'hit sent')],
  ['the student, of another class', ...cells('403 403', '403 403', '403 403', '403 403', '403 403')],
  ['another student of the class', ...cells('403 403', '403 403', 'hit kept', '403 403', '403 403')],
  ['a teacher of the class', ...cells('hit kept', 'hit kept', '403 403', 'hit kept', 'hit kept')],
  ['an educator of the class', ...cells('hit kept', 'hit kept', '403 403', 'hit kept', 'hit kept')],
  ['a teacher of another class', ...cells('403 403', '403 403', '403 403', '403 403', '403 403')],
  ['a teacher, no class in the token', ...cells('alone alone', 'alone alone', '403 403', 'hit sent', 'alone alone')],
  ['a teacher of several classes', ...cells('hit sent', 'hit sent', '403 403', 'hit sent', 'hit sent')],
  ['a teacher of several other classes', ...cells('403 403', '403 403', '403 403', '403 403', '403 403')],
  ['an admin', ...cells('hit sent', 'hit sent', '403 403', '403 403', 'hit sent')],
  ['an admin of another class', ...cells('403 403', '403 403', '403 403', '403 403', '403 403')],
  ['a teacher of a tenant that is not ours', ...cells('403 403', '403 403', '403 403', '403 403', '403 403')],
  ['an admin of a tenant that is not ours', ...cells('403 403', '403 403', '403 403', '403 403', '403 403')],
  ['a teacher of no named tenant', ...cells('alone alone', 'alone alone', '403 403', 'alone alone', 'alone alone')],
  ['the student, of no named tenant', ...cells('alone alone', '403 403', 'alone alone', '403 403', 'alone alone')],
  ['another student, of no named tenant', ...cells('403 403', '403 403', 'alone alone', '403 403', '403 403')],
  ['an admin of no named tenant', ...cells('alone alone', 'alone alone', '403 403', '403 403', 'alone alone')],
  ['no token', ...cells('401 401', '401 401', '401 401', '401 401', '401 401')],
  ['the service token', ...cells('401 401', '401 401', '401 401', '401 401', '401 401')],
  ['a token of another secret', ...cells('401 401', '401 401', '401 401', '401 401', '401 401')],
  ['a token without expiry', ...cells('401 401', '401 401', '401 401', '401 401', '401 401')],
];

function cells(...columns: string[]): Record<'stored' | 'missing', Cell>[] {
  const read = (text: string | undefined) => (text?.startsWith('40') ? Number(text) : text) as Cell;
  return columns.map((column) => ({ stored: read(column.split(' ')[0]), missing: read(column.split(' ')[1]) }));
}

const rows = table.flatMap(([caller, ...columns]) =>
  endpoints.map((endpoint, at) => ({ caller, endpoint, ...(columns[at] as Record<'stored' | 'missing', Cell>) })),
);

describe.each([...new Set(rows.map(({ caller }) => caller))])('%s', (caller) => {
  const own = rows.filter((row) => row.caller === caller);
  test.each(own)('asks for $endpoint, which is stored: $stored', async ({ endpoint, stored }) => {
    const before = await storedOf('Test_1');
    const token = tokenOf(caller);
    const outcome = await observe(endpoint, 'Test_1', token);
    expect(outcome).toEqual({ ...whenMissing[stored], isStored: true });
    expect(seenTokens()).toEqual(outcome.pages === 0 ? [] : [token]);
    expect(await storedOf('Test_1')).toEqual(before);
  });

  test.each(own)('asks for $endpoint, which is missing: $missing', async ({ endpoint, missing }) => {
    const token = tokenOf(caller);
    const outcome = await observe(endpoint, `Test_${nextTest++}`, token);
    expect(outcome).toEqual(whenMissing[missing]);
    expect(seenTokens()).toEqual(outcome.pages === 0 ? [] : [token]);
  });
});

describe('a refusal', () => {
  const refused = rows.filter(({ stored }) => stored === 403);
  test.each(refused)('says the same whether it exists or not: $caller, $endpoint', async ({ caller, endpoint }) => {
    const bodyAt = async (testId: string) => {
      const response = await ask(endpoint, testId, tokenOf(caller));
      const { requestId, ...problem } = (await response.json()) as { requestId: string };
      const named = ['content-type', 'cache-control', 'retry-after', 'etag', 'last-modified', 'cache-status', 'vary'];
      return { status: response.status, problem, headers: named.map((name) => response.headers.get(name)) };
    };
    const existing = await bodyAt('Test_1');
    expect(existing).toMatchObject({ status: 403, problem: { code: 'forbidden', status: 403 } });
    expect(await bodyAt(`Test_${nextTest++}`)).toEqual(existing);
  });

  test('of another tenant comes before storage and page, whatever the token opens at home', async () => {
    const claims = { role: 'admin', user_id: 'ADM001', origin: siteB.origin };
    const [lookupsBefore, pagesBefore] = [await lookups(), pagesOpened()];
    for (const testId of ['Test_1', `Test_${nextTest++}`]) {
      const path = `/generate-pdf?studentId=STU001&testId=${testId}&classId=CLASS_1`;
      const response = await service.get(path, signUserToken(claims), { origin: siteA.origin });
      expect(response.status).toBe(403);
    }
    expect({ lookups: await lookups(), pages: pagesOpened() }).toEqual({ lookups: lookupsBefore, pages: pagesBefore });
  });
});
