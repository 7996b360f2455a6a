// The session is put into the top frame on the exact origin only, whatever kind of frame, window or way round a page makes.

import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Pages, startPages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { signReportToken } from './support/tokens.ts';

const reportToken = signReportToken({ role: 'educator', class_id: 'CLASS_1', test_id: 'Test_1' });
const body = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: 'STU001', reportToken };

interface Told {
  from: string;
  /** What the document could see of the session; or why it could see nothing. */
  seen: string;
  /** Cookies that came with it. */
  cookie: string;
}

let told: Told[] = [];
beforeEach(() => {
  told = [];
});

const listen: Pages['pages'][string] = async (req, res) => {
  // From wherever, an opaque origin included.
  res.setHeader('access-control-allow-origin', '*');
  const { from, seen } = JSON.parse(await text(req)) as Omit<Told, 'cookie'>;
  told.push({ from, seen, cookie: req.headers.cookie ?? '' });
  res.end();
};

/** Script of a document that tells `origin` what it sees of the session. */
const telling = (origin: string, from: string) => `
  const read = (look) => { try { return String(look()); } catch (error) { return error.name; } };
  const seen = ['localStorage.token', 'document.cookie', 'sessionStorage.token', 'window.name', 'location.href']
    .map((code) => read(() => new Function('return ' + code)())).join(' | ');
  window.told = fetch('${origin}/tell', { method: 'POST', mode: 'no-cors', body: JSON.stringify({ from: '${from}', seen }) });`;
const script = (code: string) => `<script>${code}</script>`;
const html = (content: string) =>
  `<!doctype html><html lang="en"><head><title>Report</title></head><body><p>Page</p>${content}</body></html>`;
/** In the source of a script that is itself inside a page. */
const quoted = (source: string) => JSON.stringify(source).replaceAll('</', '<\\/');
/** Takes the session out of the storage that a document of the same origin shares, so that only one put in again is seen. */
const cleared = `localStorage.clear(); document.cookie = 'jwt=; path=/; Max-Age=0';`;

describe('the session is not put into', () => {
  let elsewhere: Pages;
  let pages: Pages;
  let service: TestService;
  /** The same server under a name that is another origin. */
  let otherName: string;
  beforeAll(async () => {
    elsewhere = await startPages({ '/tell': listen });
    pages = await startPages({});
    otherName = pages.origin.replace('127.0.0.1', 'localhost');
    const env = { RENDER_ALLOWED_ORIGINS: `${elsewhere.origin} ${otherName}`, PDF_TIMEOUT: '20000' };
    service = await startTestService({ origin: pages.origin, env });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await Promise.all([pages, elsewhere].map((each) => each[Symbol.asyncDispose]()));
  });

  /** Serves the page, has it printed, and gives the status. */
  async function print(content: string, more: Pages['pages'] = {}): Promise<number> {
    pages.pages = { '/tell': listen, '/report': html(content), ...more };
    return (await service.trigger(body)).status;
  }
  const inner = () => script(telling(elsewhere.origin, 'inner'));
  /** Ready when the frame has told what it sees. */
  const readyWhenTold = `window.whenTold = () => { window.__PDF_READY__ = true; };
    const tell = setInterval(() => fetch('/count').then((a) => a.text()).then((n) => { if (n !== '0') { clearInterval(tell); whenTold(); } }), 50);`;
  const count: Pages['pages'] = { '/count': (_req, res) => void res.end(String(told.length)) };

  test.each<[string, (source: string) => string]>([
    ['about:blank', (source) => `frame.src = 'about:blank'; add(); write(${source})`],
    ['srcdoc', (source) => `frame.srcdoc = ${source}; add()`],
    ['srcdoc in a sandbox', (source) => `frame.sandbox = 'allow-scripts'; frame.srcdoc = ${source}; add()`],
    [
      'srcdoc in a sandbox with its origin',
      (source) => `frame.sandbox = 'allow-scripts allow-same-origin'; frame.srcdoc = ${source}; add()`,
    ],
    ['blob:', (source) => `frame.src = URL.createObjectURL(new Blob([${source}], { type: 'text/html' })); add()`],
    ['data:', (source) => `frame.src = 'data:text/html,' + encodeURIComponent(${source}); add()`],
    ['javascript:', (source) => `window.inner = ${source}; frame.src = 'javascript:parent.inner'; add()`],
    [
      'a frame that was written anew',
      (source) => `frame.src = '/empty'; frame.onload = () => { frame.onload = null; write(${source}); }; add()`,
    ],
  ])('a frame of the kind %s', async (_kind, code) => {
    const make = `${cleared}
      const frame = document.createElement('iframe');
      const add = () => document.body.append(frame);
      const write = (source) => { frame.contentDocument.open(); frame.contentDocument.write(source); frame.contentDocument.close(); };
      ${code(quoted(inner()))};
      ${readyWhenTold}`;
    expect(await print(script(make), { ...count, '/empty': '<p>x</p>' })).toBe(202);
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain(reportToken);
  });

  test('a frame of its own origin inside a foreign one', async () => {
    elsewhere.pages['/middle'] = `<iframe src="${pages.origin}/inner"></iframe>`;
    const make = `${cleared} ${readyWhenTold}`;
    const more = { ...count, '/inner': inner() };
    expect(await print(`<iframe src="${elsewhere.origin}/middle"></iframe>${script(make)}`, more)).toBe(202);
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain(reportToken);
  });

  test('a frame that leads to another name of the same server, with no cookie sent along', async () => {
    const more = { ...count, '/inner': script(telling(otherName, 'inner')) };
    // Not cleared: the real session is there, and must stay where it is.
    const content = `<iframe src="${otherName}/inner"></iframe>${script(readyWhenTold)}`;
    expect(await print(content, more)).toBe(202);
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain(reportToken);
  });

  test('a window that the page opens', async () => {
    const make = `${cleared} window.open('/inner', 'w'); window.open('about:blank', 'v')?.document.write(${quoted(inner())});
      setTimeout(() => { window.__PDF_READY__ = true; }, 500);`;
    expect(await print(script(make), { '/inner': inner() })).toBe(202);
    // Whether a window lived long enough to tell anything does not matter.
    expect(JSON.stringify(told)).not.toContain(reportToken);
  });

  test('the same window when it is written anew by another document', async () => {
    const next = html(script(`${telling('', 'rewritten')} told.then(() => { window.__PDF_READY__ = true; });`));
    const make = `${cleared} setTimeout(() => { document.open(); document.write(${quoted(next)}); document.close(); });`;
    expect(await print(script(make))).toBe(202);
    expect(told).toMatchObject([{ from: 'rewritten', seen: expect.stringMatching(/^undefined \|/), cookie: '' }]);
  });

  test('another origin on the way there and back; back on its own it is there again', async () => {
    elsewhere.pages['/away'] = script(
      `${telling(elsewhere.origin, 'away')} told.finally(() => location.replace('${pages.origin}/report?back'));`,
    );
    const content = script(`
      if (location.search !== '?back') { ${cleared} location.replace('${otherName}/away'); }
      else { ${telling('', 'back')} told.then(() => { window.__PDF_READY__ = true; }); }`);
    const away = script(
      `${telling(elsewhere.origin, 'other name')} told.finally(() => location.replace('${elsewhere.origin}/away'));`,
    );
    expect(await print(content, { '/away': away })).toBe(202);
    expect(told.map(({ from }) => from)).toEqual(['other name', 'away', 'back']);
    expect(JSON.stringify(told.slice(0, 2))).not.toContain(reportToken);
    expect(told[2]).toMatchObject({ seen: expect.stringContaining(reportToken), cookie: `jwt=${reportToken}` });
  });

  test('another name of the same server by a chain of redirects', async () => {
    const to =
      (location: string): Pages['pages'][string] =>
      (_req, res) =>
        void res.writeHead(302, { location }).end();
    const more = { '/report': to(`${elsewhere.origin}/hop`), '/end': inner() };
    elsewhere.pages['/hop'] = to(`${otherName}/end`);
    expect(await print('', more)).toBe(502);
    expect(told.map(({ from }) => from)).toEqual(['inner']);
    expect(JSON.stringify(told)).not.toContain(reportToken);
  });
});
