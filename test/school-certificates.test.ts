// A student of the example school presses "Certificate", watches it being made, cancels, asks again, downloads: in a real browser, with the packages that frontends install.

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { startBareBrowser } from './support/bare-browser.ts';
import { readPdf } from './support/pdf.ts';
import { readinessOf } from './support/readiness.ts';
import { type ScriptedS3, startScriptedS3 } from './support/scripted-s3.ts';
import { startTestService, type TestService } from './support/service.ts';
import { serviceToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const parts = new AsyncDisposableStack();
let s3: ScriptedS3;
let service: TestService;
let page: Page;
let isHeld: PromiseWithResolvers<void>;
const keptIn = process.env.SCREENSHOTS;

beforeAll(async () => {
  s3 = parts.use(await startScriptedS3());
  service = parts.use(await startTestService({ env: s3.env }));
  service.school.connect({ url: service.url, serviceToken });
  const { browser } = parts.use(
    await startBareBrowser({ without: ['--proxy-server', '--proxy-bypass-list', '--host-resolver-rules'] }),
  );
  page = await browser.newPage();
});
afterEach(() => {
  s3.faultFor = () => undefined;
  s3.beforePut = () => undefined;
});
afterAll(() => parts[Symbol.asyncDispose]());

/** Pictures of what the student sees, wide and narrow, for those who want to look at them. */
async function look(name: string): Promise<void> {
  if (keptIn === undefined) return;
  for (const width of [1280, 320]) {
    await page.setViewport({ width, height: width === 320 ? 640 : 800 });
    await page.screenshot({ path: `${keptIn}/${name}-${width}.png` });
  }
}

async function signIn(studentId: string): Promise<void> {
  const { school } = service;
  const token = school.issueUserToken({ user_type: 'student', student_id: studentId, class_id: 'CLASS_TEST' });
  await page.goto(`${school.origin}/report`);
  await page.evaluate((text) => localStorage.setItem('token', text), token);
  await page.goto(school.origin);
  await page.waitForSelector('.courses button');
}

/** The text of the dialog, once it holds this. */
const dialogWith = (text: string) =>
  until(async () => {
    const shown = await page.$eval('dialog[open]', (dialog) => dialog.textContent ?? '').catch(() => '');
    return shown.includes(text) ? shown : undefined;
  });
const press = (text: string) =>
  until(() =>
    page
      .$$eval(
        'dialog[open] button, .courses li > button',
        (buttons, name) => {
          const found = buttons.find((button) => button.textContent === name);
          (found as HTMLElement | undefined)?.focus();
          (found as HTMLElement | undefined)?.click();
          return found !== undefined;
        },
        text,
      )
      .then((isThere) => isThere || undefined),
  );
const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');

function holdStorage(): void {
  isHeld = Promise.withResolvers<void>();
  s3.beforePut = (key) => (key.startsWith('certificates/') ? isHeld.promise : undefined);
}

/** It is recorded, and could not be made: what the student asks for is then made from its first stage on. */
async function recordUnmade(): Promise<void> {
  s3.faultFor = (_, method) => (method === 'PUT' ? 'denied' : undefined);
  await press('Certificate');
  await until(async () => s3.requests.some((request) => request.startsWith('PUT certificates/')));
  await dialogWith('could not be stored');
  await look('failed');
  s3.faultFor = () => undefined;
  await until(async () => (await readinessOf(service.url)).body.storage.state === 'up');
}

test('what fails is told, and tried again; its stages are watched; cancelled and asked for again it is downloaded', async () => {
  await signIn('STU001');
  await look('home');
  await recordUnmade();
  holdStorage();
  await press('Try again');
  const held = await dialogWith('Signing and storing it, under way');
  for (const passed of ['Getting ready', 'Opening the template', 'Checking the details', 'Making the document'])
    expect(held).toContain(`${passed}, done`);
  expect(held).toContain('Making it official, to come');
  const bar = await page.$eval('[role=progressbar]', (element) => ({
    now: element.getAttribute('aria-valuenow'),
    text: element.getAttribute('aria-valuetext'),
    status: document.querySelector('[role=status]')?.textContent,
  }));
  expect(bar).toEqual({ now: '70', text: '70 %, Signing and storing it', status: 'Signing and storing it' });
  await look('storing');
  await press('Cancel');
  await dialogWith('You can ask for the certificate again');
  expect(await focused()).toBe('Try again');
  await look('cancelled');
  isHeld.resolve();
  await press('Try again');
  await dialogWith('Your certificate is ready');
  await page.waitForSelector('dialog a[download]');
  expect(await focused()).toBe('Download PDF');
  await look('ready');
  const address = await page.$eval('dialog a[download]', (link) => (link as HTMLAnchorElement).href);
  // Its origin is that of PUBLIC_URL, where nobody is in a test.
  const pdf = Buffer.from(await (await fetch(address)).arrayBuffer());
  expect((await readPdf(pdf)).text).toContain('Mathematics, Test 1');
});

test('by keyboard: the title is read first, the focus stays inside, Escape closes and gives it back', async () => {
  await signIn('STU002');
  await page.focus('.courses button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open]');
  await dialogWith('Your certificate is ready');
  await page.waitForSelector('dialog a[download]');
  for (let presses = 0; presses < 4; presses++) {
    await page.keyboard.press('Tab');
    const isOutside = await page.evaluate(() => {
      const { activeElement } = document;
      return activeElement !== document.body && activeElement?.closest('dialog') === null;
    });
    expect(isOutside).toBe(false);
  }
  await page.keyboard.press('Escape');
  await until(async () => (await page.$('dialog[open]')) === null);
  expect(await focused()).toBe('Certificate');
});
