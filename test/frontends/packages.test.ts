// The packages as others install them, packed, in a new application with Vite, on React 19 and 18: a certificate is asked for, watched, cancelled, had; failures are told.

import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
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
  const begin = async (token: string) => {
    const response = await fetch(`${service.url}/api/certificates/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ courseId: askedCertificate.courseId }),
    });
    return ((await response.json()) as { progressId: string }).progressId;
  };

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
