// Progress when the work is done in another process than the one that is asked: all through one PostgreSQL (DATABASE_URL) and one S3 server.

import { randomBytes, randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from '@platen/client';
import pg from 'pg';
import { jobStages, type Progress } from '../src/progress/contract.ts';
import { allEvents, eventsOf } from './support/event-stream.ts';
import { type JobService, startJobService } from './support/job-service.ts';
import type { Pages } from './support/pages.ts';
import { type ServiceProcess, startServiceProcess } from './support/process.ts';
import { readMetric } from './support/requests.ts';
import { s3FromEnvironment } from './support/s3.ts';
import { steerPages } from './support/steered-pages.ts';
import { serviceToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const { DATABASE_URL: databaseServer } = process.env;
const s3 = s3FromEnvironment();
const describeProcesses = databaseServer === undefined || s3 === undefined ? describe.skip : describe;

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseServer });
  await client.connect();
  await client.query(statement);
  await client.end();
}

async function makeBucket(): Promise<Record<string, string>> {
  const { config, keys } = s3 as NonNullable<typeof s3>;
  const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey };
  const client = new S3Client({ ...config, endpoint: config.endpoint ?? '', credentials });
  await client.send(new CreateBucketCommand({ Bucket: config.bucket }));
  client.destroy();
  return {
    AWS_STORAGE_BUCKET_NAME: config.bucket,
    AWS_REGION: config.region,
    AWS_S3_ENDPOINT: config.endpoint ?? '',
    AWS_S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: keys.accessKey,
    AWS_SECRET_ACCESS_KEY: keys.secretKey,
  };
}

const frontend = steerPages();

describeProcesses('of several processes', () => {
  const database = `platen_progress_${randomUUID().replaceAll('-', '')}`;
  let parts: AsyncDisposableStack;
  let pages: Pages;
  let api: ServiceProcess;
  let worker: ServiceProcess;
  /** Another one that shares the database; it does no renders. */
  let other: JobService;
  let count = 0;
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    await onServer(`CREATE DATABASE ${database}`);
    parts.defer(() => onServer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`));
    const url = new URL(databaseServer ?? '');
    url.pathname = `/${database}`;
    pages = parts.use(await frontend.start());
    const env = {
      ...(await makeBucket()),
      DATABASE_URL: url.href,
      ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      FRONTEND_ORIGINS: pages.origin,
    };
    api = parts.use(await startServiceProcess({ ...env, PLATEN_ROLE: 'api' }));
    worker = parts.use(await startServiceProcess({ ...env, PLATEN_ROLE: 'worker' }));
    other = parts.use(await startJobService({ url: url.href }));
  });
  afterAll(() => parts?.disposeAsync());

  function newStudent() {
    const id = `STU${++count}`;
    const client = createClient({ baseUrl: api.url, userToken: studentToken(id, 'C1') });
    return { client, start: () => client.startReport('/generate-pdf', { studentId: id, testId: '5', classId: 'C1' }) };
  }

  const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
  const pathOf = (id: string) => `/api/certificates/progress/${id}`;

  test('one holds the connection while another does the work', async () => {
    const { client, start } = newStudent();
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const { progressId } = await start();
    const seen: Progress[] = [];
    for await (const state of client.followProgress(progressId)) {
      seen.push(state);
      if (state.stage === 'data_validation') gate.resolve({ text: 'Figures' });
    }
    const stages = seen.map(({ stage }) => jobStages.indexOf(stage));
    expect(stages).toEqual(stages.toSorted((a, b) => a - b));
    expect(seen.map(({ status }) => status)).toContain('in_progress');
    expect(seen.at(-1)).toMatchObject({ status: 'completed', progress: 100 });
  });

  test('the front does no jobs; the worker does them, and has the service endpoints and no others', async () => {
    const { client, start } = newStudent();
    const { progressId } = await start();
    let last: Progress | undefined;
    for await (const state of client.followProgress(progressId)) last = state;
    expect(last?.status).toBe('completed');
    const done = ({ url }: ServiceProcess) => readMetric(url, 'platen_job_attempts_total{outcome="completed"}');
    expect(await done(worker)).toBeGreaterThan(0);
    expect(await done(api)).toBe(0);
    const statusOf = async (path: string, init: RequestInit = {}) => (await fetch(worker.url + path, init)).status;
    for (const path of ['/health', '/readyz', '/metrics', '/openapi.json', '/docs'])
      expect([path, await statusOf(path)]).toEqual([path, 200]);
    const body = JSON.stringify({ classId: 'NOBODYS' });
    const headers = { ...asService, 'content-type': 'application/json' };
    expect(await statusOf('/internal/invalidate', { method: 'POST', headers, body })).toBe(200);
    for (const path of ['/generate-pdf', `/jobs/${progressId}`, pathOf(progressId)])
      expect([path, await statusOf(path, { headers: asService })]).toEqual([path, 404]);
  });

  test('one is asked to cancel, another closes the page', async () => {
    const { client, start } = newStudent();
    frontend.figuresFor = () => frontend.createGate().promise;
    const { progressId } = await start();
    await until(() => frontend.opened.length === 1);
    await client.cancelGeneration(progressId);
    await until(() => frontend.opened[0]?.isClosed === true);
  });

  test('a ticket of one opens another, and of many who show it to both at once only one gets in', async () => {
    const { client, start } = newStudent();
    const { progressId } = await start();
    const { ticket } = await client.createTicket(progressId);
    const urls = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? api.url : other.url));
    const answers = await Promise.all(urls.map((url) => fetch(`${url}${pathOf(progressId)}?ticket=${ticket}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(401)]);
    const opened = answers.find(({ status }) => status === 200) as Response;
    expect((await allEvents<Progress>(opened)).at(-1)?.data.status).toBe('completed');
  });

  test('one that stops ends its streams at once; they are resumed at another, where nothing comes twice', async () => {
    const { start } = newStudent();
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    const { progressId } = await start();
    const follow = (url: string, headers = {}) =>
      fetch(url + pathOf(progressId), { headers: { ...asService, ...headers } });
    let lastEventId = '';
    let stopped: ReturnType<ServiceProcess['stop']> | undefined;
    let stoppedAt = Number.NaN;
    for await (const { id, data } of eventsOf<Progress>(await follow(api.url))) {
      lastEventId = id;
      if (data.stage !== 'data_validation' || stopped !== undefined) continue;
      stoppedAt = performance.now();
      stopped = api.stop('SIGTERM');
    }
    // Requests under way would get 25 s.
    expect(performance.now() - stoppedAt).toBeLessThan(25_000);
    expect(await stopped).toEqual({ code: 0, signal: null });
    const rest = allEvents<Progress>(await follow(other.url, { 'last-event-id': lastEventId }));
    gate.resolve({ text: 'Figures' });
    const events = await rest;
    expect(events.map(({ id }) => id)).not.toContain(lastEventId);
    expect(events.at(-1)?.data.status).toBe('completed');
  });
});
