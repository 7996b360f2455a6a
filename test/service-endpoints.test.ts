// The endpoints for those who operate Platen or build on it.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { startTestService, type TestService } from './support/service.ts';
import { until } from './support/until.ts';

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
  const ready = await until(async () => {
    const response = await service.get('/readyz');
    return response.status === 200 && response.json();
  });
  expect(ready).toMatchObject({ storage: { state: 'up' }, browser: { state: expect.any(String) } });
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

test('/openapi.json is a valid OpenAPI 3.1 document that names every endpoint', async () => {
  const document = await (await service.get('/openapi.json')).json();
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors).toBeUndefined();
  expect(Object.keys((document as { paths: object }).paths).sort()).toEqual([
    '/api/certificates/progress/{id}',
    '/api/certificates/progress/{id}/ticket',
    '/generate-bulk-pdf',
    '/generate-pdf',
    '/generate-student-pdf',
    '/generate-teacher-pdf',
    '/health',
    '/internal/class-runs',
    '/internal/class-runs/{id}',
    '/internal/class-runs/{id}/archive',
    '/internal/class-runs/{id}/events',
    '/internal/class-runs/{id}/retry',
    '/internal/invalidate',
    '/internal/jobs',
    '/internal/trigger-generate-pdf',
    '/jobs/{id}',
    '/jobs/{id}/events',
    '/jobs/{id}/retry',
    '/metrics',
    '/readyz',
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
    'get /jobs/{id}/events Last-Event-ID',
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

test('every answer carries the headers of a careful server', async () => {
  for (const path of ['/health', '/nowhere', '/generate-pdf', '/docs']) {
    const { headers } = await service.get(path);
    expect([path, headers.get('x-content-type-options'), headers.get('x-powered-by')]).toEqual([path, 'nosniff', null]);
    expect(headers.get('content-security-policy')).not.toBeNull();
  }
});
