// What is promised of certificates beside the issue itself: lines of the log, addresses of others, a registry that fails and heals.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { askedCertificate } from '../support/certificates.ts';
import { describeKafka } from '../support/kafka.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { startScriptedRegistry } from '../support/scripted-registry.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const { userId, courseId } = askedCertificate;
const headers = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` };

const start = async (env: Record<string, string>) =>
  parts.use(await startServiceProcess({ FRONTEND_ORIGINS: 'http://127.0.0.1:9', ...env }));
const get = async ({ url }: ServiceProcess, path: string) => (await fetch(url + path, { headers })).json();
const linesOf = (service: ServiceProcess, message: string) =>
  service.output().split(JSON.stringify(message)).length - 1;

interface Answer {
  status: number;
  code?: string;
  data?: { credential: { id: string }; certificate: { id: string; number: string; verifyUrl: string } };
}

async function issue({ url }: ServiceProcess): Promise<Answer> {
  const body = JSON.stringify(askedCertificate);
  const response = await fetch(`${url}/certificate/issue`, { method: 'POST', headers, body });
  return { status: response.status, ...((await response.json()) as object) };
}

describe('an event', () => {
  test('is kept where Kafka is switched off, which the log says once', async () => {
    const service = await start({ kafkaEnabled: 'false' });
    expect((await issue(service)).status).toBe(200);
    const skipped = 'Kafka is disabled. Skipping tracking event publish.';
    await until(() => linesOf(service, skipped) > 0);
    expect((await issue(service)).status).toBe(200);
    expect(await get(service, '/internal/events')).toMatchObject({ items: [{ kind: 'kafka', state: 'waiting' }] });
    expect(linesOf(service, skipped)).toBe(1);
  });

  test('that can not be published holds up no issue, and the log says why', async () => {
    const service = await start({ kafkaEnabled: 'true', KAFKA_BROKERS: '127.0.0.1:1', KAFKA_TOPIC: 'platen' });
    expect((await issue(service)).status).toBe(200);
    await until(() => /"message":"Failed to publish certificate issued event: [^"]+"/.test(service.output()));
    expect(await get(service, '/internal/events')).toMatchObject({ items: [{ kind: 'kafka', state: 'waiting' }] });
  });

  describeKafka('with Kafka', (brokers) => {
    test('that was published has its line in the log', async () => {
      const topic = `platen-${crypto.randomUUID()}`;
      const service = await start({ kafkaEnabled: 'true', KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic });
      await issue(service);
      const published = `Certificate issued event published for user ${userId} and course ${courseId}`;
      await until(() => linesOf(service, published) === 1);
    });
  });
});

test('a registry that fails leaves the record in error; once it gives, the certificate is made under its number', async () => {
  const registry = parts.use(await startScriptedRegistry());
  const service = await start({
    SUNBIRD_RC_IDENTITY_URL: `${registry.url}/identity`,
    SUNBIRD_RC_CREDENTIALS_URL: `${registry.url}/credentials`,
    SUNBIRD_RC_ISSUER_DID: 'did:upai:school',
    SUNBIRD_RC_SCHEMA_ID: 'did:schema:1',
    SUNBIRD_RC_SCHEMA_VERSION: '1.0.0',
  });
  registry.answerWith = (_, response) => response.writeHead(503).end();
  expect(await issue(service)).toMatchObject({ status: 503, code: 'issuer_unavailable' });
  const [failed] = await get(service, `/certificates/${userId}`);
  expect(failed).toMatchObject({ status: 'error', last_error: 'issuer_unavailable' });
  expect((await get(service, '/internal/events')).items).toEqual([]);
  registry.answerWith = () => undefined;
  // Nobody asks again.
  await until(async () => (await get(service, `/certificates/${userId}`))[0].status === 'available');
  expect(await issue(service)).toMatchObject({
    status: 200,
    data: { credential: { id: 'did:rcw:77aa' }, certificate: { id: failed.id, number: failed.number } },
  });
});

test('the page of a certificate leads to LinkedIn and to sharing it', async () => {
  const service = await start({ PUBLIC_URL: 'https://pdf.school.example', ISSUER_NAME: 'Example School' });
  const { number, verifyUrl } = (await issue(service)).data?.certificate ?? { number: '', verifyUrl: '' };
  const page = await (
    await fetch(service.url + new URL(verifyUrl).pathname, { headers: { accept: 'text/html' } })
  ).text();
  const [, added = ''] = /href="(https:\/\/www\.linkedin\.com\/profile\/add\?[^"]+)"/.exec(page) ?? [];
  expect(Object.fromEntries(new URL(added.replaceAll('&amp;', '&')).searchParams)).toMatchObject({
    name: askedCertificate.courseName,
    organizationName: 'Example School',
    certId: number,
    certUrl: verifyUrl,
  });
  expect(page).toMatch(/href="mailto:\?[^"]+"/);
});
