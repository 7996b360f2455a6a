// The wall clock jumps under the running service: deadlines don't follow it, tokens do, and the newest document stays the newest.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type FalseClock, hasFalseClock, makeFalseClock } from '../support/false-clock.ts';
import type { Pages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { readinessOf } from '../support/readiness.ts';
import { ask, askWith, triggerAt } from '../support/requests.ts';
import { type Figures, steerPages } from '../support/steered-pages.ts';
import { serviceToken, signUserToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

const frontend = steerPages();
const withClock = hasFalseClock ? describe : describe.skip;

let pages: Pages;
let clock: FalseClock;
let dataDir: string;
let service: ServiceProcess;
let count = 0;

const start = () =>
  startServiceProcess({
    FRONTEND_ORIGINS: pages.origin,
    DATA_DIR: dataDir,
    RENDER_CONCURRENCY: '2',
    PDF_TIMEOUT: '10000',
    ...clock.env,
  });

const now = () => Math.floor(Date.now() / 1000);
/** A token of an admin of the class, good for two days before and after now unless told otherwise. */
const tokenWith = (claims: object = {}) =>
  signUserToken({ role: 'admin', user_id: 'ADM1', class_id: 'C1', exp: now() + 2 * day, ...claims });

function newStudent() {
  const id = `STU${++count}`;
  const url = () => `${service.url}/generate-pdf?studentId=${id}&testId=1&classId=C1`;
  return {
    trigger: () => triggerAt(service.url, { testId: '1', classId: 'C1', reportType: 'student', studentId: id }),
    /** What a person gets: whether it was stored, and its text. */
    async get(token = tokenWith()) {
      const { status, headers, body } = await askWith(token, url());
      if (status !== 200) throw new Error(`${status} ${body}`);
      return { cache: headers['cache-status'], text: (await readPdf(body)).text };
    },
    ownToken: () => tokenWith({ role: 'student', user_id: id }),
    statusFor: async (token: string) => (await askWith(token, url())).status,
  };
}

const show = (text: string) => {
  frontend.figuresFor = () => ({ text });
};

/** Puts the clock of the service before or behind, and sees that it has noticed. */
async function jump(seconds: number): Promise<void> {
  clock.set(seconds);
  const { body } = await ask(`${service.url}/health`);
  const told = Date.parse((JSON.parse(body.toString()) as { timestamp: string }).timestamp);
  expect(Math.abs(told - Date.now() - seconds * 1000)).toBeLessThan(5 * minute * 1000);
}

withClock('when the clock jumps', () => {
  beforeAll(async () => {
    pages = await frontend.start();
    clock = await makeFalseClock();
    dataDir = await mkdtemp(join(tmpdir(), 'platen-clock-data-'));
    service = await start();
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await clock[Symbol.asyncDispose]();
    await pages[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  });
  afterEach(() => clock.set(0));

  test.each([
    ['an hour forward', hour],
    ['a day back', -day],
    ['an hour back', -hour],
  ])('%s, no render is cut off, what is stored stays readable, and all is well', async (_how, seconds) => {
    const stored = newStudent();
    show('Stored before');
    expect(await stored.trigger()).toMatchObject({ status: 202 });
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    frontend.opened = [];
    // Two have their pages open, two wait for a place.
    const answers = Array.from({ length: 4 }, () => newStudent().trigger());
    await until(() => frontend.opened.length === 2);
    await jump(seconds);
    expect(await stored.get()).toMatchObject({ cache: 'platen; hit', text: expect.stringContaining('Stored before') });
    gate.resolve({ text: 'Figures' });
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(await newStudent().get()).toMatchObject({ cache: 'platen; fwd=miss; stored' });
    expect((await readinessOf(service.url)).body).toMatchObject({ status: 'ready' });
  });

  test('a day back, jobs that wait are done all the same', async () => {
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    frontend.opened = [];
    const headers = { prefer: 'respond-async' };
    const accept = (studentId: string) =>
      triggerAt(service.url, { testId: '1', classId: 'C1', reportType: 'student', studentId }, { headers });
    const answers = await Promise.all(['J1', 'J2', 'J3', 'J4'].map(accept));
    const jobs = answers.map(({ body }) => (JSON.parse(body.toString()) as { jobId: string }).jobId);
    await until(() => frontend.opened.length === 2);
    await jump(-day);
    gate.resolve({ text: 'Figures' });
    const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
    const stateOf = async (id: string) =>
      (
        JSON.parse((await ask(`${service.url}/jobs/${id}`, { headers: asService })).body.toString()) as {
          state: string;
        }
      ).state;
    for (const id of jobs) await until(async () => (await stateOf(id)) === 'completed');
  });

  test('back, a page that is never ready still ends at its time', async () => {
    const never = frontend.createGate();
    frontend.figuresFor = () => never.promise;
    const answer = newStudent().trigger();
    await until(() => frontend.opened.length === 1);
    await jump(-day);
    expect(await answer).toMatchObject({ status: 504, code: 'page_not_ready' });
  });

  test('tokens are judged by the new time', async () => {
    const student = newStudent();
    await student.trigger();
    const soonOver = tokenWith({ exp: now() + 10 * minute });
    const over = tokenWith({ exp: now() - 10 * minute });
    const fresh = tokenWith({ nbf: now() - minute });
    const statuses = () => Promise.all([soonOver, over, fresh].map((token) => student.statusFor(token)));
    expect(await statuses()).toEqual([200, 401, 200]);
    await jump(hour);
    expect(await statuses()).toEqual([401, 401, 200]);
    await jump(-hour);
    expect(await statuses()).toEqual([200, 200, 401]);
  });

  test('back, a later trigger replaces the document, and an earlier one that ends last does not', async () => {
    const student = newStudent();
    show('Before the jump');
    await student.trigger();
    const gate: PromiseWithResolvers<Figures> = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    frontend.opened = [];
    const older = student.trigger();
    await until(() => frontend.opened.length === 1);
    await jump(-day);
    show('After the jump');
    expect(await student.trigger()).toMatchObject({ status: 202 });
    gate.resolve({ text: 'Too old' });
    expect(await older).toMatchObject({ status: 202 });
    expect(await student.get()).toMatchObject({
      cache: 'platen; hit',
      text: expect.stringContaining('After the jump'),
    });
  });

  test('back while the service is down, what it renders afterwards replaces what it had stored', async () => {
    const [triggered, asked] = [newStudent(), newStudent()];
    show('Before the restart');
    await triggered.trigger();
    expect(await asked.get(asked.ownToken())).toMatchObject({ cache: 'platen; fwd=miss; stored' });
    await service.stop('SIGTERM');
    clock.set(-day);
    service = await start();
    show('After the restart');
    expect(await triggered.trigger()).toMatchObject({ status: 202 });
    expect(await triggered.get()).toMatchObject({
      cache: 'platen; hit',
      text: expect.stringContaining('After the restart'),
    });
    // What the student had stored is their own view, which does not serve an educator.
    expect(await asked.get()).toMatchObject({ cache: 'platen; fwd=miss; stored' });
    expect(await asked.get()).toMatchObject({
      cache: 'platen; hit',
      text: expect.stringContaining('After the restart'),
    });
  });
});
