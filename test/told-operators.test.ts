// What operators are told: the settings at the start, a storage that refuses its key, requests that are at fault, workers that are missing.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { version } from '../src/version.ts';
import { createTestDatabase, describeServer } from './support/postgres.ts';
import { startServiceProcess } from './support/process.ts';
import { startTestService } from './support/service.ts';
import { serviceToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const nowhere = 'http://127.0.0.1:1';
const linesOf = (output: string) =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** An S3 that knows nobody's key. */
async function startRefusingS3(): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((_req, res) => {
    const code = 'InvalidAccessKeyId';
    res.writeHead(403, { 'content-type': 'application/xml' });
    res.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>Unknown key</Message></Error>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

test('the line of the start names the settings, without any secret', async () => {
  const env = {
    FRONTEND_ORIGINS: 'https://a.example https://b.example=b',
    DEFAULT_FRONTEND_ORIGIN: 'https://a.example',
  };
  await using service = await startServiceProcess({ ...env, RENDER_CONCURRENCY: '3' });
  const start = linesOf(service.output()).find(({ message }) => message === 'Platen listens');
  expect(start).toMatchObject({
    url: service.url,
    version,
    environment: 'development',
    role: 'all',
    frontends: ['https://a.example', 'https://b.example=b'],
    documents: { folder: service.dataDir },
    database: `embedded in ${service.dataDir}`,
    verifiesUsersBy: 'a secret',
    verifiesReportsBy: 'a secret',
    rendersAtOnce: 3,
    hasSandbox: process.getuid?.() !== 0,
  });
  expect(service.output()).not.toContain(serviceToken);
});

test('a storage that refuses its key and a database elsewhere are told at the start, in one line each, without secrets', async () => {
  await using s3 = await startRefusingS3();
  await using service = await startServiceProcess({
    FRONTEND_ORIGINS: nowhere,
    DATABASE_URL: 'postgresql://platen:s3cr3t-pass@127.0.0.1:1/platen',
    ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    AWS_STORAGE_BUCKET_NAME: 'school-reports',
    AWS_S3_ENDPOINT: s3.url,
    AWS_ACCESS_KEY_ID: 'AKIA-unknown',
    AWS_SECRET_ACCESS_KEY: 'a-key-of-nobody',
  });
  const told = () => linesOf(service.output()).filter(({ message }) => message === 'The storage can not be used');
  await until(() => told().length > 0);
  expect(told()).toMatchObject([{ reason: 'InvalidAccessKeyId', bucket: 'school-reports', endpoint: s3.url }]);
  const start = linesOf(service.output()).find(({ message }) => message === 'Platen listens');
  expect(start).toMatchObject({ database: 'PostgreSQL at 127.0.0.1:1/platen' });
  for (const secret of ['s3cr3t-pass', 'a-key-of-nobody']) expect(service.output()).not.toContain(secret);
});

test('a request that is at fault leaves one line with its reason and no stack; a failure of ours has one', async () => {
  await using service = await startServiceProcess({ FRONTEND_ORIGINS: nowhere });
  const post = (body: string) =>
    fetch(`${service.url}/internal/trigger-generate-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
      body,
    }).then(({ status }) => status);
  const good = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' };
  expect([await post('{"'), await post('{}'), await post(JSON.stringify(good))]).toEqual([400, 422, 502]);
  const told = () => linesOf(service.output()).filter(({ message }) => message === 'Request refused or failed');
  await until(() => told().length === 3);
  const [broken, missing, failed] = told();
  expect([broken, missing]).toMatchObject([
    { level: 'info', code: 'malformed_request', reason: expect.stringContaining('JSON') },
    { level: 'info', code: 'invalid_request', reason: expect.stringContaining('testId: is missing') },
  ]);
  expect(JSON.stringify([broken, missing])).not.toMatch(/stack|\.ts:\d/);
  expect(failed).toMatchObject({ level: 'error', error: { stack: expect.stringContaining('page_failed') } });
});

test('a metric says which version runs', async () => {
  await using service = await startTestService({ origin: nowhere });
  expect(await service.metric(`platen_build_info{version="${version}",node="${process.versions.node}"}`)).toBe(1);
});

describeServer('a process that only accepts jobs', (server) => {
  test('is degraded while no worker is there', async () => {
    await using database = await createTestDatabase(server);
    const env = {
      DATABASE_URL: database.url,
      ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      AWS_STORAGE_BUCKET_NAME: 'nowhere',
      AWS_S3_ENDPOINT: nowhere,
    };
    const start = (role: string) =>
      startTestService({ origin: nowhere, env: { ...env, PLATEN_ROLE: role }, limits: { workersAbsentMs: 4000 } });
    await using api = await start('api');
    const workersOf = async () => {
      const response = await api.get('/readyz');
      return ((await response.json()) as { status: string; workers: object }).workers;
    };
    await until(async () => JSON.stringify(await workersOf()).includes('down'));
    expect(await workersOf()).toEqual({ state: 'down', reason: expect.stringContaining('no worker') });
    const response = await api.get('/readyz');
    expect([response.status, await response.json()]).toMatchObject([200, { status: 'degraded' }]);
    {
      await using worker = await start('worker');
      await until(async () => JSON.stringify(await workersOf()) === '{"state":"up"}');
      // It does them itself: nothing is to be told.
      expect(await (await worker.get('/readyz')).json()).not.toHaveProperty('workers');
    }
    await until(async () => JSON.stringify(await workersOf()).includes('down'));
  });
});
