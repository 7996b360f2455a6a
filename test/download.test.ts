// What a person gets who downloads a report: the stored PDF or a fresh one, its headers, ranges, and what is kept of it.

import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Pages } from './support/pages.ts';
import { pdfOf, readPdf } from './support/pdf.ts';
import { startTestService, type TestService } from './support/service.ts';
import { steerPages } from './support/steered-pages.ts';
import { adminToken, serviceToken, signUserToken, studentToken, teacherToken } from './support/tokens.ts';

const frontend = steerPages();
beforeEach(() => {
  frontend.figuresFor = () => ({ text: 'Figures of the class' });
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

let pages: Pages;
let service: TestService;
let count = 0;

/** A student of whom nothing is stored. */
function newStudent(classId = 'CLASS_1', testId = 'Test_1') {
  const id = `STU${++count}`;
  const key = `reports/${classId}/${testId}/students/${id}.pdf`;
  return {
    id,
    key,
    file: join(service.dataDir, 'documents', key),
    path: `/generate-pdf?studentId=${id}&testId=${testId}&classId=${classId}`,
    trigger: { testId, classId, reportType: 'student', studentId: id },
  };
}

/** A student whose report is stored; `pages` opened for it are forgotten. */
async function storedStudent(more: object = {}) {
  const student = newStudent();
  const response = await service.trigger({ ...student.trigger, ...more });
  expect(response.status).toBe(202);
  frontend.opened = [];
  return { ...student, bytes: await readFile(student.file) };
}

const head = (path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(service.url + path, { method: 'HEAD', headers: { authorization: `Bearer ${token}`, ...headers } });
const pagesAndTokens = () => frontend.opened.map(({ page, token }) => ({ page, token }));
const cacheStatus = (response: Response) => response.headers.get('cache-status');
const renders = () => service.metric('platen_renders_total{outcome="ok"}');
const teacher = teacherToken('TCH001', 'CLASS_1');
const hit = 'platen; hit';
const stored = 'platen; fwd=miss; stored';
const notStored = 'platen; fwd=miss';

beforeAll(async () => {
  pages = await frontend.start();
  service = await startTestService({ origin: pages.origin });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

describe('a report that is stored', () => {
  test('is streamed byte for byte, and no page is opened', async () => {
    const student = await storedStudent();
    const response = await service.get(student.path, teacher);
    expect(response.status).toBe(200);
    expect((await bodyOf(response)).equals(student.bytes)).toBe(true);
    expect(cacheStatus(response)).toBe(hit);
    expect(frontend.opened).toEqual([]);
  });

  test('answers with all the headers that callers rely on, to the letter', async () => {
    const student = await storedStudent();
    const { status, headers } = await service.get(student.path, teacher, { 'x-request-id': 'backend-4711' });
    const { metadata } = JSON.parse(await readFile(`${student.file}.json`, 'utf8'));
    expect({ status, ...Object.fromEntries(headers) }).toMatchObject({
      status: 200,
      'content-type': 'application/pdf',
      'content-length': String(student.bytes.length),
      'content-disposition': `attachment; filename="report_${student.id}_Test_1.pdf"`,
      etag: `"${sha256(student.bytes)}"`,
      'last-modified': new Date(metadata['generated-at']).toUTCString(),
      'cache-control': 'private, no-cache',
      'accept-ranges': 'bytes',
      'cache-status': hit,
      'x-request-id': 'backend-4711',
    });
  });

  test.each([[undefined], ['with spaces'], ['x'.repeat(100)]])(
    'gets a request id made for it when the caller gives %p',
    async (given) => {
      const student = await storedStudent();
      const response = await service.get(student.path, teacher, given === undefined ? {} : { 'x-request-id': given });
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  test('is served from the canonical document at /generate-student-pdf', async () => {
    const student = await storedStudent();
    const path = '/generate-student-pdf?testId=Test_1&classId=CLASS_1';
    const response = await service.get(path, studentToken(student.id, 'CLASS_1'));
    expect((await bodyOf(response)).equals(student.bytes)).toBe(true);
    expect(cacheStatus(response)).toBe(hit);
    expect(frontend.opened).toEqual([]);
  });
});

describe('a report that is missing', () => {
  test('is rendered with the token of the very caller, kept, and streamed from then on', async () => {
    const student = newStudent();
    const first = await service.get(student.path, teacher);
    const bytes = await bodyOf(first);
    expect({ status: first.status, cache: cacheStatus(first) }).toEqual({ status: 200, cache: stored });
    expect(pagesAndTokens()).toEqual([{ page: `/report?studentId=${student.id}&testId=Test%201`, token: teacher }]);
    expect((await readFile(student.file)).equals(bytes)).toBe(true);
    expect((await readPdf(bytes)).text).toContain('Figures of the class');
    const second = await service.get(student.path, teacher);
    expect(cacheStatus(second)).toBe(hit);
    expect((await bodyOf(second)).equals(bytes)).toBe(true);
    expect(frontend.opened.length).toBe(1);
  });

  test('has the headers of a stored one', async () => {
    const { path, id } = newStudent();
    const before = Math.floor(Date.now() / 1000) * 1000;
    const response = await service.get(path, teacher);
    const bytes = await bodyOf(response);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/pdf',
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="report_${id}_Test_1.pdf"`,
      etag: `"${sha256(bytes)}"`,
      'cache-control': 'private, no-cache',
      'accept-ranges': 'bytes',
      'cache-status': stored,
    });
    expect(Date.parse(response.headers.get('last-modified') ?? '')).toBeGreaterThanOrEqual(before);
  });

  const self = studentToken('STU_SELF', 'CLASS_1');
  const overall = '/generate-pdf?studentId=overall&classId=CLASS_1';
  const ofSelf = '/generate-pdf?studentId=STU_SELF&classId=CLASS_1';
  const report = (student: string, test: string) => `/report?studentId=${student}&testId=${test}`;
  test.each([
    ['a student, of the own report,', self, `${ofSelf}&testId=21`, '/student-report?testId=21'],
    ['a student, by the token alone,', self, '/generate-student-pdf?testId=Test_22', '/student-report?testId=22'],
    ['a student, of all tests,', self, '/generate-student-pdf?testId=overall', '/student-report?testId=0'],
    ['an educator, of a student,', teacher, `${ofSelf}&testId=23`, report('STU_SELF', 'Test%2023')],
    ['an educator, of a named test,', teacher, `${ofSelf}&testId=Final`, report('STU_SELF', 'Final')],
    ['an educator, of a test like a number,', teacher, `${ofSelf}&testId=05`, report('STU_SELF', '05')],
    ['an educator, of all tests,', teacher, `${ofSelf}&testId=Overall`, report('STU_SELF', '0')],
    ['an educator, of the class,', teacher, `${overall}&testId=Test+24`, report('overall', 'Test%2024')],
    ['a teacher, of one test,', teacher, '/generate-teacher-pdf?testId=Test_25', '/teacher-report?testId=25'],
    ['a teacher, of all tests,', teacher, '/generate-teacher-pdf?testId=overall', '/teacher-report?testId=0'],
  ])('opens for %s the page of their kind', async (_who, token, path, page) => {
    const response = await service.get(path, token);
    expect(response.status).toBe(200);
    expect(pagesAndTokens()).toEqual([{ page, token }]);
  });

  test.each([
    ['student', teacher, '/generate-pdf?studentId=STU123&testId=5&classId=CLASS_1', 'report_STU123_Test_5.pdf'],
    ['teacher', teacher, '/generate-teacher-pdf?testId=Test 5', 'report_teacher_TCH001_Test_5.pdf'],
    ['class', teacher, '/generate-pdf?studentId=overall&testId=Test_5', 'report_CLASS_1_Test_5.pdf'],
    ['teacher of all tests', teacher, '/generate-teacher-pdf?testId=0', 'report_teacher_TCH001_overall.pdf'],
  ])('is saved under the name of the %s, or shown when asked so', async (_kind, token, path, name) => {
    const attached = await service.get(path, token);
    expect(attached.headers.get('content-disposition')).toBe(`attachment; filename="${name}"`);
    const inline = await service.get(`${path}&disposition=inline`, token);
    expect(inline.headers.get('content-disposition')).toBe(`inline; filename="${name}"`);
  });

  test.each(['classId', 'class_id', 'class', 'classid', 'classID'])('knows its class as %s', async (spelling) => {
    const student = newStudent();
    const response = await service.get(`/generate-pdf?studentId=${student.id}&testId=1&${spelling}=CLASS_1`, teacher);
    expect(cacheStatus(response)).toBe(stored);
    expect(await service.storedKeys()).toContain(student.key);
  });

  test('takes its class from the token when the request names none', async () => {
    const student = newStudent('CLASS_OF_TOKEN');
    const path = `/generate-pdf?studentId=${student.id}&testId=1`;
    const response = await service.get(path, studentToken(student.id, 'CLASS_OF_TOKEN'));
    expect(cacheStatus(response)).toBe(stored);
    expect(await service.storedKeys()).toContain(student.key);
  });

  test.each([
    ['no class', undefined],
    ['several classes', ['CLASS_1', 'CLASS_2']],
  ])('is rendered but not kept when the token names %s and the request none', async (_which, classes) => {
    const keys = await service.storedKeys();
    const token = studentToken(newStudent().id, classes);
    for (let round = 1; round <= 2; round++) {
      const response = await service.get('/generate-student-pdf?testId=1', token);
      expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
      expect(frontend.opened.length).toBe(round);
    }
    expect(await service.storedKeys()).toEqual(keys);
  });

  test('ignores query names that it does not know', async () => {
    const response = await service.get(`${newStudent().path}&utm_source=mail&format[a]=b`, teacher);
    expect(response.status).toBe(200);
  });
});

describe('what is kept is surely of that key', () => {
  const several = teacherToken('TCH001', ['CLASS_1', 'CLASS_2']);
  const one = teacherToken('TCH001', 'CLASS_1');
  test.each([
    ['the token names just this class and the page is silent', one, undefined, true],
    ['the token names just this class and the page agrees', one, 'CLASS_1', true],
    ['the token names just this class but the page another', one, 'CLASS_2', false],
    ['the token names several classes and the page this one', several, 'CLASS_1', true],
    ['the token names several classes and the page is silent', several, undefined, false],
    ['the token names several classes and the page another', several, 'CLASS_2', false],
    ['an admin asks and the page names this class', adminToken(), 'CLASS_1', true],
    ['an admin asks and the page is silent', adminToken(), undefined, false],
  ])('when %s', async (_when, token, className, isKept) => {
    frontend.figuresFor = () => ({ text: 'Figures', ...(className === undefined ? {} : { className }) });
    const student = newStudent();
    const response = await service.get(student.path, token);
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({
      status: 200,
      cache: isKept ? stored : notStored,
    });
    expect((await service.storedKeys()).includes(student.key)).toBe(isKept);
  });

  test('an educator may name themselves, and that page is opened and kept', async () => {
    const student = newStudent();
    const response = await service.get(`${student.path}&educatorId=TCH001`, teacher);
    expect(cacheStatus(response)).toBe(stored);
    expect(frontend.opened[0]?.page).toBe(`/report?studentId=${student.id}&testId=Test%201&educatorId=TCH001`);
  });

  test.each([
    ['an educator', () => teacher],
    ['a student', (id: string) => studentToken(id, 'CLASS_1')],
  ])('%s who names another educator gets 403 and no page is opened', async (_who, tokenOf) => {
    const student = newStudent();
    const response = await service.get(`${student.path}&educatorId=TCH002`, tokenOf(student.id));
    expect({ status: response.status, code: await codeOf(response) }).toEqual({ status: 403, code: 'forbidden' });
    expect(frontend.opened).toEqual([]);
  });

  test('an admin may name any educator, and that render is not kept', async () => {
    frontend.figuresFor = () => ({ text: 'Figures', className: 'CLASS_1' });
    const student = newStudent();
    const response = await service.get(`${student.path}&educatorId=TCH777`, adminToken());
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
    expect(frontend.opened[0]?.page).toBe(`/report?studentId=${student.id}&testId=Test%201&educatorId=TCH777`);
    expect(await service.storedKeys()).not.toContain(student.key);
  });
});

describe('HEAD', () => {
  test('answers 200 with the headers of a stored report and no body', async () => {
    const student = await storedStudent();
    const response = await head(student.path, teacher);
    expect({ status: response.status, body: await response.text() }).toEqual({ status: 200, body: '' });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/pdf',
      'content-length': String(student.bytes.length),
      etag: `"${sha256(student.bytes)}"`,
      'cache-status': hit,
    });
  });

  test('answers 404 for a report that would have to be rendered, and renders nothing', async () => {
    const before = await renders();
    expect((await head(newStudent().path, teacher)).status).toBe(404);
    expect((await head('/generate-student-pdf?testId=1', studentToken('STU1'))).status).toBe(404);
    expect(frontend.opened).toEqual([]);
    expect(await renders()).toBe(before);
  });

  test('ignores a Range, which is for GET only', async () => {
    const student = await storedStudent();
    const response = await head(student.path, teacher, { range: 'bytes=0-9' });
    const length = response.headers.get('content-length');
    expect({ status: response.status, length }).toEqual({ status: 200, length: String(student.bytes.length) });
  });
});

describe('a caller who has the PDF already', () => {
  test.each([
    ['names its tag', (tag: string) => tag],
    ['names its tag among others', (tag: string) => `"abc", ${tag}`],
    ['names its tag weakly', (tag: string) => `W/${tag}`],
    ['names any tag', () => '*'],
  ])('and %s gets 304 without a body', async (_how, tagOf) => {
    const student = await storedStudent();
    const tag = `"${sha256(student.bytes)}"`;
    const response = await service.get(student.path, teacher, { 'if-none-match': tagOf(tag) });
    expect({ status: response.status, body: await response.text() }).toEqual({ status: 304, body: '' });
    expect(response.headers.get('etag')).toBe(tag);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
  });

  test('of another version gets the new one', async () => {
    const student = await storedStudent();
    const response = await service.get(student.path, teacher, { 'if-none-match': `"${'0'.repeat(64)}"` });
    expect({ status: response.status, whole: (await bodyOf(response)).equals(student.bytes) }).toEqual({
      status: 200,
      whole: true,
    });
  });

  test('gets 304 also when a range is asked for', async () => {
    const student = await storedStudent();
    const headers = { 'if-none-match': `"${sha256(student.bytes)}"`, range: 'bytes=0-1' };
    expect((await service.get(student.path, teacher, headers)).status).toBe(304);
  });
});

describe('a part of a report', () => {
  let student: Awaited<ReturnType<typeof storedStudent>>;
  let size: number;
  beforeAll(async () => {
    student = await storedStudent();
    size = student.bytes.length;
  });

  test.each([
    ['the first bytes', 'bytes=0-99', () => [0, 99]],
    ['one byte', 'bytes=5-5', () => [5, 5]],
    ['bytes in the middle', 'bytes=100-1099', () => [100, 1099]],
    ['from somewhere to the end', 'bytes=1000-', () => [1000, size - 1]],
    ['the last bytes', 'bytes=-42', () => [size - 42, size - 1]],
    ['more than there are', 'bytes=10-99999999', () => [10, size - 1]],
    ['more last bytes than there are', 'bytes=-99999999', () => [0, size - 1]],
  ])('is answered by 206 with exactly these bytes: %s', async (_what, range, limits) => {
    const [start = 0, end = 0] = limits();
    const response = await service.get(student.path, teacher, { range });
    const body = await bodyOf(response);
    expect({
      status: response.status,
      range: response.headers.get('content-range'),
      length: response.headers.get('content-length'),
      isExact: body.equals(student.bytes.subarray(start, end + 1)),
    }).toEqual({ status: 206, range: `bytes ${start}-${end}/${size}`, length: String(end - start + 1), isExact: true });
  });

  test.each(['bytes=99999999-', 'bytes=-0'])(
    'that does not exist (%s) is answered by 416 and the size',
    async (range) => {
      const response = await service.get(student.path, teacher, { range });
      expect({ status: response.status, range: response.headers.get('content-range') }).toEqual({
        status: 416,
        range: `bytes */${size}`,
      });
    },
  );

  test.each([
    ['several ranges', 'bytes=0-1,10-11'],
    ['a thousand ranges', `bytes=${Array.from({ length: 1000 }, (_, each) => `${each * 3}-${each * 3}`).join(',')}`],
    ['a range of something else', 'pages=1-2'],
    ['a range that is not one', 'bytes=five'],
  ])('is not cut out for %s: the whole comes with 200', async (_what, range) => {
    const response = await service.get(student.path, teacher, { range });
    expect(response.status).toBe(200);
    expect((await bodyOf(response)).equals(student.bytes)).toBe(true);
  });

  test('is given only while If-Range still holds, else the whole', async () => {
    const range = 'bytes=0-9';
    const same = await service.get(student.path, teacher, { range, 'if-range': `"${sha256(student.bytes)}"` });
    expect({ status: same.status, bytes: (await bodyOf(same)).length }).toEqual({ status: 206, bytes: 10 });
    const other = await service.get(student.path, teacher, { range, 'if-range': `"${'0'.repeat(64)}"` });
    expect({ status: other.status, bytes: (await bodyOf(other)).length }).toEqual({ status: 200, bytes: size });
  });

  test('is given of a report that had to be rendered, too', async () => {
    const fresh = newStudent();
    const response = await service.get(fresh.path, teacher, { range: 'bytes=0-4' });
    expect({ status: response.status, body: await response.text() }).toEqual({ status: 206, body: '%PDF-' });
  });

  const shortcuts: [string, (tag: string) => Record<string, string>][] = [
    ['a range', () => ({ range: 'bytes=0-1' })],
    ['an impossible range', () => ({ range: 'bytes=99999999-' })],
    ['a known tag', (tag) => ({ 'if-none-match': tag })],
    ['any tag', () => ({ 'if-none-match': '*' })],
  ];
  test.each(shortcuts)('is never given before authorization: %s', async (_what, headersOf) => {
    const headers = headersOf(`"${sha256(student.bytes)}"`);
    const stranger = await service.get(student.path, studentToken('STU_OTHER', 'CLASS_1'), headers);
    expect({ status: stranger.status, etag: stranger.headers.get('etag') }).toEqual({ status: 403, etag: null });
    const nobody = await service.get(student.path, undefined, headers);
    expect({ status: nobody.status, etag: nobody.headers.get('etag') }).toEqual({ status: 401, etag: null });
    expect((await head(student.path, studentToken('STU_OTHER', 'CLASS_1'), headers)).status).toBe(403);
  });
});

describe('the version of the data', () => {
  test('is a hit when it is the stored one, and when none is asked for', async () => {
    const student = await storedStudent({ dataVersion: '2024-10-01T08:00:00Z' });
    for (const query of ['', '&dataVersion=2024-10-01T08:00:00Z']) {
      expect(cacheStatus(await service.get(student.path + query, teacher))).toBe(hit);
    }
  });

  test.each([
    ['another', { dataVersion: 'v1' }],
    ['none', {}],
  ])('is a miss when that of the stored one is %s, which stays as it is', async (_which, more) => {
    const student = await storedStudent(more);
    frontend.figuresFor = () => ({ text: 'Figures of now' });
    const answers = [
      await service.get(`${student.path}&dataVersion=v2`, teacher),
      await service.get(`${student.path}&dataVersion=v2`, studentToken(student.id, 'CLASS_1')),
    ];
    for (const answer of answers) {
      expect(cacheStatus(answer)).toBe(notStored);
      expect((await pdfOf(answer)).text).toContain('Figures of now');
    }
    const unchanged = await service.get(student.path, teacher);
    expect(cacheStatus(unchanged)).toBe(hit);
    expect((await bodyOf(unchanged)).equals(student.bytes)).toBe(true);
  });

  test('is named by the backend alone: one that does not exist yet can not be taken', async () => {
    const student = newStudent();
    for (const token of [studentToken(student.id, 'CLASS_1'), teacher])
      expect(cacheStatus(await service.get(`${student.path}&dataVersion=v9`, token))).not.toBe(hit);
    const asked = await service.get(`${student.path}&dataVersion=v9`, studentToken(student.id, 'CLASS_1'));
    expect(cacheStatus(asked)).not.toBe(hit);
    await service.trigger({ ...student.trigger, dataVersion: 'v9' });
    const named = await service.get(`${student.path}&dataVersion=v9`, teacher);
    expect(cacheStatus(named)).toBe(hit);
    expect((await bodyOf(named)).equals(await readFile(student.file))).toBe(true);
  });

  test('that is not stored is not made later, but at once', async () => {
    const student = await storedStudent({ dataVersion: 'v1' });
    const later = await service.get(`${student.path}&dataVersion=v2`, teacher, { prefer: 'respond-async' });
    expect([later.status, cacheStatus(later)]).toEqual([200, notStored]);
    expect((await readFile(student.file)).equals(student.bytes)).toBe(true);
  });
});

describe("a student's own page", () => {
  test('is stored under the key of the report and served to the student again', async () => {
    const student = newStudent();
    const token = studentToken(student.id, 'CLASS_1');
    expect(cacheStatus(await service.get(student.path, token))).toBe(stored);
    expect(await service.storedKeys()).toContain(student.key);
    const again = await service.get('/generate-student-pdf?testId=1', token);
    expect(cacheStatus(again)).toBe(hit);
    expect(frontend.opened.map(({ page }) => page)).toEqual(['/student-report?testId=1']);
  });

  test('is a miss for an educator, whose page replaces it and serves the student from then on', async () => {
    const student = newStudent();
    const token = studentToken(student.id, 'CLASS_1');
    frontend.figuresFor = () => ({ text: 'The student sees this' });
    await pdfOf(await service.get(student.path, token));
    frontend.figuresFor = () => ({ text: 'The educator sees this' });
    const canonical = await service.get(student.path, teacher);
    expect(cacheStatus(canonical)).toBe(stored);
    expect((await pdfOf(canonical)).text).toContain('The educator sees this');
    const own = await service.get(student.path, token);
    expect(cacheStatus(own)).toBe(hit);
    expect((await pdfOf(own)).text).toContain('The educator sees this');
    expect(frontend.opened.map(({ token: used }) => used)).toEqual([token, teacher]);
  });

  test('is a miss for an admin, too', async () => {
    const student = newStudent();
    await service.get(student.path, studentToken(student.id, 'CLASS_1'));
    expect(cacheStatus(await service.get(student.path, adminToken()))).toBe(notStored);
  });
});

describe('a document that lies under another key', () => {
  const copies: [string, (classId: string) => { from: string; to: string; path: string; token: string }][] = [
    [
      "another student's",
      (classId) => ({
        from: 'Test_1/students/STU_A.pdf',
        to: 'Test_1/students/STU_B.pdf',
        path: `/generate-pdf?studentId=STU_B&testId=1&classId=${classId}`,
        token: studentToken('STU_B', classId),
      }),
    ],
    [
      "another test's",
      (classId) => ({
        from: 'Test_1/students/STU_A.pdf',
        to: 'Test_2/students/STU_A.pdf',
        path: `/generate-pdf?studentId=STU_A&testId=2&classId=${classId}`,
        token: teacherToken('TCH001', classId),
      }),
    ],
    [
      "the class's",
      (classId) => ({
        from: 'Test_1/students/STU_A.pdf',
        to: 'Test_1/overall.pdf',
        path: `/generate-pdf?studentId=overall&testId=1&classId=${classId}`,
        token: teacherToken('TCH001', classId),
      }),
    ],
    [
      "a teacher's",
      (classId) => ({
        from: 'Test_1/students/TCH001.pdf',
        to: 'Test_1/teacher_TCH001.pdf',
        path: `/generate-teacher-pdf?testId=1&classId=${classId}`,
        token: teacherToken('TCH001', classId),
      }),
    ],
  ];

  test.each(copies)('does not serve as %s, and the next render takes its place', async (_whose, copyIn) => {
    const classId = `COPY_${++count}`;
    const { from, to, path, token } = copyIn(classId);
    const studentId = from.replace(/.*\/|\.pdf/g, '');
    await service.trigger({ testId: '1', classId, reportType: 'student', studentId });
    const folder = join(service.dataDir, 'documents/reports', classId);
    await mkdir(dirname(join(folder, to)), { recursive: true });
    for (const ending of ['', '.json']) await copyFile(join(folder, from + ending), join(folder, to + ending));
    const source = await readFile(join(folder, from));
    frontend.figuresFor = () => ({ text: 'Of the one who asks' });
    expect((await head(path, token)).status).toBe(404);
    const answer = await service.get(path, token);
    expect(cacheStatus(answer)).toBe(stored);
    expect((await pdfOf(answer)).text).toContain('Of the one who asks');
    expect(cacheStatus(await service.get(path, token))).toBe(hit);
    expect((await readFile(join(folder, from))).equals(source)).toBe(true);
  });

  test("does not serve as that of another class's", async () => {
    const [classA, classB] = [`COPY_${++count}`, `COPY_${++count}`];
    await service.trigger({ testId: '1', classId: classA, reportType: 'overall' });
    const fileOf = (classId: string) => join(service.dataDir, 'documents/reports', classId, 'Test_1/overall.pdf');
    await mkdir(dirname(fileOf(classB)), { recursive: true });
    for (const ending of ['', '.json']) await copyFile(fileOf(classA) + ending, fileOf(classB) + ending);
    const path = `/generate-pdf?studentId=overall&testId=1&classId=${classB}`;
    expect((await head(path, teacherToken('TCH001', classB))).status).toBe(404);
  });
});

describe('a condition that does not hold', () => {
  const yesterday = () => new Date(Date.now() - 86_400_000).toUTCString();
  const tomorrow = () => new Date(Date.now() + 86_400_000).toUTCString();

  test.each<[string, (tag: string) => Record<string, string>, number]>([
    ['If-Match with another tag', () => ({ 'if-match': '"other"' }), 412],
    ['If-Match with its tag as a weak one', (tag) => ({ 'if-match': `W/${tag}` }), 412],
    ['If-Match with its tag', (tag) => ({ 'if-match': `"other", ${tag}` }), 200],
    ['If-Match with any', () => ({ 'if-match': '*' }), 200],
    ['If-Match with another tag, and a range', () => ({ 'if-match': '"other"', range: 'bytes=0-4' }), 412],
    ['If-Match with its tag, and a range', (tag) => ({ 'if-match': tag, range: 'bytes=0-4' }), 206],
    ['If-Match before If-None-Match', (tag) => ({ 'if-match': '"other"', 'if-none-match': tag }), 412],
    ['If-Unmodified-Since of before', () => ({ 'if-unmodified-since': yesterday() }), 412],
    ['If-Unmodified-Since of after', () => ({ 'if-unmodified-since': tomorrow() }), 200],
    ['If-Unmodified-Since that is no date', () => ({ 'if-unmodified-since': 'soon' }), 200],
    [
      'If-Unmodified-Since beside a good If-Match',
      (tag) => ({ 'if-match': tag, 'if-unmodified-since': yesterday() }),
      200,
    ],
  ])('%s', async (_which, headersOf, status) => {
    const student = await storedStudent();
    const headers = headersOf(`"${sha256(student.bytes)}"`);
    const answer = await service.get(student.path, teacher, headers);
    const length = { 200: student.bytes.length, 206: 5 }[status] ?? 0;
    expect([answer.status, (await bodyOf(answer)).length]).toEqual([status, length]);
    const headStatus = status === 206 ? 200 : status;
    expect((await head(student.path, teacher, headers)).status).toBe(headStatus);
  });
});

describe('a stored file that was altered', () => {
  const changes: [string, (file: string, bytes: Buffer) => Promise<void>][] = [
    [
      'one byte of it changed',
      async (file, bytes) => {
        const altered = Buffer.from(bytes);
        altered.writeUInt8(altered.readUInt8(1000) ^ 1, 1000);
        await writeFile(file, altered);
      },
    ],
    ['its end cut off', (file) => truncate(file, 500)],
    ['something added', (file, bytes) => writeFile(file, Buffer.concat([bytes, Buffer.from('x')]))],
    ['nothing left of it', (file) => truncate(file, 0)],
    ['the file taken away', (file) => rm(file)],
    ['its record taken away', (file) => rm(`${file}.json`)],
    ['its record cut off', (file) => truncate(`${file}.json`, 20)],
    ['its record emptied', (file) => truncate(`${file}.json`, 0)],
    ['a record that is no object', (file) => writeFile(`${file}.json`, 'null')],
    ['a record without its digest', (file) => writeFile(`${file}.json`, '{"version":"1","bytes":9,"metadata":{}}')],
    ['a record without anything', (file) => writeFile(`${file}.json`, '{}')],
  ];
  test.each(changes)('is rendered anew, kept and served again: %s', async (_what, alter) => {
    const student = await storedStudent();
    await alter(student.file, student.bytes);
    frontend.figuresFor = () => ({ text: 'Rendered anew' });
    const response = await service.get(student.path, teacher);
    const cache = cacheStatus(response);
    expect((await pdfOf(response)).text).toContain('Rendered anew');
    expect(cache).toBe(stored);
    expect(cacheStatus(await service.get(student.path, teacher))).toBe(hit);
  });

  test('is replaced by the trigger, even when its record is unreadable', async () => {
    const student = await storedStudent();
    await writeFile(`${student.file}.json`, '{"half":');
    expect((await service.trigger(student.trigger)).status).toBe(202);
    expect(cacheStatus(await service.get(student.path, teacher))).toBe(hit);
  });
});

describe('a storage that fails', () => {
  /** Puts something else in the place of the stored documents for as long as the test lasts. */
  async function replaceDocuments(): Promise<AsyncDisposable> {
    const folder = join(service.dataDir, 'documents');
    await rename(folder, `${folder}.away`);
    await writeFile(folder, 'no folder');
    return {
      async [Symbol.asyncDispose]() {
        await rm(folder);
        await rename(`${folder}.away`, folder);
      },
    };
  }

  test('still gives the caller the PDF, and says that it is not stored', async () => {
    const student = await storedStudent();
    await using _broken = await replaceDocuments();
    for (const path of [student.path, newStudent().path]) {
      const response = await service.get(path, teacher);
      expect(cacheStatus(response)).toBe(notStored);
      expect((await pdfOf(response)).text).toContain('Figures of the class');
    }
  });

  test('tells the backend 503 storage_unavailable', async () => {
    await using _broken = await replaceDocuments();
    const response = await service.trigger(newStudent().trigger);
    expect({ status: response.status, code: await codeOf(response) }).toEqual({
      status: 503,
      code: 'storage_unavailable',
    });
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('is a miss when the stored record cannot be read', async () => {
    const student = newStudent();
    await mkdir(`${student.file}.json`, { recursive: true });
    const response = await service.get(student.path, teacher);
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
    expect((await bodyOf(response)).subarray(0, 5).toString()).toBe('%PDF-');
  });

  test('is a miss when the stored PDF cannot be read', async () => {
    const student = await storedStudent();
    await rm(student.file);
    await mkdir(student.file);
    const response = await service.get(student.path, teacher);
    expect({ status: response.status, cache: cacheStatus(response) }).toEqual({ status: 200, cache: notStored });
    expect((await bodyOf(response)).subarray(0, 5).toString()).toBe('%PDF-');
  });
});

/** A picture of noise, which nothing makes smaller. */
function noise(width: number, height: number): Buffer {
  const rows = Array.from({ length: height }, () => Buffer.concat([Buffer.alloc(1), randomBytes(width * 3)]));
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.set([8, 2, 0, 0, 0], 8);
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const content = chunk('IDAT', deflateSync(Buffer.concat(rows), { level: 1 }));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', size), content, chunk('IEND', Buffer.alloc(0))]);
}

describe('a report of more than 4 MiB', () => {
  let student: Awaited<ReturnType<typeof storedStudent>>;
  let record: string;
  beforeAll(async () => {
    const image = `data:image/png;base64,${noise(1500, 1200).toString('base64')}`;
    frontend.figuresFor = () => ({ text: 'Many pictures', image });
    student = await storedStudent();
    expect(student.bytes.length).toBeGreaterThan(4 * 1024 * 1024);
    record = await readFile(`${student.file}.json`, 'utf8');
  });

  test('is streamed byte for byte', async () => {
    const response = await service.get(student.path, teacher);
    expect({
      status: response.status,
      length: response.headers.get('content-length'),
      cache: cacheStatus(response),
    }).toEqual({ status: 200, length: String(student.bytes.length), cache: hit });
    expect(response.headers.get('etag')).toBe(`"${sha256(student.bytes)}"`);
    expect((await bodyOf(response)).equals(student.bytes)).toBe(true);
  });

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=100000-4200000', 100_000, 4_200_000],
    ['bytes=-70000', -70_000, -1],
  ])('is given in parts: %s', async (range, from, to) => {
    const size = student.bytes.length;
    const [start, end] = [(from + size) % size, (to + size) % size];
    const response = await service.get(student.path, teacher, { range });
    expect({ status: response.status, range: response.headers.get('content-range') }).toEqual({
      status: 206,
      range: `bytes ${start}-${end}/${size}`,
    });
    expect((await bodyOf(response)).equals(student.bytes.subarray(start, end + 1))).toBe(true);
  });

  test('answers HEAD and 304 without being read', async () => {
    expect((await head(student.path, teacher)).status).toBe(200);
    const headers = { 'if-none-match': `"${sha256(student.bytes)}"` };
    const response = await service.get(student.path, teacher, headers);
    expect({ status: response.status, bytes: (await bodyOf(response)).length }).toEqual({ status: 304, bytes: 0 });
  });

  const alterations: [string, (bytes: Buffer) => Buffer][] = [
    ['at its beginning', (bytes) => Buffer.concat([Buffer.from('?'), bytes.subarray(1)])],
    ['at its very end', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from('?')])],
    ['by being cut off', (bytes) => bytes.subarray(0, 4_500_000)],
    ['by an addition', (bytes) => Buffer.concat([bytes, Buffer.from('%more')])],
  ];
  test.each(alterations)('never arrives whole when it was altered %s, and is removed', async (_where, alter) => {
    await writeFile(student.file, alter(student.bytes));
    await writeFile(`${student.file}.json`, record);
    const answer = service.get(student.path, teacher).then(bodyOf);
    const isBrokenOff = await answer.then(
      () => false,
      () => true,
    );
    expect(isBrokenOff).toBe(true);
    expect(await service.storedKeys()).not.toContain(student.key);
    expect((await head(student.path, teacher)).status).toBe(404);
  });
});

describe('a request without a right', () => {
  const path = '/generate-pdf?studentId=STU001&testId=1&classId=CLASS_1';
  const signed = (claims: object) => signUserToken({ user_type: 'teacher', teacher_id: 'T1', ...claims });
  test.each([
    ['no token', undefined],
    ['something that is no token', 'abc'],
    ['the service token', serviceToken],
    ['a token signed with another secret', signUserToken({ role: 'admin', user_id: 'A1' }, 'x'.repeat(40))],
    ['an expired token', signed({ exp: 1_700_000_000 })],
    ['a report token', signed({ scope: 'report:read' })],
    ['a token whose claims contradict each other', signed({ educator_id: 'T2' })],
    ['a token without a type', signUserToken({ user_id: 'U1' })],
    ['a token without an id', signUserToken({ user_type: 'student' })],
  ])('gets 401 with %s', async (_what, token) => {
    const response = await service.get(path, token);
    expect({ status: response.status, code: await codeOf(response) }).toEqual({ status: 401, code: 'unauthorized' });
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(frontend.opened).toEqual([]);
  });
});

describe('at the example school', () => {
  let atSchool: TestService;
  beforeAll(async () => {
    atSchool = await startTestService();
  });
  afterAll(() => atSchool[Symbol.asyncDispose]());

  test.each([
    ['a student', studentToken('STU001', 'CLASS_TEST'), '/generate-student-pdf?testId=Test_1', 'Amara Whitfield'],
    ['a teacher', teacherToken('TCH001', 'CLASS_TEST'), '/generate-teacher-pdf?testId=overall', ''],
    [
      'an educator',
      teacherToken('TCH001', 'CLASS_TEST'),
      '/generate-pdf?studentId=STU002&testId=1&class=CLASS_TEST',
      '',
    ],
  ])('%s downloads the report with nothing but the own token', async (_who, token, path, name) => {
    const response = await atSchool.get(path, token);
    const cache = cacheStatus(response);
    const pdf = await pdfOf(response);
    expect(pdf.pages).toBeGreaterThan(0);
    expect(pdf.text).toContain(name);
    expect(cache).toBe(stored);
    expect(cacheStatus(await atSchool.get(path, token))).toBe(hit);
  });
});
