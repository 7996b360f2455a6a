// Accepted jobs outlive whatever befalls the process, its disk and its storage: each has one end, and its document is whole.

import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openDatabase } from '../../src/database/database.ts';
import { configureLog } from '../../src/log.ts';
import { AcceptedJobs, readFromS3 } from '../support/accepted-jobs.ts';
import type { Pages } from '../support/pages.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { connectTo } from '../support/postgres-database.ts';
import { listProcesses, type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { ask, askWith, triggerAt } from '../support/requests.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { type OpenedPage, steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { adminToken, serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const { DATABASE_URL } = process.env;
const describePostgres = DATABASE_URL === undefined ? describe.skip : describe;
/** Of its process group's: any will do. */
const encryptionKey = Buffer.alloc(32, 3).toString('base64');

const frontend = steerPages();
let pages: Pages;
let folder: string;
let s3: ScriptedS3;
let jobs: AcceptedJobs;
/** Those of this test, ended or not. */
let parts: AsyncDisposableStack;

beforeAll(async () => {
  pages = await frontend.start();
});
afterAll(async () => pages[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-faults-'));
  await mkdir(temporary());
  parts = new AsyncDisposableStack();
  s3 = parts.use(await startScriptedS3());
  jobs = new AcceptedJobs();
  frontend.figuresFor = (page) => ({ text: `Figures of ${studentOf(page)} end` });
});
afterEach(async () => {
  await parts.disposeAsync();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

const temporary = () => join(folder, 'tmp');
const studentOf = ({ page }: OpenedPage) => new URL(page, 'http://localhost').searchParams.get('studentId') ?? '';
const start = async (env: Record<string, string> = {}) =>
  parts.use(
    await startServiceProcess({
      FRONTEND_ORIGINS: pages.origin,
      DATA_DIR: join(folder, 'data'),
      TMPDIR: temporary(),
      RENDER_CONCURRENCY: '2',
      RATE_LIMIT_PER_15_MIN: '100000',
      ENCRYPTION_KEY: encryptionKey,
      ...s3.env,
      ...env,
    }),
  );
/** Holds the pages of these students back. */
function holdPages(...students: string[]) {
  const gate = frontend.createGate();
  frontend.figuresFor = async (page) => {
    if (students.includes(studentOf(page))) await gate.promise;
    return { text: `Figures of ${studentOf(page)} end` };
  };
  return gate;
}
const openedBy = (student: string) => frontend.opened.filter((page) => studentOf(page) === student).length;
const databaseIsUp = ({ url }: ServiceProcess) =>
  until(async () => {
    const body = (await (await fetch(`${url}/readyz`)).json()) as { database: { state: string } };
    return body.database.state === 'up';
  });
const expectAllKept = ({ url }: ServiceProcess) => jobs.expectAllKept(url, readFromS3(s3));

/** Stops it, and finds nothing of it left: no browser, no folder, no task that has not ended. */
async function expectNothingLeft(service: ServiceProcess, url?: string): Promise<void> {
  expect((await service.stop('SIGTERM')).code).toBe(0);
  const isHere = ({ commandLine }: { commandLine: string }) => commandLine.includes(temporary());
  expect([readdirSync(temporary()), listProcesses().filter(isHere)]).toEqual([[], []]);
  await using database = openDatabase({ url, dataDir: service.dataDir });
  const unended = `SELECT id, state FROM platen.tasks WHERE state <> 'ended' UNION ALL SELECT id, state FROM platen.jobs WHERE ended_at IS NULL`;
  expect((await database.execute(unended)).rows).toEqual([]);
  expect((await database.execute(`SELECT id FROM platen.jobs WHERE secret IS NOT NULL`)).rows).toEqual([]);
}

test('killed while jobs are queued, rendered, stored, and stored but not yet committed: all are done after the next start', async () => {
  let service = await start();
  await databaseIsUp(service);
  holdPages('RENDERED');
  const storing = Promise.withResolvers<undefined>();
  s3.beforePut = (key) => (key === keyOf('STORED') ? storing.promise : undefined);
  const puts = () => s3.requests.filter((request) => request === `PUT ${keyOf('STORED')}`).length;
  for (const id of ['STORED', 'RENDERED']) expect((await jobs.trigger(service.url, id)).status).toBe(202);
  await until(() => openedBy('RENDERED') === 1 && puts() > 0);
  await jobs.acceptMany(service.url, 3);
  await service.stop('SIGKILL');
  storing.resolve(undefined);
  s3.beforePut = () => undefined;

  // Now at the moment between storing and committing.
  const committing = Promise.withResolvers<undefined>();
  let reached = 0;
  s3.afterPut = (key) => {
    if (key !== keyOf('STORED')) return undefined;
    reached++;
    return committing.promise;
  };
  const startedAt = performance.now();
  service = await start();
  await databaseIsUp(service);
  const readyAt = performance.now();
  await until(() => openedBy('RENDERED') === 2);
  process.stdout.write(`taken up again ${Math.round(performance.now() - readyAt)} ms after the database was up\n`);
  // Where a start takes longer than this, a page may too.
  expect(performance.now() - readyAt).toBeLessThan(Math.max(5000, readyAt - startedAt));
  await until(() => reached > 0);
  await service.stop('SIGKILL');
  committing.resolve(undefined);
  s3.afterPut = () => undefined;
  frontend.figuresFor = (page) => ({ text: `Figures of ${studentOf(page)} end` });

  service = await start();
  const ended = await expectAllKept(service);
  expect(ended.map(({ attempts }) => attempts).slice(0, 2)).toEqual([3, 3]);
  await expectNothingLeft(service);
}, 300_000);

test('told to stop, it finishes what it has begun, hands back the rest, and exits with 0', async () => {
  let service = await start();
  await databaseIsUp(service);
  const gate = holdPages('BEGUN1', 'BEGUN2');
  for (const id of ['BEGUN1', 'BEGUN2', 'WAITING1', 'WAITING2']) await jobs.trigger(service.url, id);
  await until(() => openedBy('BEGUN1') === 1 && openedBy('BEGUN2') === 1);
  const stopped = service.stop('SIGTERM');
  await until(() => service.output().includes('"message":"Stopping"'));
  gate.resolve({});
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect([...s3.objects.keys()].sort()).toEqual([keyOf('BEGUN1'), keyOf('BEGUN2')]);
  service = await start();
  const ended = await expectAllKept(service);
  expect(ended.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1]);
  await expectNothingLeft(service);
}, 300_000);

test('told to stop while a page takes longer than it waits, it hands the job back and exits all the same; the next process does it', async () => {
  let service = await start();
  await databaseIsUp(service);
  const gate = holdPages('ENDLESS', 'AWAITED');
  for (const id of ['ENDLESS', 'QUICK']) expect((await jobs.trigger(service.url, id)).status).toBe(202);
  await until(() => openedBy('ENDLESS') === 1 && s3.objects.has(keyOf('QUICK')));
  const waiting = askWith(adminToken(), `${service.url}${pathOf('AWAITED')}`);
  await until(() => openedBy('AWAITED') === 1);
  const stoppedAt = performance.now();
  expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  // Who waits is told, and not cut off.
  const { status, headers, body } = await waiting;
  expect([status, headers['retry-after'], JSON.parse(body.toString())]).toMatchObject([
    503,
    '5',
    { code: 'shutting_down' },
  ]);
  const tookMs = Math.round(performance.now() - stoppedAt);
  process.stdout.write(`stopped beside an endless page after ${tookMs} ms\n`);
  // Work under way has 25 s; whoever runs Platen is told to give it 30 s.
  expect(tookMs).toBeGreaterThan(24_000);
  expect(tookMs).toBeLessThan(30_000);
  {
    await using database = openDatabase({ url: undefined, dataDir: service.dataDir });
    const all = `SELECT jobs.state, tasks.state AS task, failures FROM platen.jobs JOIN platen.tasks ON tasks.id = task_id ORDER BY jobs.state`;
    expect((await database.execute(all)).rows).toEqual([
      { state: 'completed', task: 'ended', failures: 0 },
      { state: 'queued', task: 'waiting', failures: 0 },
    ]);
  }
  gate.resolve({});
  service = await start();
  const ended = await expectAllKept(service);
  expect(ended.map(({ attempts }) => attempts)).toEqual([2, 1]);
  await expectNothingLeft(service);
}, 300_000);

test('the storage is away for a while: jobs are tried again until they are stored', async () => {
  const service = await start();
  await databaseIsUp(service);
  s3.faultFor = () => 'error';
  await jobs.acceptMany(service.url, 3);
  const isTriedAgain = async ({ jobId }: { jobId: string }) => (await jobs.look(service.url, jobId)).attempts > 2;
  await until(async () => (await Promise.all(jobs.all.map(isTriedAgain))).every(Boolean));
  s3.faultFor = () => undefined;
  await expectAllKept(service);
  await expectNothingLeft(service);
}, 300_000);

const disk = await mountSmallDisk();
const describeDisk = disk === undefined ? describe.skip : describe;

describeDisk('a full disk under the embedded database', () => {
  const { folder: place, fill, free } = disk ?? ({ folder: '' } as SmallDisk);
  afterAll(async () => disk?.[Symbol.asyncDispose]());

  test('is an outage with a code: what was accepted is done, and with space it goes on without a restart', async () => {
    const service = await start({ DATA_DIR: place });
    await databaseIsUp(service);
    const stored = 'STORED';
    s3.objects.set(keyOf(stored), makeStored(stored));
    await jobs.acceptMany(service.url, 2);
    await fill();
    const refused = await until(async () => {
      const answer = await jobs.trigger(service.url);
      return answer.status !== 202 && answer;
    });
    expect([refused.status, refused.code]).toEqual([503, 'database_unavailable']);
    expect(refused.headers['retry-after']).toBeDefined();
    expect((await askWith(adminToken(), service.url + pathOf(stored))).headers['cache-status']).toBe('platen; hit');
    await free();
    await until(async () => (await jobs.trigger(service.url)).status === 202);
    await expectAllKept(service);
    expect(service.child.exitCode).toBe(null);
    await expectNothingLeft(service);
  }, 300_000);

  test('that breaks the database itself never looks like success: it is opened again, with all that was committed', async () => {
    const dataDir = join(place, 'apart');
    await rm(join(place, 'database'), { recursive: true });
    await using database = openDatabase({ url: undefined, dataDir });
    const insert = (below: string) =>
      database.queries.insertInto('removals').values({ below, ending: '', revision: '1' }).execute();
    await insert('before');
    await fill();
    await expect(database.execute('CHECKPOINT')).rejects.toMatchObject({ code: 'database_unavailable' });
    // It panicked: the library now answers everything with nothing.
    const answers = await Promise.all([1, 2, 3].map(() => database.execute('SELECT 1 AS one').catch((error) => error)));
    for (const answer of answers) expect(answer.code === 'database_unavailable' || answer.rows[0].one === 1).toBe(true);
    await free();
    await until(() =>
      insert('after').then(
        () => true,
        () => false,
      ),
    );
    const rows = await database.queries.selectFrom('removals').select('below').orderBy('below').execute();
    expect(rows).toEqual([{ below: 'after' }, { below: 'before' }]);
  }, 300_000);
});

describePostgres('several processes on one PostgreSQL and one bucket', () => {
  const startMany = async (...roles: string[]) => {
    const { url = '' } = parts.use(await createTestDatabase(DATABASE_URL));
    const services = await Promise.all(
      roles.map((role, index) =>
        start({ PLATEN_ROLE: role, DATABASE_URL: url, DATA_DIR: join(folder, `data${index}`) }),
      ),
    );
    for (const service of services) await databaseIsUp(service);
    return { services: services as [ServiceProcess, ServiceProcess, ServiceProcess], url };
  };

  test('a worker is killed: another takes up what it had within 20 s', async () => {
    const { services, url } = await startMany('api', 'worker', 'worker');
    const [api, ...workers] = services;
    const held = ['HELD1', 'HELD2', 'HELD3', 'HELD4'];
    const gate = holdPages(...held);
    for (const id of held) await jobs.trigger(api.url, id);
    await until(() => held.every((id) => openedBy(id) === 1));
    await jobs.acceptMany(api.url, 4);
    await workers[0].stop('SIGKILL');
    const killedAt = performance.now();
    frontend.figuresFor = (page) => ({ text: `Figures of ${studentOf(page)} end` });
    // The pages of the other one are still held: it has no place free.
    const third = await start({ PLATEN_ROLE: 'worker', DATABASE_URL: url, DATA_DIR: join(folder, 'data3') });
    await until(() => held.filter((id) => openedBy(id) === 2).length === 2);
    const tookMs = Math.round(performance.now() - killedAt);
    process.stdout.write(`taken up by another process ${tookMs} ms after the kill\n`);
    expect(tookMs).toBeLessThan(20_000);
    gate.resolve({});
    const ended = await expectAllKept(api);
    expect(ended.filter(({ attempts }) => attempts === 2).length).toBe(2);
    for (const { stop } of [api, workers[1]]) expect((await stop('SIGTERM')).code).toBe(0);
    await expectNothingLeft(third, url);
  }, 300_000);

  test('a page that stays away is tried eight times, after pauses of more than a minute; begun again by hand it is tried anew', async () => {
    const { services, url } = await startMany('all');
    const [service] = services;
    frontend.figuresFor = () => ({ status: 503 });
    await until(async () => (await jobs.trigger(service.url, 'AWAY')).status === 202);
    const [{ jobId } = { jobId: '' }] = jobs.all;
    await using client = await connectTo(url);
    let pausedSeconds = 0;
    /** Nobody waits here for the pauses, which are only counted. */
    const hurry = async () => {
      const { rows } = await client.query<{ pause: number }>(`
        WITH paused AS (
          SELECT id, extract(epoch FROM start_after - clock_timestamp())::float8 AS pause FROM platen_queue.job
          WHERE state = 'retry' AND start_after > clock_timestamp() FOR UPDATE
        )
        UPDATE platen_queue.job SET start_after = now() FROM paused WHERE job.id = paused.id RETURNING pause`);
      for (const { pause } of rows) pausedSeconds += pause;
    };
    const endOf = (state: string) =>
      until(async () => {
        await hurry();
        const job = await jobs.look(service.url, jobId);
        return job.state === state && job;
      });
    expect(await endOf('failed')).toMatchObject({ attempts: 8, error: { code: 'page_failed' } });
    expect(openedBy('AWAY')).toBe(8);
    expect(pausedSeconds).toBeGreaterThan(60);

    frontend.figuresFor = (page) =>
      openedBy('AWAY') === 9 ? { status: 503 } : { text: `Figures of ${studentOf(page)} end` };
    const headers = { 'x-service-auth': `Bearer ${serviceToken}` };
    expect((await ask(`${service.url}/jobs/${jobId}/retry`, { method: 'POST', headers })).status).toBe(202);
    expect(await endOf('completed')).toMatchObject({ attempts: 2, error: null });
    await expectAllKept(service);
    await expectNothingLeft(service, url);
  });

  test('a worker that was frozen and comes back late does not overwrite what another has made since', async () => {
    const { services, url } = await startMany('worker', 'api');
    const [frozen, api] = services;
    const gate = holdPages('LATE');
    await jobs.trigger(api.url, 'LATE');
    await until(() => openedBy('LATE') === 1);
    frozen.child.kill('SIGSTOP');
    frontend.figuresFor = () => ({ text: 'Figures of LATE end' });
    const other = await start({ PLATEN_ROLE: 'worker', DATABASE_URL: url, DATA_DIR: join(folder, 'data2') });
    await jobs.waitForEnds(api.url);
    const stored = s3.objects.get(keyOf('LATE'));
    // What it prints now shows old figures.
    gate.resolve({});
    frozen.child.kill('SIGCONT');
    await until(() => isIdle(frozen));
    const [job] = await expectAllKept(api);
    expect(job?.attempts).toBe(2);
    expect(s3.objects.get(keyOf('LATE'))).toBe(stored);
    await frozen.stop('SIGTERM');
    await api.stop('SIGTERM');
    await expectNothingLeft(other, url);
  }, 300_000);

  const isIdle = async ({ url }: ServiceProcess) =>
    /platen_renders_active 0/.test(await (await fetch(`${url}/metrics`)).text());

  test('an older render neither replaces a newer one of another process, nor brings back what was removed there', async () => {
    const { services, url } = await startMany('all', 'all');
    const [one, two] = services;
    const figures: string[] = [];
    const gate = frontend.createGate();
    frontend.figuresFor = async ({ page }) => {
      const id = studentOf({ page } as OpenedPage);
      const text = `Figures of ${id} end, ${figures.push(id)}`;
      if (figures.length === 1) await gate.promise;
      return { text };
    };
    const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'TWICE' };
    const older = triggerAt(one.url, body);
    await until(() => figures.length === 1);
    expect((await triggerAt(two.url, body)).status).toBe(202);
    const newer = s3.objects.get(keyOf('TWICE'));
    gate.resolve({});
    expect((await older).status).toBe(202);
    expect(s3.objects.get(keyOf('TWICE'))).toBe(newer);

    const removed = { ...body, studentId: 'REMOVED' };
    const second = frontend.createGate();
    let count = 0;
    frontend.figuresFor = async () => {
      const text = ++count === 1 ? 'Old figures' : 'New figures';
      if (count === 1) await second.promise;
      return { text };
    };
    const underWay = triggerAt(one.url, removed);
    await until(() => count === 1);
    const invalidated = await fetch(`${two.url}/internal/invalidate`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-service-auth': `Bearer ${serviceToken}`,
      },
      body: JSON.stringify({ classId: 'C1' }),
    });
    expect(invalidated.status).toBe(200);
    expect(s3.objects.size).toBe(0);
    second.resolve({});
    expect((await underWay).status).toBe(202);
    // The old page was printed and not kept; what is kept was opened after the removal.
    expect(count).toBe(2);
    expect([...s3.objects.keys()]).toEqual([keyOf('REMOVED')]);
    await using client = await connectTo(url);
    expect((await client.query('SELECT below FROM platen.removals')).rows).toEqual([{ below: 'reports/C1/' }]);
  }, 300_000);
});
