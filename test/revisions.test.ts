// The newest wins: a render that was accepted earlier never replaces the document of one that was accepted later.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Pages, startPages } from './support/pages.ts';
import { pdfOf, readPdf } from './support/pdf.ts';
import { startTestService, type TestService } from './support/service.ts';
import { studentToken, teacherToken } from './support/tokens.ts';

/** Asks its server for the figures with the token that it was given; shows them and is ready, or says that it failed. */
const reportPage = `<!doctype html><html lang="en"><head><title>Report</title></head><body><script>
fetch('/figures', { method: 'POST', headers: { authorization: localStorage.getItem('token') }, body: location.pathname + location.search })
  .then((response) => response.ok ? response.json() : { error: 'refused' })
  .then(({ text, error }) => {
    document.body.append(text);
    if (error) window.__PDF_ERROR__ = error; else window.__PDF_READY__ = true;
  });
</script></body></html>`;

/** A page that was opened, as it told its server. */
interface Opened {
  host: string;
  page: string;
  token: string;
  /** Whether it went away before it had its figures. */
  isClosed: boolean;
}

interface Figures {
  status?: number;
  text?: string;
  error?: string;
}

let opened: Opened[] = [];
let figuresFor: (page: Opened) => Figures | Promise<Figures>;
beforeEach(() => {
  opened = [];
  figuresFor = () => ({ text: 'Figures' });
});

async function giveFigures(req: IncomingMessage, res: ServerResponse): Promise<void> {
  let page = '';
  for await (const chunk of req) page += chunk;
  const { authorization: token = '', host = '' } = req.headers;
  const here = { host, page, token, isClosed: false };
  opened.push(here);
  res.once('close', () => {
    here.isClosed = !res.writableFinished;
  });
  const { status = 200, ...figures } = await figuresFor(here);
  if (!here.isClosed) res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(figures));
}

const servedPages = {
  '/report': reportPage,
  '/student-report': reportPage,
  '/teacher-report': reportPage,
  '/figures': giveFigures,
};

/** Waits for something to come true, 10 s at most. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`it never came true: ${isTrue}`);
    await setTimeout(5);
  }
}

/** Something to wait for; it comes at the latest when the test is over. */
function createGate(): PromiseWithResolvers<Figures> {
  const gate = Promise.withResolvers<Figures>();
  gates.push(gate);
  return gate;
}

let gates: PromiseWithResolvers<Figures>[] = [];
afterEach(() => {
  for (const gate of gates) gate.resolve({ text: 'Too late' });
  gates = [];
});

let pages: Pages;
let service: TestService;
let count = 0;
beforeAll(async () => {
  pages = await startPages(servedPages);
  service = await startTestService({ origin: pages.origin, env: { RENDER_CONCURRENCY: '4' } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

const teacher = teacherToken('TCH001', 'CLASS_1');

/** A student of whom nothing is stored. */
function newStudent() {
  const id = `STU${++count}`;
  const file = join(service.dataDir, 'documents/reports/CLASS_1/Test_1/students', `${id}.pdf`);
  return {
    id,
    path: `/generate-pdf?studentId=${id}&testId=1&classId=CLASS_1`,
    trigger: { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: id },
    storedText: async () => (await readPdf(await readFile(file))).text,
  };
}

/** The first page gets what the gate gives, every later one `text` at once. */
function holdFirstPage(text: string): PromiseWithResolvers<Figures> {
  const gate = createGate();
  let isFirst = true;
  figuresFor = () => {
    if (!isFirst) return { text };
    isFirst = false;
    return gate.promise;
  };
  return gate;
}

test('an older trigger that ends last does not replace the newer document, and is answered all the same', async () => {
  const student = newStudent();
  const gate = holdFirstPage('New figures');
  const older = service.trigger(student.trigger);
  await until(() => opened.length === 1);
  expect((await service.trigger(student.trigger)).status).toBe(202);
  expect(await student.storedText()).toContain('New figures');
  gate.resolve({ text: 'Old figures' });
  const answer = await older;
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({
    success: true,
    s3Key: `reports/CLASS_1/Test_1/students/${student.id}.pdf`,
  });
  expect(await student.storedText()).toContain('New figures');
});

test('an older trigger that ends first is replaced by the newer one', async () => {
  const student = newStudent();
  figuresFor = () => ({ text: 'Old figures' });
  await service.trigger(student.trigger);
  figuresFor = () => ({ text: 'New figures' });
  await service.trigger(student.trigger);
  expect(await student.storedText()).toContain('New figures');
});

test('of three triggers at once the last accepted stays, in whatever order they end', async () => {
  const student = newStudent();
  const held = [createGate(), createGate(), createGate()];
  figuresFor = () => held[opened.length - 1]?.promise ?? {};
  const answers: Promise<Response>[] = [];
  for (let each = 1; each <= 3; each++) {
    answers.push(service.trigger(student.trigger));
    await until(() => opened.length === each);
  }
  for (const each of [1, 2, 0]) {
    held[each]?.resolve({ text: `Figures of trigger ${each + 1}` });
    expect((await answers[each])?.status).toBe(202);
  }
  expect(await student.storedText()).toContain('Figures of trigger 3');
});

test.each([
  ['an educator', () => teacher],
  ['the student', (id: string) => studentToken(id, 'CLASS_1')],
])(
  '%s gets the PDF that was under way when the trigger came, but it does not replace the new one',
  async (_who, tokenOf) => {
    const student = newStudent();
    const gate = holdFirstPage('New figures');
    const older = service.get(student.path, tokenOf(student.id));
    await until(() => opened.length === 1);
    expect((await service.trigger(student.trigger)).status).toBe(202);
    gate.resolve({ text: 'Old figures' });
    const response = await older;
    expect({ status: response.status, cache: response.headers.get('cache-status') }).toEqual({
      status: 200,
      cache: 'platen; fwd=miss',
    });
    await response.arrayBuffer();
    expect(await student.storedText()).toContain('New figures');
  },
);

test('a trigger that fails leaves the document that is stored', async () => {
  const student = newStudent();
  await service.trigger(student.trigger);
  figuresFor = () => ({ error: 'no figures' });
  expect((await service.trigger(student.trigger)).status).toBe(502);
  expect(await student.storedText()).toContain('Figures');
  expect((await service.get(student.path, teacher)).headers.get('cache-status')).toBe('platen; hit');
});

test('what a restarted service renders replaces what an earlier one stored', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'platen-revisions-'));
  const student = newStudent();
  const shown: string[] = [];
  for (const text of ['Figures before the restart', 'Figures after the restart']) {
    await using restarted = await startTestService({ origin: pages.origin, env: { DATA_DIR: folder } });
    figuresFor = () => ({ text });
    expect((await restarted.trigger(student.trigger)).status).toBe(202);
    const response = await restarted.get(student.path, teacher);
    expect(response.headers.get('cache-status')).toBe('platen; hit');
    shown.push((await pdfOf(response)).text);
  }
  expect(shown).toEqual([expect.stringContaining('before'), expect.stringContaining('after')]);
  await rm(folder, { recursive: true });
});
