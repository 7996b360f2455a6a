// A process that dies between fetching, reading, deciding and certifying loses nothing and issues nothing twice.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../../src/data-folder.ts';
import { openDatabase } from '../../src/database/database.ts';
import { failpoints } from '../../src/failpoint.ts';
import { configureLog } from '../../src/log.ts';
import { pipelineOf, type Run } from '../support/pipeline.ts';
import { createTestDatabase, describeDatabases, describeServer } from '../support/postgres.ts';
import { startServiceProcess } from '../support/process.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { attemptOf, startTestingService, type TestingService } from '../support/testing-service.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
let dataDir: string;
let s3: ScriptedS3;
let testing: TestingService;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'platen-attempts-'));
  parts.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  dataDir = folder;
  s3 = parts.use(await startScriptedS3());
  testing = parts.use(await startTestingService());
  testing.pageSize = 2;
  for (const student of ['S1', 'S2', 'S3', 'S4', 'S5']) testing.items.push(attemptOf(student));
});
afterEach(() => parts.disposeAsync());

const start = (url: string | undefined, env: Record<string, string> = {}) => {
  const settings = {
    FRONTEND_ORIGINS: 'http://127.0.0.1:9',
    DATA_DIR: dataDir,
    DATABASE_URL: url,
    ENCRYPTION_KEY: Buffer.alloc(32, 3).toString('base64'),
    RENDER_CONCURRENCY: '2',
    TESTING_SERVICE_URL: testing.url,
    STATS_WORKER_FETCH_INTERVAL: '1',
    STATS_WORKER_PROCESS_INTERVAL: '1',
    STATS_WORKER_GENERATE_INTERVAL: '1',
    ...s3.env,
    ...env,
  };
  // One that is to die may do so before anybody has asked it anything.
  return startServiceProcess(settings, undefined, { isOpenAwaited: env.PLATEN_FAILPOINT === undefined });
};

/** The database beside the service; an embedded one must have been left by its process. */
async function inside<T>(
  url: string | undefined,
  work: (queries: ReturnType<typeof openDatabase>['queries']) => Promise<T>,
) {
  await using opened = new AsyncDisposableStack();
  if (url === undefined) opened.use(openDataFolder(dataDir));
  return await work(opened.use(openDatabase({ url, dataDir })).queries);
}

const endClaims = (url: string | undefined) =>
  inside(url, (queries) =>
    sql`UPDATE platen.schedules SET held_until = now() - interval '1 second' WHERE held_until IS NOT NULL`.execute(
      queries,
    ),
  );

interface Row {
  student_id: string;
  status: string;
}

async function certificatesOf(url: string, student: string): Promise<Row[]> {
  const response = await fetch(`${url}/certificates/${student}`, {
    headers: { 'x-service-auth': `Bearer ${serviceToken}` },
  });
  return (await response.json()) as Row[];
}

describeDatabases('attempts', (server) => {
  test.each(failpoints.filter((name) => /^(attempts|run)-/.test(name)))('a process that dies at %s', async (name) => {
    const { url } = parts.use(await createTestDatabase(server));
    const mortal = parts.use(await start(url, { PLATEN_FAILPOINT: name }));
    await until(() => mortal.child.signalCode === 'SIGKILL');
    await endClaims(url);
    const service = parts.use(await start(url));
    const students = ['S1', 'S2', 'S3', 'S4', 'S5'];
    await until(async () => {
      const all = await Promise.all(students.map((student) => certificatesOf(service.url, student)));
      return all.every(([first]) => first?.status === 'available');
    });
    await service.stop('SIGTERM');
    const { rows } = await inside(url, (queries) =>
      sql<{ certificates: number; numbers: number; events: number; attempts: number }>`
        SELECT (SELECT count(*)::integer FROM platen.certificates) AS certificates, (SELECT last FROM platen.certificate_numbers) AS numbers,
          (SELECT count(*)::integer FROM platen.events) AS events, (SELECT count(*)::integer FROM platen.attempts) AS attempts`.execute(
        queries,
      ),
    );
    expect(rows).toEqual([{ certificates: 5, numbers: 5, events: 5, attempts: 5 }]);
  });
});

test('a run that fails as a whole is not begun again at each interval, and nothing is lost', async () => {
  const plugins = { PLATEN_PLUGINS: './test/support/plugins/attendance.ts' };
  const clock = { type: { name: 'clock', retriever: 'list', generator: 'template', options: { asset: 'clock' } } };
  const soon = () => ({ isEnabled: true, schedule: { at: new Date(Date.now() + 3000).toISOString() } });
  testing.answerWith = (_request, response) => response.writeHead(503).end();
  const type = '/internal/certificate-types/course-completion';
  let id = '';
  {
    await using first = await start(undefined, plugins);
    const pipeline = pipelineOf(first);
    await pipeline.json('PUT', type, {
      retriever: 'passing-attempts',
      generator: 'attendance/paper',
      options: { gives: 'template' },
    });
    await pipeline.putList('clock', 'studentId\n');
    id = await pipeline.configure(clock);
  }
  testing.answerWith = () => undefined;
  await using second = await start(undefined);
  const pipeline = pipelineOf(second);
  const runs = async () => (await pipeline.json<{ items: Run[] }>('GET', '/internal/runs?limit=500')).items;
  await until(async () => (await runs()).some(({ state }) => state === 'failed'));
  // It is looked at what is due meanwhile.
  for (const times of [1, 2]) {
    await pipeline.json('PATCH', `/internal/configurations/${id}`, soon());
    await until(async () => (await runs()).filter(({ configurationId }) => configurationId === id).length === times);
  }
  const others = (await runs()).filter(({ configurationId }) => configurationId !== id);
  expect(others).toMatchObject([{ state: 'failed', code: 'invalid_request' }]);
  await pipeline.json('PUT', type, { retriever: 'passing-attempts', generator: 'template' });
  const run = await pipeline.ended(await pipeline.begin(others[0]?.configurationId ?? '', 'run'));
  expect(run.counts).toMatchObject({ eligible: 5, issued: 5 });
});

describeServer('attempts, two processes', (server) => {
  test('begin one run between them, and nothing is issued twice', async () => {
    const { url } = parts.use(await createTestDatabase(server));
    const services = [parts.use(await start(url)), parts.use(await start(url))];
    const [one] = services;
    const students = ['S1', 'S2', 'S3', 'S4', 'S5'];
    await until(async () => {
      const all = await Promise.all(students.map((student) => certificatesOf(one?.url ?? '', student)));
      return all.every(([first, ...others]) => first?.status === 'available' && others.length === 0);
    });
    await Promise.all(services.map((service) => service.stop('SIGTERM')));
    const { rows } = await inside(url, (queries) =>
      sql<{ configurations: number; issued: number; other: number; events: number }>`
        SELECT (SELECT count(*)::integer FROM platen.configurations) AS configurations,
          (SELECT sum((counts->>'issued')::integer)::integer FROM platen.runs) AS issued,
          (SELECT count(*)::integer FROM platen.runs WHERE state <> 'completed' OR (counts->>'checked')::integer = 0) AS other,
          (SELECT count(*)::integer FROM platen.events) AS events`.execute(queries),
    );
    expect(rows).toEqual([{ configurations: 1, issued: 5, other: 0, events: 5 }]);
  });
});
