// Certificates that were issued, through the front door: listed, downloaded, revoked, each by those who may and by nobody else.

import { createHmac, hkdfSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { askedCertificate, type IssuedCertificate, issueCertificate } from './support/certificates.ts';
import { startTestService, type TestService } from './support/service.ts';
import { adminToken, serviceToken, signUserToken, studentToken, teacherToken } from './support/tokens.ts';

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const start = async (env = {}) => parts.use(await startTestService({ env }));
const ofService = { 'x-service-auth': `Bearer ${serviceToken}` };
const codeOf = async (response: Response) => `${response.status} ${((await response.json()) as { code: string }).code}`;

/** The address of the document, on the port at which the test's service listens. */
async function fileOf(service: TestService, { certificate }: IssuedCertificate): Promise<string> {
  const response = await service.get(`/certificates/${certificate.id}/download`, undefined, ofService);
  expect(response.status).toBe(200);
  const { download_url } = (await response.json()) as { download_url: string };
  const { pathname, search } = new URL(download_url);
  return pathname + search;
}

const revoke = (service: TestService, id: string, headers: Record<string, string> = ofService, body: object = {}) =>
  fetch(`${service.url}/certificates/${id}/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ reason: 'issued by mistake', ...body }),
  });

test('the learner, the backend and an administrator see the list; to others there is none', async () => {
  const service = await start({ PUBLIC_URL: 'https://pdf.school.example' });
  const { certificate } = await issueCertificate(service, {
    expirationDate: '2099-03-01',
    score: 41.5,
    maxScore: 50,
  });
  const row = {
    id: certificate.id,
    student_id: 'STU_1',
    course_id: askedCertificate.courseId,
    course_name: 'Algebra I',
    number: certificate.number,
    status: 'available',
    score: 41.5,
    max_score: 50,
    generated_at: expect.stringMatching(/^\d{4}-.*Z$/),
    expires_at: '2099-03-01',
    s3_key: `certificates/${askedCertificate.courseId}/STU_1/${certificate.id}.pdf`,
    verify_url: certificate.verifyUrl,
    last_error: null,
    findings: [],
  };
  const path = '/certificates/STU_1';
  for (const response of [
    await service.get(path, studentToken('STU_1')),
    await service.get(path, adminToken()),
    await service.get(path, undefined, ofService),
  ])
    expect([response.status, await response.json()]).toEqual([200, [row]]);
  expect(await (await service.get('/certificates/STU_2', studentToken('STU_2'))).json()).toEqual([]);
  expect(await codeOf(await service.get(path, studentToken('STU_2')))).toBe('404 not_found');
  expect(await codeOf(await service.get(path, teacherToken('STU_1')))).toBe('404 not_found');
  expect(await codeOf(await service.get('/certificates/%00', undefined, ofService))).toBe('404 not_found');
  expect(await codeOf(await service.get(path))).toBe('401 unauthorized');
});

test('a signed address opens the document for an hour, and only that one', async () => {
  const service = await start({ PUBLIC_URL: 'https://pdf.school.example/' });
  const issued = await issueCertificate(service);
  const { id } = issued.certificate;
  const other = await issueCertificate(service, { userId: 'STU_2' });
  const path = `/certificates/${id}/download`;
  expect(await codeOf(await service.get(path, studentToken('STU_2')))).toBe('404 not_found');
  expect(await codeOf(await service.get(path, teacherToken('T1')))).toBe('404 not_found');
  expect(await codeOf(await service.get(`/certificates/${'0'.repeat(8)}/download`, adminToken()))).toBe(
    '404 not_found',
  );

  const asked = Math.floor(Date.now() / 1000);
  const { download_url } = (await (await service.get(path, studentToken('STU_1'))).json()) as { download_url: string };
  const url = new URL(download_url);
  expect(url.origin + url.pathname).toBe(`https://pdf.school.example/certificates/${id}/file`);
  const expires = Number(url.searchParams.get('expires'));
  expect(expires - asked).toBeGreaterThanOrEqual(3600);
  expect(expires - Date.now() / 1000).toBeLessThanOrEqual(3600);

  const file = await service.get(url.pathname + url.search);
  expect(file.status).toBe(200);
  expect(Object.fromEntries(file.headers)).toMatchObject({
    'content-type': 'application/pdf',
    'content-disposition': `attachment; filename="certificate-${issued.certificate.number}.pdf"`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  const bytes = Buffer.from(await file.arrayBuffer());
  expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');

  const signature = url.searchParams.get('signature') ?? '';
  const wrong = [
    `/certificates/${other.certificate.id}/file${url.search}`,
    `${url.pathname}?expires=${expires + 1}&signature=${signature}`,
    `${url.pathname}?expires=${expires}&signature=${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    `${url.pathname}?expires=${expires}&signature=short`,
    `/certificates/none/file${url.search}`,
  ];
  for (const each of wrong) expect([each, await codeOf(await service.get(each))]).toEqual([each, '404 not_found']);
});

test('what is written into a certificate writes no header of its answers', async () => {
  const service = await start();
  const line = 'Algebra\r\nX-Injected: 1';
  const { id, number } = (await issueCertificate(service, { courseName: line, firstName: 'Anjali"; x="' })).certificate;
  const linked = await service.get(`/certificates/${id}/download`, studentToken('STU_1'));
  const { download_url } = (await linked.json()) as { download_url: string };
  const { pathname, search } = new URL(download_url);
  const file = await service.get(pathname + search);
  expect(file.status).toBe(200);
  expect(file.headers.get('content-disposition')).toBe(`attachment; filename="certificate-${number}.pdf"`);
  for (const { headers } of [linked, file]) expect(headers.has('x-injected')).toBe(false);
  await file.arrayBuffer();
});

test('an address ends with its hour, and outlives a rotation of the key', async () => {
  const [present, former] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const service = await start({ ENCRYPTION_KEY: `${present.toString('base64')},${former.toString('base64')}` });
  const { id } = (await issueCertificate(service)).certificate;
  const statusOf = async (secret: Buffer, secondsFromNow: number) => {
    const expires = String(Math.floor(Date.now() / 1000) + secondsFromNow);
    const key = Buffer.from(hkdfSync('sha256', secret, '', 'platen certificate links', 32));
    const signature = createHmac('sha256', key)
      .update(JSON.stringify([id, expires]))
      .digest('base64url');
    const response = await service.get(`/certificates/${id}/file?expires=${expires}&signature=${signature}`);
    await response.arrayBuffer();
    return response.status;
  };
  expect(await statusOf(present, 60)).toBe(200);
  expect(await statusOf(former, 60)).toBe(200);
  expect(await statusOf(present, -1)).toBe(404);
  expect(await statusOf(Buffer.alloc(32, 3), 60)).toBe(404);
});

test('a document that was altered, or is another than was recorded, is not given out', async () => {
  const service = await start({ DOCUMENT_CACHE_MB: '0' });
  const issued = await issueCertificate(service);
  const path = await fileOf(service, issued);
  const [key = ''] = await service.storedKeys();
  const stored = join(service.dataDir, 'documents', key);
  const bytes = await readFile(stored);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(stored, bytes);
  expect(await codeOf(await service.get(path))).toBe('404 not_found');
  expect(await codeOf(await service.get(path))).toBe('404 not_found');
});

test('what was revoked once is revoked, and its bit is set in the status list', async () => {
  const service = await start({ PUBLIC_URL: 'https://pdf.school.example' });
  const issued = await issueCertificate(service);
  const other = await issueCertificate(service, { userId: 'STU_2' });
  const { id } = issued.certificate;
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  expect(issued.badge.credentialStatus.statusListCredential).toBe('https://pdf.school.example/credentials/status/0');
  expect(await bitsOf(service, [issued, other])).toEqual([0, 0]);
  expect(await codeOf(await revoke(service, id, bearer(studentToken('STU_1'))))).toBe('403 forbidden');
  expect(await codeOf(await revoke(service, id, bearer(teacherToken('T1'))))).toBe('403 forbidden');
  expect(await codeOf(await revoke(service, id, ofService, { reason: ' ' }))).toBe('422 invalid_request');
  expect(await codeOf(await revoke(service, id, ofService, { reason: 'a\0b' }))).toBe('422 invalid_request');
  expect(await codeOf(await revoke(service, crypto.randomUUID()))).toBe('404 not_found');

  const answers = await Promise.all(Array.from({ length: 5 }, () => revoke(service, id, bearer(adminToken()))));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
  const row = await answers.find(({ status }) => status === 200)?.json();
  expect(row).toMatchObject({ id, status: 'revoked', student_id: 'STU_1' });
  expect(await codeOf(await revoke(service, id))).toBe('409 already_revoked');
  expect(await (await service.get('/certificates/STU_1', adminToken())).json()).toEqual([row]);
  expect(await bitsOf(service, [issued, other])).toEqual([1, 0]);
  expect(await codeOf(await service.internal('/certificate/issue', askedCertificate))).toBe('409 certificate_exists');
  for (const list of ['1', '-1', '00', 'x'])
    expect(await codeOf(await service.get(`/credentials/status/${list}`))).toBe('404 not_found');
});

test('a reissue puts another into its place, once, and the old one says by which', async () => {
  const service = await start({ PUBLIC_URL: 'https://pdf.school.example' });
  const old = await issueCertificate(service, { middleName: 'M.', issuanceDate: '2026-03-01', score: 4, maxScore: 5 });
  const { id } = old.certificate;
  const reissue = (body: object) =>
    service.internal(`/certificates/${id}/reissue`, { reason: 'wrong spelling', ...body });
  expect(await codeOf(await reissue({ expirationDate: '2026-02-01' }))).toBe('422 invalid_request');
  expect(await codeOf(await reissue({ score: 6 }))).toBe('422 invalid_request');
  expect(await codeOf(await reissue({ userId: 'STU_2' }))).toBe('400 unknown_field');
  expect(await codeOf(await reissue({ templateId: 'nowhere' }))).toBe('422 unknown_template');
  const byLearner = await fetch(`${service.url}/certificates/${id}/reissue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${studentToken('STU_1')}` },
    body: JSON.stringify({ reason: 'mine' }),
  });
  expect(await codeOf(byLearner)).toBe('403 forbidden');
  expect(await (await service.get('/certificates/STU_1', adminToken())).json()).toHaveLength(1);

  const answers = await Promise.all([1, 2, 3].map(() => reissue({ lastName: 'Kumari', middleName: null })));
  const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as { data: IssuedCertificate }[];
  const [renewed] = bodies.map(({ data }) => data);
  for (const body of bodies) expect(body).toMatchObject({ success: true, data: renewed });
  expect(renewed?.credential).toMatchObject({ credentialSubject: { lastName: 'Kumari', firstName: 'Anjali' } });
  expect(renewed?.credential.credentialSubject).not.toHaveProperty('middleName');
  expect(renewed?.certificate.number).not.toBe(old.certificate.number);
  expect(await codeOf(await reissue({ lastName: 'Another' }))).toBe('409 already_revoked');
  expect(await (await service.get('/certificates/STU_1', adminToken())).json()).toMatchObject([
    { id: renewed?.certificate.id, status: 'available', score: 4 },
    { id, status: 'replaced' },
  ]);
  const verify = async (address = '') =>
    (await service.get(new URL(address).pathname, undefined, { accept: 'application/json' })).json();
  expect(await verify(old.certificate.verifyUrl)).toMatchObject({
    status: 'replaced',
    name: 'Anjali M. Kumar',
    replacedBy: renewed?.certificate.verifyUrl,
  });
  expect(await verify(renewed?.certificate.verifyUrl)).toMatchObject({ status: 'valid', name: 'Anjali Kumari' });
  expect(await bitsOf(service, [old, renewed as IssuedCertificate])).toEqual([1, 0]);
  expect(await codeOf(await revoke(service, id))).toBe('409 already_revoked');
});

/** The bits of certificates in their status list, as any verifier reads them. */
async function bitsOf(service: TestService, certificates: IssuedCertificate[]): Promise<number[]> {
  const response = await service.get('/credentials/status/0');
  expect(response.headers.get('content-type')).toMatch(/^application\/vc/);
  const { credentialSubject, proof } = (await response.json()) as {
    credentialSubject: { encodedList: string };
    proof: unknown[];
  };
  expect(proof).not.toHaveLength(0);
  const bits = gunzipSync(Buffer.from(credentialSubject.encodedList.slice(1), 'base64url'));
  return certificates.map(({ badge }) => {
    const place = Number(badge.credentialStatus.statusListIndex);
    return ((bits[place >> 3] ?? 0) >> (7 - (place & 7))) & 1;
  });
}

test('tenants are apart: learners and administrators of one see nothing of the other', async () => {
  const [one, two] = ['http://127.0.0.1:9', 'http://127.0.0.1:10'];
  const env = { FRONTEND_ORIGINS: `${one},${two}=two`, DEFAULT_FRONTEND_ORIGIN: one };
  const service = parts.use(await startTestService({ origin: one, env }));
  const { certificate } = await issueCertificate(service);
  const learner = (origin: string | undefined) => signUserToken({ role: 'student', student_id: 'STU_1', origin });
  const admin = (origin: string | undefined) => signUserToken({ role: 'admin', user_id: 'A1', origin });
  const list = async (token: string) => (await service.get('/certificates/STU_1', token)).json();
  for (const by of [learner, admin]) {
    expect(await list(by(one))).toMatchObject([{ id: certificate.id }]);
    expect(await list(by(two))).toEqual([]);
    expect(await list(by(undefined))).toMatchObject({ code: 'not_found' });
    const download = await service.get(`/certificates/${certificate.id}/download`, by(two));
    expect(await codeOf(download)).toBe('404 not_found');
  }
  const byOther = { authorization: `Bearer ${admin(two)}` };
  expect(await codeOf(await revoke(service, certificate.id, byOther))).toBe('404 not_found');
  const byUnnamed = { authorization: `Bearer ${admin(undefined)}` };
  expect(await codeOf(await revoke(service, certificate.id, byUnnamed))).toBe('403 forbidden');
});
