// The client, in Node and in the browser: against the service, and against one that breaks off, goes silent or refuses.

import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type PlatenClient, PlatenError, type Progress } from '@platen/client';
import { EventParser } from '../packages/client/src/event-parser.ts';
import { startBareBrowser } from './support/bare-browser.ts';
import { type Pages, startPages } from './support/pages.ts';
import { steerService } from './support/steered-service.ts';
import { serviceToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const { frontend, pages, service } = steerService({ env: { RENDER_CONCURRENCY: '2' } });
let count = 0;

/** A student with a report that is not there yet, and their client. */
function newStudent() {
  const id = `STU${++count}`;
  const userToken = studentToken(id, 'C1');
  const client = createClient({ baseUrl: `${service.url}/`, userToken: async () => userToken });
  const start = () => client.startReport('/generate-pdf', { studentId: id, testId: '5', classId: 'C1' });
  return { id, userToken, client, start };
}

async function statesOf(states: AsyncIterable<Progress>): Promise<Progress[]> {
  const all: Progress[] = [];
  for await (const state of states) all.push(state);
  return all;
}

describe('with the service', () => {
  test('a report is started, followed to its end, and there', async () => {
    const { id, userToken, client, start } = newStudent();
    const { progressId } = await start();
    const states = await statesOf(client.followProgress(progressId));
    expect(states.at(-1)).toMatchObject({ id: progressId, status: 'completed', progress: 100 });
    const stored = await service.get(`/generate-pdf?studentId=${id}&testId=5&classId=C1`, userToken);
    expect([stored.status, stored.headers.get('cache-status')]).toEqual([200, 'platen; hit']);
  });

  test('a generation is cancelled, and who follows it hears so', async () => {
    const { client, start } = newStudent();
    frontend.figuresFor = () => frontend.createGate().promise;
    const { progressId } = await start();
    const states = statesOf(client.followProgress(progressId));
    await until(() => frontend.opened.length === 1);
    await client.cancelGeneration(progressId);
    expect((await states).at(-1)?.status).toBe('cancelled');
    await until(() => frontend.opened[0]?.isClosed === true);
    await expect(client.cancelGeneration(progressId)).rejects.toMatchObject({ code: 'already_ended', status: 409 });
  });

  test('tickets are enough to follow', async () => {
    const { client, start } = newStudent();
    const { progressId } = await start();
    const nobody = createClient({ baseUrl: service.url });
    const ticket = async () => (await client.createTicket(progressId)).ticket;
    expect((await statesOf(nobody.followProgress(progressId, { ticket }))).at(-1)?.status).toBe('completed');
  });

  test('the backend has a report rendered and follows the job', async () => {
    const backend = createClient({ baseUrl: service.url, serviceToken });
    const body = { testId: '5', classId: 'C1', reportType: 'student', studentId: `STU${++count}` };
    const { jobId, s3Key } = await backend.triggerReport(body);
    let last: { state?: string; result?: object | null } = {};
    for await (const job of backend.followJob(jobId)) last = job;
    expect(last).toMatchObject({ state: 'completed', result: { s3Key } });
  });

  test('what is not theirs and what is not allowed is a clear error at once', async () => {
    const { client } = newStudent();
    const other = await newStudent().start();
    const [nowhere, refused] = [
      createClient({ baseUrl: service.url, userToken: 'x' }),
      { status: 401, code: 'unauthorized' },
    ];
    await expect(statesOf(client.followProgress(other.progressId))).rejects.toMatchObject({ status: 404 });
    await expect(statesOf(nowhere.followProgress(other.progressId))).rejects.toMatchObject(refused);
    await expect(nowhere.createTicket(other.progressId)).rejects.toMatchObject(refused);
    await expect(nowhere.startReport('/generate-pdf', {})).rejects.toBeInstanceOf(PlatenError);
  });

  test('in the browser, from the page of another origin: followed over a lost connection, and by an EventSource with a ticket', async () => {
    const source = (name: string) => async (_req: IncomingMessage, res: ServerResponse) => {
      const text = await readFile(new URL(`../packages/client/src/${name}`, import.meta.url), 'utf8');
      res.writeHead(200, { 'content-type': 'text/javascript' }).end(stripTypeScriptTypes(text));
    };
    const names = ['client.ts', 'event-parser.ts', 'following.ts', 'problem.ts', 'states.ts', 'watching.ts'];
    for (const name of names) pages.pages[`/client/${name}`] = source(name);
    pages.pages['/app'] = '<!doctype html><title>App</title>';
    const { start, userToken, client } = newStudent();
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const { progressId } = await start();
    await using bare = await startBareBrowser({ without: ['--proxy-server', '--proxy-bypass-list'] });
    const page = await bare.browser.newPage();
    await page.goto(`${pages.origin}/app`);
    const { ticket } = await client.createTicket(progressId);
    await page.exposeFunction('seen', (state: Progress) => {
      if (state.stage === 'data_validation') gate.resolve({ text: 'Figures' });
    });
    const script = `(async () => {
      const { createClient } = await import('/client/client.ts');
      const events = new EventSource('${service.url}/api/certificates/progress/${progressId}?ticket=${ticket}');
      const bySource = new Promise((resolve) => {
        events.onmessage = ({ data }) => {
          const { status } = JSON.parse(data);
          if (status === 'completed') { events.close(); resolve(status); }
        };
      });
      const client = createClient({ baseUrl: '${service.url}', userToken: '${userToken}' });
      const first = client.followProgress('${progressId}');
      await first.next();
      await first.return();
      const states = [];
      for await (const state of client.followProgress('${progressId}')) { states.push(state.status); window.seen(state); }
      return { states, bySource: await bySource };
    })()`;
    const { states, bySource } = (await page.evaluate(script)) as { states: string[]; bySource: string };
    expect([states.at(-1), bySource]).toEqual(['completed', 'completed']);
    expect(states[0]).not.toBe('completed');
  });
});

describe('with a service that does not behave', () => {
  let broken: Pages;
  let client: PlatenClient;
  /** What each connection gets, in order; the last one again and again. */
  let answers: ((res: ServerResponse, req: IncomingMessage) => void)[] = [];
  let connections: IncomingMessage[] = [];
  const quick = { reconnectMs: 20, silenceMs: 300 };
  const path = '/api/certificates/progress/1';
  beforeAll(async () => {
    const answer = (req: IncomingMessage, res: ServerResponse) => {
      const next = answers[Math.min(connections.length, answers.length - 1)];
      connections.push(req);
      next?.(res, req);
    };
    broken = await startPages({ [path]: answer });
    client = createClient({ baseUrl: broken.origin });
  });
  afterEach(() => {
    [answers, connections] = [[], []];
  });
  afterAll(async () => {
    await broken[Symbol.asyncDispose]();
  });

  const event = (id: string, status: string) => `id: ${id}\ndata: {"status":"${status}"}\n\n`;
  const send = (text: string, after: 'end' | 'destroy' | 'nothing') => (res: ServerResponse) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(text, () => {
      if (after !== 'nothing') setTimeout(() => res[after](), 20);
    });
  };
  const refuse =
    (status: number, headers: Record<string, string> = {}) =>
    (res: ServerResponse) => {
      res.writeHead(status, headers).end(JSON.stringify({ code: 'some_code', detail: 'Some words.' }));
    };
  const idsAsked = () => connections.map(({ headers }) => headers['last-event-id']);
  const follow = async (options = {}) =>
    (await statesOf(client.followProgress('1', { ...quick, ...options }))).map(({ status }) => status);

  test('connections that end, break or go silent are made again where they were', async () => {
    answers = [
      send(event('1', 'pending'), 'end'),
      send(`${event('2', 'in_progress')}id: 3\ndata: {"half`, 'destroy'),
      send(': still here\n\n', 'nothing'),
      send(event('4', 'completed'), 'nothing'),
    ];
    expect(await follow()).toEqual(['pending', 'in_progress', 'completed']);
    expect(idsAsked()).toEqual([undefined, '1', '2', '2']);
  });

  test('unless it is told otherwise it comes back after 2 s, and says what it has', async () => {
    const arrivals: number[] = [];
    const startedAt = performance.now();
    const timer = delay(2000).then(() => performance.now() - startedAt);
    const noted = (answer: (res: ServerResponse) => void) => (res: ServerResponse) => {
      arrivals.push(performance.now());
      answer(res);
    };
    answers = [noted(send(event('1', 'pending'), 'end')), noted(send(event('2', 'completed'), 'end'))];
    await statesOf(client.followProgress('1'));
    expect(idsAsked()).toEqual([undefined, '1']);
    const [first = 0, second = 0] = arrivals;
    expect(second - first).toBeGreaterThanOrEqual(2000);
    // Beside a plain timer of 2 s, which is late too where the machine is slow.
    expect(second - first).toBeLessThan(2.5 * (await timer));
  });

  test('a last state that is known already ends it', async () => {
    answers = [send(event('1', 'pending'), 'end'), (res) => res.writeHead(204).end()];
    expect(await follow()).toEqual(['pending']);
  });

  test.each([401, 403, 404, 410])('%i ends it with an error', async (status) => {
    answers = [send(event('1', 'pending'), 'end'), refuse(status)];
    await expect(follow()).rejects.toMatchObject({ name: 'PlatenError', code: 'some_code', status });
    expect(connections).toHaveLength(2);
  });

  test('429 and 503 are waited for as long as they say; 429 only once', async () => {
    answers = [
      refuse(503, { 'retry-after': '1' }),
      refuse(429, { 'retry-after': '1' }),
      send(event('1', 'failed'), 'end'),
    ];
    const began = performance.now();
    expect(await follow()).toEqual(['failed']);
    expect(performance.now() - began).toBeGreaterThan(1990);
    [answers, connections] = [[refuse(429, { 'retry-after': '1' })], []];
    await expect(follow()).rejects.toMatchObject({ status: 429, code: 'some_code', retryAfterSeconds: 1 });
    expect(connections).toHaveLength(2);
  });

  test('a connection that lasts without news is one: what comes later is judged anew', async () => {
    const beats = (res: ServerResponse) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      const beating = setInterval(() => res.write(': still here\n\n'), 50);
      setTimeout(() => {
        clearInterval(beating);
        res.destroy();
      }, 500);
    };
    const limited = refuse(429, { 'retry-after': '1' });
    answers = [limited, beats, limited, send(event('1', 'completed'), 'end')];
    expect(await follow()).toEqual(['completed']);
  });

  test('an answer that is no stream of events is an error at once', async () => {
    answers = [(res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')];
    await expect(follow()).rejects.toMatchObject({ name: 'PlatenError', code: 'malformed_answer' });
    expect(connections).toHaveLength(1);
  });

  test('a service that stays away is given up when patience ends', async () => {
    answers = [refuse(502)];
    await expect(follow({ patienceMs: 200 })).rejects.toMatchObject({ status: 502 });
    const nobody = createClient({ baseUrl: 'http://127.0.0.1:1' });
    const states = nobody.followProgress('1', { reconnectMs: 20, patienceMs: 100 });
    await expect(statesOf(states)).rejects.toMatchObject({ name: 'PlatenError', code: 'unreachable' });
  });

  test('where no event comes in time the job is asked, until it has ended', async () => {
    const asked: string[] = [];
    const answer = (state: string, percent: number) => ({
      id: 'a',
      state,
      stage: null,
      percent,
      subject: {},
      result: null,
      error: null,
    });
    const states = [answer('active', 40), answer('active', 20), answer('completed', 100)];
    pages.pages['/api/certificates/progress/silent'] = (_req, res) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    pages.pages['/jobs/silent'] = (req, res) => {
      asked.push(req.url ?? '');
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(states[asked.length - 1]));
    };
    const client = createClient({ baseUrl: pages.origin });
    const seen = await statesOf(client.watchProgress('silent', { quietMs: 100, askMs: 10 }));
    expect(seen.map(({ status, progress }) => [status, progress])).toEqual([
      ['in_progress', 40],
      ['in_progress', 40],
      ['completed', 100],
    ]);
  });

  test('an aborted signal ends it at once, while it follows and while it waits, and the connection with it', async () => {
    const gone = Promise.withResolvers<void>();
    answers = [
      (res) => {
        res.on('close', gone.resolve);
        send(event('1', 'pending'), 'nothing')(res);
      },
    ];
    const following = new AbortController();
    const followed = follow({ signal: following.signal });
    await until(() => connections.length === 1);
    following.abort(new Error('enough'));
    await expect(followed).rejects.toThrow('enough');
    await gone.promise;
    answers = [send(event('1', 'pending'), 'end')];
    const signal = AbortSignal.timeout(100);
    await expect(follow({ signal, reconnectMs: 60_000 })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(follow({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('leaving the loop ends the connection', async () => {
    const gone = Promise.withResolvers<void>();
    answers = [
      (res) => {
        res.on('close', gone.resolve);
        send(event('1', 'pending'), 'nothing')(res);
      },
    ];
    for await (const { status } of client.followProgress('1')) if (status === 'pending') break;
    await gone.promise;
  });
});

test('events are read the same however their text is cut', () => {
  const text =
    ': hello\r\nretry: 5\rid: 1\ndata: a\ndata:  b\n\n\r\n\nid\ndata\n\nid: ä\r\ndata: {"x":"ü"}\r\n\r\nid: lost\ndata: x\n';
  const whole = [
    { id: '1', data: 'a\n b' },
    { id: '', data: '' },
    { id: 'ä', data: '{"x":"ü"}' },
  ];
  expect(new EventParser().push(text)).toEqual(whole);
  for (let size = 1; size < text.length; size++) {
    const parser = new EventParser();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    );
    expect([size, pieces.flatMap((piece) => parser.push(piece))]).toEqual([size, whole]);
  }
});
