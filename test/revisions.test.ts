// The newest wins: a render that was accepted earlier never replaces the document of one that was accepted later.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { pdfOf, readPdf } from './support/pdf.ts';
import { startTestService } from './support/service.ts';
import type { Figures } from './support/steered-pages.ts';
import { steerService } from './support/steered-service.ts';
import { studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const { frontend, pages, service } = steerService({ env: { RENDER_CONCURRENCY: '4' } });

let count = 0;

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
  const gate = frontend.createGate();
  let isFirst = true;
  frontend.figuresFor = () => {
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
  await until(() => frontend.opened.length === 1);
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
  frontend.figuresFor = () => ({ text: 'Old figures' });
  await service.trigger(student.trigger);
  frontend.figuresFor = () => ({ text: 'New figures' });
  await service.trigger(student.trigger);
  expect(await student.storedText()).toContain('New figures');
});

test('of three triggers at once the last accepted stays, in whatever order they end', async () => {
  const student = newStudent();
  const held = [frontend.createGate(), frontend.createGate(), frontend.createGate()];
  frontend.figuresFor = () => held[frontend.opened.length - 1]?.promise ?? {};
  const answers: Promise<Response>[] = [];
  for (let each = 1; each <= 3; each++) {
    answers.push(service.trigger(student.trigger));
    await until(() => frontend.opened.length === each);
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
    await until(() => frontend.opened.length === 1);
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
  frontend.figuresFor = () => ({ error: 'no figures' });
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
    frontend.figuresFor = () => ({ text });
    expect((await restarted.trigger(student.trigger)).status).toBe(202);
    const response = await restarted.get(student.path, teacher);
    expect(response.headers.get('cache-status')).toBe('platen; hit');
    shown.push((await pdfOf(response)).text);
  }
  expect(shown).toEqual([expect.stringContaining('before'), expect.stringContaining('after')]);
  await rm(folder, { recursive: true });
});
