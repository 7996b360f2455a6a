// More is asked for than can be done: what is accepted is done, the rest is told to come back, and nothing is left behind.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { readinessOf } from '../support/readiness.ts';
import { type Answer, ask, askWith } from '../support/requests.ts';
import { type Figures, steerPages } from '../support/steered-pages.ts';
import { pathOf } from '../support/stored-reports.ts';
import { teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const concurrency = 2;
const queueLimit = 20;
const places = concurrency + queueLimit;
const storm = 200;

const frontend = steerPages();

let pages: Pages;
let service: ServiceProcess;
let count = 0;
beforeAll(async () => {
  pages = await frontend.start();
  const limits = { RENDER_CONCURRENCY: String(concurrency), RENDER_QUEUE_LIMIT: String(queueLimit) };
  service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin, ...limits });
  expect((await readinessOf(service.url)).code).toBe(200);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

interface Asked {
  id: string;
  answer: Promise<Answer>;
  /** Goes away. */
  leave: () => void;
}

/** As many reports of as many students, each asked for by another teacher. */
function askForMany(number: number): Asked[] {
  return Array.from({ length: number }, () => {
    const id = `STU${++count}`;
    const caller = new AbortController();
    const answer = askWith(teacherToken(`TCH${count}`, 'C1'), service.url + pathOf(id), { signal: caller.signal });
    answer.catch(() => undefined);
    return { id, answer, leave: () => caller.abort() };
  });
}

/** Pages wait for their figures; what is shown then says whose they are. */
function holdPages() {
  const gate: PromiseWithResolvers<Figures> = frontend.createGate();
  frontend.figuresFor = async ({ page }) => {
    await gate.promise;
    return { text: `Figures of ${new URLSearchParams(page.split('?')[1]).get('studentId')}.` };
  };
  return { release: () => gate.resolve({}) };
}

const refusal = {
  status: 503,
  code: 'queue_full',
  headers: expect.objectContaining({ 'retry-after': expect.stringMatching(/^[1-9]\d*$/) }),
};

/** Waits until all but so many have been answered, which while pages are held means: refused. */
async function whoIsAccepted(asked: Asked[], number = places): Promise<Asked[]> {
  const refused = new Map<Asked, Answer>();
  for (const each of asked) each.answer.then((answer) => refused.set(each, answer)).catch(() => undefined);
  await until(() => refused.size >= asked.length - number);
  for (const answer of refused.values()) expect(answer).toMatchObject(refusal);
  return asked.filter((each) => !refused.has(each));
}

async function expectServed(accepted: Asked[]): Promise<void> {
  for (const { id, answer } of accepted) {
    const { status, body } = await answer;
    expect([id, status]).toEqual([id, 200]);
    expect((await readPdf(body)).text).toContain(`Figures of ${id}.`);
  }
}

/** Asks both again and again until `stop` is called, which gives all that was answered. */
function watchHealth() {
  const stopping = new AbortController();
  const statuses: number[] = [];
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      for (const path of ['/health', '/readyz']) statuses.push((await ask(service.url + path)).status);
      await setTimeout(20);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await watching;
      return statuses;
    },
  };
}

const openFiles = () => readdirSync(`/proc/${service.child.pid}/fd`).length;
const residentMb = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.child.pid}/status`, 'utf8'))?.[1]) / 1024;

async function metric(name: string): Promise<number> {
  const { body } = await ask(`${service.url}/metrics`);
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body.toString())?.[1] ?? 0);
}

/** Both places at work and all places for waiting are free again. */
const isIdle = async () =>
  (await metric('platen_renders_active')) === 0 &&
  (await metric('platen_renders_waiting\\{priority="interactive"\\}')) === 0;

test('of 200 reports at once those beyond the queue are refused, the others served whole, and health is answered all the while', async () => {
  const warm = holdPages();
  const first = askForMany(places);
  warm.release();
  await expectServed(first);
  await until(isIdle);
  const before = { files: openFiles(), megabytes: residentMb() };

  const held = holdPages();
  const health = watchHealth();
  const asked = askForMany(storm);
  const accepted = await whoIsAccepted(asked);
  expect(accepted).toHaveLength(places);
  held.release();
  await expectServed(accepted);
  const statuses = await health.stop();
  expect(statuses.length).toBeGreaterThan(4);
  expect(new Set(statuses)).toEqual(new Set([200]));

  await until(isIdle);
  // Connections of kept tabs come and go, and where a browser was starved another stands beside it: far fewer than were asked for.
  await until(() => openFiles() <= before.files + storm / 8);
  expect(residentMb()).toBeLessThan(before.megabytes + 150);
});

test('who goes away in the storm, from a page or from the queue, gives the place to another', async () => {
  const held = holdPages();
  const accepted = await whoIsAccepted(askForMany(storm));
  await until(() => frontend.opened.length === concurrency);
  expect(await whoIsAccepted(askForMany(10), 0)).toEqual([]);
  for (const { leave } of accepted) leave();
  await until(isIdle);
  const next = askForMany(storm);
  const nextAccepted = await whoIsAccepted(next);
  expect(nextAccepted).toHaveLength(places);
  held.release();
  await expectServed(nextAccepted);
  // Nobody's page was opened in vain but those that were open when their callers left.
  expect(frontend.opened).toHaveLength(concurrency + places);
});
