// The token as a cookie: with the very first request for the document and the page's own calls, and with nothing else.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { bindsCookies } from '../../src/browser/cookie-binding.ts';
import { startBrowserProcess } from '../../src/browser/process.ts';
import { html, openPageStage, type PageStage, ready, script, student } from '../support/page-stage.ts';
import { type Pages, startPages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { readinessOf } from '../support/readiness.ts';
import { signReportToken, signUserToken } from '../support/tokens.ts';

const reportToken = signReportToken({ role: 'educator', class_id: 'CLASS_1', test_id: 'Test_1' });
const body = { ...student, reportToken };
const jwt = `jwt=${reportToken}`;

/** Cookies that came with each request, by `METHOD /path`. */
let came: Map<string, string | undefined>;
beforeEach(() => {
  came = new Map();
});

const noting =
  (name: string, answer: (req: IncomingMessage, res: ServerResponse) => void): Pages['pages'][string] =>
  (req, res) => {
    came.set(`${req.method} ${name}`, req.headers.cookie);
    answer(req, res);
  };
const asHtml = (text: string) => (_req: IncomingMessage, res: ServerResponse) =>
  void res.writeHead(200, { 'content-type': 'text/html' }).end(text);
const leadTo = (location: string) => (_req: IncomingMessage, res: ServerResponse) =>
  void res.writeHead(302, { location }).end();
const cors = (req: IncomingMessage) => ({
  'access-control-allow-origin': req.headers.origin ?? '*',
  'access-control-allow-credentials': 'true',
  'access-control-allow-headers': 'x-school',
});
const asApi = (req: IncomingMessage, res: ServerResponse) =>
  void res.writeHead(req.method === 'OPTIONS' ? 204 : 200, cors(req)).end('{}');
const report = html(`<p>Figures</p>${script(ready)}`);

let elsewhere: Pages;
let stage: PageStage;
beforeAll(async () => {
  elsewhere = await startPages({});
  const otherName = elsewhere.origin.replace('127.0.0.1', 'localhost');
  stage = await openPageStage({ RENDER_ALLOWED_ORIGINS: `${elsewhere.origin} ${otherName}` });
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
});

describe('the cookie comes', () => {
  test('with the very first request for the document', async () => {
    expect(await stage.print(noting('report', asHtml(report)), {}, body)).toMatchObject({ status: 202 });
    expect(came.get('GET report')).toBe(jwt);
  });

  test('after a redirect inside the origin', async () => {
    const more = { '/en/report': noting('en', asHtml(report)) };
    expect(await stage.print(noting('report', leadTo('/en/report')), more, body)).toMatchObject({ status: 202 });
    expect([...came.values()]).toEqual([jwt, jwt]);
  });

  test('to a page that is rendered on the server, which sends whoever comes without it away', async () => {
    const guarded: Pages['pages'][string] = (req, res) =>
      req.headers.cookie?.includes(jwt) ? asHtml(report)(req, res) : leadTo('/login')(req, res);
    expect(await stage.print(guarded, { '/login': html('<p>Sign in</p>') }, body)).toMatchObject({ status: 202 });
  });

  test("with the page's own calls and what it shows", async () => {
    const page = html(`<p>Figures</p><img src="/image" alt="">${script(`fetch('/api').then(() => { ${ready} })`)}`);
    await stage.print(page, { '/api': noting('api', asApi), '/image': noting('image', asApi) }, body);
    expect(came).toEqual(
      new Map([
        ['GET api', jwt],
        ['GET image', jwt],
      ]),
    );
  });

  test('with calls that ask for credentials to an API on another port of the host, which the settings name', async () => {
    elsewhere.pages = { '/figures': noting('figures', asApi) };
    const page = html(
      `<p>x</p>${script(`fetch('${elsewhere.origin}/figures', { credentials: 'include', headers: { 'x-school': '1' } }).then((a) => a.json()).then(() => { ${ready} })`)}`,
    );
    expect(await stage.print(page, {}, body)).toMatchObject({ status: 202, warnings: [] });
    expect(came).toEqual(
      new Map([
        ['OPTIONS figures', undefined],
        ['GET figures', jwt],
      ]),
    );
  });
});

describe('the cookie does not come', () => {
  const withoutToken = () => expect(JSON.stringify([...came.values()])).not.toContain(reportToken);

  test.each([
    ['another port', () => elsewhere.origin],
    ['another name of the host', () => elsewhere.origin.replace('127.0.0.1', 'localhost')],
  ])('to %s by a redirect of the document', async (_where, origin) => {
    elsewhere.pages = { '/report': noting('there', asHtml(report)) };
    const answer = await stage.print(noting('report', leadTo(`${origin()}/report`)), {}, body);
    expect(answer).toMatchObject({ status: 502, code: 'page_redirected' });
    expect(came.get('GET report')).toBe(jwt);
    expect(came.has('GET there')).toBe(true);
    expect(came.get('GET there') ?? '').toBe('');
  });

  test.each([
    ['an image', (url: string) => `<img src="${url}" alt="">`],
    ['a script', (url: string) => `<script src="${url}"></script>`],
    ['a frame', (url: string) => `<iframe src="${url}"></iframe>`],
    ['a call without credentials', (url: string) => script(`fetch('${url}')`)],
    ['a call that does not ask what came', (url: string) => script(`fetch('${url}', { mode: 'no-cors' })`)],
  ])('to another port of the host with %s', async (_what, element) => {
    elsewhere.pages = { '/there': noting('there', asApi) };
    const page = html(
      `<p>Figures</p>${element(`${elsewhere.origin}/there`)}${script(`addEventListener('load', () => setTimeout(() => { ${ready} }, 200))`)}`,
    );
    expect(await stage.print(page, {}, body)).toMatchObject({ status: 202 });
    expect(came.size).toBe(1);
    withoutToken();
  });

  test('to another port from a frame of it, nor is it seen there', async () => {
    const inner = html(
      script(`fetch('/seen?' + encodeURIComponent(document.cookie), { credentials: 'include' }); fetch('/own')`),
    );
    elsewhere.pages = {
      '/inner': noting('inner', asHtml(inner)),
      '/seen': noting('seen', asApi),
      '/own': noting('own', asApi),
    };
    const page = html(
      `<p>Figures</p><iframe src="${elsewhere.origin}/inner"></iframe>${script(`setTimeout(() => { ${ready} }, 500)`)}`,
    );
    await stage.print(page, {}, body);
    expect([...came.keys()].toSorted()).toEqual(['GET inner', 'GET own', 'GET seen']);
    withoutToken();
    expect(elsewhere.requests.join()).not.toContain(reportToken);
  });

  test('to the report of another token', async () => {
    await stage.print(noting('first', asHtml(report)), {}, body);
    const other = signReportToken({ role: 'educator', educator_id: 'E2', class_id: 'CLASS_1', test_id: 'Test_1' });
    await stage.print(noting('second', asHtml(report)), {}, { ...body, reportToken: other });
    expect([came.get('GET first'), came.get('GET second')]).toEqual([jwt, `jwt=${other}`]);
  });
});

describe('the cookie that the server has renewed', () => {
  const renewing =
    (attributes: string): Pages['pages'][string] =>
    (_req, res) =>
      void res
        .writeHead(200, {
          'content-type': 'text/html',
          'set-cookie': `jwt=renewed; Path=/; SameSite=Strict${attributes}`,
        })
        .end(
          html(
            `<p id="p"></p>${script(`fetch('/api').then((a) => a.text()).then((text) => { p.textContent = text; ${ready} })`)}`,
          ),
        );

  test.each(['', '; HttpOnly'])('stays as it is%s', async (attributes) => {
    const api: Pages['pages'][string] = (req, res) => void res.end(`Came with ${req.headers.cookie}.`);
    expect(await stage.print(renewing(attributes), { '/api': api }, body)).toMatchObject({ status: 202 });
    expect((await readPdf(await stage.stored())).text).toContain('Came with jwt=renewed.');
  });
});

test('a token that is too long for a cookie is in the storage only, with a warning', async () => {
  await using long = await openPageStage({ REPORT_TOKEN_SECRET: undefined });
  const tokenOf = (length: number) => signUserToken({ pad: '' }).slice(0, 20).padEnd(length, 'x');
  const page = html(
    `<p id="p"></p>${script(`p.textContent = 'Length ' + localStorage.token.length + ' and ' + document.cookie.length; ${ready}`)}`,
  );
  expect(await long.print(page, {}, { ...student, reportToken: tokenOf(4093) })).toMatchObject({
    status: 202,
    warnings: [],
  });
  expect((await readPdf(await long.stored())).text).toContain('Length 4093 and 4097');
  expect(await long.print(page, {}, { ...student, reportToken: tokenOf(4094) })).toMatchObject({
    status: 202,
    warnings: ['no_token_cookie'],
  });
  expect((await readPdf(await long.stored())).text).toContain('Length 4094 and 0');
});

test('a cookie that the browser does not take is a warning, and no failure', async () => {
  await using odd = await openPageStage({ TOKEN_COOKIE_NAME: '__Host-jwt' });
  const page = html(`<p id="p"></p>${script(`p.textContent = 'Cookie: ' + document.cookie + '.'; ${ready}`)}`);
  expect(await odd.print(page, {}, body)).toMatchObject({ status: 202, warnings: ['no_token_cookie'] });
});

test.each([undefined, 'bundled'])(
  'the browser (%s) proves at its start that it binds cookies to port and scheme',
  async (path) => {
    const isRoot = process.getuid?.() === 0;
    const browserPath = path ?? process.env.BROWSER_PATH;
    const { browser, end } = await startBrowserProcess({ browserPath, hasSandbox: !isRoot });
    expect(await bindsCookies(await browser.target().createCDPSession())).toBe(true);
    await end();
  },
);

describe('a browser that does not bind cookies', () => {
  let unbound: PageStage;
  let starter: AsyncDisposable;
  beforeAll(async () => {
    const { startUnboundBrowser } = await import('../support/unbound-browser.ts');
    const made = await startUnboundBrowser();
    starter = made;
    unbound = await openPageStage({ BROWSER_PATH: made.path });
  });
  afterAll(async () => {
    await unbound[Symbol.asyncDispose]();
    await starter[Symbol.asyncDispose]();
  });

  test('is said in /readyz', async () => {
    const page = html(`<p>Figures</p>${script(ready)}`);
    expect(await unbound.print(page, {}, body)).toMatchObject({ status: 202 });
    const { body: readiness } = await readinessOf(unbound.service.url);
    expect(readiness).toMatchObject({
      status: 'ready',
      browser: { state: 'up', reason: expect.stringContaining('does not bind cookies') },
    });
  });

  test('gets the cookie for the first request by one header, and for the others from the page', async () => {
    const page = html(`<p>Figures</p>${script(`fetch('/api').then(() => { ${ready} })`)}`);
    expect(await unbound.print(noting('report', asHtml(page)), { '/api': noting('api', asApi) }, body)).toMatchObject({
      status: 202,
    });
    expect(came).toEqual(
      new Map([
        ['GET report', jwt],
        ['GET api', jwt],
      ]),
    );
  });

  test('does not send it where a redirect leads', async () => {
    elsewhere.pages = { '/report': noting('there', asHtml(report)) };
    await using open = await openPageStage({
      BROWSER_PATH: (starter as unknown as { path: string }).path,
      RENDER_ALLOWED_ORIGINS: elsewhere.origin,
    });
    expect(await open.print(leadTo(`${elsewhere.origin}/report`), {}, body)).toMatchObject({
      status: 502,
      code: 'page_redirected',
    });
    expect(came.get('GET there') ?? '').toBe('');
  });
});
