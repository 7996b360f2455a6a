// The audit through the front door: who has changed what, in one transaction with it, of which tenant, and what is no business of it.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { issueCertificate } from './support/certificates.ts';
import { type Pipeline, pipelineOf } from './support/pipeline.ts';
import { startTestService, type TestService } from './support/service.ts';
import { adminToken, signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

interface Line {
  id: string;
  at: string;
  who: { kind: string; id: string };
  action: string;
  target: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

const one = 'http://127.0.0.1:1';
const two = 'http://127.0.0.1:2';
let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  service = await startTestService({
    origin: one,
    env: {
      FRONTEND_ORIGINS: `${one},${two}=two`,
      DEFAULT_FRONTEND_ORIGIN: one,
      PLATEN_PLUGINS: './test/support/plugins/attendance.ts',
    },
  });
  pipeline = pipelineOf(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const adminOf = (origin: string) => signUserToken({ role: 'admin', user_id: 'ADM001', origin });
const linesOf = async (query = '') =>
  (await pipeline.json<{ items: Line[]; next: string | null }>('GET', `/internal/audit?limit=500${query}`)).items;
const ofTarget = (target: string) => linesOf(`&target=${encodeURIComponent(target)}`);
const actionsOf = (lines: Line[]) => lines.map(({ action }) => action);
/** A request of an administrator. */
const asAdmin = (origin: string, method: string, path: string, body?: object) =>
  fetch(service.url + path, {
    method,
    headers: { authorization: `Bearer ${adminOf(origin)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

test('says who has changed what, from what, to what, the newest first', async () => {
  const type = {
    name: 'of-both',
    retriever: 'list',
    generator: 'template',
    options: { templateId: 'course-completion' },
  };
  await pipeline.json('POST', '/internal/certificate-types', type);
  const options = { templateId: 'modern-certificate' };
  expect(
    (await asAdmin(one, 'PUT', '/internal/certificate-types/of-both', { ...type, name: undefined, options })).status,
  ).toBe(200);
  await pipeline.call('DELETE', '/internal/certificate-types/of-both');
  const lines = await ofTarget('certificate-types/of-both');
  const backend = { kind: 'service', id: 'service' };
  expect(lines).toMatchObject([
    { who: backend, action: 'certificate-type.remove', before: { ...type, options }, after: null },
    {
      who: { kind: 'admin', id: 'ADM001' },
      action: 'certificate-type.change',
      before: type,
      after: { ...type, options },
    },
    { who: backend, action: 'certificate-type.add', before: null, after: type },
  ]);
  expect(lines[0]?.at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('what is refused leaves no line, and what is asked for again leaves one', async () => {
  const type = { name: 'once', retriever: 'list', generator: 'template', options: {} };
  await pipeline.json('POST', '/internal/certificate-types', type);
  expect(await pipeline.refusal('POST', '/internal/certificate-types', type)).toBe('409 type_exists');
  // Refused by what is configured with it: the line was written, and goes with the transaction.
  await pipeline.putList('once-list', 'studentId,firstName\nS1,Anjali\n');
  const configuration = {
    context: { kind: 'course', id: 'C1', name: 'C' },
    type: 'once',
    options: { asset: 'once-list', templateId: 'course-completion' },
  };
  await pipeline.json('POST', '/internal/configurations', configuration);
  expect(await pipeline.refusal('DELETE', '/internal/certificate-types/once')).toBe('409 type_in_use');
  expect(await pipeline.refusal('DELETE', '/internal/assets/once-list')).toBe('409 asset_in_use');
  expect(actionsOf(await ofTarget('certificate-types/once'))).toEqual(['certificate-type.add']);
  expect(actionsOf(await ofTarget('assets/once-list'))).toEqual(['asset.put']);

  const { certificate } = await issueCertificate(service);
  await issueCertificate(service);
  const target = `certificates/${certificate.id}`;
  expect(actionsOf(await ofTarget(target))).toEqual(['certificate.issue']);
  await pipeline.json('POST', `/certificates/${certificate.id}/revoke`, { reason: 'Anjali Kumar has left' });
  expect(await pipeline.refusal('POST', `/certificates/${certificate.id}/revoke`, { reason: 'again' })).toBe(
    '409 already_revoked',
  );
  expect(await ofTarget(target)).toMatchObject([
    { action: 'certificate.revoke', before: { status: 'available' }, after: { status: 'revoked' } },
    { action: 'certificate.issue', after: { number: certificate.number, type: 'course-completion' } },
  ]);
});

test('what works by itself, and what people do for themselves, is not in it', async () => {
  await pipeline.putList('by-itself', 'studentId,firstName\nS1,Anjali\nS2,Ravi\n');
  const id = await pipeline.configure({
    type: {
      name: 'by-itself',
      retriever: 'list',
      generator: 'template',
      options: { asset: 'by-itself', templateId: 'course-completion' },
    },
  });
  const run = await pipeline.ended(await pipeline.begin(id, 'run', { except: ['S2'] }));
  expect(run.counts.issued).toBe(1);
  const [item] = run.items.filter(({ outcome }) => outcome === 'issued');
  expect(await ofTarget(`certificates/${item?.certificateId}`)).toEqual([]);
  expect(await ofTarget(`runs/${run.id}`)).toMatchObject([
    { action: 'run.begin', after: { configurationId: id, except: 1 } },
  ]);
  const rehearsal = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
  expect(await ofTarget(`runs/${rehearsal.id}`)).toEqual([]);
});

test('runs and class runs: cancelled, begun again', async () => {
  const present = { retriever: 'attendance/present', generator: 'attendance/paper' };
  const slow = await pipeline.configure({
    type: { name: 'slow', ...present, options: { fault: 'hangs', gives: 'template' } },
  });
  const run = await pipeline.begin(slow, 'run');
  await pipeline.call('DELETE', `/internal/runs/${run}`);
  await pipeline.ended(run);
  await pipeline.json('POST', `/internal/runs/${run}/retry`, {});
  await pipeline.call('DELETE', `/internal/configurations/${slow}`);
  await pipeline.ended(run);
  expect(actionsOf(await ofTarget(`runs/${run}`))).toEqual([
    'configuration.remove',
    'run.retry',
    'run.cancel',
    'run.begin',
  ]);

  const asked = { classId: 'CLASS_1', testId: 'Test_1', studentIds: ['STU001'] };
  const { id } = await pipeline.json<{ id: string }>('POST', '/internal/class-runs', asked);
  const isOver = async () => {
    const { state } = await pipeline.json<{ state: string }>('GET', `/internal/class-runs/${id}`);
    return ['failed', 'cancelled'].includes(state);
  };
  await pipeline.call('DELETE', `/internal/class-runs/${id}`);
  await until(isOver);
  await pipeline.json('POST', `/internal/class-runs/${id}/retry`, {});
  expect(await ofTarget(`class-runs/${id}`)).toMatchObject([
    { action: 'class-run.retry', after: { retried: 1 } },
    { action: 'class-run.cancel', after: { cancelled: 1 } },
    { action: 'class-run.begin', after: { classId: 'CLASS_1', total: 1 } },
  ]);
});

test('is read by the backend, and by administrators of their tenant; of others by nobody', async () => {
  const type = { name: 'of-two', retriever: 'list', generator: 'template', options: {} };
  await asAdmin(two, 'POST', '/internal/certificate-types', type);
  // Of no single tenant.
  await pipeline.json('POST', '/internal/webhooks', { url: 'https://hooks.school.example/T0/secret-path' });
  const of = async (origin: string) =>
    ((await (await asAdmin(origin, 'GET', '/internal/audit?limit=500')).json()) as { items: Line[] }).items;
  const targets = (lines: Line[]) => lines.map(({ target }) => target.split('/').slice(0, 2).join('/'));
  expect(targets(await of(two))).toEqual(['certificate-types/of-two']);
  expect(targets(await of(one))).not.toContain('certificate-types/of-two');
  expect(targets(await linesOf(`&origin=${two}`))).toEqual(['certificate-types/of-two']);
  const all = await linesOf();
  expect(all.slice(0, 2)).toMatchObject([
    { action: 'webhook.add', after: { host: 'hooks.school.example' } },
    { target: 'certificate-types/of-two' },
  ]);
  expect(JSON.stringify(all)).not.toContain('secret-path');
  expect((await asAdmin(two, 'GET', `/internal/audit?origin=${one}`)).status).toBe(403);
  // With two tenants this one says of none that it is theirs.
  expect((await service.get('/internal/audit', adminToken())).status).toBe(403);
  const student = signUserToken({ user_type: 'student', student_id: 'STU_1', origin: one });
  expect((await service.get('/internal/audit', student)).status).toBe(403);
  expect((await fetch(`${service.url}/internal/audit`)).status).toBe(401);
});

test('is given by days, by instants, and page by page', async () => {
  const all = await linesOf();
  // Those on which they were written: mostly it is one.
  const [first, last] = [all.at(-1), all[0]].map((line) => line?.at.slice(0, 10));
  expect(await linesOf(`&from=${first}&to=${last}`)).toEqual(all);
  expect(await linesOf('&from=2020-01-01&to=2020-12-31')).toEqual([]);
  const [, , third] = all;
  expect((await linesOf(`&from=${third?.at}`)).length).toBeLessThan(all.length);
  const seen: Line[] = [];
  for (let cursor = ''; ; ) {
    const page = await pipeline.json<{ items: Line[]; next: string | null }>('GET', `/internal/audit?limit=3${cursor}`);
    seen.push(...page.items);
    if (page.next === null) break;
    cursor = `&cursor=${page.next}`;
  }
  expect(seen).toEqual(all);
  for (const query of ['from=yesterday', 'to=2026-02-30', 'from=2026-01-01T00:00', 'limit=0'])
    expect(await pipeline.refusal('GET', `/internal/audit?${query}`)).toBe(
      `422 invalid_request ${query.split('=')[0]}`,
    );
});

test('names no learner', async () => {
  await pipeline.json('POST', '/internal/invalidate', { classId: 'CLASS_1', testId: 'Test_1', studentId: 'STU_1' });
  const lines = await linesOf();
  expect(lines[0]).toMatchObject({
    action: 'reports.invalidate',
    target: 'reports/CLASS_1/Test_1',
    after: { removed: 1 },
  });
  expect(JSON.stringify(lines)).not.toMatch(/STU_?[01]|Anjali|Kumar|Ravi/);
});

test('is changed by nobody', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    expect((await pipeline.call(method, '/internal/audit')).status).toBe(405);
});
