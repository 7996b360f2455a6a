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

const keys = ['course-0', 'course-1', 'course-2', 'course-3'];
/** Of a batch, where a test waits for one that gets no answer; time enough to connect on a busy machine. */
const sendMs = 5000;
/** Of a process that a test kills or halts. */
const leaseSeconds = 5;

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

interface Row {
  id: string;
  key: string;
  body: string;
}

const statesOf = async ({ queries }: Database) =>
  (await sql<{ state: string }>`SELECT state FROM platen.events ORDER BY seq`.execute(queries)).rows.map(
    ({ state }) => state,
  );
const sentOf = async (database: Database) => (await statesOf(database)).filter((state) => state === 'sent').length;
const untilEnded = (database: Database) =>
  until(async () => {
    const states = await statesOf(database);
    return states.includes('waiting') ? undefined : states;
  });

const both = (type: 'latency' | 'timeout' | 'bandwidth', attributes: Record<string, number>) =>
  (['upstream', 'downstream'] as const).map((stream) => ({ type, stream, attributes }));

const settings = { sealing: createSealing(Buffer.alloc(32)), mostAttempts: 3, historyDays: 90, webhookHosts: [] };

interface Sending {
  database: Database;
  broker: string;
  topic: string;
  mostAttempts?: number;
}

/** A relay in this process. @returns how often it has failed. */
function startRelay({ database, broker, topic, mostAttempts = 3 }: Sending) {
  const metrics = createMetrics();
  const kafka = { brokers: [broker], clientId: 'platen-test', topic };
  const events = parts.use(createEvents({ ...settings, database, metrics, kafka, mostAttempts, limits: { sendMs } }));
  events.start();
  return async () => {
    const { values } = await metrics.eventAttempts.get();
    return values.find(({ labels }) => labels.kind === 'kafka' && labels.outcome === 'failed')?.value ?? 0;
  };
}

/** Writes what happens in so many courses, one after the other. */
async function write(database: Database, count: number, { courseName = 'Algebra', pauseMs = 0 } = {}) {
  const events = parts.use(createEvents({ ...settings, database, metrics: createMetrics(), kafka: undefined }));
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

/** Writes until it is told to end. @returns which tells it, and how many were written. */
function startLoad(database: Database): () => Promise<number> {
  let isWanted = true;
  const load = (async () => {
    let count = 0;
    for (; isWanted; count += keys.length) await write(database, keys.length, { pauseMs: 10 });
    return count;
  })();
  const end = () => {
    isWanted = false;
    return load;
  };
  parts.defer(async () => {
    await end().catch(() => undefined);
  });
  return end;
}

describeKafkaFaults('Kafka', () => {
  let kafka: KafkaServer;
  let network: BadNetwork;
  beforeAll(async () => {
    kafka = await startKafkaServer();
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
    return { database, url, topic: `platen-${randomUUID()}` };
  }

  /** None lost, none invented, the same bytes each time, and those of a key in their order. */
  async function expectToldOnceOrMore(database: Database, topic: string): Promise<void> {
    const { rows } = await sql<Row>`SELECT id, key, body FROM platen.events WHERE state = 'sent' ORDER BY seq`.execute(
      database.queries,
    );
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
  async function expectAllTold(database: Database, topic: string, count: number): Promise<void> {
    expect(await untilEnded(database)).toEqual(Array(count).fill('sent'));
    await expectToldOnceOrMore(database, topic);
  }

  test.each([
    ['away', () => network.cut(), true],
    ['slow', () => network.poison(...both('latency', { latency: 500 }), ...both('bandwidth', { rate: 20 })), false],
    ['half-open', () => network.poison(...both('timeout', { timeout: 0 })), true],
  ] as const)('that is %s for a while delays events, and nothing else', async (_what, spoil, doesFail) => {
    const { database, topic } = await open();
    const failures = startRelay({ database, broker: kafka.faultListen, topic });
    await write(database, 20);
    await untilEnded(database);
    const before = await failures();
    await spoil();
    // Nobody waits for Kafka: these are written while nothing gets through.
    await write(database, 40);
    if (doesFail) {
      await until(async () => (await failures()) > before);
      expect(await sentOf(database)).toBe(20);
    }
    await write(database, 20);
    await network.heal();
    await expectAllTold(database, topic, 80);
  });

  test('that is killed and started again under load loses nothing', async () => {
    const { database, topic } = await open();
    const failures = startRelay({ database, broker: kafka.brokers, topic });
    const endLoad = startLoad(database);
    await until(async () => (await sentOf(database)) > 50);
    const before = await failures();
    // It only comes back to where it was when nobody else holds one of its ports.
    await network.cut();
    await kafka.kill();
    await until(async () => (await failures()) > before);
    await kafka.start();
    const sent = await sentOf(database);
    await until(async () => (await sentOf(database)) > sent);
    await expectAllTold(database, topic, await endLoad());
  });

  test('is sent everything by a relay whose own database was away', async () => {
    const { database, url, topic } = await open();
    await using way = await startBadNetwork(url);
    const failures = startRelay({
      database: parts.use(openDatabase({ url: way.url, dataDir: '' })),
      broker: kafka.brokers,
      topic,
    });
    const endLoad = startLoad(database);
    await until(async () => (await sentOf(database)) > 20);
    const before = await failures();
    await way.cut();
    await until(async () => (await failures()) > before);
    await way.heal();
    await expectAllTold(database, topic, await endLoad());
  });

  test('that refuses one event gets the others', async () => {
    const { database, topic } = await open();
    await write(database, 8);
    await write(database, 1, { courseName: 'x'.repeat(3_000_000) });
    await write(database, 8);
    startRelay({ database, broker: kafka.brokers, topic });
    const ended = await untilEnded(database);
    expect(ended).toEqual([...Array(8).fill('sent'), 'parked', ...Array(8).fill('sent')]);
    await expectToldOnceOrMore(database, topic);
  });

  test('that refuses one event gets those of other keys at once, and none of its own key out of turn', async () => {
    const { database, topic } = await open();
    await write(database, 8);
    await write(database, 1, { courseName: 'x'.repeat(3_000_000) });
    await write(database, 8);
    startRelay({ database, broker: kafka.brokers, topic, mostAttempts: 1000 });
    await until(async () => (await sentOf(database)) >= 14);
    const after = ['waiting', 'sent', 'sent', 'sent'];
    expect(await statesOf(database)).toEqual([...Array(8).fill('sent'), 'waiting', ...after, ...after]);
    await expectToldOnceOrMore(database, topic);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)(
    'is sent everything by two processes of which one gets %s',
    async (end) => {
      const { database, url, topic } = await open();
      const script = fileURLToPath(new URL('../support/relay-process.ts', import.meta.url));
      const start = () => {
        const args = [script, url, kafka.brokers, topic, String(leaseSeconds)];
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
        parts.defer(() => {
          child.kill('SIGKILL');
        });
        return child;
      };
      const first = start();
      const endLoad = startLoad(database);
      await until(async () => (await sentOf(database)) > 0);
      start();
      await until(async () => (await sentOf(database)) > 100);
      first.kill(end);
      const sent = await sentOf(database);
      // The other one has gone on.
      await until(async () => (await sentOf(database)) > sent + 50);
      first.kill('SIGCONT');
      await expectAllTold(database, topic, await endLoad());
    },
  );
});
