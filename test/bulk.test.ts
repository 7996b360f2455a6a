// Many reports in one ZIP: what lies in it, how it comes, and what happens to those that fail.

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pages } from './support/pages.ts';
import { readPdf } from './support/pdf.ts';
import { startTestService, type TestService } from './support/service.ts';
import { type Figures, type OpenedPage, steerPages } from './support/steered-pages.ts';
import { studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';
import { readZip } from './support/zip.ts';

const frontend = steerPages();

interface Entry {
  name: string;
  bytes: Buffer;
}

/** The ZIP's files, in their order. */
const readEntries = async (zip: Buffer): Promise<Entry[]> =>
  [...(await readZip(zip))].map(([name, bytes]) => ({ name, bytes }));

const manifestOf = (entries: Entry[]) => JSON.parse(entries.at(-1)?.bytes.toString() ?? '');
const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
const studentIn = (page: OpenedPage) => new URL(page.page, 'http://x').searchParams.get('studentId');

let pages: Pages;
let service: TestService;
let count = 0;
beforeAll(async () => {
  pages = await frontend.start();
  service = await startTestService({ origin: pages.origin, env: { RENDER_CONCURRENCY: '2' } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

const newStudents = (many: number) => Array.from({ length: many }, () => `STU${++count}`);
const teacher = teacherToken('TCH001', 'CLASS_1');

function askFor(studentIds: string[], { token = teacher, ...init }: { token?: string; signal?: AbortSignal } = {}) {
  return fetch(`${service.url}/generate-bulk-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ studentIds, testId: 'Test_1', classId: 'CLASS_1' }),
    ...init,
  });
}

const store = (studentId: string) =>
  service.trigger({ testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId });

describe('the ZIP', () => {
  test('has the PDFs in the order asked, each student once, and the manifest last', async () => {
    const [first = '', kept = '', broken = '', last = ''] = newStudents(4);
    await store(kept);
    frontend.figuresFor = (page) =>
      studentIn(page) === broken ? { error: 'no figures' } : { text: `About ${studentIn(page)}` };
    const response = await askFor([last, kept, broken, last, first, kept]);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/zip');
    expect(response.headers.get('content-disposition')).toMatch(
      /^attachment; filename="inzighted_reports_Test_1_[0-9TZ:.-]+\.zip"$/,
    );
    const entries = await readEntries(await bodyOf(response));
    expect(entries.map(({ name }) => name)).toEqual([`${last}.pdf`, `${kept}.pdf`, `${first}.pdf`, 'manifest.json']);
    expect(manifestOf(entries)).toEqual({
      testId: 'Test_1',
      classId: 'CLASS_1',
      students: [
        { studentId: last, outcome: 'rendered', file: `${last}.pdf` },
        { studentId: kept, outcome: 'stored', file: `${kept}.pdf` },
        { studentId: broken, outcome: 'failed', code: 'page_failed' },
        { studentId: first, outcome: 'rendered', file: `${first}.pdf` },
      ],
    });
    const texts = await Promise.all(entries.slice(0, 3).map(async ({ bytes }) => (await readPdf(bytes)).text));
    expect(texts).toEqual([`About ${last}`, 'Figures', `About ${first}`]);
  });

  test('leaves what it rendered in the storage, with the token of the caller', async () => {
    const students = newStudents(2);
    await bodyOf(await askFor(students));
    expect(new Set(frontend.opened.map(({ token }) => token))).toEqual(new Set([teacher]));
    const keys = await service.storedKeys();
    for (const id of students) expect(keys).toContain(`reports/CLASS_1/Test_1/students/${id}.pdf`);
    const entries = await readEntries(await bodyOf(await askFor(students)));
    expect(manifestOf(entries).students).toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }]);
    expect(frontend.opened.length).toBe(2);
  });

  test('has only what a student may read: the others of the class failed as forbidden, unread and unopened', async () => {
    const [own = '', stranger = ''] = newStudents(2);
    await store(stranger);
    frontend.opened = [];
    const response = await askFor([stranger, own], { token: studentToken(own, 'CLASS_1') });
    const entries = await readEntries(await bodyOf(response));
    expect(entries.map(({ name }) => name)).toEqual([`${own}.pdf`, 'manifest.json']);
    expect(manifestOf(entries).students).toEqual([
      { studentId: stranger, outcome: 'failed', code: 'forbidden' },
      { studentId: own, outcome: 'rendered', file: `${own}.pdf` },
    ]);
    expect(frontend.opened.map(({ page }) => page)).toEqual(['/student-report?testId=1']);
  });

  test('comes while it is made: its first bytes are there before the last page is ready', async () => {
    const students = newStudents(3);
    const gate = frontend.createGate();
    frontend.figuresFor = (page) => (studentIn(page) === students[2] ? gate.promise : { text: 'Figures' });
    const response = await askFor(students);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const chunks: Uint8Array[] = [];
    while (!Buffer.concat(chunks).includes(`${students[1]}.pdf`)) {
      const { value, done } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    expect(Buffer.concat(chunks).subarray(0, 2).toString()).toBe('PK');
    gate.resolve({ text: 'Figures at last' });
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    expect((await readEntries(Buffer.concat(chunks))).length).toBe(4);
  });

  test('opens no more pages at once than RENDER_CONCURRENCY', async () => {
    let open = 0;
    let most = 0;
    // The first page waits for a second one, which shows that two may be open; a third would have the time to come too.
    const second = Promise.withResolvers<void>();
    frontend.figuresFor = async () => {
      most = Math.max(most, ++open);
      if (open === 2) second.resolve();
      await second.promise;
      await setTimeout(50);
      open--;
      return { text: 'Figures' };
    };
    const entries = await readEntries(await bodyOf(await askFor(newStudents(6))));
    expect(entries.length).toBe(7);
    expect(most).toBe(2);
  });
});

describe('when nothing succeeds', () => {
  const problemOf = async (response: Response) => ({
    mediaType: response.headers.get('content-type')?.split(';')[0],
    ...((await response.json()) as object),
  });
  const problem = 'application/problem+json';

  test('for one reason, that is the problem', async () => {
    frontend.figuresFor = () => ({ status: 401 });
    const response = await askFor(newStudents(3));
    expect(response.status).toBe(502);
    expect(await problemOf(response)).toMatchObject({ mediaType: problem, code: 'token_rejected' });
  });

  test('because none may be read, it is 403 and no page is opened', async () => {
    const response = await askFor(newStudents(2), { token: studentToken('STU_OTHER', 'CLASS_1') });
    expect(response.status).toBe(403);
    expect(await problemOf(response)).toMatchObject({ mediaType: problem, code: 'forbidden' });
    expect(frontend.opened).toEqual([]);
  });

  test('for several reasons, it is 502 bulk_failed that names each', async () => {
    const [first = '', second = ''] = newStudents(2);
    frontend.figuresFor = (page) => (studentIn(page) === first ? { status: 401 } : { error: 'no figures' });
    const response = await askFor([first, second]);
    expect(response.status).toBe(502);
    expect(await problemOf(response)).toMatchObject({
      mediaType: problem,
      code: 'bulk_failed',
      errors: [
        { field: first, message: 'token_rejected' },
        { field: second, message: 'page_failed' },
      ],
    });
  });
});

test.each([
  ['no students', []],
  ['more than 500 students', Array.from({ length: 501 }, (_, each) => `STU${each}`)],
  ['the class in place of a student', ['overall']],
  ['an id that is none', ['../STU001']],
])('a request for %s is refused with 422 and no page is opened', async (_what, studentIds) => {
  const response = await askFor(studentIds);
  expect(response.status).toBe(422);
  const { errors } = (await response.json()) as { errors: { field: string }[] };
  expect(errors[0]?.field).toMatch(/^\/studentIds/);
  expect(frontend.opened).toEqual([]);
});

describe('a client that goes away', () => {
  const rendersActive = () => service.metric('platen_renders_active');

  test('before the first byte ends the rendering', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const leaving = new AbortController();
    const answer = askFor(newStudents(5), { signal: leaving.signal }).catch((error: Error) => error.name);
    await until(() => frontend.opened.length === 2);
    leaving.abort();
    expect(await answer).toBe('AbortError');
    await until(async () => frontend.opened.every(({ isClosed }) => isClosed) && (await rendersActive()) === 0);
    await setTimeout(200);
    expect(frontend.opened.length).toBe(2);
  });

  test('in the middle ends the rendering', async () => {
    const students = newStudents(6);
    const gate = frontend.createGate();
    frontend.figuresFor = (page) => (studentIn(page) === students[0] ? { text: 'Figures' } : gate.promise);
    const leaving = new AbortController();
    const response = await askFor(students, { signal: leaving.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await until(() => frontend.opened.length === 3);
    leaving.abort();
    const unfinished = frontend.opened.filter((page) => studentIn(page) !== students[0]);
    await until(async () => unfinished.every(({ isClosed }) => isClosed) && (await rendersActive()) === 0);
    await setTimeout(200);
    expect(frontend.opened.length).toBe(3);
  });
});

test.each([
  ['a report of their own', (_waiting: string) => newStudents(1)[0] ?? ''],
  ['a report that waits its turn in a ZIP', (waiting: string) => waiting],
])('a person who waits for %s goes ahead of all the ZIPs that are being made', async (_name, choose) => {
  const students = newStudents(6);
  const waits = new Map<string, PromiseWithResolvers<Figures>>();
  frontend.figuresFor = (page) => {
    const gate = frontend.createGate();
    waits.set(studentIn(page) ?? '', gate);
    return gate.promise;
  };
  const zips = [
    askFor(students.slice(0, 2)),
    askFor(students.slice(2, 4), { token: teacherToken('TCH002', 'CLASS_1') }),
    askFor(students.slice(4), { token: teacherToken('TCH004', 'CLASS_1') }),
  ].map(async (answer) => readEntries(await bodyOf(await answer)));
  const waiting = (priority: string) => service.metric(`platen_renders_waiting{priority="${priority}"}`);
  await until(async () => frontend.opened.length === 2 && (await waiting('background')) === 4);
  const urgent = choose(students.at(-1) ?? '');
  const interactive = service.get(
    `/generate-pdf?studentId=${urgent}&testId=1&classId=CLASS_1`,
    teacherToken('TCH3', 'CLASS_1'),
  );
  await until(async () => (await waiting('interactive')) === 1);
  waits.values().next().value?.resolve({ text: 'Figures' });
  await until(() => frontend.opened.length === 3);
  expect(studentIn(frontend.opened[2] as OpenedPage)).toBe(urgent);
  frontend.figuresFor = () => ({ text: 'Figures' });
  for (const gate of waits.values()) gate.resolve({ text: 'Figures' });
  expect((await interactive).status).toBe(200);
  expect((await Promise.all(zips)).map((entries) => entries.length)).toEqual([3, 3, 3]);
});
