// Events through the outbox to Kafka, beside a producer that only sends them. Wants a broker (KAFKA_BROKERS).

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import { type Database, openDatabase } from '../src/database/database.ts';
import { createEvents, type Events } from '../src/events/events.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { createPostgresDatabase } from '../test/support/postgres-database.ts';
import type { Section } from './report.ts';
import { median, quantile, round } from './statistics.ts';

const { KAFKA_BROKERS, DATABASE_URL } = process.env;
const backlog = 5000;
/** As many as the outbox sends at once. */
const batch = 200;
const courses = 50;
const steadyPerSecond = 50;
const steadySeconds = 10;
const rounds = 3;

let written = 0;
const nextIssued = () => {
  const certificateId = randomUUID();
  const course = `COURSE_${written++ % courses}`;
  return {
    tenant: '',
    certificateId,
    number: `2026-${String(written).padStart(6, '0')}`,
    userId: `STU${written}`,
    courseId: course,
    courseName: 'Algebra I',
    credentialId: `urn:uuid:${certificateId}`,
    verifyUrl: 'https://pdf.school.example/verify/TNhXXc516V8MawneBEo8RA',
    firstName: 'Anjali',
    lastName: 'Kumar',
    issuanceDate: '2026-03-01',
    expirationDate: undefined,
  };
};

async function write({ database, events }: { database: Database; events: Events }, count: number): Promise<void> {
  await database.transaction(async (tx) => {
    for (let number = 0; number < count; number++) await events.certificateIssued(tx, nextIssued());
  });
}

interface Figures {
  waiting: number;
  oldestSeconds: number;
}

async function readFigures(database: Database): Promise<Figures> {
  const { rows } = await database.execute(
    `SELECT count(*) AS waiting, extract(epoch FROM clock_timestamp() - min(created_at)) AS oldest FROM platen.events WHERE state = 'waiting'`,
  );
  const [row] = rows as { waiting: string; oldest: string | null }[];
  return { waiting: Number(row?.waiting ?? 0), oldestSeconds: Number(row?.oldest ?? 0) };
}

function open(database: Database, topic: string | undefined): Events {
  const kafka =
    topic === undefined ? undefined : { brokers: (KAFKA_BROKERS ?? '').split(','), clientId: 'platen-bench', topic };
  const common = { database, metrics: createMetrics(), sealing: createSealing(Buffer.alloc(32)) };
  return createEvents({ ...common, kafka, mostAttempts: 10, historyDays: 1, webhookHosts: [] });
}

/** Looks seldom: to count what waits is work for the same database. */
async function untilSent(database: Database): Promise<void> {
  while ((await readFigures(database)).waiting > 0) await wait(100);
}

/** Events per second of a backlog, from the start of the relay on. */
async function drain(database: Database): Promise<number> {
  await using writer = open(database, undefined);
  for (let left = backlog; left > 0; left -= 500) await write({ database, events: writer }, Math.min(500, left));
  await using events = open(database, `bench-${randomUUID()}`);
  const startedAt = performance.now();
  events.start();
  await untilSent(database);
  return (backlog * 1000) / (performance.now() - startedAt);
}

/** Age of the oldest in seconds, looked at again and again while events come steadily. */
async function readAges(database: Database): Promise<number[]> {
  await using events = open(database, `bench-${randomUUID()}`);
  events.start();
  await write({ database, events }, 1);
  await untilSent(database);
  const ages: number[] = [];
  const end = performance.now() + steadySeconds * 1000;
  while (performance.now() < end) {
    await write({ database, events }, steadyPerSecond / 10);
    ages.push((await readFigures(database)).oldestSeconds);
    await wait(100);
  }
  return ages;
}

/** The same messages by a producer alone, acknowledged by all replicas. */
async function sendBare(): Promise<number> {
  const bootstrapBrokers = (KAFKA_BROKERS ?? '').split(',');
  const topic = `bench-${randomUUID()}`;
  const admin = new Admin({ clientId: 'bare', bootstrapBrokers });
  await admin.createTopics({ topics: [topic], partitions: -1, replicas: -1 });
  await admin.close();
  const common = { clientId: 'bare', bootstrapBrokers, serializers: stringSerializers };
  const producer = new Producer({ ...common, idempotent: true, acks: -1, retries: 5 });
  const messages = Array.from({ length: backlog }, () => {
    const { courseId, tenant: _, ...data } = nextIssued();
    const value = JSON.stringify({ eventType: 'COURSE_STATUS_UPDATED', timestamp: new Date().toISOString(), data });
    return { topic, key: courseId, value, headers: { 'event-id': randomUUID() } };
  });
  await producer.send({ messages: messages.slice(0, 1) });
  const startedAt = performance.now();
  for (let at = 0; at < backlog; at += batch) await producer.send({ messages: messages.slice(at, at + batch) });
  const perSecond = (backlog * 1000) / (performance.now() - startedAt);
  await producer.close();
  return perSecond;
}

async function measure(url: string | undefined): Promise<(string | number)[]> {
  await using place = url === undefined ? undefined : await createPostgresDatabase(url);
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-'));
  await using parts = new AsyncDisposableStack();
  parts.defer(() => rm(dataDir, { recursive: true }));
  const database = parts.use(openDatabase({ url: place?.url, dataDir }));
  await database.ready;
  const pairs: [number, number][] = [];
  for (let number = 0; number < rounds; number++) {
    const first = number % 2 === 0 ? await drain(database) : await sendBare();
    pairs.push(number % 2 === 0 ? [first, await sendBare()] : [await drain(database), first]);
  }
  const ages = await readAges(database);
  return [
    url === undefined ? 'embedded' : 'PostgreSQL',
    round(median(pairs.map(([ours]) => ours))),
    round(median(pairs.map(([, bare]) => bare))),
    round(median(pairs.map(([ours, bare]) => ours / bare)), 2),
    round(median(ages), 2),
    round(quantile(ages, 1), 2),
  ];
}

/** Takes about two minutes; without a broker nothing is measured, and that is said. */
export async function measureEvents(): Promise<Section> {
  const title = 'Events to Kafka';
  if (KAFKA_BROKERS === undefined) return { title, text: ['Not measured: KAFKA_BROKERS names no broker.'], tables: [] };
  configureLog({ level: 'error', secrets: [] });
  const rows: (string | number)[][] = [];
  for (const url of DATABASE_URL === undefined ? [undefined] : [undefined, DATABASE_URL]) rows.push(await measure(url));
  return {
    title,
    text: [
      `${backlog} events of ${courses} courses that wait in the outbox, from the start of the relay until all are sent and marked, beside a producer that sends the same messages, ${batch} at once, and does nothing else; both \`acks=all\`, idempotent, one broker. ` +
        `${rounds} rounds in turn; medians of the rounds, and of the ratios inside each round. Then ${steadyPerSecond} events a second for ${steadySeconds} s, and the age of the oldest that waits.`,
    ],
    tables: [
      {
        columns: ['database', 'events/s', 'bare producer', 'ratio', 'oldest, median s', 'oldest, most s'],
        rows,
      },
    ],
  };
}
