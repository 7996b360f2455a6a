// Callers who go away, and callers who have to wait: what ends, what goes on, and who goes first.

import http, { type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { listProcesses } from './support/process.ts';
import { startTestService, type TestService } from './support/service.ts';
import { serviceToken, studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const token = teacherToken('TCH001', 'CLASS_1');
const html = (body: string) =>
  `<!doctype html><html lang="en"><head><title>Report</title></head><body>${body}</body></html>`;
const script = (code: string) => `<script>${code}</script>`;
const studentOf = (url: string | undefined) => new URL(url ?? '', 'http://x').searchParams.get('studentId') ?? '';

/** A frontend whose pages are not ready before the test says so: each holds a long call to `/hold` until then. */
interface HoldingFrontend {
  pages: Pages;
  /** Students whose page was opened, in order. */
  opened: string[];
  /** Students whose call was broken off by the page's end, with the time of it. */
  gone: Map<string, number>;
  isHeld(student: string): boolean;
  /** Lets a student's page get ready, now and from now on. */
  release(student: string): void;
  releaseAll(): void;
  reset(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const holdingPage = html(
  `<p>Report</p>${script("fetch('/hold' + location.search).then(() => { window.__PDF_READY__ = true; }).catch(() => {})")}`,
);

async function startHoldingFrontend(): Promise<HoldingFrontend> {
  const held = new Map<string, ServerResponse[]>();
  const opened: string[] = [];
  const gone = new Map<string, number>();
  const released = new Set<string>();
  let isOpen = false;
  const pages = await startPages({
    '/report': (req, res) => {
      opened.push(studentOf(req.url));
      res.writeHead(200, { 'content-type': 'text/html' }).end(holdingPage);
    },
    '/hold': (req, res) => {
      const student = studentOf(req.url);
      if (isOpen || released.has(student)) {
        res.end();
        return;
      }
      held.set(student, [...(held.get(student) ?? []), res]);
      res.on('close', () => res.writableFinished || gone.set(student, performance.now()));
    },
  });
  const release = (student: string) => {
    released.add(student);
    for (const res of held.get(student) ?? []) res.end();
    held.delete(student);
  };
  return {
    pages,
    opened,
    gone,
    isHeld: (student) => (held.get(student) ?? []).some((res) => !res.closed),
    release,
    releaseAll() {
      isOpen = true;
      for (const student of held.keys()) release(student);
    },
    reset() {
      isOpen = false;
      opened.length = 0;
      for (const each of [held, gone, released]) each.clear();
    },
    async [Symbol.asyncDispose]() {
      await pages[Symbol.asyncDispose]();
    },
  };
}

interface Answer {
  status: number;
  retryAfter: string | undefined;
  body: Buffer;
}

interface Waiting {
  answer: Promise<Answer | 'gone'>;
  leave(): void;
}

/** A request on a connection of its own, which may be given up. */
function call(url: string, { method = 'GET', headers = {}, body = '' }): Waiting {
  const leaving = new AbortController();
  const answer = new Promise<Answer | 'gone'>((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false, signal: leaving.signal });
    request.on('error', (error) => (leaving.signal.aborted ? resolve('gone') : reject(error)));
    request.on('response', (response) => {
      const { statusCode = 0, headers: fields } = response;
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: statusCode, retryAfter: fields['retry-after'], body: Buffer.concat(chunks) }),
      );
    });
    request.end(body);
  });
  return { answer, leave: () => leaving.abort() };
}

/** A person's request for a student's report. */
function ask(service: TestService, studentId: string): Waiting {
  const query = new URLSearchParams({ studentId, testId: 'Test_1', classId: 'CLASS_1' });
  return call(`${service.url}/generate-pdf?${query}`, { headers: { authorization: `Bearer ${token}` } });
}

function trigger(service: TestService, studentId: string): Waiting {
  const body = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId };
  const headers = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` };
  const url = `${service.url}/internal/trigger-generate-pdf`;
  return call(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

const statusOf = async ({ answer }: Waiting) => {
  const got = await answer;
  return got === 'gone' ? got : got.status;
};
const keyOf = (studentId: string) => `reports/CLASS_1/Test_1/students/${studentId}.pdf`;
describe('a caller who goes away', () => {
  let frontend: HoldingFrontend;
  let service: TestService;
  beforeAll(async () => {
    frontend = await startHoldingFrontend();
    service = await startTestService({
      origin: frontend.pages.origin,
      env: { RENDER_CONCURRENCY: '2', PDF_TIMEOUT: '20000', CALLER_RENDER_LIMIT: '50' },
    });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await frontend[Symbol.asyncDispose]();
  });
  afterEach(() => frontend.reset());
  const isNobodyRendering = async () => (await service.metric('platen_renders_active')) === 0;

  /** Milliseconds from asking to the page's open call, and from leaving to the end of that call. */
  async function openAndLeave(studentId: string) {
    const asked = performance.now();
    const waiting = ask(service, studentId);
    await until(() => frontend.isHeld(studentId));
    const left = performance.now();
    waiting.leave();
    await until(() => frontend.gone.has(studentId));
    expect(await statusOf(waiting)).toBe('gone');
    return { opening: left - asked, closing: (frontend.gone.get(studentId) ?? Number.POSITIVE_INFINITY) - left };
  }

  test('closes the page at once, and nothing is stored', async () => {
    const times: Awaited<ReturnType<typeof openAndLeave>>[] = [];
    for (const studentId of ['STU001', 'STU002', 'STU003']) times.push(await openAndLeave(studentId));
    // The promise is 100 ms in the service; on a slow machine it takes longer, but so does a page to open.
    const [opening, closing] = (['opening', 'closing'] as const).map((of) =>
      Math.min(...times.map((each) => each[of])),
    );
    expect(closing).toBeLessThan(Math.max(100, opening ?? 0));
    await until(isNobodyRendering);
    expect(await service.storedKeys()).toEqual([]);
    expect(await service.metric('platen_renders_total{outcome="cancelled"}')).toBe(3);
  });

  test('leaves the report to the next who asks', async () => {
    await openAndLeave('STU004');
    frontend.release('STU004');
    expect(await statusOf(ask(service, 'STU004'))).toBe(200);
    expect(await service.storedKeys()).toEqual([keyOf('STU004')]);
  });

  /** Asks for a report whose page sends `/hold` by other means, leaves when it is held, and waits for the end of that call. */
  async function leaveDuring(studentId: string, page: string | undefined): Promise<void> {
    const before = frontend.pages.pages;
    const hold = before['/hold'] as (...args: Parameters<Extract<Pages['pages'][string], object>>) => void;
    frontend.pages.pages = { ...before, '/report': page ?? hold };
    try {
      await openAndLeave(studentId);
      await until(isNobodyRendering);
    } finally {
      frontend.pages.pages = before;
    }
  }
  const ready = 'window.__PDF_READY__ = true;';

  test.each([
    ['while the page has not answered', 'STU005', undefined],
    [
      'while images are awaited',
      'STU006',
      html(
        `<p>x</p>${script(`const i = new Image(); i.src = '/hold' + location.search; document.body.append(i); ${ready}`)}`,
      ),
    ],
    [
      'while it is printed',
      'STU007',
      html(
        `<p>x</p>${script(`addEventListener('beforeprint', () => {
        const x = new XMLHttpRequest(); x.open('GET', '/hold' + location.search, false); x.send(); }); ${ready}`)}`,
      ),
    ],
    [
      'while it runs an endless script',
      'STU008',
      html(`<p>x</p>${script("fetch('/hold' + location.search); setTimeout(() => { for (;;) {} }, 50)")}`),
    ],
  ])('%s closes it too', async (_when, studentId, page) => {
    await leaveDuring(studentId, page);
    expect(await service.storedKeys()).not.toContain(keyOf(studentId));
    frontend.release(`${studentId}-next`);
    expect(await statusOf(ask(service, `${studentId}-next`))).toBe(200);
  });

  test('does not close what another still waits for; the last one does', async () => {
    const misses = () => service.metric('platen_document_lookups_total{result="miss"}');
    const before = await misses();
    const [first, second, third] = [1, 2, 3].map(() => ask(service, 'STU010')) as [Waiting, Waiting, Waiting];
    await until(() => frontend.isHeld('STU010'));
    await until(async () => (await misses()) >= before + 3);
    first.leave();
    expect(await statusOf(first)).toBe('gone');
    second.leave();
    await delay(150);
    expect(frontend.gone.has('STU010')).toBe(false);
    frontend.release('STU010');
    expect(await statusOf(third)).toBe(200);
    expect(frontend.opened).toEqual(['STU010']);
    expect(await service.storedKeys()).toContain(keyOf('STU010'));
  });

  test('closes the page when all who waited have gone', async () => {
    const all = [ask(service, 'STU011'), ask(service, 'STU011')];
    await until(() => frontend.isHeld('STU011'));
    for (const each of all) each.leave();
    await until(() => frontend.gone.has('STU011'));
    await until(isNobodyRendering);
    expect(await service.storedKeys()).not.toContain(keyOf('STU011'));
  });

  test('does not stop a trigger: its PDF is stored', async () => {
    const backend = trigger(service, 'STU012');
    await until(() => frontend.isHeld('STU012'));
    backend.leave();
    expect(await statusOf(backend)).toBe('gone');
    await delay(150);
    expect(frontend.gone.has('STU012')).toBe(false);
    frontend.release('STU012');
    await until(async () => (await service.storedKeys()).includes(keyOf('STU012')));
  });
});

describe('the queue', () => {
  let frontend: HoldingFrontend;
  let service: TestService;
  beforeAll(async () => {
    frontend = await startHoldingFrontend();
    service = await startTestService({
      origin: frontend.pages.origin,
      env: { RENDER_CONCURRENCY: '1', RENDER_QUEUE_LIMIT: '1', PDF_TIMEOUT: '20000', CALLER_RENDER_LIMIT: '50' },
    });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await frontend[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    frontend.releaseAll();
    await until(async () => (await service.metric('platen_renders_active')) === 0);
    frontend.reset();
  });
  const waitingAre = (priority: string, count: number) =>
    until(async () => (await service.metric(`platen_renders_waiting{priority="${priority}"}`)) === count);
  /** Occupies the one place with this student's report. */
  async function occupy(studentId: string): Promise<Waiting> {
    const active = ask(service, studentId);
    await until(() => frontend.isHeld(studentId));
    return active;
  }

  test('takes as many as it may and refuses one more with 503 and Retry-After', async () => {
    const active = await occupy('STU101');
    const waiting = ask(service, 'STU102');
    await waitingAre('interactive', 1);
    const refused = await ask(service, 'STU103').answer;
    if (refused === 'gone') throw new Error('it was not answered');
    expect(refused.status).toBe(503);
    expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'queue_full', status: 503 });
    frontend.releaseAll();
    expect([await statusOf(active), await statusOf(waiting)]).toEqual([200, 200]);
    expect(frontend.opened).toEqual(['STU101', 'STU102']);
    expect(await statusOf(ask(service, 'STU103'))).toBe(200);
  });

  test('does not refuse triggers for what persons may have waiting', async () => {
    const active = await occupy('STU111');
    const waiting = ask(service, 'STU112');
    await waitingAre('interactive', 1);
    const triggers = [trigger(service, 'STU113'), trigger(service, 'STU114')];
    await waitingAre('trigger', 2);
    frontend.releaseAll();
    expect(await Promise.all(triggers.map(statusOf))).toEqual([202, 202]);
    expect([await statusOf(active), await statusOf(waiting)]).toEqual([200, 200]);
  });

  test('lets persons go first, then triggers, then background work', async () => {
    const active = await occupy('STU121');
    const bulk = call(`${service.url}/generate-bulk-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ studentIds: ['STU124'], testId: 'Test_1', classId: 'CLASS_1' }),
    });
    await waitingAre('background', 1);
    const triggered = trigger(service, 'STU123');
    await waitingAre('trigger', 1);
    const person = ask(service, 'STU122');
    await waitingAre('interactive', 1);
    frontend.releaseAll();
    expect([await statusOf(active), await statusOf(person)]).toEqual([200, 200]);
    expect([await statusOf(triggered), await statusOf(bulk)]).toEqual([202, 200]);
    expect(frontend.opened).toEqual(['STU121', 'STU122', 'STU123', 'STU124']);
  });

  test('never opens the page of one who left while waiting, and gives the place to the next', async () => {
    const active = await occupy('STU131');
    const waiting = ask(service, 'STU132');
    await waitingAre('interactive', 1);
    waiting.leave();
    await waitingAre('interactive', 0);
    const next = ask(service, 'STU133');
    await waitingAre('interactive', 1);
    frontend.releaseAll();
    expect([await statusOf(active), await statusOf(next)]).toEqual([200, 200]);
    expect(frontend.opened).toEqual(['STU131', 'STU133']);
    expect(await service.storedKeys()).not.toContain(keyOf('STU132'));
  });

  test('gives its place to the next when the one who has it goes away', async () => {
    const active = await occupy('STU141');
    const waiting = ask(service, 'STU142');
    await waitingAre('interactive', 1);
    frontend.release('STU142');
    active.leave();
    expect(await statusOf(waiting)).toBe(200);
    expect(frontend.gone.has('STU141')).toBe(true);
  });
});

test('of renders that end while their page is being opened nothing is left', async () => {
  await using pages = await startPages({ '/student-report': readyPage('<h1>Report</h1>') });
  await using service = await startTestService({
    origin: pages.origin,
    env: { RENDER_CONCURRENCY: '4', CALLER_RENDER_LIMIT: '100' },
  });
  const renderers = () =>
    listProcesses().filter(
      ({ commandLine }) =>
        commandLine.includes('--type=renderer') && commandLine.includes(`platen-browser-${process.pid}-`),
    ).length;
  expect((await service.get('/generate-student-pdf?testId=1', studentToken('S0', 'C1'))).status).toBe(200);
  await until(() => renderers() <= 1);
  const asks = Array.from({ length: 40 }, async (_, number) => {
    const url = `${service.url}/generate-student-pdf?testId=1`;
    const headers = { authorization: `Bearer ${studentToken(`S${number + 1}`, 'C1')}` };
    await fetch(url, { headers, signal: AbortSignal.timeout(5 + number * 4) }).catch(() => undefined);
  });
  await Promise.all(asks);
  await until(async () => (await service.metric('platen_renders_active')) === 0);
  await until(() => renderers() <= 1);
});
