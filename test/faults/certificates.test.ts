// Certificates outlive the death of their process, and a storage that is away: each is made once, under one number, and told of once.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../../src/data-folder.ts';
import { openDatabase } from '../../src/database/database.ts';
import { failpoints } from '../../src/failpoint.ts';
import { configureLog } from '../../src/log.ts';
import { describeKafka, readTopic } from '../support/kafka.ts';
import { createTestDatabase, describeDatabases, describeServer } from '../support/postgres.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { chanceOf, seedFrom } from '../support/random.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const encryptionKey = Buffer.alloc(32, 3).toString('base64');
const year = new Date().getUTCFullYear();

let parts: AsyncDisposableStack;
let dataDir: string;
let s3: ScriptedS3;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'platen-certificates-'));
  parts.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  dataDir = folder;
  s3 = parts.use(await startScriptedS3());
});
afterEach(() => parts.disposeAsync());

/** The same learner always has the same request. */
const requestOf = (learner: number) => ({
  userId: `S${learner}`,
  courseId: 'C1',
  courseName: 'Algebra I',
  firstName: 'Learner',
  lastName: `Number ${learner}`,
  issuanceDate: '2026-03-01',
});

const start = (url: string | undefined, env: Record<string, string> = {}) =>
  startServiceProcess({
    FRONTEND_ORIGINS: 'http://127.0.0.1:9',
    DATA_DIR: dataDir,
    DATABASE_URL: url,
    ENCRYPTION_KEY: encryptionKey,
    RENDER_CONCURRENCY: '2',
    ...s3.env,
    ...env,
  });

interface Answer {
  status: number;
  code?: string;
  data?: { credential: { id: string }; certificate: { id: string; number: string } };
}

async function issue({ url }: ServiceProcess, learner: number): Promise<Answer> {
  const response = await fetch(`${url}/certificate/issue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify(requestOf(learner)),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

/** Asks for nothing: what was begun is made because it was accepted. */
async function untilMade({ url }: ServiceProcess, learner: number): Promise<void> {
  await until(async () => {
    const headers = { 'x-service-auth': `Bearer ${serviceToken}` };
    const rows = (await (await fetch(`${url}/certificates/S${learner}`, { headers })).json()) as Row[];
    return rows[0]?.status === 'available';
  });
}

interface Row {
  id: string;
  number: string;
  status: string;
  s3_key: string;
  last_error: string | null;
}

/** The database beside the service; an embedded one must have been left by its process. */
function openBeside(url: string | undefined, opened: AsyncDisposableStack) {
  if (url === undefined) opened.use(openDataFolder(dataDir));
  return opened.use(openDatabase({ url, dataDir })).queries;
}

/** That a dead process can not give back: the next one would wait for its end. */
async function endLease(url: string | undefined): Promise<void> {
  await using opened = new AsyncDisposableStack();
  await sql`UPDATE platen.leases SET expires_at = now()`.execute(openBeside(url, opened));
}

async function readAll(url: string | undefined) {
  await using opened = new AsyncDisposableStack();
  const queries = openBeside(url, opened);
  const certificates =
    await sql<Row>`SELECT id, number, status, s3_key, last_error FROM platen.certificates ORDER BY number`.execute(
      queries,
    );
  const events = await sql<{ body: string }>`SELECT body FROM platen.events ORDER BY seq`.execute(queries);
  return {
    certificates: certificates.rows,
    told: events.rows.map(({ body }) => JSON.parse(body).data.certificateId as string),
  };
}

const storedKeys = () => [...s3.objects.keys()].filter((key) => key.startsWith('certificates/')).sort();

/** Each learner has one certificate, whose number, document and event are its own. */
async function expectOneEach(url: string | undefined, learners: number) {
  const { certificates, told } = await readAll(url);
  expect(certificates.map(({ status }) => status)).toEqual(Array(learners).fill('available'));
  const numbers = Array.from({ length: learners }, (_, index) => `${year}-${String(index + 1).padStart(6, '0')}`);
  expect(certificates.map(({ number }) => number)).toEqual(numbers);
  expect(certificates.map(({ s3_key }) => s3_key).sort()).toEqual(storedKeys());
  expect(told.sort()).toEqual(certificates.map(({ id }) => `urn:uuid:${id}`).sort());
}

describeDatabases('certificates', (server) => {
  test('a process that is killed while it issues leaves one certificate, number, document and event for each', async () => {
    const learners = 10;
    const { url } = parts.use(await createTestDatabase(server));
    const chance = chanceOf(seedFrom('CERTIFICATE_KILL_SEED'));
    for (let round = 0; round < 4; round++) {
      const service = parts.use(await start(url));
      const asked = Array.from({ length: learners }, (_, learner) => issue(service, learner).catch(() => undefined));
      // From before the first is accepted until after the last is made.
      await Promise.race([Promise.all(asked), wait(chance.whole(2500))]);
      await service.stop('SIGKILL');
      await Promise.all(asked);
    }
    const service = parts.use(await start(url));
    const answers = await Promise.all(Array.from({ length: learners }, (_, learner) => issue(service, learner)));
    expect(answers.map(({ status }) => status)).toEqual(Array(learners).fill(200));
    await service.stop('SIGTERM');
    await expectOneEach(url, learners);
  });

  test.each(failpoints.filter((name) => name.startsWith('certificate-')))('a process that dies at %s', async (name) => {
    const { url } = parts.use(await createTestDatabase(server));
    const mortal = parts.use(await start(url, { PLATEN_FAILPOINT: name }));
    const asked = issue(mortal, 1).catch(() => undefined);
    await until(() => mortal.child.signalCode === 'SIGKILL');
    await asked;
    const service = parts.use(await start(url));
    await untilMade(service, 1);
    const answer = await issue(service, 1);
    expect(answer).toMatchObject({ status: 200, data: { certificate: { number: `${year}-000001` } } });
    expect(await issue(service, 1)).toEqual(answer);
    await service.stop('SIGTERM');
    await expectOneEach(url, 1);
  });

  describeKafka('with Kafka', (brokers) => {
    test.each([
      ['event-due', 1],
      ['event-sent', 2],
    ])('a process that dies at %s', async (name, times) => {
      const kafka = { kafkaEnabled: 'true', KAFKA_BROKERS: brokers, KAFKA_TOPIC: `platen-${randomUUID()}` };
      const { url } = parts.use(await createTestDatabase(server));
      const mortal = parts.use(await start(url, { ...kafka, PLATEN_FAILPOINT: name }));
      const asked = issue(mortal, 1).catch(() => undefined);
      await until(() => mortal.child.signalCode === 'SIGKILL');
      await asked;
      await endLease(url);
      const service = parts.use(await start(url, kafka));
      const answer = await issue(service, 1);
      expect(answer).toMatchObject({ status: 200, data: { certificate: { number: `${year}-000001` } } });
      const messages = await until(async () => {
        const read = await readTopic(brokers, kafka.KAFKA_TOPIC).catch(() => []);
        return read.length >= times ? read : undefined;
      });
      expect(messages).toHaveLength(times);
      // However often: one event, to the byte.
      expect(new Set(messages.map(({ value, headers }) => `${headers['event-id']} ${value}`)).size).toBe(1);
      await service.stop('SIGTERM');
      await expectOneEach(url, 1);
    });
  });

  test('while the storage is away nothing is announced; then the certificate is made by itself, under its number', async () => {
    const { url } = parts.use(await createTestDatabase(server));
    const service = parts.use(await start(url));
    s3.faultFor = (_, method) => (method === 'PUT' ? 'error' : undefined);
    const refused = await issue(service, 1);
    expect(refused).toMatchObject({ status: 503, code: 'storage_unavailable' });
    expect(storedKeys()).toEqual([]);
    s3.faultFor = () => undefined;
    await until(() => storedKeys().length > 0);
    const answer = await issue(service, 1);
    expect(answer.data?.certificate.number).toBe(`${year}-000001`);
    await service.stop('SIGTERM');
    await expectOneEach(url, 1);
  });
});

describeServer('two processes', (server) => {
  test('200 identical requests to both give one certificate', async () => {
    const { url } = parts.use(await createTestDatabase(server));
    const services = [parts.use(await start(url)), parts.use(await start(url))];
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => issue(services[index % 2] as ServiceProcess, 1)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    for (const service of services) await service.stop('SIGTERM');
    await expectOneEach(url, 1);
  });
});
