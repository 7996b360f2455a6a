// A token is nowhere to be found afterwards: not in logs, metrics, problems, storage, process arguments or the browser's environment.

import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { shortTimeoutMs } from './support/pace.ts';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { readPdf } from './support/pdf.ts';
import { listProcesses, type ServiceProcess, startServiceProcess } from './support/process.ts';
import {
  reportTokenSecret,
  serviceToken,
  signReportToken,
  studentToken,
  teacherToken,
  userTokenSecret,
} from './support/tokens.ts';
import { until } from './support/until.ts';

/** A page that tells the server its token, shows it to the console and throws it. */
const talkative = readyPage(
  `<h1>Report</h1><script>
    const token = localStorage.token;
    console.error('my token is ' + token);
    fetch('/seen', { method: 'POST', body: token });
    setTimeout(() => { throw new Error('thrown ' + token); });
  </script>`,
);

/** When it has its answer: what a page says beside one of 500 is not final. */
const failing = talkative.replace(
  'window.__PDF_READY__ = true',
  `fetch('/seen', { method: 'POST', body: localStorage.token })
    .then(() => { window.__PDF_ERROR__ = 'cannot use ' + localStorage.token; })`,
);
const stuck = talkative
  .replace('window.__PDF_READY__ = true', "window.__PDF_PENDING__ = ['GET /x?token=' + localStorage.token]")
  .replace("'/seen'", "'/seen?access_token=' + token")
  .replace(
    '<h1>',
    "<script>history.replaceState({}, '', '?code=opaque-code-of-a-sign-in#access_token=opaque-token-of-one')</script><h1>",
  );

/** Tokens that the pages have told since the test began. */
let seen = new Set<string>();
/** What the pages get when they tell theirs. */
let seenStatus = 500;
/** Pages are given when this is fulfilled. */
let opening: Promise<unknown> = Promise.resolve();
let pages: Pages;
let service: ServiceProcess;
beforeAll(async () => {
  const whenOpened = (page: string) => async (_req: IncomingMessage, res: ServerResponse) => {
    await opening;
    res.writeHead(200, { 'content-type': 'text/html' }).end(page);
  };
  pages = await startPages({
    '/report': whenOpened(talkative),
    '/student-report': whenOpened(failing),
    '/teacher-report': whenOpened(stuck),
    '/seen': async (req, res) => {
      seen.add(await text(req));
      res.writeHead(seenStatus).end();
    },
  });
  service = await startServiceProcess({
    FRONTEND_ORIGINS: pages.origin,
    LOG_LEVEL: 'debug',
    PDF_TIMEOUT: String(await shortTimeoutMs()),
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});
beforeEach(() => {
  seen = new Set();
  seenStatus = 500;
});

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const post = (path: string, body: object, headers: Record<string, string>) =>
  fetch(service.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const trigger = (body: object, headers: Record<string, string> = {}) =>
  post('/internal/trigger-generate-pdf', { testId: '1', classId: 'C1', ...body }, { ...asService, ...headers });
const get = (path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(service.url + path, { headers: { authorization: `Bearer ${token}`, ...headers } });
const metrics = async () => (await fetch(`${service.url}/metrics`)).text();

/** Text of every stored file, PDFs as their visible text and their raw bytes. */
async function storedText(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      const visible = entry.name.endsWith('.pdf') ? (await readPdf(bytes)).text : '';
      return `${path} ${bytes.toString('latin1')} ${visible}`;
    });
  return (await Promise.all(texts)).join('\n');
}

/** None of the secrets is in any of the places, nor the end of one. */
function expectNone(places: Record<string, string>, given: Record<string, string>): void {
  const secrets = { serviceToken, userTokenSecret, reportTokenSecret, ...given };
  for (const [place, content] of Object.entries(places)) {
    const found = Object.entries(secrets).filter(
      ([, secret]) => content.includes(secret) || content.includes(secret.slice(-20)),
    );
    expect([place, found.map(([name]) => name)]).toEqual([place, []]);
  }
}

test('no token and no secret appears in logs, metrics, problems, storage, arguments or environments', async () => {
  const reportToken = signReportToken({ role: 'educator', class_id: 'C1' });
  const wrongToken = signReportToken({ role: 'educator', class_id: 'C1' }, 'some other secret');
  const student = studentToken('S2', 'C1');
  const teacher = teacherToken('T1', 'C1');
  const answers = [
    await trigger({ reportType: 'student', studentId: 'S1' }),
    await trigger({ reportType: 'student', studentId: 'S1', reportToken }),
    await trigger({ reportType: 'student', studentId: 'S1', reportToken: wrongToken }),
    await get('/generate-student-pdf?testId=1', student),
    await get('/generate-teacher-pdf?testId=1', teacher),
    await get('/generate-pdf?testId=1&studentId=S3', teacher),
    await get('/generate-pdf?testId=1&studentId=S1', `${student}x`),
    await get(`/generate-pdf?testId=1&studentId=${student}`, teacher),
    await post(
      '/generate-bulk-pdf',
      { studentIds: ['S1'], testId: '1', classId: 'C1', token: teacher },
      { authorization: `Bearer ${teacher}` },
    ),
    await post('/internal/trigger-generate-pdf', {}, { 'x-service-auth': `Bearer ${serviceToken.slice(1)}` }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 422, 502, 504, 200, 401, 422, 400, 401]);
  const problems = (await Promise.all(answers.map((answer) => answer.text())))
    .filter((text) => text.startsWith('{'))
    .join('\n');
  const processes = listProcesses();
  const browsers = processes.filter(({ commandLine }) => commandLine.includes(`platen-browser-${service.child.pid}-`));
  expect(browsers.length).toBeGreaterThan(0);

  const places: Record<string, string> = {
    log: service.output(),
    metrics: await metrics(),
    problems,
    storage: await storedText(service.dataDir),
    arguments: processes.map(({ commandLine }) => commandLine).join('\n'),
    'environment of the browser': browsers.map(({ environment }) => environment).join('\n'),
  };
  const minted = [...seen].filter((token) => ![student, teacher, reportToken].includes(token));
  expect(minted).toHaveLength(1);
  expect(problems).toContain(`"finalUrl":"${pages.origin}/teacher-report"`);
  const opaque = { code: 'opaque-code-of-a-sign-in', access: 'opaque-token-of-one' };
  expectNone(places, { reportToken, wrongToken, student, teacher, minted: minted[0] ?? '', ...opaque });
});

test('nor does one of work that is done later: while it is queued, when it has ended, or when the service has', async () => {
  const gate = Promise.withResolvers<void>();
  opening = gate.promise;
  const later = { prefer: 'respond-async' };
  const educator = (email: string) => signReportToken({ role: 'educator', email, class_id: 'C1' });
  const [reportToken, runToken] = [educator('of the trigger'), educator('of the run')];
  const ownToken = signReportToken({ user_type: 'student', user_id: 'S6', student_id: 'S6', class_id: 'C1' });
  const student = studentToken('S7', 'C1');
  const idOf = async (response: Response) => {
    expect(response.status).toBe(202);
    const { jobId, progressId, id } = (await response.json()) as Record<string, string>;
    return jobId ?? progressId ?? id ?? '';
  };
  const mine = await idOf(await get('/generate-student-pdf?testId=1', student, later));
  const ids = [
    await idOf(await trigger({ reportType: 'student', studentId: 'S4', reportToken }, later)),
    await idOf(await trigger({ reportType: 'student', studentId: 'S8' }, later)),
    mine,
  ];
  const run = await idOf(
    await post(
      '/internal/class-runs',
      { testId: '1', classId: 'C1', studentIds: ['S5', 'S6'], reportToken: runToken, reportTokens: { S6: ownToken } },
      asService,
    ),
  );
  const progress = `/api/certificates/progress/${mine}`;
  const tickets = await Promise.all(
    ['used', 'kept'].map(async () => {
      const response = await post(`${progress}/ticket`, {}, { authorization: `Bearer ${student}` });
      return ((await response.json()) as { ticket: string }).ticket;
    }),
  );
  const [used = '', kept = ''] = tickets;
  const ask = (path: string) => fetch(service.url + path, { headers: asService });
  const streams = await Promise.all([
    fetch(`${service.url}${progress}?ticket=${used}`),
    get(progress, student),
    ...[...ids.map((id) => `/jobs/${id}/events`), `/internal/class-runs/${run}/events`].map(ask),
  ]);
  expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
  const told = Promise.all(streams.map((stream) => stream.text()));
  const refused = await fetch(`${service.url}${progress}?ticket=${used}`);
  expect(refused.status).toBe(401);

  const look = async () => {
    const lists = ['queued', 'active', 'completed', 'failed', 'cancelled'].map(
      (state) => `/internal/jobs?state=${state}`,
    );
    const paths = [...lists, ...ids.map((id) => `/jobs/${id}`), `/internal/class-runs/${run}`];
    const answers = await Promise.all(paths.map(async (path) => (await ask(path)).text()));
    return { metrics: await metrics(), answers: answers.join('\n') };
  };
  const given = { reportToken, runToken, ownToken, student, used, kept };
  const [atWork, queued] = [await storedText(service.dataDir), await look()];
  // Nothing can end before the pages open: the tokens were there to be found.
  expect(queued.answers).not.toMatch(/"state":"(completed|failed)"/);
  expectNone({ ...queued, refused: await refused.text(), storage: atWork }, given);

  gate.resolve();
  await until(() => service.output().includes('"message":"A job is tried again later"'));
  seenStatus = 200;
  const events = await told;
  const ended = await look();
  expect(ended.answers).toContain('"completed":2');
  expect(ended.answers).toContain('cannot use [redacted]');
  expect((await service.stop('SIGTERM')).code).toBe(0);
  expect([...seen]).toEqual(expect.arrayContaining([reportToken, runToken, ownToken, student]));
  // A later attempt of the one that has none given is minted another.
  const minted = [...seen].filter((token) => !Object.values(given).includes(token));
  expect(minted.length).toBeGreaterThan(0);
  expectNone(
    {
      ...ended,
      events: events.join('\n'),
      log: service.output(),
      storage: await storedText(service.dataDir),
    },
    { ...given, ...Object.fromEntries(minted.map((token, at) => [`minted ${at + 1}`, token])) },
  );
});
