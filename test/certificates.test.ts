// Certificates through the front door: issued once, with number, document, credential and event, or not at all.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { describeKafka, readTopic } from './support/kafka.ts';
import { readPdf } from './support/pdf.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { startTestService, type TestService } from './support/service.ts';
import { signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const asked = {
  userId: 'STU_1',
  courseId: 'course-v1:Algebra+2026',
  courseName: 'Algebra I',
  firstName: 'Anjali',
  lastName: 'Kumar',
  issuanceDate: '2026-03-01T10:00:00+05:30',
};

interface Issued {
  credential: Record<string, unknown> & { credentialSubject: Record<string, unknown> };
  certificate: { id: string; number: string; verifyUrl: string; downloadUrl: string };
  badge: Record<string, unknown>;
}

type Start = (env?: Record<string, string>) => Promise<TestService>;

async function issue(service: TestService, body: object = asked): Promise<Issued> {
  const response = await service.internal('/certificate/issue', body);
  const answer = await response.json();
  if (response.status !== 200) throw new Error(`it was not issued: ${JSON.stringify(answer)}`);
  expect(answer).toMatchObject({ success: true, statusCode: 200, message: 'Credential issued successfully' });
  return answer.data;
}

const refusalOf = async (service: TestService, body: object) => {
  const response = await service.internal('/certificate/issue', body);
  const { code } = (await response.json()) as { code: string };
  return `${response.status} ${code}`;
};

describeDatabases('certificates', (server) => {
  const start: Start = async (env = {}) => {
    const { url } = parts.use(await createTestDatabase(server));
    return parts.use(await startTestService({ env: { DATABASE_URL: url, ...env } }));
  };

  test('a request with an Idempotency-Key gets the same answer whatever has become of its certificate', async () => {
    const service = await start();
    const send = async (key: string, body: object = asked) => {
      const response = await service.internal('/certificate/issue', body, { 'idempotency-key': key });
      const { data, code } = (await response.json()) as { data?: Issued; code?: string };
      return { status: response.status, data, code };
    };
    const [first, again] = await Promise.all([send('key 1'), send('key 1')]);
    expect(first).toMatchObject({ status: 200, data: { certificate: { number: '2026-000001' } } });
    expect(again).toEqual(first);
    const id = first.data?.certificate.id;
    expect(await send('key 1', { ...asked, lastName: 'Rao' })).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
    // The key of one learner's request, sent for another's: neither is made nor counted.
    expect(await send('key 1', { ...asked, userId: 'STU_2' })).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await send('key 2')).toEqual(first);
    const reissued = await service.internal(`/certificates/${id}/reissue`, { reason: 'misspelt', firstName: 'Anjaly' });
    expect(((await reissued.json()) as { data: Issued }).data.certificate.number).toBe('2026-000002');
    expect(await send('key 1')).toEqual(first);
    expect(await send('key 3')).toMatchObject({ status: 409, code: 'certificate_exists' });
    expect(await send('\u0007'.repeat(3)).catch(() => 'refused')).toBe('refused');
    expect(await send('k'.repeat(256))).toMatchObject({ status: 422, code: 'invalid_request' });
    expect(await send('key 3', { ...asked, userId: 'STU_3' })).toMatchObject({
      status: 200,
      data: { certificate: { number: '2026-000003' } },
    });
  });

  test('one request gives a certificate: credential, number, addresses, and the document under its key', async () => {
    const service = await start({ PUBLIC_URL: 'https://pdf.school.example', ISSUER_NAME: 'Example School' });
    const { credential, certificate, badge } = await issue(service);
    const { id, number, verifyUrl, downloadUrl } = certificate;
    expect(credential).toMatchObject({
      id: `urn:uuid:${id}`,
      type: expect.arrayContaining(['VerifiableCredential']),
      issuanceDate: asked.issuanceDate,
      credentialSubject: {
        firstName: 'Anjali',
        lastName: 'Kumar',
        userId: 'STU_1',
        courseId: asked.courseId,
        courseName: 'Algebra I',
      },
      proof: expect.anything(),
    });
    expect((credential['@context'] as string[])[0]).toBe('https://www.w3.org/2018/credentials/v1');
    expect(badge).toMatchObject({ type: expect.arrayContaining(['VerifiableCredential']) });
    expect(number).toBe(`${new Date().getUTCFullYear()}-000001`);
    expect(verifyUrl).toMatch(/^https:\/\/pdf\.school\.example\/verify\/[\w-]{22}$/);
    expect(downloadUrl).toBe(`https://pdf.school.example/certificates/${id}/download`);
    const key = `certificates/${asked.courseId}/STU_1/${id}.pdf`;
    expect(await service.storedKeys()).toEqual([key]);
    const bytes = await readFile(join(service.dataDir, 'documents', key));
    const text = (await readPdf(bytes)).text;
    for (const word of ['Anjali Kumar', 'Algebra I', number, 'Example School']) expect(text).toContain(word);
  });

  test('the same request again gets the same answer, however many ask at once', async () => {
    const service = await start();
    const all = await Promise.all(Array.from({ length: 20 }, () => issue(service)));
    const [first] = all;
    for (const each of all) expect(each).toEqual(first);
    expect(await issue(service, { ...asked, middleName: null })).toEqual(first);
    expect(await service.storedKeys()).toHaveLength(1);
    expect(await refusalOf(service, { ...asked, lastName: 'Other' })).toBe('409 certificate_exists');
    const other = await issue(service, { ...asked, userId: 'STU_2' });
    expect(other.certificate.number).toBe(`${new Date().getUTCFullYear()}-000002`);
  });

  test('bad requests are refused, each by its code, and take no number', async () => {
    const service = await start();
    const refused: [object, string][] = [
      [{ ...asked, courseId: undefined }, '422 invalid_request'],
      [{ ...asked, unknown: 1 }, '400 unknown_field'],
      [{ ...asked, courseId: '../x' }, '422 invalid_request'],
      [{ ...asked, issuanceDate: '2026-02-30' }, '422 invalid_request'],
      [{ ...asked, issuanceDate: '99999-01-01' }, '422 invalid_request'],
      [{ ...asked, expirationDate: '2026-02-28' }, '422 invalid_request'],
      [{ ...asked, score: 11, maxScore: 10 }, '422 invalid_request'],
      [{ ...asked, issuanceDate: '0000-01-01' }, '422 invalid_request'],
      [{ ...asked, issuanceDate: '2026-03-01T24:00:00Z' }, '422 invalid_request'],
      [{ ...asked, firstName: 'a'.repeat(201) }, '422 invalid_request'],
      [{ ...asked, firstName: 'a'.repeat(10_000) }, '422 invalid_request'],
      [{ ...asked, firstName: '', lastName: '\u200b\u0301' }, '422 name_required'],
      [{ ...asked, firstName: 'A\0B' }, '422 invalid_request'],
      [{ ...asked, lastName: 'half \ud800' }, '422 invalid_request'],
      [{ ...asked, courseName: 'A\u0007' }, '422 invalid_request'],
      [{ ...asked, courseId: 'course\r\nX-Injected: 1' }, '422 invalid_request'],
      [{ ...asked, firstName: '\u202egnp' }, '422 invalid_request'],
      [{ ...asked, language: 'en\0' }, '422 invalid_request'],
      [{ ...asked, firstName: ' ', lastName: '\t' }, '422 name_required'],
      [{ ...asked, type: 'course-attendance' }, '422 invalid_request'],
      [{ ...asked, templateId: 'nowhere' }, '422 unknown_template'],
      [{ ...asked, language: 'xx' }, '422 unknown_language'],
    ];
    for (const [body, answer] of refused) expect([body, await refusalOf(service, body)]).toEqual([body, answer]);
    const unseen = await service.internal('/certificate/issue', {
      ...asked,
      lastName: 'ሰላም',
      courseName: 'Algebra \ue000',
    });
    expect(unseen.status).toBe(422);
    expect(await unseen.json()).toMatchObject({
      code: 'glyph_missing',
      detail: expect.stringContaining('ሰ (U+1230)'),
      errors: [
        { field: '/lastName', message: expect.stringContaining('U+1230') },
        { field: '/courseName', message: 'no font here shows U+E000' },
      ],
    });
    expect(
      await (await service.get('/certificates/STU_1', signUserToken({ role: 'student', student_id: 'STU_1' }))).json(),
    ).toEqual([]);
    expect((await issue(service)).certificate.number).toMatch(/-000001$/);
  });

  test('the backend and administrators issue, nobody else', async () => {
    const service = await start();
    const by = (token: string | undefined) =>
      fetch(`${service.url}/certificate/issue`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(asked),
      }).then(({ status }) => status);
    expect(await by(undefined)).toBe(401);
    expect(await by(signUserToken({ role: 'student', student_id: 'STU_1' }))).toBe(403);
    expect(await by(signUserToken({ role: 'admin', user_id: 'A1' }))).toBe(200);
  });

  test('whoever verifies finds the issuer, its keys and the words of the credential', async () => {
    const service = await start();
    const { credential } = await issue(service);
    const did = await (await service.get('/.well-known/did.json')).json();
    const context = await (await service.get('/contexts/certificate/v1')).json();
    const { issuer, proof } = credential as unknown as {
      issuer: string | { id: string };
      proof: { verificationMethod: string };
    };
    expect(did.id).toBe(typeof issuer === 'string' ? issuer : issuer.id);
    expect(did.assertionMethod).toContain(proof.verificationMethod);
    expect(context['@context']).toBeDefined();
  });

  test('in production nothing is signed by a key that nobody has given', async () => {
    const origin = 'http://127.0.0.1:9';
    const env = {
      NODE_ENV: 'production',
      DEFAULT_FRONTEND_ORIGIN: origin,
      ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      ALLOW_ROOT: 'true',
      BROWSER_SANDBOX: 'false',
    };
    const service = parts.use(await startTestService({ origin, env }));
    expect(await refusalOf(service, asked)).toBe('503 issuer_unavailable');
  });

  describeKafka('with Kafka', (brokers) => {
    test('the event of an issue arrives, once', async () => {
      const topic = `platen-${createHash('sha256')
        .update(String(process.pid + performance.now()))
        .digest('hex')}`;
      const service = await start({ kafkaEnabled: 'true', KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic });
      const { credential } = await issue(service);
      await issue(service);
      const messages = await until(async () => {
        const read = await readTopic(brokers, topic).catch(() => []);
        return read.length > 0 ? read : undefined;
      });
      expect(messages).toHaveLength(1);
      const [{ key, value = '' } = {}] = messages;
      expect(key).toBe(asked.courseId);
      expect(JSON.parse(value)).toEqual({
        eventType: 'COURSE_STATUS_UPDATED',
        timestamp: expect.any(String),
        data: {
          userId: 'STU_1',
          courseId: asked.courseId,
          courseName: 'Algebra I',
          certificateId: credential.id,
          firstName: 'Anjali',
          lastName: 'Kumar',
          issuanceDate: asked.issuanceDate,
          status: 'viewCertificate',
          eventType: 'CERTIFICATE_ISSUED',
        },
      });
    });
  });
});
