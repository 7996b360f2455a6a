// Events: written with what they tell of, and sent to Kafka once it is there, in order, with the same bytes however often.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../src/data-folder.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import type { CertificateIssued } from '../src/events/contract.ts';
import { createEvents } from '../src/events/events.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { describeKafka, readTopic } from './support/kafka.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const settings = {
  metrics: createMetrics(),
  sealing: createSealing(Buffer.alloc(32)),
  mostAttempts: 3,
  historyDays: 90,
  webhookHosts: [],
};

/** Attempts to send to Kafka that ended so, and the times that were measured. */
const countedOf = async (outcome: string) => {
  const { values } = await settings.metrics.eventAttempts.get();
  return values.find(({ labels }) => labels.kind === 'kafka' && labels.outcome === outcome)?.value ?? 0;
};
const delays = async () => {
  const { values } = await settings.metrics.eventDelay.get();
  return values.find(({ metricName, labels }) => metricName?.endsWith('_count') && labels.kind === 'kafka')?.value ?? 0;
};

const issued = (course: string, user: string): CertificateIssued => ({
  tenant: '',
  certificateId: randomUUID(),
  number: '2026-000001',
  verifyUrl: 'https://pdf.school.example/verify/x',
  userId: user,
  courseId: course,
  courseName: 'Algebra "I"',
  credentialId: `urn:uuid:${randomUUID()}`,
  firstName: 'மாறன்',
  lastName: 'Kumar',
  issuanceDate: '2026-03-01',
  expirationDate: undefined,
});

interface Row {
  id: string;
  key: string;
  body: string;
  state: string;
  attempts: number;
  last_error: string | null;
}

const readAll = async ({ queries }: Database) =>
  (await sql<Row>`SELECT id, key, body, state, attempts, last_error FROM platen.events ORDER BY seq`.execute(queries))
    .rows;

describeDatabases('the outbox', (server) => {
  async function open() {
    const { url, dataDir } = parts.use(await createTestDatabase(server));
    if (url === undefined) parts.use(openDataFolder(dataDir));
    const database = parts.use(openDatabase({ url, dataDir }));
    // On a busy machine it may take longer to open than a transaction waits.
    await database.ready;
    return database;
  }

  test('without Kafka an event is kept, and one whose transaction fails was never there', async () => {
    const database = await open();
    const events = parts.use(createEvents({ database, kafka: undefined, ...settings }));
    events.start();
    await database.transaction((tx) => events.certificateIssued(tx, issued('C1', 'S1')));
    const undone = database.transaction(async (tx) => {
      await events.certificateIssued(tx, issued('C1', 'S2'));
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await readAll(database)).toMatchObject([{ key: 'C1', state: 'waiting', attempts: 0 }]);
  });

  describeKafka('and Kafka', (brokers) => {
    const start = (database: Database, topic: string, address = brokers) => {
      const kafka = { brokers: [address], clientId: 'platen-test', topic };
      const events = parts.use(createEvents({ database, kafka, ...settings }));
      events.start();
      return events;
    };
    const untilSent = (database: Database) =>
      until(async () => {
        const rows = await readAll(database);
        return rows.every(({ state }) => state !== 'waiting') ? rows : undefined;
      });

    test('events arrive with key, value and id to the letter, in the order of their key', async () => {
      const database = await open();
      const topic = `platen-${randomUUID()}`;
      const counted = { ok: await countedOf('ok'), delays: await delays() };
      const events = start(database, topic);
      const all = Array.from({ length: 60 }, (_, index) => issued(`course-${index % 3}`, `S${index}`));
      for (const each of all) await database.transaction((tx) => events.certificateIssued(tx, each));
      const rows = await untilSent(database);
      const read = await readTopic(brokers, topic);
      expect(read).toHaveLength(60);
      await until(async () => (await countedOf('ok')) - counted.ok === 60 && (await delays()) - counted.delays === 60);
      for (const course of ['course-0', 'course-1', 'course-2']) {
        const ofKey = read.filter(({ key }) => key === course).sort((one, other) => one.offset - other.offset);
        expect(new Set(ofKey.map(({ partition }) => partition)).size).toBe(1);
        const wanted = rows.filter(({ key }) => key === course);
        expect(ofKey.map(({ value }) => value)).toEqual(wanted.map(({ body }) => body));
        expect(ofKey.map(({ headers }) => headers['event-id'])).toEqual(wanted.map(({ id }) => id));
      }
      const [first] = read.filter(({ key }) => key === 'course-0');
      const { timestamp, ...value } = JSON.parse(first?.value ?? '');
      expect(new Date(timestamp).toISOString()).toBe(timestamp);
      expect(value).toEqual({
        eventType: 'COURSE_STATUS_UPDATED',
        data: {
          userId: 'S0',
          courseId: 'course-0',
          courseName: 'Algebra "I"',
          certificateId: all[0]?.credentialId,
          firstName: 'மாறன்',
          lastName: 'Kumar',
          issuanceDate: '2026-03-01',
          status: 'viewCertificate',
          eventType: 'CERTIFICATE_ISSUED',
        },
      });
    });

    test('one that must not be sent is set aside, and what comes after it goes on', async () => {
      const database = await open();
      const topic = `platen-${randomUUID()}`;
      const kept = parts.use(createEvents({ database, kafka: undefined, ...settings }));
      await database.transaction((tx) => kept.certificateIssued(tx, issued('C1', 'S1')));
      await sql`UPDATE platen.events SET body = '{"eventType":"COURSE_STATUS_UPDATED"}'`.execute(database.queries);
      await database.transaction((tx) => kept.certificateIssued(tx, issued('C1', 'S2')));
      start(database, topic);
      const rows = await untilSent(database);
      expect(rows.map(({ state }) => state)).toEqual(['parked', 'sent']);
      expect(rows[0]?.last_error).toMatch(/schema/);
      expect((await readTopic(brokers, topic)).map(({ value }) => value)).toEqual([rows[1]?.body]);
    });

    test('while Kafka is away events wait without being held against it, and nobody waits for them', async () => {
      const database = await open();
      const topic = `platen-${randomUUID()}`;
      // Nothing listens there.
      const away = start(database, topic, '127.0.0.1:1');
      await database.transaction((tx) => away.certificateIssued(tx, issued('C1', 'S1')));
      await until(async () => {
        const { rows } = await sql`SELECT FROM platen.leases`.execute(database.queries);
        return rows.length > 0 || undefined;
      });
      expect(await readAll(database)).toMatchObject([{ state: 'waiting', attempts: 0 }]);
      await away[Symbol.asyncDispose]();
      start(database, topic);
      const [row] = await untilSent(database);
      expect((await readTopic(brokers, topic)).map(({ value }) => value)).toEqual([row?.body]);
    });

    test('two relays send each event once between them', async () => {
      const database = await open();
      const topic = `platen-${randomUUID()}`;
      const [one, other] = [start(database, topic), start(database, topic)];
      for (let index = 0; index < 20; index++)
        await database.transaction((tx) =>
          (index % 2 === 0 ? one : other).certificateIssued(tx, issued('C1', `S${index}`)),
        );
      const rows = await untilSent(database);
      expect((await readTopic(brokers, topic)).map(({ value }) => value)).toEqual(rows.map(({ body }) => body));
    });
  });
});
