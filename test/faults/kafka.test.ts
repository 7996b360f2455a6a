// Kafka away, slow, half-open, restarted under load, and relays that die: each event is told once or more with the same bytes, in the order of its key.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { createEvents } from '../../src/events/events.ts';
import { configureLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createSealing } from '../../src/sealing.ts';
import { describeKafkaFaults, type KafkaServer, readTopic, startKafkaServer } from '../support/kafka.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { type BadNetwork, startBadNetwork } from '../support/toxiproxy.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

/** Longer than attempts and pauses of an outage may last together. */
const recoveryMs = 240_000;
const keys = ['course-0', 'course-1', 'course-2', 'course-3'];

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

interface Row {
  id: string;
  key: string;
  body: string;
  state: string;
}

const readAll = async ({ queries }: Database) =>
  (await sql<Row>`SELECT id, key, body, state FROM platen.events ORDER BY seq`.execute(queries)).rows;

const both = (type: 'latency' | 'timeout' | 'bandwidth', attributes: Record<string, number>) =>
  (['upstream', 'downstream'] as const).map((stream) => ({ type, stream, attributes }));

describeKafkaFaults('Kafka', () => {
  let kafka: KafkaServer;
  let network: BadNetwork;
  beforeAll(async () => {
    kafka = startKafkaServer();
    network = await startBadNetwork(`tcp://${kafka.faultUpstream}`, kafka.faultListen);
  });
  afterAll(async () => {
    await network?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
  });

  afterEach(() => network.heal());

  async function open() {
    const { url = '', dataDir } = parts.use(await createTestDatabase(process.env.DATABASE_URL));
    const database = parts.use(openDatabase({ url, dataDir }));
    await database.ready;
    return { database, url };
  }
  const eventsOf = (database: Database, sender?: { broker: string; topic: string }) => {
    const metrics = createMetrics();
    const kafkaOf = ({ broker, topic }: { broker: string; topic: string }) => {
      return { brokers: [broker], clientId: 'platen-test', topic };
    };
    const settings = { sealing: createSealing(Buffer.alloc(32)), mostAttempts: 3, historyDays: 90, webhookHosts: [] };
    const to = sender === undefined ? undefined : kafkaOf(sender);
    const events = parts.use(createEvents({ database, metrics, kafka: to, ...settings }));
    if (to !== undefined) events.start();
    const failures = async () => {
      const { values } = await metrics.eventAttempts.get();
      return values.find(({ labels }) => labels.kind === 'kafka' && labels.outcome === 'failed')?.value ?? 0;
    };
    return { events, failures };
  };
  /** Writes what happens in so many courses, one after the other. */
  async function write(database: Database, count: number, { courseName = 'Algebra', pauseMs = 0 } = {}) {
    const { events } = eventsOf(database);
    for (let index = 0; index < count; index++) {
      const issued = {
        tenant: '',
        certificateId: randomUUID(),
        number: String(index),
        userId: `S${index}`,
        courseId: keys[index % keys.length] ?? '',
        courseName,
        credentialId: `urn:uuid:${randomUUID()}`,
        firstName: 'Anjali',
        lastName: 'Kumar',
        issuanceDate: '2026-03-01',
        expirationDate: undefined,
        verifyUrl: 'https://pdf.school.example/verify/x',
      };
      await database.transaction((tx) => events.certificateIssued(tx, issued));
      if (pauseMs > 0) await wait(pauseMs);
    }
  }
  const untilSent = (database: Database) =>
    until(async () => (await readAll(database)).every(({ state }) => state !== 'waiting'), recoveryMs);

  /** None lost, none invented, the same bytes each time, and those of a key in their order. */
  async function expectAllTold(database: Database, topic: string): Promise<void> {
    const rows = (await readAll(database)).filter(({ state }) => state === 'sent');
    const read = await readTopic(kafka.brokers, topic);
    const bodies = new Map(rows.map(({ id, body }) => [id, body]));
    for (const { headers, value } of read) expect(value).toBe(bodies.get(headers['event-id'] ?? ''));
    for (const key of keys) {
      const ofKey = read.filter((message) => message.key === key).sort((one, other) => one.offset - other.offset);
      const told = [...new Set(ofKey.map(({ headers }) => headers['event-id']))];
      expect(told).toEqual(rows.filter((row) => row.key === key).map(({ id }) => id));
      expect(new Set(ofKey.map(({ partition }) => partition)).size).toBe(1);
    }
  }

  test.each([
    ['away', () => network.cut(), true],
    ['slow', () => network.poison(...both('latency', { latency: 1500 }), ...both('bandwidth', { rate: 5 })), false],
    ['half-open', () => network.poison(...both('timeout', { timeout: 0 })), true],
  ] as const)('that is %s for a while delays events, and nothing else', async (_what, spoil, doesFail) => {
    const { database } = await open();
    const topic = `platen-${randomUUID()}`;
    const { failures } = eventsOf(database, { broker: kafka.faultListen, topic });
    await write(database, 20);
    await untilSent(database);
    await spoil();
    // Nobody waits for Kafka: these are written while nothing gets through.
    await write(database, 40);
    if (doesFail) {
      await until(async () => (await failures()) > 0, recoveryMs);
      const waiting = (await readAll(database)).filter(({ state }) => state === 'waiting');
      expect(waiting).toHaveLength(40);
    }
    await write(database, 20);
    await network.heal();
    await untilSent(database);
    expect((await readAll(database)).every(({ state }) => state === 'sent')).toBe(true);
    await expectAllTold(database, topic);
  });

  test('that is killed and started again under load loses nothing', async () => {
    const { database } = await open();
    const topic = `platen-${randomUUID()}`;
    eventsOf(database, { broker: kafka.brokers, topic });
    const load = write(database, 600, { pauseMs: 20 });
    await until(async () => (await readAll(database)).filter(({ state }) => state === 'sent').length > 50);
    kafka.kill();
    await wait(2000);
    kafka.start();
    await load;
    await untilSent(database);
    await expectAllTold(database, topic);
  });

  test('that refuses one event gets the others', async () => {
    const { database } = await open();
    const topic = `platen-${randomUUID()}`;
    await write(database, 8);
    await write(database, 1, { courseName: 'x'.repeat(3_000_000) });
    await write(database, 8);
    eventsOf(database, { broker: kafka.brokers, topic });
    await untilSent(database);
    expect((await readAll(database)).map(({ state }) => state)).toEqual([
      ...Array(8).fill('sent'),
      'parked',
      ...Array(8).fill('sent'),
    ]);
    await expectAllTold(database, topic);
  });

  test('is sent everything by two processes of which one is killed', async () => {
    const { database, url } = await open();
    const topic = `platen-${randomUUID()}`;
    const script = fileURLToPath(new URL('../support/relay-process.ts', import.meta.url));
    const start = () => {
      const child = spawn(process.execPath, [script, url, kafka.brokers, topic], { stdio: 'ignore' });
      parts.defer(() => {
        child.kill('SIGKILL');
      });
      return child;
    };
    const first = start();
    const load = write(database, 400, { pauseMs: 20 });
    await until(async () => (await readAll(database)).some(({ state }) => state === 'sent'));
    start();
    await until(async () => (await readAll(database)).filter(({ state }) => state === 'sent').length > 100);
    first.kill('SIGKILL');
    await load;
    await untilSent(database);
    await expectAllTold(database, topic);
  });
});
