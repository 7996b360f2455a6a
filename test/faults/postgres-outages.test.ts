// PostgreSQL restarted, stopped, slow and silent under a service with jobs: stored PDFs are served, nothing accepted is lost, and it comes back by itself.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { AcceptedJobs, readFromS3 } from '../support/accepted-jobs.ts';
import type { Pages } from '../support/pages.ts';
import { describeOutages, type PostgresServer, startPostgresServer } from '../support/postgres.ts';
import { connectTo, createPostgresDatabase } from '../support/postgres-database.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { askWith } from '../support/requests.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { type OpenedPage, steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { adminToken } from '../support/tokens.ts';
import { type BadNetwork, startBadNetwork } from '../support/toxiproxy.ts';
import { until } from '../support/until.ts';

const outageMs = 20_000;
const frontend = steerPages();

describeOutages('a service on PostgreSQL', () => {
  let pages: Pages;
  let server: PostgresServer;
  let folder: string;
  let s3: ScriptedS3;
  let jobs: AcceptedJobs;
  let parts: AsyncDisposableStack;
  let url: string;
  beforeAll(async () => {
    server = startPostgresServer();
    pages = await frontend.start();
  }, 300_000);
  afterAll(async () => {
    await pages[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }, 300_000);
  beforeEach(async () => {
    parts = new AsyncDisposableStack();
    folder = await mkdtemp(join(tmpdir(), 'platen-outage-'));
    ({ url } = parts.use(await createPostgresDatabase(server.url)));
    s3 = parts.use(await startScriptedS3());
    s3.objects.set(keyOf('STORED'), makeStored('STORED'));
    jobs = new AcceptedJobs();
    frontend.figuresFor = (page) => ({ text: `Figures of ${studentOf(page)} end` });
  });
  afterEach(async () => {
    await parts.disposeAsync();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const studentOf = ({ page }: OpenedPage) => new URL(page, 'http://localhost').searchParams.get('studentId') ?? '';
  const start = async (databaseUrl = url) => {
    const service = parts.use(
      await startServiceProcess({
        FRONTEND_ORIGINS: pages.origin,
        DATA_DIR: folder,
        DATABASE_URL: databaseUrl,
        RENDER_CONCURRENCY: '2',
        RATE_LIMIT_PER_15_MIN: '100000',
        ...s3.env,
      }),
    );
    await until(async () => (await databaseOf(service)).state === 'up');
    return service;
  };
  const databaseOf = async (service: ServiceProcess) =>
    ((await (await fetch(`${service.url}/readyz`)).json()) as { database: { state: string; reason?: string } })
      .database;
  const rendersOf = async (service: ServiceProcess) =>
    Number(/^platen_renders_active (\d+)$/m.exec(await (await fetch(`${service.url}/metrics`)).text())?.[1]);
  /** Through a network that can be made bad. */
  const badNetwork = async () => parts.use(await startBadNetwork(url));
  const expectStoredIsServed = async (service: ServiceProcess) => {
    const startedAt = performance.now();
    const { status, headers } = await askWith(adminToken(), service.url + pathOf('STORED'));
    expect([status, headers['cache-status']]).toEqual([200, 'platen; hit']);
    return performance.now() - startedAt;
  };
  const expectRefused = async (service: ServiceProcess) => {
    const startedAt = performance.now();
    const { status, code, headers } = await jobs.trigger(service.url);
    expect([status, code, headers['retry-after']]).toEqual([503, 'database_unavailable', expect.any(String)]);
    return performance.now() - startedAt;
  };
  const expectAllKept = async (service: ServiceProcess) => {
    const ended = await jobs.expectAllKept(service.url, readFromS3(s3));
    expect((await service.stop('SIGTERM')).code).toBe(0);
    await using client = await connectTo(url);
    const unended = `SELECT id FROM platen.tasks WHERE state <> 'ended' UNION ALL SELECT id FROM platen.jobs WHERE ended_at IS NULL`;
    expect((await client.query(unended)).rows).toEqual([]);
    return ended;
  };
  /** Two pages are open, and two more jobs wait. */
  const beginWork = async (service: ServiceProcess) => {
    const gate = frontend.createGate();
    frontend.figuresFor = async (page) => {
      await gate.promise;
      return { text: `Figures of ${studentOf(page)} end` };
    };
    await jobs.acceptMany(service.url, 4);
    await until(() => frontend.opened.length >= 2);
    return gate;
  };

  test('that is restarted again and again, in order and by force: what was accepted is done', async () => {
    const service = await start();
    frontend.figuresFor = async (page) => {
      await wait(300);
      return { text: `Figures of ${studentOf(page)} end` };
    };
    for (let round = 1; round <= 4; round++) {
      for (let each = 1; each <= 4; each++) {
        const { status, code } = await jobs.trigger(service.url);
        expect([status, code]).toEqual(status === 202 ? [202, undefined] : [503, 'database_unavailable']);
      }
      if (round % 2 === 0) server.kill();
      else server.stop();
      server.start();
      await until(async () => (await jobs.trigger(service.url)).status === 202);
    }
    expect(jobs.all.length).toBeGreaterThan(8);
    await expectAllKept(service);
  }, 300_000);

  test('that is stopped for 20 s: stored PDFs are served, new work is refused, and what was accepted is done', async () => {
    const service = await start();
    const gate = await beginWork(service);
    server.stop();
    const stoppedAt = performance.now();
    const took = [await expectStoredIsServed(service), await expectRefused(service)];
    await until(async () => (await databaseOf(service)).state === 'down');
    gate.resolve({});
    await wait(outageMs - (performance.now() - stoppedAt));
    took.push(await expectStoredIsServed(service), await expectRefused(service));
    for (const ms of took) expect(ms).toBeLessThan(5000);
    server.start();
    const startedAt = performance.now();
    await until(async () => (await jobs.trigger(service.url)).status === 202);
    process.stdout.write(`accepts again ${Math.round(performance.now() - startedAt)} ms after PostgreSQL was back\n`);
    await expectAllKept(service);
  }, 300_000);

  test('that was away when the service started: it is up, and comes to life by itself', async () => {
    server.stop();
    const service = parts.use(
      await startServiceProcess(
        { FRONTEND_ORIGINS: pages.origin, DATA_DIR: folder, DATABASE_URL: url, ...s3.env },
        undefined,
        { isOpenAwaited: false },
      ),
    );
    await until(async () => (await databaseOf(service)).state === 'down');
    await expectStoredIsServed(service);
    expect(await expectRefused(service)).toBeLessThan(5000);
    server.start();
    await until(async () => (await jobs.trigger(service.url)).status === 202);
    await expectAllKept(service);
    server.stop();
    await using never = await startServiceProcess(
      { FRONTEND_ORIGINS: pages.origin, DATABASE_URL: url, ...s3.env },
      undefined,
      { isOpenAwaited: false },
    );
    await until(async () => (await databaseOf(never)).state === 'down');
    expect(await never.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    server.start();
  }, 300_000);

  const testNetwork = process.env.TOXIPROXY_URL === undefined ? test.skip : test;

  testNetwork(
    'slow by 5 s: stored PDFs are served as ever, and nothing accepted is lost',
    async () => {
      const network: BadNetwork = await badNetwork();
      const service = await start(network.url);
      const gate = await beginWork(service);
      await network.poison({ type: 'latency', stream: 'downstream', attributes: { latency: 5000 } });
      expect(await expectStoredIsServed(service)).toBeLessThan(2000);
      gate.resolve({});
      const { status, code } = await jobs.trigger(service.url);
      expect([status, code]).toEqual(status === 202 ? [202, undefined] : [503, 'database_unavailable']);
      expect(await expectStoredIsServed(service)).toBeLessThan(2000);
      await network.heal();
      await until(async () => (await jobs.trigger(service.url)).status === 202);
      await expectAllKept(service);
    },
    180_000,
  );

  testNetwork(
    'silent on connections that stay open: stored PDFs are served, new work is refused, nothing is lost, and it stops',
    async () => {
      const network = await badNetwork();
      const service = await start(network.url);
      const gate = await beginWork(service);
      const silence = () =>
        network.poison(
          { type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } },
          { type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } },
        );
      await silence();
      expect(await expectStoredIsServed(service)).toBeLessThan(2000);
      const tookMs = await expectRefused(service);
      process.stdout.write(`refused after ${Math.round(tookMs)} ms on a silent connection\n`);
      expect(tookMs).toBeLessThan(20_000);
      gate.resolve({});
      // The pages are done, and what became of them can't be written down.
      await until(async () => (await rendersOf(service)) === 0);
      expect(await expectStoredIsServed(service)).toBeLessThan(2000);
      await network.heal();
      const healedAt = performance.now();
      await until(async () => (await jobs.trigger(service.url)).status === 202);
      process.stdout.write(`accepts again ${Math.round(performance.now() - healedAt)} ms after the network was well\n`);
      await jobs.waitForEnds(service.url);
      await silence();
      const stoppedAt = performance.now();
      expect((await service.stop('SIGTERM')).code).toBe(0);
      process.stdout.write(
        `stopped ${Math.round(performance.now() - stoppedAt)} ms after SIGTERM on silent connections\n`,
      );
      await expectAllKept(await start());
    },
    240_000,
  );

  test('the storage is away for 20 s: what was accepted is stored when it is back', async () => {
    const service = await start();
    s3.faultFor = () => 'error';
    await jobs.acceptMany(service.url, 4);
    await wait(outageMs);
    s3.faultFor = () => undefined;
    await expectAllKept(service);
  }, 300_000);
});
