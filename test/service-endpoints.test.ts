// The endpoints for those who operate Platen or build on it.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { readinessOf } from './support/readiness.ts';
import { startTestService, type TestService } from './support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ origin: 'http://127.0.0.1:1' });
});
afterAll(() => service[Symbol.asyncDispose]());

test('/health says that it is alive, to the letter', async () => {
  const response = await service.get('/health');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    status: 'OK',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    environment: 'test',
    service: 'Platen',
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
});

test('/readyz names each part with its state', async () => {
  const parts = { storage: { state: 'up' }, browser: { state: expect.any(String) } };
  expect(await readinessOf(service.url)).toMatchObject({ code: 200, body: parts });
});

test('/metrics speaks the language of Prometheus', async () => {
  const response = await service.get('/metrics');
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  for (const name of [
    'platen_renders_total',
    'platen_browser_up',
    'platen_storage_seconds',
    'process_resident_memory_bytes',
  ]) {
    expect(text).toContain(`# TYPE ${name}`);
  }
});

test('docs/http-api.md has every operation that the service offers', async () => {
  const { paths } = (await (await service.get('/openapi.json')).json()) as { paths: Record<string, object> };
  const offered = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `## ${method.toUpperCase()} ${path}`),
  );
  const described = new Set((await readFile('docs/http-api.md', 'utf8')).split('\n'));
  expect(offered.filter((heading) => !described.has(heading))).toEqual([]);
});

test('/openapi.json is a valid OpenAPI 3.1 document that names every endpoint', async () => {
  const document = await (await service.get('/openapi.json')).json();
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors).toBeUndefined();
  expect(Object.keys((document as { paths: object }).paths).sort()).toEqual([
    '/.well-known/did.json',
    '/api/certificates/generate',
    '/api/certificates/progress/{id}',
    '/api/certificates/progress/{id}/ticket',
    '/api/eligibility',
    '/asyncapi.json',
    '/certificate/issue',
    '/certificates/{id}/download',
    '/certificates/{id}/file',
    '/certificates/{id}/reissue',
    '/certificates/{id}/revoke',
    '/certificates/{studentId}',
    '/contexts/certificate/v1',
    '/credentials/status/{list}',
    '/credentials/{id}',
    '/d/{code}',
    '/d/{code}/file',
    '/did.json',
    '/generate-bulk-pdf',
    '/generate-pdf',
    '/generate-student-pdf',
    '/generate-teacher-pdf',
    '/health',
    '/internal/analytics',
    '/internal/assets',
    '/internal/assets/{slug}',
    '/internal/attempts',
    '/internal/attempts/{id}/redrive',
    '/internal/audit',
    '/internal/certificate-types',
    '/internal/certificate-types/{name}',
    '/internal/class-runs',
    '/internal/class-runs/{id}',
    '/internal/class-runs/{id}/archive',
    '/internal/class-runs/{id}/events',
    '/internal/class-runs/{id}/retry',
    '/internal/class-runs/{id}/ticket',
    '/internal/configurations',
    '/internal/configurations/{id}',
    '/internal/configurations/{id}/dry-run',
    '/internal/configurations/{id}/run',
    '/internal/eligibility',
    '/internal/events',
    '/internal/events/replay',
    '/internal/events/{id}/redrive',
    '/internal/images/{path}',
    '/internal/invalidate',
    '/internal/jobs',
    '/internal/learners/{studentId}/erase',
    '/internal/mail-links/{id}',
    '/internal/plugins',
    '/internal/runs',
    '/internal/runs/{id}',
    '/internal/runs/{id}/archive',
    '/internal/runs/{id}/events',
    '/internal/runs/{id}/report.csv',
    '/internal/runs/{id}/retry',
    '/internal/templates',
    '/internal/templates/{id}/preview',
    '/internal/trigger-generate-pdf',
    '/internal/webhooks',
    '/internal/webhooks/{id}',
    '/jobs/{id}',
    '/jobs/{id}/events',
    '/jobs/{id}/retry',
    '/metrics',
    '/readyz',
    '/verify',
    '/verify/{code}',
  ]);
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
  expect([...new Set(references)]).toEqual(['"$ref":"#/components/schemas/Problem"']);
});

test('/openapi.json names the headers that say what is asked for', async () => {
  const { paths } = (await (await service.get('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { parameters?: { in: string; name: string }[] }>>;
  };
  const named = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { parameters = [] }]) =>
      parameters.filter((each) => each.in === 'header').map(({ name }) => `${method} ${path} ${name}`),
    ),
  );
  expect(named.sort()).toEqual([
    'get /api/certificates/progress/{id} Last-Event-ID',
    'get /generate-pdf Prefer',
    'get /generate-student-pdf Prefer',
    'get /generate-teacher-pdf Prefer',
    'get /internal/class-runs/{id}/events Last-Event-ID',
    'get /internal/runs/{id}/events Last-Event-ID',
    'get /jobs/{id}/events Last-Event-ID',
    'post /certificate/issue Idempotency-Key',
    'post /internal/attempts Idempotency-Key',
    'post /internal/class-runs Idempotency-Key',
    'post /internal/trigger-generate-pdf Prefer',
  ]);
});

test('/docs works without any other server', async () => {
  const page = await service.get('/docs');
  expect(page.status).toBe(200);
  const addresses = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(addresses.length).toBeGreaterThan(2);
  for (const address of addresses) {
    expect(address).toMatch(/^\/docs\//);
    expect((await service.get(address)).status).toBe(200);
  }
});

test('/ leads to the documentation, for reading only', async () => {
  const answer = await fetch(service.url, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/docs']);
  expect((await fetch(service.url)).url).toMatch(/\/docs\/?$/);
  const posted = await fetch(service.url, { method: 'POST' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect((await fetch(`${service.url}/nowhere`, { method: 'POST' })).status).toBe(404);
});

test('every answer carries the headers of a careful server', async () => {
  for (const path of ['/health', '/nowhere', '/generate-pdf', '/docs']) {
    const { headers } = await service.get(path);
    expect([path, headers.get('x-content-type-options'), headers.get('x-powered-by')]).toEqual([path, 'nosniff', null]);
    expect(headers.get('content-security-policy')).not.toBeNull();
  }
});
