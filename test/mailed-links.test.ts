// What a mail leads to, through the front door: the certificate is made, its mail arrives, its link opens a page and the document, until it is over.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import { inputOf } from '../src/certificates/asked.ts';
import { digestOf, newCode } from '../src/certificates/certificate.ts';
import { issueBody } from '../src/certificates/contract.ts';
import { mailLinkLimit } from '../src/certificates/download-routes.ts';
import { addCertificate, type MailWishes } from '../src/certificates/store.ts';
import { openDataFolder } from '../src/data-folder.ts';
import { openDatabase } from '../src/database/database.ts';
import { authorityFile } from './support/authority.ts';
import { findFaults } from './support/axe.ts';
import { startBareBrowser } from './support/bare-browser.ts';
import { askedCertificate, type IssuedCertificate, issueCertificate } from './support/certificates.ts';
import { headerOf, partsOf, startMailServer, type TestMailServer } from './support/mail-server.ts';
import { startTestService, type TestService } from './support/service.ts';
import { serviceToken, signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const parts = new AsyncDisposableStack();
let smtp: TestMailServer;
let service: TestService;
let browser: Browser;

const learners: Record<string, MailWishes> = {
  GOOD: { mail: true },
  BAD: { mail: true },
  GONE: { mail: true },
  NONE: {},
};
const asked = (userId: string) => ({ ...askedCertificate, userId, email: `${userId}@school.example`, language: 'hi' });

/** Records of certificates that wait to be made, as those have them who want mails: nobody can ask for that from outside. */
async function recordAll(dataDir: string): Promise<void> {
  using _folder = openDataFolder(dataDir);
  await using database = openDatabase({ url: undefined, dataDir });
  await database.ready;
  for (const [userId, wishes] of Object.entries(learners)) {
    const input = inputOf(issueBody.parse(asked(userId)));
    const record = {
      id: randomUUID(),
      tenant: '',
      code: newCode(),
      digest: digestOf(input),
      numberPattern: '{number}',
    };
    await database.transaction((tx) => addCertificate(tx, { ...record, input: { ...input, ...wishes } }));
  }
}

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-test-'));
  parts.defer(() => rm(dataDir, { recursive: true, force: true }));
  await recordAll(dataDir);
  smtp = parts.use(await startMailServer());
  const env = {
    DATA_DIR: dataDir,
    SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
    SMTP_CA_FILE: authorityFile,
    MAIL_FROM: 'certificates@school.example',
    ISSUER_NAME: 'Example School',
  };
  service = parts.use(await startTestService({ env }));
  ({ browser } = parts.use(await startBareBrowser({ without: ['--proxy'] })));
});
afterAll(() => parts[Symbol.asyncDispose]());

/** Has one made, and waits for its mail. */
async function mailed(userId: string): Promise<IssuedCertificate & { path: string; linkId: string }> {
  const issued = await issueCertificate(service, asked(userId));
  const mail = await until(() => smtp.taken.find(({ to }) => to === `${userId}@school.example`));
  const path = /\/d\/[\w-]{22}/.exec(partsOf(mail)['text/plain'] ?? '')?.[0] ?? '';
  const { items } = (await (await internal('GET', '/internal/events?limit=100')).json()) as { items: Listed[] };
  const id = headerOf(mail, 'Message-ID')?.slice(1).split('@')[0];
  return { ...issued, path, linkId: items.find((item) => item.id === id)?.linkId ?? '' };
}

interface Listed {
  id: string;
  kind: string;
  type: string;
  linkId: string | null;
}

const internal = (method: string, path: string, headers: object = { 'x-service-auth': `Bearer ${serviceToken}` }) =>
  fetch(service.url + path, { method, headers: { ...headers } });

const codeOf = async (response: Response) => `${response.status} ${((await response.json()) as { code: string }).code}`;

test('the link opens a page, and the page the document, whole or in part', async () => {
  const { path, linkId, certificate } = await mailed('GOOD');
  const response = await service.get(path, undefined, { 'accept-language': 'hi' });
  expect([response.status, response.headers.get('content-language')]).toEqual([200, 'hi']);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-robots-tag')).toBe('noindex');
  const page = await response.text();
  for (const text of ['Anjali Kumar', 'Algebra I', certificate.number, 'PDF डाउनलोड करें']) expect(page).toContain(text);
  // It is another code than that by which anyone verifies it.
  expect(page).not.toContain(certificate.verifyUrl.split('/').at(-1));
  const whole = await service.get(`${path}/file`);
  const bytes = Buffer.from(await whole.arrayBuffer());
  expect([whole.status, bytes.subarray(0, 5).toString()]).toEqual([200, '%PDF-']);
  expect(whole.headers.get('content-disposition')).toContain('certificate-1.pdf');
  const part = await service.get(`${path}/file`, undefined, { range: 'bytes=5-9' });
  expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, bytes.subarray(5, 10)]);
  const etag = whole.headers.get('etag') ?? '';
  expect((await service.get(`${path}/file`, undefined, { 'if-none-match': etag })).status).toBe(304);
  // Told of by the events, without whose it is.
  const listed = await (await internal('GET', '/internal/events?limit=100')).text();
  expect(JSON.parse(listed).items).toContainEqual(
    expect.objectContaining({ kind: 'mail', type: 'certificate.issued', linkId, state: 'sent', webhookId: null }),
  );
  expect(listed).not.toMatch(/@school|Anjali|Kumar/);
});

test('it fits a narrow telephone in each language and direction, and is open to all', async () => {
  const { path } = await mailed('GOOD');
  const page = await browser.newPage();
  for (const language of ['en', 'ta', 'hi', 'ar']) {
    await page.setViewport({ width: 320, height: 800 });
    await page.goto(`${service.url}${path}?language=${language}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    expect(await page.evaluate(() => document.dir)).toBe(language === 'ar' ? 'rtl' : 'ltr');
    await page.keyboard.press('Tab');
    const href = await page.evaluate(() => (document.activeElement as HTMLAnchorElement).href);
    expect(href).toBe(`${service.url}${path}/file`);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/link-${language}.png` });
    expect(await findFaults(page)).toEqual([]);
  }
  await page.close();
});

test('no other code opens anything', async () => {
  const { path } = await mailed('GOOD');
  const codes = ['A'.repeat(22), `${path.slice(3, -1)}_`.slice(0, 21), 'short', '%3Cscript%3E'];
  const pages = await Promise.all(
    codes.map(async (code) => {
      const response = await service.get(`/d/${code}`);
      return `${response.status} ${await response.text()}`;
    }),
  );
  expect(new Set(pages).size).toBe(1);
  expect(pages[0]).toMatch(/^404 .*Nothing found/s);
  expect(await codeOf(await service.get(`/d/${'A'.repeat(22)}/file`))).toBe('404 not_found');
});

test('it is over when the certificate is revoked', async () => {
  const { path, certificate } = await mailed('BAD');
  expect((await service.get(`${path}/file`)).status).toBe(200);
  await service.internal(`/certificates/${certificate.id}/revoke`, { reason: 'issued by mistake' });
  const response = await service.get(path);
  expect([response.status, await response.text()]).toEqual([410, expect.stringContaining('This link is over')]);
  expect(await codeOf(await service.get(`${path}/file`))).toBe('410 link_over');
});

test('it is over when somebody takes it away who may, and the certificate stays', async () => {
  const { path, linkId, certificate } = await mailed('GONE');
  const student = { authorization: `Bearer ${signUserToken({ user_type: 'student', student_id: 'GONE' })}` };
  expect((await internal('DELETE', `/internal/mail-links/${linkId}`, student)).status).toBe(403);
  expect((await service.get(path)).status).toBe(200);
  const admin = { authorization: `Bearer ${signUserToken({ role: 'admin', sub: 'A1' })}` };
  expect((await internal('DELETE', `/internal/mail-links/${linkId}`, admin)).status).toBe(204);
  expect(await codeOf(await internal('DELETE', `/internal/mail-links/${linkId}`))).toBe('404 not_found');
  expect((await service.get(path)).status).toBe(410);
  expect(
    await (
      await service.get(new URL(certificate.verifyUrl).pathname, undefined, { accept: 'application/json' })
    ).json(),
  ).toMatchObject({ status: 'valid' });
});

test('nobody is mailed who is not to be', async () => {
  await issueCertificate(service, asked('NONE'));
  await issueCertificate(service, { userId: 'OTHER', email: 'OTHER@school.example' });
  expect(smtp.taken.map(({ to }) => to).sort()).toEqual([
    'BAD@school.example',
    'GONE@school.example',
    'GOOD@school.example',
  ]);
});

test('who guesses is soon told to wait', async () => {
  const answers = await Promise.all(
    Array.from({ length: mailLinkLimit.limit + 5 }, () => service.get(`/d/${'B'.repeat(22)}`)),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  expect([...statuses].sort()).toEqual([404, 429]);
});
