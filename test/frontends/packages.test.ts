// The packages as others install them, packed, in a new application with Vite, on React 19 and 18: a certificate is asked for, watched, cancelled, had; failures are told.

import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, Page } from 'puppeteer-core';
import { startBareBrowser } from '../support/bare-browser.ts';
import { askedCertificate } from '../support/certificates.ts';
import { type Pages, startPages } from '../support/pages.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { studentToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const workspace = join(import.meta.dirname, 'vite');
const isBuilt = existsSync(join(workspace, 'dist/react18/index.html'));
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

async function startApplication(): Promise<Pages> {
  const pages: Pages['pages'] = {};
  const names = await readdir(join(workspace, 'dist'), { recursive: true });
  for (const name of names.filter((each) => extname(each) !== ''))
    pages[`/${name}`] = (_req, res) =>
      res
        .writeHead(200, { 'content-type': types[extname(name)] ?? 'text/plain' })
        .end(readFileSync(join(workspace, 'dist', name)));
  return startPages(pages);
}

/** What stands before the service and lets no events through. */
async function startProxy(target: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((req, res) => {
    const isOfEvents = req.method === 'GET' && req.url?.startsWith('/api/certificates/progress/') === true;
    if (isOfEvents) {
      res.writeHead(502, { 'access-control-allow-origin': '*' }).end();
      return;
    }
    const passed = send(target + req.url, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
    req.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: stop };
}

(isBuilt ? describe : describe.skip)('the packages, installed (npm --prefix test/frontends/vite run setup)', () => {
  const parts = new AsyncDisposableStack();
  let s3: ScriptedS3;
  let application: Pages;
  let service: TestService;
  let browser: Browser;
  let page: Page;
  let count = 0;
  let hold: PromiseWithResolvers<void>;

  beforeAll(async () => {
    s3 = parts.use(await startScriptedS3());
    application = parts.use(await startApplication());
    service = parts.use(await startTestService({ origin: application.origin, env: s3.env }));
    const without = ['--proxy-server', '--proxy-bypass-list'];
    browser = parts.use(await startBareBrowser({ without })).browser;
  });
  afterEach(() => {
    s3.faultFor = () => undefined;
    s3.beforePut = () => undefined;
    return page?.close();
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  /** A learner whose certificate is recorded and not made. */
  async function record(): Promise<string> {
    const userId = `APP_${++count}`;
    s3.faultFor = (_, method) => (method === 'PUT' ? 'denied' : undefined);
    const response = await service.internal('/certificate/issue', { ...askedCertificate, userId });
    expect(response.status).toBe(503);
    s3.faultFor = () => undefined;
    hold = Promise.withResolvers();
    s3.beforePut = (key) => (key.startsWith('certificates/') ? hold.promise : undefined);
    return studentToken(userId);
  }

  async function open(react: string, query: Record<string, string>): Promise<void> {
    page = await browser.newPage();
    const search = new URLSearchParams({ platen: service.url, course: askedCertificate.courseId, ...query });
    await page.goto(`${application.origin}/${react}/index.html?${search}`);
  }
  const shows = (text: string) =>
    until(async () => (await page.$eval('body', ({ textContent }) => textContent ?? '')).includes(text));
  const press = async (text: string) => {
    const button = await page.waitForSelector(`button::-p-text(${text})`);
    await button?.click();
  };
  const told = () => page.evaluate(() => (window as unknown as { told: string[] }).told);
  const findFaults = async () => {
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  };
  const begin = async (token: string) => {
    const response = await fetch(`${service.url}/api/certificates/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ courseId: askedCertificate.courseId }),
    });
    return ((await response.json()) as { progressId: string }).progressId;
  };

  /** Which edge of the bar it fills from, whether marks stand before their stages, and what sticks out, and its colours. */
  const look = () =>
    page.evaluate(() => {
      const boxOf = (selector: string) => (document.querySelector(selector) as Element).getBoundingClientRect();
      const [bar, fill] = [boxOf('.platen-bar'), boxOf('.platen-bar__fill')];
      const [mark, stage] = [boxOf('.platen-stage__mark'), boxOf('.platen-stage')];
      return {
        fillsFrom:
          Math.abs(fill.right - bar.right) < 1 ? 'right' : Math.abs(fill.left - bar.left) < 1 ? 'left' : 'nowhere',
        marks:
          Math.abs(mark.right - stage.right) < 1
            ? 'right'
            : Math.abs(mark.left - stage.left) < 1
              ? 'left'
              : 'elsewhere',
        sticksOut: document.documentElement.scrollWidth - innerWidth,
        isDark: getComputedStyle(document.querySelector('dialog') as Element).backgroundColor === 'rgb(18, 18, 18)',
        accent: getComputedStyle(document.querySelector('.platen-bar__fill') as Element).backgroundColor,
      };
    });

  const english = {
    title: 'Your certificate',
    made: 'Making the document, done',
    cancel: 'Cancel',
    cancelled: 'Cancelled.',
    again: 'Try again',
    ready: 'Your certificate is ready',
  };
  const arabic = {
    title: 'شهادتك',
    made: 'إنشاء المستند, تم',
    cancel: 'إلغاء',
    cancelled: 'أُلغي الطلب',
    again: 'إعادة المحاولة',
    ready: 'شهادتك جاهزة',
  };

  describe.each([
    ['from left to right, light', { words: english, system: 'light', edge: 'left', isDark: false }],
    ['from left to right, dark', { words: english, system: 'dark', edge: 'left', isDark: true }],
    [
      'in an application that is light in a dark system',
      { words: english, system: 'dark', edge: 'left', isDark: false },
    ],
    ['from right to left, light', { words: arabic, system: 'light', edge: 'right', isDark: false }],
    ['from right to left, dark', { words: arabic, system: 'dark', edge: 'right', isDark: true }],
  ])('%s', (_how, { words, system, edge, isDark }) => {
    const openHere = async (token: string) => {
      const language = words === arabic ? 'ar' : 'en';
      await open('react19', { token, language, ...(isDark ? {} : { scheme: 'light' }) });
      await page.setViewport({ width: 320, height: 700 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: system }]);
    };

    const accent = isDark ? 'rgb(138, 184, 240)' : 'rgb(31, 95, 168)';

    test('the dialog is right at 320 pixels, and axe finds nothing in any of its states', async () => {
      const token = await record();
      await openHere(token);
      const faults = await findFaults();
      await press('Certificate');
      await shows(words.made);
      expect(await page.$eval('dialog h2', ({ textContent }) => textContent)).toBe(words.title);
      expect(await look()).toEqual({ fillsFrom: edge, marks: edge, sticksOut: 0, isDark, accent });
      faults.push(...(await findFaults()));
      await press(words.cancel);
      await shows(words.cancelled);
      faults.push(...(await findFaults()));
      hold.resolve();
      await press(words.again);
      await shows(words.ready);
      await page.waitForSelector('a[download]');
      faults.push(...(await findFaults()));
      await page.close();
      await openHere(studentToken(`APP_NOBODY_${++count}`));
      await press('Certificate');
      await shows('There is no certificate for you here yet.');
      faults.push(...(await findFaults()));
      expect(faults).toEqual([]);
    });
  });

  describe.each(['react19', 'react18'])('%s', (react) => {
    test('pressed, watched, cancelled, pressed again, had', async () => {
      const token = await record();
      await open(react, { token });
      await press('Certificate');
      await shows('Making the document, done');
      await shows('Signing and storing it, under way');
      await press('Cancel');
      await shows('You can ask for the certificate again');
      hold.resolve();
      await press('Try again');
      await shows('Your certificate is ready');
      await page.waitForSelector('a[download][href*="signature="], a[download][href*="X-Amz-Signature"]');
      expect(await told()).toEqual(['cancelled', expect.stringMatching(/^completed [\da-f-]{36}$/)]);
    });

    test('what is not there, and what fails, is told', async () => {
      await open(react, { token: studentToken('APP_NOBODY') });
      await press('Certificate');
      await shows('There is no certificate for you here yet.');
      expect(await told()).toEqual(['failed not_found']);
      await page.close();
      const token = await record();
      s3.faultFor = (_, method) => (method === 'PUT' ? 'denied' : undefined);
      await open(react, { token });
      await press('Certificate');
      await shows('could not be stored');
      expect(await told()).toEqual(['failed storage_unavailable']);
    });

    test('where no events come through the job is asked', async () => {
      await using proxy = await startProxy(service.url);
      const token = await record();
      await open(react, { token, progress: await begin(token), platen: proxy.url });
      await shows('Signing and storing it, under way');
      hold.resolve();
      await shows('The certificate is ready.');
      expect(await told()).toEqual([expect.stringMatching(/^completed /)]);
    });
  });
});
