// What those who operate Platen see of certificates: figures, and what is stored beside each document.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { askedCertificate, type IssuedCertificate, issueCertificate } from './support/certificates.ts';
import { type ScriptedS3, startScriptedS3 } from './support/scripted-s3.ts';
import { startTestService, type TestService } from './support/service.ts';
import { serviceToken } from './support/tokens.ts';

const parts = new AsyncDisposableStack();
let s3: ScriptedS3;
let service: TestService;
beforeAll(async () => {
  s3 = parts.use(await startScriptedS3());
  service = parts.use(await startTestService({ origin: 'http://127.0.0.1:9', env: s3.env }));
});
afterAll(() => parts.disposeAsync());

const storedOf = ({ certificate: { id } }: IssuedCertificate) =>
  [...s3.objects].find(([key]) => key.endsWith(`/${id}.pdf`))?.[1];

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };

async function download({ certificate: { id } }: IssuedCertificate): Promise<Response> {
  const answer = await service.get(`/certificates/${id}/download`, undefined, asService);
  const { download_url } = (await answer.json()) as { download_url: string };
  return fetch(download_url);
}

const verifyCode = (path: string) => service.get(path, undefined, { accept: 'application/json' });
const verifyFile = (body: BodyInit) =>
  fetch(`${service.url}/verify`, { method: 'POST', headers: { 'content-type': 'application/pdf' }, body });

/** Lines of these metrics that are not zero, without their names. */
async function figures(name: string): Promise<Record<string, number>> {
  const text = await (await service.get('/metrics')).text();
  const lines = [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, 'gm'))];
  return Object.fromEntries(lines.map(([, labels = '', value]) => [labels.replaceAll('"', ''), Number(value)]));
}

test('attempts at making, downloads and verifications are counted by how they ended', async () => {
  s3.faultFor = (key, method) => (method === 'PUT' && key.startsWith('certificates/') ? 'full' : undefined);
  expect((await service.internal('/certificate/issue', askedCertificate)).status).toBe(503);
  s3.faultFor = () => undefined;
  const issued = await issueCertificate(service);
  await issueCertificate(service);
  expect(await figures('platen_certificates_total')).toEqual({ 'outcome=ok': 1, 'outcome=storage_unavailable': 1 });
  const counted = { 'stage=pictures': 2, 'stage=print': 2, 'stage=sign': 2, 'stage=store': 2, 'stage=record': 1 };
  expect(await figures('platen_certificate_stage_seconds_count')).toEqual(counted);

  const pdf = Buffer.from(await (await download(issued)).arrayBuffer());
  s3.objects.clear();
  expect((await download(issued)).status).toBe(404);
  // The bucket gives them out by itself: what it is asked for is not seen here.
  expect(await figures('platen_certificate_downloads_total')).toEqual({ 'outcome=link': 2 });

  const { pathname } = new URL(issued.certificate.verifyUrl);
  for (const path of [pathname, '/verify/none', `/verify/${'A'.repeat(22)}`]) await verifyCode(path);
  for (const file of [pdf, Buffer.from('%PDF-1.7 and no more')]) await verifyFile(new Uint8Array(file));
  await service.internal(`/certificates/${issued.certificate.id}/revoke`, { reason: 'issued by mistake' });
  await verifyCode(pathname);
  await verifyFile(new Uint8Array(pdf));
  expect(await figures('platen_verifications_total')).toEqual({
    'by=code,result=valid': 1,
    'by=code,result=unknown': 2,
    'by=code,result=revoked': 1,
    'by=file,result=valid': 1,
    'by=file,result=unreadable': 1,
    'by=file,result=revoked': 1,
  });
});

test('a document says of which certificate it is, and its tags say nothing of a person', async () => {
  const issued = await issueCertificate(service, { userId: 'STU_2' });
  const { id } = issued.certificate;
  const stored = storedOf(issued);
  expect(stored?.metadata).toMatchObject({ type: 'certificate', test: id, subject: 'STU_2' });
  expect(Object.fromEntries(new URLSearchParams(stored?.tags))).toEqual({ kind: 'certificate', 'certificate-id': id });
});

test('a storage that refuses tags gets the document without them', async () => {
  s3.takesTags = false;
  for (const userId of ['STU_3', 'STU_4']) {
    const stored = storedOf(await issueCertificate(service, { userId }));
    expect(stored).toMatchObject({ tags: '', metadata: { type: 'certificate', subject: userId } });
  }
});
