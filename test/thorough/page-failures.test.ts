// Pages that fail, lie, hang or attack: a coded failure each, nothing stored, and the next report is well.

import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { shortTimeoutMs } from '../support/pace.ts';
import { type Pages, readyPage, startPages } from '../support/pages.ts';
import { readinessOf } from '../support/readiness.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { signReportToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

type Page = Pages['pages'][string];

interface Problem {
  status: number;
  code?: string;
  detail?: string;
  warnings?: string[];
  durationMs?: number;
  diagnosis?: {
    stage: string;
    elapsedMs: number;
    pending: string[];
    consoleErrors: string[];
    failedRequests: { path: string; status?: number; error?: string }[];
    finalUrl?: string;
  };
}

const html = (body: string, head = '') =>
  `<!doctype html><html lang="en"><head><title>Report</title>${head}</head><body>${body}</body></html>`;
const script = (code: string) => `<script>${code}</script>`;
const scripted = (code: string) => html(`<p>Page</p>${script(code)}`);
const ready = 'window.__PDF_READY__ = true;';
const goodPage = readyPage('<p>A good report</p>');
const sendHtml = (res: ServerResponse, status: number, text: string, headers: Record<string, string> = {}) =>
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(text);
const answerWith =
  (status: number, text: string, headers: Record<string, string> = {}): Page =>
  (_req, res) =>
    void sendHtml(res, status, text, headers);
/** Never answers. */
const silence = () => undefined;

interface ProcessEntry {
  pid: number;
  parent: number;
  command: string;
  /** Clock ticks of processor time used so far. */
  ticks: number;
}

async function readProcess(pid: string): Promise<ProcessEntry[]> {
  const [stat, command] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
  ]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 15 || fields[0] === 'Z') return [];
  return [{ pid: Number(pid), parent: Number(fields[1]), command, ticks: Number(fields[11]) + Number(fields[12]) }];
}

/** The browser that this very process has started, and everything below it. */
async function browserProcesses(): Promise<{
  browser: ProcessEntry | undefined;
  renderers: ProcessEntry[];
  ticks: number;
}> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = (await Promise.all(names.map(readProcess))).flat();
  // A launcher script may stand between us and the browser: its own command line names the folder too.
  const ours = all.filter(({ command }) => command.includes(`platen-browser-${process.pid}-`));
  const browser = ours.find(({ command }) => !command.startsWith('/bin/sh') && !command.includes('--type='));
  const below: ProcessEntry[] = browser === undefined ? [] : [browser];
  for (const each of below) below.push(...all.filter((other) => other.parent === each.pid));
  return {
    browser,
    renderers: below.filter((each) => each.command.includes('--type=renderer')),
    ticks: below.reduce((sum, each) => sum + each.ticks, 0),
  };
}

/** Waits until the browser uses less than a tenth of a core for a while. */
const untilIdle = () =>
  until(async () => {
    const before = (await browserProcesses()).ticks;
    await delay(200);
    return (await browserProcesses()).ticks - before <= 2;
  });

interface Stage extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  service: TestService;
  pages: Pages;
  /** Serves `page` and more under the given paths, triggers a report that was never asked for before, and gives the answer. */
  print(page: Page, more?: Record<string, Page>, fields?: object): Promise<Problem>;
  /** Expects a failure that leaves nothing behind, and the same report well afterwards. */
  expectFailure(problem: Problem, status: number, code: string): Promise<void>;
}

let students = 0;

async function openStage(env: Record<string, string> = {}): Promise<Stage> {
  await using parts = new AsyncDisposableStack();
  const pages = parts.use(await startPages({}));
  const usual = { PDF_TIMEOUT: String(await shortTimeoutMs()) };
  const service = parts.use(await startTestService({ origin: pages.origin, env: { ...usual, ...env } }));
  const running = parts.move();
  const send = async (fields: object) => {
    const base = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: `STU${students}` };
    const response = await service.trigger({ ...base, ...fields });
    return { ...((await response.json()) as object), status: response.status };
  };
  return {
    service,
    pages,
    async print(page, more = {}, fields = {}) {
      students++;
      pages.pages = { ...more, '/report': page };
      return send(fields);
    },
    async expectFailure(problem, status, code) {
      expect(problem).toMatchObject({ status, code });
      const key = `reports/CLASS_1/Test_1/students/STU${students}.pdf`;
      expect(await service.storedKeys()).not.toContain(key);
      pages.pages = { '/report': goodPage };
      expect(await send({})).toMatchObject({ status: 202, s3Key: key, warnings: [] });
      expect(await service.storedKeys()).toContain(key);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

describe('a page that leads elsewhere', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ PDF_TIMEOUT: '60000' });
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const login = { '/login': readyPage('<p>Please sign in</p>'), '/form': html('<p>Please sign in</p>') };

  test.each([
    ['by HTTP to a login page that is ready', answerWith(302, '', { location: '/login' })],
    ['by HTTP to a login page that is never ready', answerWith(302, '', { location: '/form' })],
    ['by a script to a login page', scripted("location.replace('/login')")],
    ['by a refresh in its head', html('<p>x</p>', '<meta http-equiv="refresh" content="0;url=/login">')],
    ['by its history to /login', scripted(`history.pushState({}, '', '/login'); ${ready}`)],
    ['by its history to a longer path', scripted(`history.replaceState({}, '', '/report/login'); ${ready}`)],
    ['by its history to /Report', scripted(`history.replaceState({}, '', '/Report'); ${ready}`)],
    ['to another page at the moment it is ready', scripted(`${ready} location.href = '/login'`)],
    [
      'to another page while its images are awaited',
      html(
        `<p>x</p><img src="/never.png" alt="">${script(`${ready} setTimeout(() => { location.href = '/login' }, 100)`)}`,
      ),
    ],
  ])('%s is page_redirected', async (_how, page) => {
    const problem = await stage.print(page, { ...login, '/never.png': silence });
    await stage.expectFailure(problem, 502, 'page_redirected');
  });

  test.each([
    ['another query', `history.replaceState({}, '', '/report?tab=2'); ${ready}`],
    ['a hash', `location.hash = 'grades'; ${ready}`],
    ['a final slash', `history.replaceState({}, '', '/report/'); ${ready}`],
  ])('to the same page with %s is well', async (_what, code) => {
    expect(await stage.print(scripted(code))).toMatchObject({ status: 202 });
  });

  test('and back again, as a silent sign-in does, is well', async () => {
    const signIn = scripted("sessionStorage.signedIn = 1; location.replace('/report' + location.search)");
    const page = scripted(
      `if (sessionStorage.signedIn) { ${ready} } else { location.replace('/sign-in' + location.search) }`,
    );
    expect(await stage.print(page, { '/sign-in': signIn })).toMatchObject({ status: 202 });
  });
});

describe('a page that answers', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([
    [401, 'token_rejected'],
    [403, 'token_rejected'],
    [404, 'page_failed'],
    [500, 'page_failed'],
    [503, 'page_failed'],
    [201, 'page_failed'],
  ])('%i is %s, even when it says that it is ready', async (status, code) => {
    await stage.expectFailure(await stage.print(answerWith(status, goodPage)), 502, code);
  });

  test.each([
    ['404', 404],
    ['500', 500],
    ['204', 204],
  ])('an empty %s is page_failed', async (_name, status) => {
    await stage.expectFailure(await stage.print(answerWith(status, '')), 502, 'page_failed');
  });

  test('an empty 200 is page_not_ready', async () => {
    await stage.expectFailure(await stage.print(answerWith(200, '')), 504, 'page_not_ready');
  });

  test('nothing at all is render_timeout', async () => {
    const problem = await stage.print(silence);
    expect(problem.diagnosis?.stage).toBe('load');
    await stage.expectFailure(problem, 504, 'render_timeout');
  });

  test('a head and never the rest is render_timeout', async () => {
    const page: Page = (_req, res) => void res.writeHead(200, { 'content-type': 'text/html' }).write('<p>Half</p>');
    await stage.expectFailure(await stage.print(page), 504, 'render_timeout');
  });

  test('a reset instead of an answer is page_failed', async () => {
    await stage.expectFailure(await stage.print((req) => void req.socket.destroy()), 502, 'page_failed');
  });

  const half =
    (text: string): Page =>
    (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html', 'content-length': '100000' });
      res.write(text, () => res.destroy());
    };

  test('half a page and a reset is page_failed', async () => {
    await stage.expectFailure(await stage.print(half(html('<p>The first half of the report</p>'))), 502, 'page_failed');
  });

  test('half a page that is ready and a reset is page_failed', async () => {
    await stage.expectFailure(await stage.print(half(goodPage)), 502, 'page_failed');
  });

  test('a download is page_failed', async () => {
    const headers = { 'content-disposition': 'attachment; filename="report.html"' };
    await stage.expectFailure(await stage.print(answerWith(200, goodPage, headers)), 502, 'page_failed');
  });

  test('a download started by its script leaves nothing behind', async () => {
    const more = { '/file': answerWith(200, 'x', { 'content-disposition': 'attachment' }) };
    await stage.expectFailure(
      await stage.print(scripted("setTimeout(() => { location.href = '/file' }, 50)"), more),
      504,
      'page_not_ready',
    );
  });

  test('a redirect without end is page_failed', async () => {
    await stage.expectFailure(await stage.print(answerWith(302, '', { location: '/report' })), 502, 'page_failed');
  });
});

describe('a platform that refuses the token', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const ask = (path = '/api/grades') => `fetch('${path}').then((answer) => answer.text())`;

  test.each([
    ['401 to fetch', 401, `${ask()}.then(() => { ${ready} })`],
    ['403 to fetch', 403, `${ask()}.then(() => { ${ready} })`],
    ['401 at once followed by ready', 401, `fetch('/api/grades').then(() => { ${ready} })`],
    [
      '401 to XMLHttpRequest',
      401,
      `const x = new XMLHttpRequest(); x.open('GET', '/api/grades'); x.onloadend = () => { ${ready} }; x.send();`,
    ],
    ['401 to a page that then waits for ever', 401, ask()],
    ['401 to a page that then says that it failed', 401, `${ask()}.then(() => { window.__PDF_ERROR__ = 'no grades' })`],
    ['401, and another path succeeds', 401, `${ask()}.then(() => ${ask('/api/other')}).then(() => { ${ready} })`],
  ])('by %s: token_rejected', async (_how, status, code) => {
    const more = { '/api/grades': answerWith(status, '{}'), '/api/other': answerWith(200, '{}') };
    await stage.expectFailure(await stage.print(scripted(code), more), 502, 'token_rejected');
  });

  test.each([1, 2])('and then takes it for the same path before ready: printed (try %i)', async () => {
    let calls = 0;
    const api: Page = (_req, res) => void sendHtml(res, ++calls === 1 ? 401 : 200, '{}');
    const code = `fetch('/api/grades?try=1').then(() => fetch('/api/grades?try=2')).then(() => { ${ready} })`;
    expect(await stage.print(scripted(code), { '/api/grades': api })).toMatchObject({ status: 202 });
    expect(calls).toBe(2);
  });

  test('and takes it first but not the second time: token_rejected', async () => {
    let calls = 0;
    const api: Page = (_req, res) => void sendHtml(res, ++calls === 1 ? 200 : 401, '{}');
    const code = `${ask()}.then(() => ${ask()}).then(() => { ${ready} })`;
    await stage.expectFailure(await stage.print(scripted(code), { '/api/grades': api }), 502, 'token_rejected');
  });

  test('for an image only: printed', async () => {
    const page = html(`<p>x</p><img src="/photo" alt="" onerror="${ready}">`);
    expect(await stage.print(page, { '/photo': answerWith(403, '') })).toMatchObject({ status: 202 });
  });
});

describe('the diagnosis', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const reportToken = signReportToken({
    role: 'educator',
    class_id: 'CLASS_1',
    test_id: 'Test_1',
    note: 'n'.repeat(300),
  });
  const fields = { reportToken };
  const forTest1 = { testId: 'Test_1' };
  const token = 'localStorage.token';
  const [header = '', payload = '', signature = ''] = reportToken.split('.');
  const expectNoToken = (problem: Problem) => {
    const text = JSON.stringify(problem);
    for (const part of [reportToken, signature, header, payload.slice(0, 40)]) expect(text).not.toContain(part);
  };

  test('of a page that is never ready says what it did, without queries', async () => {
    const code = `window.__PDF_PENDING__ = ['chart'];
      console.log('only told'); console.error('no colours for', 7);
      fetch('/api/broken?student=STU001#x').catch(() => {});
      fetch('/api/gone?secret=1').catch(() => {});
      setTimeout(() => { throw new Error('chart is broken') }, 10);
      history.replaceState({}, '', '/report?tab=grades');`;
    const more = {
      '/api/broken': answerWith(500, ''),
      '/api/gone': (req: IncomingMessage) => void req.socket.destroy(),
    };
    const problem = await stage.print(scripted(code), more, forTest1);
    expect(problem.diagnosis).toMatchObject({
      stage: 'ready',
      pending: ['chart'],
      failedRequests: expect.arrayContaining([{ path: '/api/broken', status: 500 }]),
      finalUrl: `${stage.pages.origin}/report`,
    });
    expect(problem.diagnosis?.elapsedMs).toBeGreaterThanOrEqual(1400);
    const errors = problem.diagnosis?.consoleErrors.join('\n');
    expect(errors).toMatch(/no colours for 7/);
    expect(errors).toMatch(/chart is broken/);
    expect(errors).not.toMatch(/only told/);
    const paths = problem.diagnosis?.failedRequests.map(({ path }) => path);
    expect(paths).toContain('/api/gone');
    expect(JSON.stringify(paths)).not.toMatch(/student=|secret/);
    await stage.expectFailure(problem, 504, 'page_not_ready');
  });

  test.each([
    [
      'writes it to the console',
      `console.error('signed in with ' + ${token}); console.error({ t: ${token} }, [${token}]);
        for (const n of [200, 250, 257, 271, 285, 299]) console.error('x'.repeat(n) + ' ' + ${token})`,
    ],
    [
      'throws it and asks with it',
      `setTimeout(() => { throw new Error(${token}) }); Promise.reject(${token}); fetch('/api/' + ${token});
        fetch('/api/a?token=' + ${token}); fetch('/api/' + 'x'.repeat(270) + ${token})`,
    ],
    [
      'carries it in its address and in what it waits for',
      `history.replaceState({}, '', '/report?token=' + ${token} + '#' + ${token});
        window.__PDF_PENDING__ = [${token}, 'x'.repeat(150) + ${token}]`,
    ],
  ])('never holds the token, though the page %s', async (_how, code) => {
    const problem = await stage.print(scripted(code), {}, fields);
    expect(problem).toMatchObject({ status: 504, code: 'page_not_ready' });
    expectNoToken(problem);
  });

  test.each([
    ['as a text', `window.__PDF_ERROR__ = 'refused: ' + ${token}`],
    ['in code and message', `window.__PDF_ERROR__ = { code: ${token}, message: 'x'.repeat(200) + ${token} }`],
  ])('nor does the detail, though the page fails with it %s', async (_how, code) => {
    const problem = await stage.print(scripted(code), {}, fields);
    expect(problem).toMatchObject({ status: 502, code: 'page_failed' });
    expectNoToken(problem);
  });

  test('nor do the warnings of a page that is printed', async () => {
    const code = `const image = new Image(); image.src = '/never/' + ${token}; document.body.append(image);
      setTimeout(() => { throw new Error(${token}) }); setTimeout(() => { ${ready} }, 50);`;
    const never = { [`/never/${reportToken}`]: silence };
    // It waits for the image for as long as it does for late ones.
    await using patient = await openStage({ PDF_TIMEOUT: '60000' });
    const problem = await patient.print(scripted(code), never, fields);
    expectNoToken(problem);
    const warnings = ['printed_without /never/[redacted]', 'page_error Error: [redacted]'];
    expect(problem).toMatchObject({ status: 202, warnings });
  });
});

describe('a page that shows nothing', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const shape = '<rect width="50" height="50" />';
  const redDot =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';

  test.each([
    ['has no body', ''],
    ['has only white space', '<p> &nbsp;\n</p>'],
    ['has only hidden text', '<p hidden>Hidden</p><p style="visibility: hidden">Hidden too</p>'],
    ['has only an image that is not there', '<img src="data:," alt="">'],
    ['has only a canvas on which nothing was drawn', '<canvas aria-label="Chart of grades"></canvas>'],
    ['has only white text', '<p style="color: #fff">White</p>'],
    ['has only a background', '<style>body { background: #eef }</style><p style="visibility: hidden">Hidden</p>'],
    ['is empty on paper', '<style>@media print { p { display: none } }</style><p>On screen</p>'],
    [
      'has only the titles of hidden icons',
      `<svg style="display: none"><symbol id="a"><title>Icon</title>${shape}</symbol></svg>`,
    ],
    ['has only a spinner that is gone', '<div style="display: none"><svg aria-label="Loading"></svg></div>'],
  ])('(%s) is page_failed', async (_why, body) => {
    await stage.expectFailure(await stage.print(readyPage(body)), 502, 'page_failed');
  });

  test.each([
    ['a labelled drawing', `<svg width="50" height="50" role="img" aria-label="Chart of grades">${shape}</svg>`],
    ['a drawing with a title', `<svg width="50" height="50"><title>Chart of grades</title>${shape}</svg>`],
    ['a drawing without a name', `<svg width="50" height="50">${shape}</svg>`],
    ['a canvas', `<canvas id="c"></canvas>${script("c.getContext('2d').fillRect(0, 0, 50, 50)")}`],
    ['a line', '<div style="border-top: 1px solid #ddd; height: 9px"></div>'],
    ['a gradient', '<div style="background: linear-gradient(#fff, #ccc); height: 90px; width: 90px"></div>'],
    ['a background image', `<div style="background: url(${redDot}); height: 90px"></div>`],
    ['white text on a dark bar', '<p style="color: #fff; background: #123">White</p>'],
    ['text that is half transparent', '<p style="opacity: .5">Pale</p>'],
    ['an image with a description', '<img alt="Chart of grades" width="50" height="50" src="/chart.svg">'],
    ['text in a drawing', '<svg width="90" height="50"><text y="20">Grades</text></svg>'],
    ['text in a web component', '<div><template shadowrootmode="open"><p>Grades in a component</p></template></div>'],
  ])('but %s is printed', async (_what, body) => {
    expect(await stage.print(readyPage(body))).toMatchObject({ status: 202 });
  });
});

describe('a document with its own token in it is not stored:', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const token = 'localStorage.token';

  test.each([
    ['in its text', `document.body.append('Signed in with ' + ${token})`],
    ['in a field', `document.body.append(Object.assign(document.createElement('input'), { value: ${token} }))`],
    [
      'in a link',
      `document.body.insertAdjacentHTML('beforeend', '<a href="/download?token=' + ${token} + '">Download</a>')`,
    ],
    [
      'in its address, where a link leads',
      `history.replaceState({}, '', '/report?token=' + ${token}); document.body.insertAdjacentHTML('beforeend', '<a href="">Again</a>')`,
    ],
    ['in its title', `document.title = 'Report ' + ${token}`],
    ['in a heading', `document.body.insertAdjacentHTML('beforeend', '<h1>' + ${token} + '</h1>')`],
    [
      'in the description of an image',
      `document.body.insertAdjacentHTML('beforeend', '<svg role="img" width="50" height="50" aria-label="' + ${token} + '"><rect width="9" height="9"/></svg>')`,
    ],
  ])('%s', async (_where, code) => {
    const problem = await stage.print(scripted(`${code}; ${ready}`));
    await stage.expectFailure(problem, 502, 'page_failed');
    expect(problem.detail).toContain('token');
    expect(JSON.stringify(problem)).not.toMatch(/eyJ/);
  });

  test.each([
    ['where nobody sees it', `document.body.insertAdjacentHTML('beforeend', '<p hidden>' + ${token} + '</p>')`],
    [
      'in a script',
      `document.body.insertAdjacentHTML('beforeend', '<script type="application/json">' + ${token} + '<\\/script>')`,
    ],
  ])('it may be on the page %s', async (_where, code) => {
    expect(await stage.print(scripted(`${code}; ${ready}`))).toMatchObject({ status: 202 });
  });
});

describe('a page that attacks', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([
    ['while it loads', 'for (;;) {}', 'render_timeout'],
    ['after it has loaded', "addEventListener('load', () => setTimeout(() => { for (;;) {} }, 50))", 'page_not_ready'],
    ['when it is ready', `${ready} setTimeout(() => { for (;;) {} })`, 'render_timeout'],
    ['while it is printed', `addEventListener('beforeprint', () => { for (;;) {} }); ${ready}`, 'render_timeout'],
    ['in its promises', 'const spin = () => Promise.resolve().then(spin); spin()', 'render_timeout'],
  ])('with an endless script %s is ended in time, and the processor is idle again', async (_when, code, expected) => {
    const startedAt = performance.now();
    const problem = await stage.print(scripted(code));
    expect(performance.now() - startedAt).toBeLessThan(5 * (await shortTimeoutMs()));
    await untilIdle();
    await stage.expectFailure(problem, 504, expected);
  });

  test.each([
    ['alert', "alert('Hello')"],
    ['confirm', "confirm('Sure?')"],
    ['prompt', "prompt('Name?')"],
    ['alert and confirm, one after the other', "alert('One'); confirm('Two'); alert('Three')"],
    ['a question before it is left', "addEventListener('beforeunload', (event) => event.preventDefault())"],
  ])('that opens %s and then gets ready is printed', async (_which, code) => {
    expect(await stage.print(scripted(`${code}; ${ready}`))).toMatchObject({ status: 202 });
  });

  test('with a dialog as soon as it is ready is printed', async () => {
    expect(await stage.print(scripted(`${ready} alert('Printed?')`))).toMatchObject({ status: 202 });
  });

  test('with dialogs without end is ended in time', async () => {
    await stage.expectFailure(await stage.print(scripted("for (;;) alert('Again')")), 504, 'render_timeout');
  });

  test.each([
    ['by script', "for (let n = 0; n < 100; n++) window.open('/popup?' + n)"],
    ['without address', 'for (let n = 0; n < 100; n++) window.open()'],
  ])('with 100 windows (%s) is resource_limit', async (_how, code) => {
    const problem = await stage.print(scripted(`${code}; setTimeout(() => { ${ready} }, 1000)`), {
      '/popup': goodPage,
    });
    await stage.expectFailure(problem, 502, 'resource_limit');
    expect((await browserProcesses()).renderers.length).toBeLessThan(10);
  });

  test('that tries to close itself stays open and is printed', async () => {
    expect(await stage.print(scripted(`window.close(); setTimeout(() => { ${ready} }, 100)`))).toMatchObject({
      status: 202,
    });
  });

  test('of 30 million pixels is document_too_large', async () => {
    const problem = await stage.print(readyPage('<div style="height: 30000000px">Endless</div>'));
    await stage.expectFailure(problem, 422, 'document_too_large');
  });

  test("with another student's data is wrong_subject", async () => {
    const problem = await stage.print(readyPage('<p>Of another</p>', '<meta name="pdf-subject" content="STU999999">'));
    await stage.expectFailure(problem, 502, 'wrong_subject');
  });
});

describe('the limits', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({
      MAX_PAGES: '3',
      MAX_PDF_BYTES: '60000',
      RENDER_MEMORY_LIMIT_MB: '350',
      PAGE_ERRORS: 'fail',
      ASSET_GRACE_MS: '500',
      PDF_TIMEOUT: '60000',
    });
  });
  afterAll(() => stage[Symbol.asyncDispose]());
  const sheets = (count: number) =>
    readyPage(`${'<p style="break-after: page; margin: 0">Sheet</p>'.repeat(count - 1)}Last`);

  test('of pages: as many as allowed are printed, one more is document_too_large', async () => {
    expect(await stage.print(sheets(3))).toMatchObject({ status: 202, pages: 3 });
    await stage.expectFailure(await stage.print(sheets(4)), 422, 'document_too_large');
  });

  test('of pages: many small sheets are document_too_large', async () => {
    await stage.expectFailure(await stage.print(sheets(300)), 422, 'document_too_large');
  });

  test('of bytes: a document beyond it is document_too_large', async () => {
    const noise = randomBytes(90_000).toString('base64');
    const page = readyPage(`<p style="font-size: 1px; word-break: break-all">${noise}</p>`);
    await stage.expectFailure(await stage.print(page), 422, 'document_too_large');
  });

  test('of memory: a page beyond it is resource_limit', async () => {
    const bomb = `const kept = []; let megabytes = 0;
      const grow = () => {
        for (let n = 0; n < 2; n++) kept.push(new Uint8Array(16 << 20).fill(++megabytes));
        if ((megabytes += 30) < 900) setTimeout(grow, 40);
      };
      grow();`;
    const problem = await stage.print(scripted(bomb));
    await stage.expectFailure(problem, 502, 'resource_limit');
  });

  test('of windows: 100 opened by links are resource_limit', async () => {
    const code = `for (let n = 0; n < 100; n++) {
      const link = Object.assign(document.createElement('a'), { href: '/popup', target: '_blank' });
      document.body.append(link);
      link.click();
    }`;
    await stage.expectFailure(await stage.print(scripted(code), { '/popup': goodPage }), 502, 'resource_limit');
  });

  test('of errors: a page that is ready and then throws is page_failed', async () => {
    const page = html(
      `<p>x</p><img src="/never.png" alt="">${script(`${ready} setTimeout(() => { throw new Error('late') }, 50)`)}`,
    );
    await stage.expectFailure(await stage.print(page, { '/never.png': silence }), 502, 'page_failed');
  });
});

test('a frontend that is down is page_failed, and the others are well', async () => {
  const gone = await startPages({});
  await gone[Symbol.asyncDispose]();
  await using pages = await startPages({ '/report': goodPage });
  await using service = await startTestService({
    env: {
      FRONTEND_ORIGINS: `${pages.origin} ${gone.origin}=gone`,
      DEFAULT_FRONTEND_ORIGIN: pages.origin,
    },
    origin: pages.origin,
  });
  const student = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: 'STU001' };
  const response = await service.trigger({ ...student, origin: gone.origin });
  expect({ status: response.status, body: await response.json() }).toMatchObject({
    status: 502,
    body: { code: 'page_failed' },
  });
  expect(await service.storedKeys()).toEqual([]);
  expect((await service.trigger(student)).status).toBe(202);
});

describe('a browser that fails', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ PDF_TIMEOUT: '60000' });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  /** A page that, while it is being printed, waits until the server answers: the first time that is after `harm` is done. */
  function harmedWhilePrinting(harm: () => Promise<void>): [Page, Record<string, Page>] {
    let calls = 0;
    const printing: Page = (_req, res) => {
      const begun = ++calls === 1 ? harm() : Promise.resolve();
      void begun.finally(() => res.end());
    };
    const page = scripted(`addEventListener('beforeprint', () => {
        const call = new XMLHttpRequest(); call.open('GET', '/printing', false); call.send();
      }); ${ready}`);
    return [page, { '/printing': printing }];
  }

  test('renderer killed while printing: printed by another one', async () => {
    let killed = 0;
    const [page, more] = harmedWhilePrinting(async () => {
      for (const { pid } of (await browserProcesses()).renderers) killed += Number(process.kill(pid, 'SIGKILL'));
    });
    const retries = await stage.service.metric('platen_render_retries_total');
    const answer = await stage.print(page, more);
    expect(answer).toMatchObject({ status: 202, warnings: [] });
    expect(killed).toBeGreaterThan(0);
    expect(await stage.service.metric('platen_render_retries_total')).toBe(retries + 1);
  });

  test('renderer killed every time: page_failed after the second', async () => {
    const kill: Page = (_req, res) =>
      void browserProcesses().then(({ renderers }) => {
        for (const { pid } of renderers) process.kill(pid, 'SIGKILL');
        res.end();
      });
    const problem = await stage.print(scripted("fetch('/kill')"), { '/kill': kill });
    await stage.expectFailure(problem, 502, 'page_failed');
  });

  test.each([
    ['frozen', 'SIGSTOP'],
    ['killed', 'SIGKILL'],
  ] as const)('browser %s while printing: replaced, and printed by its successor', async (_how, signal) => {
    // By now its health has been asked once and found good: that must not be the last time.
    await delay(1200);
    let harmed: number | undefined;
    const [page, more] = harmedWhilePrinting(async () => {
      harmed = (await browserProcesses()).browser?.pid;
      if (harmed !== undefined) process.kill(harmed, signal);
    });
    const answer = await stage.print(page, more);
    expect(answer).toMatchObject({ status: 202, warnings: [] });
    expect(harmed).toBeDefined();
    await until(async () => (await browserProcesses()).browser?.pid !== harmed);
    expect(await readinessOf(stage.service.url)).toMatchObject({ code: 200 });
  });
});
