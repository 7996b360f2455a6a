// Anyone verifies the file of a certificate, as a program or on the page, and reads its badge by its code.

import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { PDFDocument } from '@cantoo/pdf-lib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { fileVerificationLimit } from '../src/certificates/verification-routes.ts';
import { findFaults } from './support/axe.ts';
import { type BareBrowser, startBareBrowser } from './support/bare-browser.ts';
import { type IssuedCertificate, issueCertificate } from './support/certificates.ts';
import { startTestService, type TestService } from './support/service.ts';

const publicUrl = 'https://pdf.school.example';
let service: TestService;
let browser: BareBrowser;
beforeAll(async () => {
  service = await startTestService({
    env: { PUBLIC_URL: publicUrl, ISSUER_NAME: 'Example School', TRUST_PROXY: 'loopback' },
  });
  browser = await startBareBrowser({ without: ['--proxy'] });
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

let callers = 0;
/** Each asks from another address, so that they don't use up each other's limit. */
const newCaller = () => ({ 'x-forwarded-for': `198.51.100.${++callers}` });
let learners = 0;
const issue = (changes: object = {}) => issueCertificate(service, { userId: `LEARNER_${++learners}`, ...changes });
const codeOf = ({ certificate }: IssuedCertificate) => certificate.verifyUrl.slice(-22);

async function fileOf({ certificate }: IssuedCertificate): Promise<Buffer> {
  const keys = await service.storedKeys();
  const key = keys.find((each) => each.endsWith(`${certificate.id}.pdf`)) ?? '';
  return readFile(join(service.dataDir, 'documents', key));
}

const post = (body: BodyInit, headers: Record<string, string> = { 'content-type': 'application/pdf' }) =>
  fetch(`${service.url}/verify`, { method: 'POST', body, headers: { ...newCaller(), ...headers } });

async function verify(file: Uint8Array): Promise<{ valid: boolean; passed: Record<string, boolean> }> {
  const response = await post(file as BodyInit);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  const { valid, checks } = (await response.json()) as {
    valid: boolean;
    checks: { name: string; passed: boolean; detail: string }[];
  };
  for (const { detail } of checks) expect(detail).toMatch(/^[A-Z].+\.$/);
  return { valid, passed: Object.fromEntries(checks.map(({ name, passed }) => [name, passed])) };
}

const allPassed = { known_file: true, credential: true, status: true, expiry: true, consistent: true };

test('the file as it was issued is valid; changed by one byte, or any other PDF, it is not known', async () => {
  const file = await fileOf(await issue());
  expect(await verify(file)).toEqual({ valid: true, passed: allPassed });
  const changed = Buffer.from(file);
  changed.writeUInt8((changed.at(-200) ?? 0) ^ 1, changed.length - 200);
  expect(await verify(changed)).toEqual({ valid: false, passed: { known_file: false } });
  expect(await verify(Buffer.concat([file, Buffer.from('\n')]))).toEqual({
    valid: false,
    passed: { known_file: false },
  });
});

test('an expired, a revoked and a replaced one are genuine and not valid, and say why', async () => {
  const expired = await fileOf(await issue({ issuanceDate: '2020-03-01', expirationDate: '2021-03-01' }));
  expect(await verify(expired)).toEqual({ valid: false, passed: { ...allPassed, expiry: false } });
  const issued = await issue();
  const file = await fileOf(issued);
  const reissued = await service.internal(`/certificates/${issued.certificate.id}/reissue`, {
    reason: 'misspelt',
    firstName: 'Anjaly',
  });
  expect(reissued.status).toBe(200);
  expect(await verify(file)).toEqual({ valid: false, passed: { ...allPassed, status: false } });
  const successor = ((await reissued.json()) as { data: IssuedCertificate }).data;
  const successorFile = await fileOf(successor);
  expect(await verify(successorFile)).toEqual({ valid: true, passed: allPassed });
  await service.internal(`/certificates/${successor.certificate.id}/revoke`, { reason: 'by mistake' });
  expect(await verify(successorFile)).toEqual({ valid: false, passed: { ...allPassed, status: false } });
});

async function encryptedPdf(): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.addPage().drawText('secret');
  document.encrypt({ userPassword: 'open', ownerPassword: 'all' });
  return document.save();
}

test('what is no PDF that can be read, too large or nothing gets its own code', async () => {
  const codeFor = async (body: BodyInit, headers?: Record<string, string>) => {
    const response = await post(body, headers);
    return [response.status, ((await response.json()) as { code: string }).code];
  };
  expect(await codeFor('hello')).toEqual([422, 'pdf_unreadable']);
  expect(await codeFor(`%PDF-1.7\n${'['.repeat(100_000)}`)).toEqual([422, 'pdf_unreadable']);
  expect(await codeFor((await encryptedPdf()) as BodyInit)).toEqual([422, 'pdf_encrypted']);
  expect(await codeFor('')).toEqual([400, 'malformed_request']);
  expect(await codeFor('{}', { 'content-type': 'application/json' })).toEqual([415, 'unsupported_media_type']);
  expect(await codeFor('x', { 'content-type': 'application/pdf', 'content-encoding': 'gzip' })).toEqual([
    415,
    'unsupported_media_type',
  ]);
  expect(await codeFor('x', { 'content-type': 'multipart/form-data' })).toEqual([400, 'malformed_request']);
  expect(await codeFor('--b\r\nbroken', { 'content-type': 'multipart/form-data; boundary=b' })).toEqual([
    400,
    'malformed_request',
  ]);
  const tooLarge = Buffer.alloc(51 * 1024 * 1024);
  expect(await codeFor(tooLarge)).toEqual([413, 'body_too_large']);
});

/** Sends without saying how much it will be, until an answer comes. */
async function sendWithoutEnd(head: string, type: string): Promise<number | undefined> {
  const request = httpRequest(`${service.url}/verify`, {
    method: 'POST',
    headers: { ...newCaller(), 'content-type': type },
  });
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  request.once('response', ({ statusCode }) => resolve(statusCode));
  // The connection ends when it is answered, perhaps in the middle of a piece.
  request.on('error', () => undefined);
  const piece = Buffer.alloc(1024 * 1024, 'x');
  request.write(head);
  const go = () => {
    if (!request.destroyed) request.write(piece, () => setImmediate(go));
  };
  go();
  return promise.finally(() => request.destroy());
}

test('what does not end is refused as soon as it is too large', async () => {
  expect(await sendWithoutEnd('%PDF-', 'application/pdf')).toBe(413);
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n';
  expect(await sendWithoutEnd(head, 'multipart/form-data; boundary=b')).toBe(413);
});

test('who tries file after file is told to wait', async () => {
  const caller = newCaller();
  const answers = await Promise.all(
    Array.from({ length: fileVerificationLimit.limit + 3 }, () =>
      post('', { ...caller, 'content-type': 'application/pdf' }),
    ),
  );
  const byStatus = Map.groupBy(answers, ({ status }) => status);
  expect([byStatus.get(400)?.length, byStatus.get(429)?.length]).toEqual([fileVerificationLimit.limit, 3]);
});

test('the badge is given to whoever has the code, and to nobody else', async () => {
  const issued = await issue();
  const code = codeOf(issued);
  const read = async (path: string) => {
    const response = await service.get(path, undefined, newCaller());
    return response.status === 200 ? await response.json() : response.status;
  };
  expect(await read(`/credentials/${code}`)).toEqual(issued.badge);
  expect(await read(`/credentials/${issued.certificate.id}?code=${code}`)).toEqual(issued.badge);
  const other = await issue();
  expect(await read(`/credentials/${issued.certificate.id}`)).toBe(404);
  expect(await read(`/credentials/${issued.certificate.id}?code=${codeOf(other)}`)).toBe(404);
  expect(await read(`/credentials/${'A'.repeat(22)}`)).toBe(404);
});

async function openPage(path: string, width: number): Promise<Page> {
  const page = await browser.browser.newPage();
  await page.setExtraHTTPHeaders(newCaller());
  await page.setViewport({ width, height: 900 });
  await page.goto(service.url + path);
  return page;
}

async function sendFile(page: Page, name: string, file: Uint8Array): Promise<string> {
  const path = join(service.dataDir, name);
  await writeFile(path, file);
  const field = await page.$('input[type=file]');
  await (field as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(path);
  await Promise.all([page.waitForNavigation(), page.click('form button')]);
  return page.$eval('h1', (heading) => heading.textContent ?? '');
}

test('on the page a file is chosen or dropped, without scripts, and axe finds nothing, in any language and state, at 320 pixels', async () => {
  const issued = await issue();
  const file = await fileOf(issued);
  const page = await openPage(`/verify/${codeOf(issued)}`, 320);
  const faults = await findFaults(page);
  expect(await sendFile(page, 'certificate.pdf', file)).toBe('This certificate is valid');
  expect(await page.$$eval('.checks li', (items) => items.map(({ className }) => className))).toEqual(
    Array(5).fill('passed'),
  );
  expect(await page.$eval('.name', (name) => name.textContent)).toBe('Anjali Kumar');
  faults.push(...(await findFaults(page)));
  for (const language of ['en', 'ta', 'hi', 'ar']) {
    await page.goto(`${service.url}/verify?language=${language}`);
    faults.push(...(await findFaults(page)));
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  }
  expect(await sendFile(page, 'other.pdf', Buffer.from('hello'))).toBe('لا يمكن قراءة هذا الملف');
  faults.push(...(await findFaults(page)));
  await service.internal(`/certificates/${issued.certificate.id}/revoke`, { reason: 'by mistake' });
  expect(await sendFile(page, 'certificate.pdf', file)).toBe('أُلغيت هذه الشهادة');
  expect(await page.$$eval('.checks .failed', ({ length }) => length)).toBe(1);
  faults.push(...(await findFaults(page)));
  await page.goto(`${service.url}/verify/${'A'.repeat(22)}`);
  expect(await page.$eval('h1', (heading) => heading.textContent)).toBe('No certificate found');
  faults.push(...(await findFaults(page)));
  expect(faults).toEqual([]);
});

test('its form leads to the same place from every page, also below the path of a proxy', async () => {
  const actionOf = async (path: string) => {
    const page = await (await service.get(path, undefined, { accept: 'text/html', ...newCaller() })).text();
    const action = /action="([^"]+)"/.exec(page)?.[1] ?? '';
    return new URL(action, `https://school.example/pdf${path}`).pathname;
  };
  const paths = ['/verify', '/verify/', `/verify/${'A'.repeat(22)}`, `/verify/${'A'.repeat(22)}/`];
  expect(await Promise.all(paths.map(actionOf))).toEqual(Array(4).fill('/pdf/verify'));
});

test('all of it can be reached by keyboard', async () => {
  const page = await openPage('/verify', 1280);
  const reached: string[] = [];
  for (let n = 0; n < 8; n++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent || ''));
  }
  expect(reached.slice(0, 6)).toEqual(['file', 'Check the file', 'English', 'தமிழ்', 'हिन्दी', 'العربية']);
});
