// The same token's next render uses the same tab: what that saves, what it must not keep, and when it ends.

import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { pdfOf } from './support/pdf.ts';
import { renderersOf } from './support/process.ts';
import { startTestService, type TestService } from './support/service.ts';
import { signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

/** Says what it finds, leaves what it can, shows its figures, and is ready. */
const reportPage = `<!doctype html><html lang="en"><head><title>Report</title><script src="/app.js"></script></head><body><script>
const open = (name) => new Promise((resolve) => { const r = indexedDB.open(name); r.onsuccess = r.onerror = () => resolve(r.result); });
(async () => {
  const registrations = await navigator.serviceWorker.getRegistrations();
  const found = { local: Object.keys(localStorage), session: { ...sessionStorage }, name, cookies: document.cookie, history: history.length,
    state: history.state, databases: (await indexedDB.databases()).map(({ name }) => name), caches: await caches.keys(),
    workers: registrations.length, files: [] };
  for await (const file of (await navigator.storage.getDirectory()).keys()) found.files.push(file);
  await fetch('/found', { method: 'POST', body: JSON.stringify(found) });
  localStorage.mark = sessionStorage.mark = name = 'left';
  document.cookie = 'mark=left';
  history.pushState({ mark: 'left' }, '', location.href);
  (await open('mark')).close();
  await caches.open('mark');
  await (await navigator.storage.getDirectory()).getFileHandle('mark', { create: true });
  await navigator.serviceWorker.register('/worker.js');
  setInterval(() => { localStorage.late = 'left'; fetch('/beat'); }, 20);
  addEventListener('pagehide', () => { sessionStorage.late = name = 'left'; });
  document.body.append(await (await fetch('/figures')).text());
  window.__PDF_READY__ = true;
})();
</script></body></html>`;

interface Found {
  local: string[];
  cookies: string;
  [place: string]: unknown;
}

let pages: Pages;
/** An origin whose API lets its answers be cached. */
let caching: Pages;
/** What pages may have in a frame. */
let elsewhere: Pages;
let service: TestService;
/** Renders once, before the first test, and nobody comes again until the last one. */
let quiet: TestService;
let quietRenderers: number[] = [];
let found: Found[];
/** What the frontend answers; a test changes it. */
let figures: (res: ServerResponse) => void;
/** The page of a report, and the headers of it. */
let report: string;
let headers: Record<string, string>;
let lastBeatAt = 0;
/** As a test begins. */
const reset = () => {
  found = [];
  pages.requests.length = 0;
  caching.requests.length = 0;
  report = reportPage;
  headers = {};
  figures = (res) => void res.writeHead(200, { 'cache-control': 'no-store' }).end('Figures');
};
let count = 0;

const scripts = (of = pages) => of.requests.filter((path) => path === '/app.js').length;
const student = () => ({ testId: '1', classId: 'CLASS_1', reportType: 'student', studentId: `STU${++count}` });
const newToken = () => signUserToken({ jti: String(++count) });
const trigger = async (reportToken?: string) => {
  const response = await service.trigger({ ...student(), reportToken });
  return { status: response.status, answer: (await response.json()) as { s3Key?: string; code?: string } };
};
const printed = { status: 202 };

/** Those of the quiet service are left alone. */
const renderers = () => renderersOf(process.pid).filter((pid) => !quietRenderers.includes(pid));

const asHtml = (res: ServerResponse, status = 200) =>
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers });

const withoutSecret = { REPORT_TOKEN_SECRET: undefined };
beforeAll(async () => {
  elsewhere = await startPages({ '/frame': '<p>Frame</p>' });
  pages = await startPages({
    '/report': (_req, res) => asHtml(res).end(report),
    '/app.js': (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'text/javascript', 'cache-control': 'max-age=600' })
        .end('// the application'),
    '/worker.js': (_req, res) => res.writeHead(200, { 'content-type': 'text/javascript' }).end('onfetch = () => {}'),
    '/figures': (_req, res) => figures(res),
    '/beat': (_req, res) => {
      lastBeatAt = performance.now();
      res.end();
    },
    '/found': async (req, res) => {
      let text = '';
      for await (const chunk of req) text += chunk;
      found.push(JSON.parse(text));
      res.end();
    },
  });
  caching = await startPages(pages.pages);
  const env = {
    ...withoutSecret,
    FRONTEND_ORIGINS: `${pages.origin} ${caching.origin}=caching`,
    DEFAULT_FRONTEND_ORIGIN: pages.origin,
    RENDER_ALLOWED_ORIGINS: elsewhere.origin,
    RENDER_CONCURRENCY: '2',
  };
  [service, quiet] = await Promise.all([
    startTestService({ origin: pages.origin, env }),
    startTestService({ origin: pages.origin, env: withoutSecret }),
  ]);
  reset();
  const before = renderers();
  await quiet.trigger({ ...student(), reportToken: newToken() });
  quietRenderers = renderers().filter((pid) => !before.includes(pid));
});
beforeEach(reset);
afterAll(() => Promise.all([service, quiet, pages, caching, elsewhere].map((each) => each[Symbol.asyncDispose]())));

describe('the next render with the same token', () => {
  test.each([
    ['', {}],
    [', isolated from other pages', { 'cross-origin-opener-policy': 'same-origin', 'origin-agent-cluster': '?1' }],
  ])('uses the same process and the cached script%s', async (_how, given) => {
    headers = given;
    const token = newToken();
    expect(await trigger(token)).toMatchObject(printed);
    const [before] = [renderers()];
    expect(await trigger(token)).toMatchObject(printed);
    expect(await trigger(token)).toMatchObject(printed);
    expect(before.length).toBeGreaterThan(0);
    expect(before.filter((pid) => renderers().includes(pid))).not.toEqual([]);
    expect(scripts()).toBe(1);
  });

  test('finds nothing of the one before, and not its timers either', async () => {
    const token = newToken();
    await trigger(token);
    await until(() => performance.now() - lastBeatAt > 500);
    await trigger(token);
    await trigger(token);
    expect(scripts()).toBe(1);
    const clean = {
      local: ['token'],
      session: {},
      name: '',
      history: 2,
      state: null,
      databases: [],
      caches: [],
      workers: 0,
    };
    for (const each of found) {
      expect(each).toMatchObject({ ...clean, files: [], cookies: expect.not.stringContaining('mark') });
    }
    expect(found.map(({ history }) => history)).toEqual([found[0]?.history, found[0]?.history, found[0]?.history]);
  });

  test('shows new figures although the API let the old ones be cached; then tabs of the origin are kept no more', async () => {
    let text = 'Old';
    figures = (res) => void res.writeHead(200, { 'cache-control': 'max-age=600' }).end(text);
    const token = newToken();
    const asked = { ...student(), origin: caching.origin };
    const teacher = signUserToken({ role: 'teacher', teacher_id: 'T1', class_id: 'CLASS_1', origin: caching.origin });
    const retries = () => service.metric('platen_render_retries_total');
    const retriesBefore = await retries();
    const show = async () => {
      expect((await service.trigger({ ...asked, reportToken: token })).status).toBe(202);
      const path = `/generate-pdf?studentId=${asked.studentId}&testId=1&classId=CLASS_1`;
      return (await pdfOf(await service.get(path, teacher))).text;
    };
    expect(await show()).toContain('Old');
    text = 'New';
    expect(await show()).toContain('New');
    const scriptsBefore = scripts(caching);
    await show();
    expect(scripts(caching)).toBe(scriptsBefore + 1);
    expect(await retries()).toBe(retriesBefore);
  });

  test('takes figures that the API has looked at again', async () => {
    figures = (res) => {
      const isKnown = res.req.headers['if-none-match'] === '"v1"';
      res.writeHead(isKnown ? 304 : 200, { etag: '"v1"', 'cache-control': 'no-cache' }).end(isKnown ? '' : 'Figures');
    };
    const token = newToken();
    for (let number = 0; number < 3; number++) expect(await trigger(token)).toMatchObject(printed);
    expect(scripts()).toBe(1);
    expect(pages.requests.filter((path) => path === '/figures')).toHaveLength(3);
  });

  test('waits for nothing that the tab could not do: its process is killed while it is kept', async () => {
    const token = newToken();
    await trigger(token);
    for (const pid of renderers()) process.kill(pid, 'SIGKILL');
    expect(await trigger(token)).toMatchObject(printed);
  });
});

describe('a tab is not kept', () => {
  test('for another token', async () => {
    for (let number = 0; number < 3; number++) expect(await trigger(newToken())).toMatchObject(printed);
    expect(scripts()).toBe(3);
  });

  test('without a token, or with one that is made for one report', async () => {
    const env = { REPORT_TOKEN_SECRET: 'a secret that makes tokens of our own' };
    await using minting = await startTestService({ origin: pages.origin, env });
    for (const each of [minting, service]) {
      const asked = student();
      await each.trigger(asked);
      await each.trigger(asked);
    }
    expect(scripts()).toBe(4);
  });

  test('after a failure', async () => {
    const token = newToken();
    await trigger(token);
    figures = (res) => void res.writeHead(401).end();
    expect(await trigger(token)).toMatchObject({ status: 502, answer: { code: 'token_rejected' } });
    figures = (res) => void res.writeHead(200, { 'cache-control': 'no-store' }).end('Figures');
    expect(await trigger(token)).toMatchObject(printed);
    expect(scripts()).toBe(2);
  });

  test('when the page had a frame of another origin', async () => {
    report = `<script src="/app.js"></script><p>Report</p><iframe src="${elsewhere.origin}/frame"
      onload="window.__PDF_READY__ = true"></iframe>`;
    const token = newToken();
    for (let number = 0; number < 2; number++) expect(await trigger(token)).toMatchObject(printed);
    expect(elsewhere.requests).toHaveLength(2);
    expect(scripts()).toBe(2);
  });

  test('for ever: after 50 renders another one is opened', async () => {
    report = readyPage('<p>Report</p>', '<script src="/app.js"></script>');
    const token = newToken();
    for (let number = 0; number < 50; number++) expect(await trigger(token)).toMatchObject(printed);
    expect(scripts()).toBe(1);
    await trigger(token);
    expect(scripts()).toBe(2);
  });

  test('when its browser is replaced', async () => {
    const env = { ...withoutSecret, BROWSER_RECYCLE_AFTER: '3' };
    await using short = await startTestService({ origin: pages.origin, env });
    const token = newToken();
    for (let number = 0; number < 3; number++) await short.trigger({ ...student(), reportToken: token });
    await until(async () => (await short.metric('platen_browser_starts_total')) === 2);
    expect((await short.trigger({ ...student(), reportToken: token })).status).toBe(202);
    expect(scripts()).toBe(2);
  });

  test('when nobody comes: its process is gone after a while', async () => {
    expect(quietRenderers).not.toEqual([]);
    await until(() => quietRenderers.every((pid) => !renderersOf(process.pid).includes(pid)));
  });
});
