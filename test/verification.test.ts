// Anyone verifies a certificate by its code: as JSON, and on a page that works without scripts.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { verificationLimit } from '../src/certificates/verification-routes.ts';
import { startBareBrowser } from './support/bare-browser.ts';
import { type IssuedCertificate, issueCertificate } from './support/certificates.ts';
import { startTestService, type TestService } from './support/service.ts';

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const start = async () =>
  parts.use(
    await startTestService({ env: { PUBLIC_URL: 'https://pdf.school.example', ISSUER_NAME: 'Example School' } }),
  );
const pathOf = ({ certificate }: IssuedCertificate) => new URL(certificate.verifyUrl).pathname;
const asJson = (service: TestService, path: string) => service.get(path, undefined, { accept: 'application/json' });
const asPage = (service: TestService, path: string, language = 'en') =>
  service.get(path, undefined, { accept: 'text/html', 'accept-language': language });
const revoke = (service: TestService, { certificate }: IssuedCertificate) =>
  service.internal(`/certificates/${certificate.id}/revoke`, { reason: 'issued by mistake' });

test('what it is worth is told as JSON: valid, expired, revoked, and nothing more than that', async () => {
  const service = await start();
  const issued = await issueCertificate(service, { expirationDate: '2099-03-01', email: 'a@school.example', score: 9 });
  const response = await asJson(service, pathOf(issued));
  const told = {
    status: 'valid',
    name: 'Anjali Kumar',
    courseName: 'Algebra I',
    issuedAt: '2026-03-01T10:00:00+05:30',
    expiresAt: '2099-03-01',
  };
  expect([response.status, await response.json()]).toEqual([200, told]);
  expect(response.headers.get('x-robots-tag')).toBe('noindex');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('vary')).toContain('Accept, Accept-Language');

  const expired = await issueCertificate(service, {
    userId: 'STU_2',
    issuanceDate: '2020-03-01',
    expirationDate: '2021-03-01',
  });
  expect(await (await asJson(service, pathOf(expired))).json()).toMatchObject({ status: 'expired' });
  expect(await (await asPage(service, pathOf(expired))).text()).toContain('This certificate has expired');

  expect((await revoke(service, issued)).status).toBe(200);
  expect(await (await asJson(service, pathOf(issued))).json()).toEqual({ ...told, status: 'revoked' });
  expect(await (await asPage(service, pathOf(issued))).text()).toContain('This certificate was revoked');
});

test('every code that is none gets the same answer', async () => {
  const service = await start();
  const codes = ['A'.repeat(22), 'short', 'A'.repeat(23), `${'A'.repeat(21)}%00`, '%3Cscript%3E', '../x'.repeat(9)];
  const paths = codes.map((code) => `/verify/${code.replaceAll('/', '%2F')}`);
  const pages = await Promise.all(
    paths.map(async (path) => {
      const response = await asPage(service, path);
      expect(response.headers.get('x-robots-tag')).toBe('noindex');
      return `${response.status} ${await response.text()}`;
    }),
  );
  expect(new Set(pages).size).toBe(1);
  expect(pages[0]).toMatch(/^404 .*No certificate found/s);
  const problems = await Promise.all(
    paths.map(async (path) => {
      const response = await asJson(service, path);
      return { ...((await response.json()) as object), requestId: undefined };
    }),
  );
  for (const problem of problems) expect(problem).toEqual(problems[0]);
  expect(problems[0]).toMatchObject({ status: 404, code: 'not_found' });
});

test('who guesses is soon told to wait', async () => {
  const service = await start();
  const answers = await Promise.all(
    Array.from({ length: verificationLimit.limit + 5 }, () => asJson(service, `/verify/${'B'.repeat(22)}`)),
  );
  const byStatus = Map.groupBy(answers, ({ status }) => status);
  expect([byStatus.get(404)?.length, byStatus.get(429)?.length]).toEqual([verificationLimit.limit, 5]);
  expect(Number(byStatus.get(429)?.[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('the page speaks four languages, as asked for or as the browser prefers', async () => {
  const service = await start();
  const path = pathOf(await issueCertificate(service));
  const pageOf = async (address: string, language: string) => {
    const response = await asPage(service, address, language);
    return `${response.headers.get('content-language')} ${await response.text()}`;
  };
  expect(await pageOf(path, 'hi-IN,hi;q=0.9,en;q=0.1')).toMatch(
    /^hi .*<html lang="hi" dir="ltr">.*यह प्रमाणपत्र मान्य है/s,
  );
  expect(await pageOf(`${path}?language=ar`, 'hi')).toMatch(/^ar .*<html lang="ar" dir="rtl">.*هذه الشهادة صالحة/s);
  expect(await pageOf(`${path}?language=ta&fbclid=x`, 'en')).toMatch(/^ta .*இந்தச் சான்றிதழ் செல்லுபடியாகும்/s);
  expect(await pageOf(`${path}?language=xx`, 'fr')).toMatch(/^en .*This certificate is valid/s);
});

async function openPage(service: TestService, path: string, width: number): Promise<Page> {
  const { browser } = parts.use(await startBareBrowser({ without: ['--proxy'] }));
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  await page.setViewport({ width, height: 800 });
  await page.goto(service.url + path);
  return page;
}

test('what a stranger has written stays text, and the page fits a narrow telephone', async () => {
  const service = await start();
  const issued = await issueCertificate(service, {
    firstName: '<img src=x onerror=alert(1)>"\'&amp;',
    lastName: 'ஆஞ்சலி',
    courseName: `${'Long'.repeat(30)}</title><script>alert(1)</script>`,
  });
  const response = await asPage(service, pathOf(issued));
  const text = await response.text();
  expect(text).not.toMatch(/<script|<img/);
  expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;');
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);

  const page = await openPage(service, `${pathOf(issued)}?language=ar`, 320);
  const name = await page.$eval('.name', (element) => element.textContent);
  expect(name).toBe('<img src=x onerror=alert(1)>"\'&amp; ஆஞ்சலி');
  const { scroll, radius } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    radius: getComputedStyle(document.querySelector('main') as Element).borderRadius,
  }));
  expect(scroll).toBeLessThanOrEqual(320);
  // The policy lets the page's own style through.
  expect(radius).toBe('14px');
});
