// Calls of webhooks: signed, repeated with the same bytes, set aside in the end; whatever one receiver does, the others are told.

import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { Webhook } from 'standardwebhooks';
import { openDataFolder } from '../src/data-folder.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import type { CertificateIssued } from '../src/events/contract.ts';
import { createEvents } from '../src/events/events.ts';
import { redriveEvent, replayBatch } from '../src/events/records.ts';
import { secretTextOf } from '../src/events/webhook-call.ts';
import { addWebhook, removeWebhook } from '../src/events/webhook-store.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const sealing = createSealing(Buffer.alloc(32));
const issued: CertificateIssued = {
  tenant: '',
  certificateId: randomUUID(),
  number: '2026-000001',
  userId: 'S1',
  courseId: 'C1',
  courseName: 'Algebra',
  credentialId: 'urn:uuid:1',
  firstName: 'மாறன்',
  // Some people have one name.
  lastName: '',
  issuanceDate: '2026-03-01',
  expirationDate: undefined,
  verifyUrl: 'https://pdf.school.example/verify/x',
};

interface Row {
  id: string;
  body: string;
  state: string;
  attempts: number;
  error: string | null;
  pause: number;
}

describeDatabases('calls of webhooks', (server) => {
  async function open() {
    const { url, dataDir } = parts.use(await createTestDatabase(server));
    if (url === undefined) parts.use(openDataFolder(dataDir));
    const database = parts.use(openDatabase({ url, dataDir }));
    await database.ready;
    return database;
  }
  function start(database: Database, { callMs, hosts = ['127.0.0.1'] }: { callMs?: number; hosts?: string[] } = {}) {
    const settings = { metrics: createMetrics(), sealing, mostAttempts: 3, historyDays: 90 };
    const events = parts.use(
      createEvents({ database, kafka: undefined, ...settings, webhookHosts: hosts, webhookCallMs: callMs }),
    );
    events.start();
    return { ...settings, tell: () => database.transaction((tx) => events.certificateIssued(tx, issued)) };
  }
  async function register(database: Database, url: string) {
    const id = randomUUID();
    const secret = secretTextOf(randomBytes(32));
    const sealed = { tenant: undefined, secret: sealing.seal(secret) };
    await addWebhook(database.queries, { id, url, types: ['certificate.issued'], ...sealed });
    return { id, secret };
  }
  const receive = async (): Promise<Receiver> => parts.use(await startReceiver());
  const readRows = async ({ queries }: Database, id: string) =>
    (
      await sql<Row>`
        SELECT id, body, state, attempts, last_error AS error, extract(epoch FROM next_at - clock_timestamp())::float8 AS pause
        FROM platen.events WHERE webhook_id = ${id} ORDER BY seq`.execute(queries)
    ).rows;
  const untilRow = (database: Database, id: string, isWanted: (row: Row) => boolean) =>
    until(async () => (await readRows(database, id)).find(isWanted));

  test('one that fails is repeated soon, with the same bytes and id; the official library accepts each', async () => {
    const database = await open();
    const receiver = await receive();
    const { id, secret } = await register(database, receiver.url);
    receiver.answer = (res) => res.writeHead(receiver.calls.length === 1 ? 500 : 200).end('x'.repeat(1e6));
    const { tell, metrics } = start(database);
    await tell();
    // The library waits for nothing longer than this; what a slow machine adds is not its doing.
    const failed = await untilRow(database, id, ({ error }) => error !== null);
    expect(failed).toMatchObject({ state: 'waiting', attempts: 1, error: 'it answered 500' });
    expect(failed.pause).toBeLessThan(4);
    await untilRow(database, id, ({ state }) => state === 'sent');
    const [first, second] = receiver.calls;
    expect(receiver.calls).toHaveLength(2);
    expect([second?.body, second?.headers['webhook-id']]).toEqual([first?.body, failed.id]);
    expect(first?.headers['webhook-id']).toBe(failed.id);
    for (const { body, headers } of receiver.calls)
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({
        type: 'certificate.issued',
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        data: {
          certificateId: issued.certificateId,
          number: '2026-000001',
          userId: 'S1',
          courseId: 'C1',
          credentialId: 'urn:uuid:1',
          issuanceDate: '2026-03-01',
          verifyUrl: issued.verifyUrl,
        },
      });
    expect(() => new Webhook(secret).verify(`${first?.body} `, first?.headers as Record<string, string>)).toThrow();
    const { values } = await metrics.eventAttempts.get();
    expect(values.map(({ labels, value }) => [labels.outcome, value])).toEqual([
      ['failed', 1],
      ['ok', 1],
    ]);
    const delays = (await metrics.eventDelay.get()).values;
    expect(delays.filter(({ metricName }) => metricName?.endsWith('_count'))).toMatchObject([
      { labels: { kind: 'webhook' }, value: 1 },
    ]);
    // The second call comes some seconds after the first: so long has it waited.
    expect(delays.find(({ metricName }) => metricName?.endsWith('_sum'))?.value).toBeGreaterThan(1);
  });

  test('receivers that never answer, refuse connections and redirect hold up nobody, and are not followed', async () => {
    const database = await open();
    const [hung, good, elsewhere, redirecting] = [await receive(), await receive(), await receive(), await receive()];
    hung.answer = () => undefined;
    redirecting.answer = (res) => res.writeHead(307, { location: elsewhere.url }).end();
    const hooks = {
      hung: await register(database, hung.url),
      dead: await register(database, 'http://127.0.0.1:1/hook'),
      redirecting: await register(database, redirecting.url),
      good: await register(database, good.url),
    };
    const { tell } = start(database, { callMs: 600_000 });
    for (let count = 0; count < 12; count++) await tell();
    await until(() => good.calls.length === 12);
    await until(async () => (await readRows(database, hooks.good.id)).every(({ state }) => state === 'sent'));
    expect(await untilRow(database, hooks.redirecting.id, ({ error }) => error !== null)).toMatchObject({
      error: 'it answered 307',
    });
    expect((await untilRow(database, hooks.dead.id, ({ error }) => error !== null)).error).toMatch(/ECONNREFUSED/);
    expect(elsewhere.calls).toEqual([]);
    // A few, and no more.
    expect([hung.open, hung.calls.length]).toEqual([4, 4]);
    expect(new Set(good.calls.map(({ headers }) => headers['webhook-id'])).size).toBe(12);
  });

  test('one that is slow beyond its time is tried again; after the last attempt it is set aside, and redriven', async () => {
    const database = await open();
    const receiver = await receive();
    const { id } = await register(database, receiver.url);
    receiver.answer = () => undefined;
    const { tell, metrics } = start(database, { callMs: 300 });
    await tell();
    await untilRow(database, id, ({ error }) => error === 'it did not answer in time');
    // As after a day.
    await sql`UPDATE platen.events SET attempts = 10, next_at = now() WHERE webhook_id = ${id}`.execute(
      database.queries,
    );
    const parked = await untilRow(database, id, ({ state }) => state === 'parked');
    expect(parked.attempts).toBe(11);
    await until(async () => {
      const { values } = await metrics.eventAttempts.get();
      return values.some(({ labels, value }) => labels.outcome === 'parked' && value === 1);
    });
    receiver.answer = (res) => res.writeHead(200).end();
    await redriveEvent(database.queries, { tenant: undefined, id: parked.id });
    await untilRow(database, id, ({ state }) => state === 'sent');
    expect(receiver.calls.at(-1)).toMatchObject({ body: parked.body, headers: { 'webhook-id': parked.id } });
    // The same again, by its time.
    const calls = receiver.calls.length;
    const range = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 3_600_000) };
    const replayed = await replayBatch(database.queries, { tenant: undefined, ...range, after: undefined });
    expect(replayed.count).toBe(1);
    await until(() => receiver.calls.length > calls);
    expect(receiver.calls.at(-1)).toMatchObject({ body: parked.body, headers: { 'webhook-id': parked.id } });
  });

  test('names that lead inside are not called, and what does not fit its schema is set aside', async () => {
    const database = await open();
    const receiver = await receive();
    const url = receiver.url.replace('http://127.0.0.1', 'https://localhost');
    const inside = await register(database, url);
    const { tell } = start(database, { hosts: [] });
    await tell();
    expect(await untilRow(database, inside.id, ({ error }) => error !== null)).toMatchObject({
      error: 'its host leads inside',
    });
    await sql`UPDATE platen.events SET body = '{"type":"certificate.issued"}', attempts = 0, next_at = now() WHERE webhook_id = ${inside.id}`.execute(
      database.queries,
    );
    expect((await untilRow(database, inside.id, ({ state }) => state === 'parked')).error).toMatch(/schema/);
    expect([receiver.open, receiver.calls.length]).toEqual([0, 0]);
    expect(await removeWebhook(database.queries, { tenant: undefined, id: inside.id })).toBe(true);
    expect(await readRows(database, inside.id)).toEqual([]);
  });

  test('two that deliver call each receiver once for each event', async () => {
    const database = await open();
    const receiver = await receive();
    await register(database, receiver.url);
    const [one, other] = [start(database), start(database)];
    await Promise.all(Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? one : other).tell()));
    await until(() => receiver.calls.length >= 30);
    expect(new Set(receiver.calls.map(({ headers }) => headers['webhook-id'])).size).toBe(30);
    expect(receiver.calls).toHaveLength(30);
  });
});
