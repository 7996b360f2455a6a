// Webhooks and events through the front door: who may operate them, and what is told of certificates, reports and class runs.

import specification from '@asyncapi/specs/schemas/3.0.0.json' with { type: 'json' };
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { eventSchemas } from '../src/events/contract.ts';
import { issueCertificate } from './support/certificates.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { steerService } from './support/steered-service.ts';
import { serviceToken, signUserToken, studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const { frontend, service } = steerService({
  env: { WEBHOOK_HOSTS: '127.0.0.1', PUBLIC_URL: 'https://pdf.school.example' },
});

interface Told {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const as = (token: string) => ({ authorization: `Bearer ${token}` });

let receiver: Receiver;
let webhookId: string;
let secret: string;
beforeAll(async () => {
  receiver = await startReceiver();
  const response = await service.internal('/internal/webhooks', { url: receiver.url });
  expect(response.status).toBe(201);
  const made = (await response.json()) as { id: string; url: string; secret: string };
  expect(made).toEqual({
    id: expect.any(String),
    url: receiver.url,
    secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/),
  });
  webhookId = made.id;
  secret = made.secret;
});
afterAll(async () => receiver[Symbol.asyncDispose]());

async function call(
  method: string,
  path: string,
  { headers = asService, body }: { headers?: object; body?: object } = {},
) {
  const response = await fetch(service.url + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, answer: text === '' ? undefined : JSON.parse(text) };
}

/** What was told of something, told to the letter as published. */
const untilTold = (type: string, isWanted: (data: Record<string, unknown>) => boolean) =>
  until(() => {
    const all = receiver.calls.map(({ body }) => JSON.parse(body) as Told);
    return all.find((told) => told.type === type && isWanted(told.data));
  });

test('certificates are told of when they are issued, revoked and replaced', async () => {
  const { certificate, credential } = await issueCertificate(service, { userId: 'HOOK_1', courseId: 'ALG1' });
  const { id: certificateId, number } = certificate;
  const about = { certificateId, number, userId: 'HOOK_1', courseId: 'ALG1' };
  expect(await untilTold('certificate.issued', (data) => data.userId === 'HOOK_1')).toEqual({
    type: 'certificate.issued',
    timestamp: expect.any(String),
    data: {
      ...about,
      credentialId: credential.id,
      issuanceDate: '2026-03-01T10:00:00+05:30',
      verifyUrl: certificate.verifyUrl,
    },
  });
  const reissued = await call('POST', `/certificates/${certificateId}/reissue`, {
    body: { reason: 'spelling', lastName: 'Kumari' },
  });
  const successor = reissued.answer.data.certificate;
  expect(await untilTold('certificate.replaced', (data) => data.certificateId === certificateId)).toMatchObject({
    data: { ...about, replacedBy: { certificateId: successor.id, number: successor.number } },
  });
  await untilTold('certificate.issued', (data) => data.certificateId === successor.id);
  expect((await call('POST', `/certificates/${successor.id}/revoke`, { body: { reason: 'fraud' } })).status).toBe(200);
  expect(await untilTold('certificate.revoked', (data) => data.certificateId === successor.id)).toMatchObject({
    data: { ...about, certificateId: successor.id, number: successor.number },
  });
  expect(receiver.calls.some(({ body }) => /Kumar|Anjali|fraud|spelling/.test(body))).toBe(false);
});

test('reports are told of by their job, and a class run when the last of its reports has ended', async () => {
  frontend.figuresFor = ({ page }) => (/BAD/.test(page) ? { error: 'no_data' } : { text: 'Figures' });
  const run = await call('POST', '/internal/class-runs', {
    body: { classId: 'HOOK_C', testId: '5', studentIds: ['GOOD_1', 'GOOD_2', 'BAD_1'], overall: true },
  });
  const classRunId = run.answer.id as string;
  const ended = await untilTold('class_run.ended', (data) => data.classRunId === classRunId);
  expect(ended.data).toEqual({
    classRunId,
    classId: 'HOOK_C',
    testId: '5',
    state: 'failed',
    total: 4,
    counts: { completed: 3, failed: 1, cancelled: 0 },
  });
  const { items } = (await call('GET', `/internal/class-runs/${classRunId}`)).answer;
  const common = { classRunId, testId: 'Test_5', classId: 'HOOK_C' };
  for (const { jobId, reportType, studentId, s3Key, state } of items) {
    const told = await untilTold(
      state === 'completed' ? 'report.stored' : 'report.failed',
      (data) => data.jobId === jobId,
    );
    const outcome =
      state === 'completed'
        ? { bytes: expect.any(Number), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }
        : { code: 'page_failed' };
    expect(told.data).toEqual({ ...common, jobId, reportType, ...(studentId && { studentId }), s3Key, ...outcome });
  }
  // Cancelled, a run has ended too; begun again, it ends again.
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const held = await call('POST', '/internal/class-runs', {
    body: { classId: 'HOOK_D', testId: '5', studentIds: ['S1', 'S2'], overall: false },
  });
  await call('DELETE', `/internal/class-runs/${held.answer.id}`);
  const cancelled = await untilTold('class_run.ended', (data) => data.classRunId === held.answer.id);
  expect(cancelled.data).toMatchObject({ state: 'cancelled', counts: { completed: 0, failed: 0, cancelled: 2 } });
  gate.resolve({ text: 'Figures' });
  frontend.figuresFor = () => ({ text: 'Figures' });
  await call('POST', `/internal/class-runs/${held.answer.id}/retry`);
  await untilTold('class_run.ended', ({ classRunId: id, state }) => id === held.answer.id && state === 'completed');
  const ends = receiver.calls.filter(({ body }) => body.includes('class_run.ended') && body.includes(held.answer.id));
  expect(new Set(ends.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
});

test('everything that was told fits what /asyncapi.json publishes, and that document its specification', async () => {
  const document = await (await fetch(`${service.url}/asyncapi.json`)).json();
  const ajv = addFormats.default(new Ajv({ strict: false, validateFormats: true }));
  // The specification brings the schema of schemas with it.
  const validate = new Ajv({ strict: false, meta: false, validateSchema: false, logger: false }).compile(specification);
  expect({ isValid: validate(document), errors: validate.errors }).toEqual({ isValid: true, errors: null });
  expect(validate({ ...document, channels: { kafka: { addres: 'user-topic' } } })).toBe(false);
  expect(document.channels.kafka.address).toBe('user-topic');
  const { schemas, messages } = document.components;
  const payloads = new Map(
    Object.values(messages as Record<string, { name: string; payload: { $ref: string } }>).map(({ name, payload }) => [
      name,
      ajv.compile(schemas[payload.$ref.split('/').at(-1) ?? '']),
    ]),
  );
  expect([...payloads.keys()].sort()).toEqual(['COURSE_STATUS_UPDATED', ...Object.keys(eventSchemas.webhook)].sort());
  const types = new Set<string>();
  for (const { body } of receiver.calls) {
    const told = JSON.parse(body) as Told;
    types.add(told.type);
    const fits = payloads.get(told.type);
    expect({ told, isFit: fits?.(told) }).toMatchObject({ isFit: true });
    // Both refuse the same.
    for (const bad of [
      { ...told, more: 1 },
      { ...told, data: {} },
      { ...told, data: { ...told.data, more: 1 } },
      { ...told, timestamp: 'now' },
    ])
      expect([fits?.(bad), eventSchemas.webhook[told.type]?.safeParse(bad).success]).toEqual([false, false]);
  }
  expect([...types].sort()).toEqual(Object.keys(eventSchemas.webhook).sort());
});

test('events are listed page by page, by time and state, redriven, and replayed with the same bytes', async () => {
  const isQuiet = async () =>
    (await call('GET', '/internal/events?state=sent')).answer.items.length >= receiver.calls.length;
  await until(isQuiet);
  const first = (await call('GET', '/internal/events?limit=2')).answer;
  expect(first.items).toHaveLength(2);
  const all = (await call('GET', '/internal/events?limit=500')).answer;
  expect(all.next).toBeNull();
  const rest = (await call('GET', `/internal/events?limit=500&cursor=${first.next}`)).answer;
  expect([...first.items, ...rest.items]).toEqual(all.items);
  const kafka = (await call('GET', '/internal/events?state=waiting')).answer.items;
  expect(kafka.map((item: { kind: string }) => item.kind)).toEqual(['kafka', 'kafka']);
  expect(kafka[0]).toMatchObject({
    type: 'certificate.issued',
    key: 'ALG1',
    webhookId: null,
    attempts: 0,
    sentAt: null,
  });
  const [oldest] = all.items.slice(-1);
  const from = oldest.createdAt;
  const to = new Date(Date.parse(all.items[0].createdAt) + 1000).toISOString();
  expect((await call('GET', `/internal/events?to=${from}`)).answer.items).toEqual([]);
  const sent = all.items.filter(({ state }: { state: string }) => state === 'sent');
  const [one] = sent;
  expect(one).toMatchObject({ kind: 'webhook', webhookId, attempts: 1, lastError: null, nextAt: null });
  const before = receiver.calls.length;
  const bytesOf = (id: string) =>
    receiver.calls.filter(({ headers }) => headers['webhook-id'] === id).map(({ body }) => body);
  expect(await call('POST', `/internal/events/${one.id}/redrive`)).toMatchObject({
    status: 202,
    answer: { id: one.id, state: 'waiting' },
  });
  await until(() => receiver.calls.length > before);
  await until(
    async () => (await call('GET', '/internal/events?state=sent&limit=500')).answer.items.length === sent.length,
  );
  expect(await call('POST', '/internal/events/replay', { body: { from, to } })).toEqual({
    status: 202,
    answer: { count: sent.length },
  });
  await until(() => sent.every(({ id }: { id: string }) => bytesOf(id).length >= 2));
  for (const { id } of sent) expect(new Set(bytesOf(id)).size).toBe(1);
});

test.each([
  ['http://hook.example/x', undefined],
  ['https://user:pass@hook.example/x', undefined],
  ['https://10.0.0.1/x', undefined],
  ['https://[::1]/x', undefined],
  ['https://0xa.1/x', undefined],
  ['ftp://127.0.0.1/x', undefined],
  ['no address', undefined],
  ['https://hook.example/x', ['certificate.made']],
  ['https://hook.example/x', []],
])('a webhook %s of %j is refused', async (url, events) => {
  const { status, answer } = await call('POST', '/internal/webhooks', { body: { url, ...(events && { events }) } });
  expect([status, answer.code]).toEqual([422, 'invalid_request']);
});

test('webhooks are listed without their secrets, and heard of no more once they are taken away', async () => {
  const body = { url: 'https://hook.example/x', events: ['report.failed'] };
  const made = await call('POST', '/internal/webhooks', { body });
  const { items, next } = (await call('GET', '/internal/webhooks?limit=1')).answer;
  expect(items).toEqual([{ id: made.answer.id, ...body, createdAt: expect.any(String) }]);
  const listed = await call('GET', `/internal/webhooks?cursor=${next}`);
  expect(listed.answer).toMatchObject({ items: [{ id: webhookId, url: receiver.url }], next: null });
  expect(JSON.stringify([items, listed.answer])).not.toContain(secret);
  expect((await call('DELETE', `/internal/webhooks/${made.answer.id}`)).status).toBe(204);
  expect((await call('DELETE', `/internal/webhooks/${made.answer.id}`)).status).toBe(404);
  expect((await call('POST', '/internal/webhooks', { body: { ...body, more: 1 } })).status).toBe(400);
});

test('only the backend and administrators operate events and webhooks, and administrators those of their tenant', async () => {
  const admin = signUserToken({ role: 'admin', user_id: 'ADM1' });
  for (const [method, path, body] of [
    ['GET', '/internal/events'],
    ['POST', '/internal/events/replay', { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }],
    ['POST', `/internal/events/${webhookId}/redrive`],
    ['GET', '/internal/webhooks'],
    ['POST', '/internal/webhooks', { url: 'https://hook.example/x' }],
    ['DELETE', `/internal/webhooks/${webhookId}`],
  ] as const) {
    for (const token of [studentToken('S1', 'C1'), teacherToken('T1', 'C1')])
      expect((await call(method, path, { headers: as(token), ...(body && { body }) })).status).toBe(403);
    expect((await call(method, path, { headers: {}, ...(body && { body }) })).status).toBe(401);
  }
  // The webhook of the backend hears of all tenants: it is none of an administrator's.
  expect((await call('GET', '/internal/webhooks', { headers: as(admin) })).answer.items).toEqual([]);
  expect((await call('DELETE', `/internal/webhooks/${webhookId}`, { headers: as(admin) })).status).toBe(404);
  expect((await call('GET', '/internal/events', { headers: as(admin) })).answer.items.length).toBeGreaterThan(0);
  const made = await call('POST', '/internal/webhooks', { headers: as(admin), body: { url: receiver.url } });
  expect(made.status).toBe(201);
  expect((await call('DELETE', `/internal/webhooks/${made.answer.id}`, { headers: as(admin) })).status).toBe(204);
});

test('what waits and what was told is counted', async () => {
  expect(await service.metric('platen_event_attempts_total{kind="webhook",outcome="ok"}')).toBeGreaterThan(5);
  expect(await service.metric('platen_events{kind="kafka",state="waiting"}')).toBe(2);
  expect(await service.metric('platen_event_oldest_waiting_seconds{kind="kafka"}')).toBeGreaterThan(0);
  expect(await service.metric('platen_event_oldest_waiting_seconds{kind="webhook"}')).toBe(0);
});
