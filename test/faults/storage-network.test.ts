// A real S3 server behind a network that fails in every way that networks do (S3_ENDPOINT and its keys, TOXIPROXY_URL).

import { setTimeout as wait } from 'node:timers/promises';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AcceptedJobs } from '../support/accepted-jobs.ts';
import type { Pages } from '../support/pages.ts';
import { pdfOf } from '../support/pdf.ts';
import { s3FromEnvironment } from '../support/s3.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { teacherToken } from '../support/tokens.ts';
import { type BadNetwork, startBadNetwork } from '../support/toxiproxy.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
const server = s3FromEnvironment();
const describeNetwork = server === undefined || process.env.TOXIPROXY_URL === undefined ? describe.skip : describe;
const { config, keys } = server ?? { config: undefined, keys: undefined };
const teacher = teacherToken('T1', 'C1');
/** Not remembered in memory, and checked before its first byte is sent. */
const megabytes = 3_000_000;

const limits = { lookMs: 1000, keepMs: 2000, pauseMs: 1000 };
const outageMs = 20_000;
/** On a slow machine; without limits the storage would take 20 s and more. */
const renderMs = 10_000;

const both = (type: 'timeout' | 'bandwidth', attributes: Record<string, number>) =>
  (['upstream', 'downstream'] as const).map((stream) => ({ type, stream, attributes }));
// No latency: toxiproxy 2.5.0 itself hangs for ever when that is taken away from a connection that waits in it.
const faults: [string, (network: BadNetwork) => Promise<void>][] = [
  ['is down', (network) => network.cut()],
  [
    'is half-open: nothing comes through and nothing is closed',
    (network) => network.poison(...both('timeout', { timeout: 0 })),
  ],
  ['resets', (network) => network.poison({ type: 'reset_peer', stream: 'downstream', attributes: { timeout: 0 } })],
  ['is narrow: 20 kB a second', (network) => network.poison(...both('bandwidth', { rate: 20 }))],
  [
    'ends each answer after a megabyte',
    (network) => network.poison({ type: 'limit_data', stream: 'downstream', attributes: { bytes: 1_000_000 } }),
  ],
];

describeNetwork('a network to the storage', () => {
  let direct: S3Client;
  let network: BadNetwork;
  let pages: Pages;
  let service: TestService;
  let count = 0;
  beforeAll(async () => {
    const credentials = { accessKeyId: keys?.accessKey ?? '', secretAccessKey: keys?.secretKey ?? '' };
    const { endpoint = '', region = '', bucket = '' } = config ?? {};
    direct = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
    await direct.send(new CreateBucketCommand({ Bucket: bucket }));
    network = await startBadNetwork(endpoint);
    pages = await frontend.start();
    service = await startTestService({
      origin: pages.origin,
      limits,
      env: {
        AWS_STORAGE_BUCKET_NAME: bucket,
        AWS_S3_ENDPOINT: network.url,
        AWS_S3_FORCE_PATH_STYLE: 'true',
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: keys?.accessKey,
        AWS_SECRET_ACCESS_KEY: keys?.secretKey,
      },
    });
  });
  afterAll(async () => {
    for (const part of [service, pages, network]) await part?.[Symbol.asyncDispose]();
    direct.destroy();
  });

  const newStudent = () => `NET${++count}`;
  async function stored(size: number): Promise<string> {
    const id = newStudent();
    const { body, metadata } = makeStored(id, { size });
    const coded = Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, encodeURIComponent(value)]),
    );
    const target = { Bucket: config?.bucket, Key: keyOf(id) };
    await direct.send(new PutObjectCommand({ ...target, Body: body, Metadata: coded }));
    return id;
  }
  const get = (id: string) => service.get(pathOf(id), teacher);
  const cacheStatusOf = (response: Response) => response.headers.get('cache-status');

  /** A person gets a fresh PDF, whole, after the times of a look-up, of storing and of the render at most. */
  async function expectFresh(id: string): Promise<string | null> {
    const startedAt = performance.now();
    const response = await get(id);
    expect((await pdfOf(response)).text).toContain('Figures');
    expect(performance.now() - startedAt).toBeLessThan(limits.lookMs + limits.keepMs + renderMs);
    return cacheStatusOf(response);
  }

  async function expectRecovery(): Promise<void> {
    await network.heal();
    const id = await stored(megabytes);
    await until(async () => cacheStatusOf(await get(id)) !== 'platen; fwd=miss');
    await until(async () => cacheStatusOf(await get(newStudent())) === 'platen; fwd=miss; stored');
    const trigger = { testId: '1', classId: 'C1', reportType: 'student', studentId: newStudent() };
    expect((await service.trigger(trigger)).status).toBe(202);
  }
  beforeEach(async () => {
    expect(cacheStatusOf(await get(await stored(megabytes)))).toBe('platen; hit');
  });

  test.each(faults)('that %s costs seconds, and nobody their PDF', async (what, poison) => {
    const ids = [await stored(megabytes), await stored(megabytes), await stored(megabytes)];
    await poison(network);
    for (const id of ids) await expectFresh(id);
    // Left alone by now: nobody waits for it.
    expect(await service.metric('platen_storage_paused{operation="reading"}')).toBe(1);
    expect(await expectFresh(newStudent())).toBe('platen; fwd=miss');
    const trigger = { testId: '1', classId: 'C1', reportType: 'student', studentId: newStudent() };
    const answer = await service.trigger(trigger);
    if (/20 kB|megabyte/.test(what)) expect([202, 503]).toContain(answer.status);
    else expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'storage_unavailable' }]);
    await expectRecovery();
  });

  const readStored = async (key: string) => {
    const { Body, Metadata = {} } = await direct.send(new GetObjectCommand({ Bucket: config?.bucket, Key: key }));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    return { bytes, subject: decodeURIComponent(Metadata.subject ?? '') };
  };

  test.each(faults.slice(0, 3))(
    'that %s for 20 s under jobs fails none of them: all are stored afterwards',
    async (_what, poison) => {
      const gate = frontend.createGate();
      frontend.figuresFor = async ({ page }) => {
        await gate.promise;
        return { text: `Figures of ${new URL(page, pages.origin).searchParams.get('studentId')} end` };
      };
      const jobs = new AcceptedJobs();
      await jobs.acceptMany(service.url, 4);
      await poison(network);
      gate.resolve({});
      await wait(outageMs / 2);
      // The database knows nothing of it: jobs are accepted as ever.
      await jobs.acceptMany(service.url, 2);
      await wait(outageMs / 2);
      const states = await Promise.all(jobs.all.map(async ({ jobId }) => (await jobs.look(service.url, jobId)).state));
      expect(states.filter((state) => !['queued', 'active'].includes(state))).toEqual([]);
      await network.heal();
      const ended = await jobs.expectAllKept(service.url, readStored);
      expect(Math.max(...ended.map(({ attempts }) => attempts))).toBeGreaterThan(1);
    },
  );

  test('that breaks a large document in the middle never lets it end as if it were whole', async () => {
    const id = await stored(8_000_000);
    await network.poison({ type: 'limit_data', stream: 'downstream', attributes: { bytes: 6_000_000 } });
    await expect(get(id).then((response) => response.arrayBuffer())).rejects.toThrow();
    await network.heal();
    expect((await (await get(id)).arrayBuffer()).byteLength).toBeGreaterThan(8_000_000);
  });
});
