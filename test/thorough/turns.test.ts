// Who goes first: people before class runs, and class runs in turns, however long they are; and tokens that run out meanwhile.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { Pages } from '../support/pages.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { steerPages } from '../support/steered-pages.ts';
import { serviceToken, signReportToken, teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
let pages: Pages;
beforeAll(async () => {
  pages = await frontend.start();
});
afterAll(async () => pages[Symbol.asyncDispose]());

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const students = (prefix: string, count: number) => Array.from({ length: count }, (_, each) => `${prefix}${each + 1}`);
const seconds = () => Math.floor(Date.now() / 1000);

interface Run {
  state: string;
  counts: Record<string, number>;
  items: { code?: string }[];
}

function runsOf(service: TestService) {
  return {
    async accept(classId: string, studentIds: string[], more: object = {}) {
      const response = await service.internal('/internal/class-runs', { classId, testId: '1', studentIds, ...more });
      expect(response.status).toBe(202);
      return ((await response.json()) as { id: string }).id;
    },
    look: async (id: string) =>
      (await (await service.get(`/internal/class-runs/${id}`, undefined, asService)).json()) as Run,
  };
}

describe('on two places', () => {
  let service: TestService;
  let runs: ReturnType<typeof runsOf>;
  beforeAll(async () => {
    service = await startTestService({ origin: pages.origin, env: { RENDER_CONCURRENCY: '2' } });
    runs = runsOf(service);
  });
  afterAll(async () => service[Symbol.asyncDispose]());

  const isOver = (id: string) =>
    until(async () => {
      const run = await runs.look(id);
      return run.counts.queued === 0 && run.counts.active === 0 && run;
    });

  test('a small class is done while a large one that came before it still waits', async () => {
    const large = await runs.accept('LARGE', students('L', 40));
    await until(() => frontend.opened.length > 2);
    const small = await runs.accept('SMALL', students('S', 6));
    expect(await isOver(small)).toMatchObject({ state: 'completed' });
    expect((await runs.look(large)).counts.queued).toBeGreaterThan(10);
    expect(await isOver(large)).toMatchObject({ state: 'completed' });
  });

  test('a person who downloads a missing report goes before the class run', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const run = await runs.accept('BUSY', students('B', 10));
    await until(() => frontend.opened.length === 2);
    const answer = service.get('/generate-pdf?studentId=P1&testId=1&classId=C1', teacherToken('T1', 'C1'));
    await until(async () => (await service.metric('platen_renders_waiting{priority="interactive"}')) === 1);
    // A page of the run that takes the other place stays there until the person has theirs.
    const later = frontend.createGate();
    frontend.figuresFor = ({ page }) => (page.includes('P1') ? { text: 'Figures' } : later.promise);
    gate.resolve({ text: 'Figures' });
    expect((await answer).status).toBe(200);
    expect(frontend.opened.findIndex(({ page }) => page.includes('P1'))).toBeLessThan(4);
    later.resolve({ text: 'Figures' });
    await isOver(run);
  });

  test.each([
    ['which has time enough', 300, false],
    ['that would run out under the page', 20, true],
    ['that has run out a moment ago', -5, true],
  ])('a token %s is used (false) or replaced by one that Platen mints (true)', async (_, secondsLeft, isReplaced) => {
    const reportToken = signReportToken({ role: 'educator', class_id: 'C8', exp: seconds() + secondsLeft });
    expect(await isOver(await runs.accept('C8', ['S1'], { reportToken }))).toMatchObject({ state: 'completed' });
    expect(frontend.opened.at(-1)?.token !== reportToken).toBe(isReplaced);
  });

  test('a token that runs out while its report waits is replaced by one that Platen mints', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const busy = await runs.accept('BEFORE', students('B', 2));
    await until(() => frontend.opened.length === 2);
    // Taken for good now, with the 30 s of tolerance that there are; the platform need not have any.
    const reportToken = signReportToken({
      role: 'educator',
      email: 'e@school.example',
      class_id: 'C9',
      exp: seconds() - 27,
    });
    const run = await runs.accept('C9', ['S1'], { reportToken });
    gate.resolve({ text: 'Figures' });
    expect(await isOver(run)).toMatchObject({ state: 'completed' });
    const { token } = frontend.opened.at(-1) ?? { token: '' };
    expect(jwt.decode(token)).toMatchObject({ user_id: 'platen', class_id: 'C9' });
    await isOver(busy);
  });
});

test('where Platen can mint no token, a given one is used for as long as it would be accepted', async () => {
  await using service = await startTestService({ origin: pages.origin, env: { REPORT_TOKEN_SECRET: undefined } });
  const { accept, look } = runsOf(service);
  const reportToken = signReportToken({ role: 'educator', class_id: 'C9', exp: seconds() - 5 });
  const run = await accept('C9', ['S1'], { reportToken });
  await until(async () => (await look(run)).counts.completed === 1);
  expect(frontend.opened.at(-1)?.token).toBe(reportToken);
});

test('where Platen can mint no token, one that has run out ends its report with a code', async () => {
  await using service = await startTestService({ origin: pages.origin, env: { REPORT_TOKEN_SECRET: undefined } });
  const { accept, look } = runsOf(service);
  const reportToken = signReportToken({ role: 'educator', class_id: 'C9', exp: seconds() - 60 });
  const run = await accept('C9', ['S1'], { reportToken });
  const over = await until(async () => {
    const each = await look(run);
    return each.counts.failed === 1 && each;
  });
  expect(over.items).toMatchObject([{ code: 'report_token_expired' }]);
  expect(frontend.opened).toEqual([]);
});
