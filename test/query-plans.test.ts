// No statement of jobs, class runs, events, rate limits and removals reads a large table from end to end: each is planned and run on filled tables of PostgreSQL.

import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { z } from 'zod';
import { addRun, findItems, findKnownRun, findOwner, findRun, findRuns, holdEnded } from '../src/class-runs/store.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { fail } from '../src/errors.ts';
import { giveBack, markDelivered, markUndelivered } from '../src/events/claims.ts';
import type { WaitingEvent } from '../src/events/contract.ts';
import {
  addMail,
  type ClaimedMail,
  claimMails,
  endLink,
  endLinksOf,
  findLink,
  forgetLinks,
} from '../src/events/mail-store.ts';
import { addEvent, giveLeaseBack, markFailed, markSent, readDue, takeLease } from '../src/events/outbox.ts';
import { countEvents, findEvents, forgetSent, redriveEvent, replayBatch } from '../src/events/records.ts';
import {
  addForWebhooks,
  addWebhook,
  claimDue,
  type Delivery,
  findWebhooks,
  removeWebhook,
} from '../src/events/webhook-store.ts';
import type { Endpoint } from '../src/http/contract.ts';
import { serviceOwner } from '../src/identity/contract.ts';
import { hasEnded, type JobDefinition, type JobRequest } from '../src/jobs/contract.ts';
import { deadLetterEndpoints } from '../src/jobs/dead-letters.ts';
import { createFollowing } from '../src/jobs/following.ts';
import { createJobs, type Jobs } from '../src/jobs/jobs.ts';
import { createTickets } from '../src/jobs/tickets.ts';
import { announceWorker, watchWorkers } from '../src/jobs/workers.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createRateLimiter } from '../src/rate-limiter.ts';
import { Revisions } from '../src/reports/revisions.ts';
import { createSealing } from '../src/sealing.ts';
import { addPast } from './support/ended-jobs.ts';
import { createTestDatabase, describeServer, type TestDatabase } from './support/postgres.ts';
import { connectTo } from './support/postgres-database.ts';
import { type Statement, watchStatements } from './support/statements.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

/** Each large table of ours fills thousands of blocks. */
const endedJobs = 60_000;
/** Blocks that a statement may look at: index pages of a few hundred rows, and far from all of a large table. */
const mostBlocks = 1000;
const largeTables = [
  'jobs',
  'tasks',
  'class_runs',
  'rate_limits',
  'tickets',
  'removals',
  'job_common',
  'events',
  'mail_links',
];

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: Plan[];
}

const plain = (text: string) => text.replaceAll(/--.*$/gm, ' ').replaceAll(/\s+/g, ' ').trim();

/** The beginnings of all statements that are written in these files, up to their first value. */
function writtenStatements(): string[] {
  const files = ['src/rate-limiter.ts', 'src/reports/revisions.ts'];
  for (const folder of ['src/jobs', 'src/class-runs', 'src/events'])
    files.push(...readdirSync(folder).map((name) => `${folder}/${name}`));
  return files.flatMap((file) => {
    const source = readFileSync(file, 'utf8').replaceAll(/\$\{schema\}/g, 'platen_queue');
    const raw = source.matchAll(/sql(?:<[^`]*>)?`\s*((?:WITH|SELECT|INSERT|UPDATE|DELETE)\b[^`$]*)/g);
    const lent = source.matchAll(/execute\(\s*`\s*((?:WITH|SELECT|INSERT|UPDATE|DELETE)\b[^`$]*)/g);
    return [...raw, ...lent].map(([, beginning = '']) => plain(beginning)).filter(({ length }) => length > 20);
  });
}

const isPlanned = ({ text }: Statement) =>
  /^\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b/.test(text) && text.includes('platen');

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

describeServer('statements on filled tables', (server) => {
  let place: TestDatabase;
  let database: Database;
  let client: pg.Client & AsyncDisposable;
  const definition: JobDefinition<{ text: string }> = {
    name: 'test.work',
    data: z.object({ text: z.string() }),
    mostFailures: 2,
    mayHeal: (error) => error instanceof Error && error.message === 'may heal',
    isOwnersFault: (error) => (error as { code?: string }).code === 'token_rejected',
    async run({ data, signal, onStage }) {
      onStage('pdf_generation', 50);
      if (data.text === 'held') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (data.text === 'fails') throw fail('page_failed');
      if (data.text === 'refused') throw fail('token_rejected');
      if (data.text === 'heals') throw new Error('may heal');
      await new Promise((resolve) => setTimeout(resolve, 700));
      return {};
    },
  };
  const startJobs = (concurrency: number): Jobs => {
    const sealing = createSealing(Buffer.alloc(32));
    const options = { isEmbedded: false, sealing, timeoutMs: 60_000, historyDays: 14, metrics: createMetrics() };
    const jobs = createJobs({ ...options, database, concurrency, cleaningMs: 500, pollSeconds: 1 });
    jobs.define(definition);
    jobs.start();
    return jobs;
  };

  beforeAll(async () => {
    place = await createTestDatabase(server);
    database = openDatabase(place);
    client = await connectTo(place.url ?? '');
    await using jobs = startJobs(0);
    await database.ready;
    await jobs.transaction(async () => undefined);
    await addPast(client, { jobs: endedJobs, days: 13, name: definition.name });
    const fill = (table: string, values: string) =>
      client.query(
        `INSERT INTO platen.${table} SELECT ${values} FROM generate_series(1, 60000) AS number; ANALYZE platen.${table.split(' ')[0]}`,
      );
    // Few of them are old enough to go.
    const later = `now() + (number - 500) * interval '1 second'`;
    await fill('rate_limits', `'event streams', 'caller ' || number, ARRAY[now()], ${later}`);
    await fill('tickets', `sha256(number::text::bytea), 'owner', 'opens', ${later}`);
    const states = `(ARRAY['sent', 'sent', 'waiting', 'parked'])[number % 4 + 1]`;
    const mailedId = `('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid`;
    const times = `now() - (number - 500) * interval '1 minute'`;
    await client.query(
      `INSERT INTO platen.webhooks (id, url, types, secret) SELECT '00000000-0000-4000-8000-000000000001', 'https://hook.example/y', '{}', ''`,
    );
    await fill(
      'events (id, type, key, body, state, created_at, sent_at, next_at, tenant)',
      `gen_random_uuid(), 'certificate.issued', 'k' || number % 100, repeat('x', 400), ${states}, ${times}, ${times}, now(), CASE number % 2000 WHEN 0 THEN 'few' ELSE 'T' END`,
    );
    await fill(
      'events (id, kind, webhook_id, type, key, body, state, created_at, sent_at, next_at, tenant)',
      `gen_random_uuid(), 'webhook', '00000000-0000-4000-8000-000000000001', 'report.failed', 'k', repeat('x', 400), ${states}, ${times}, ${times}, now() + interval '1 day', 'T'`,
    );
    await client.query(
      `INSERT INTO platen.certificates (id, tenant, student_id, course_id, type, number, code, input, input_digest, s3_key)
       SELECT ${mailedId}, 'T', 'S' || number, 'C', 't', number, number, '{}', '', 'k' FROM generate_series(1, 60000) AS number`,
    );
    await fill(
      'mail_links (id, digest, certificate_id, tenant, expires_at)',
      `${mailedId}, number, ${mailedId}, 'T', ${later} - interval '90 days'`,
    );
    await fill(
      'events (id, kind, link_id, sealed, type, key, body, state, created_at, sent_at, next_at, due_at, tenant)',
      `gen_random_uuid(), 'mail', ${mailedId}, '', 'certificate.expires', 'k', repeat('x', 400), ${states}, ${times}, ${times}, now() + interval '1 day', now() + interval '1 day', 'T'`,
    );
    // As the server does by itself now and then.
    await client.query('VACUUM platen.events');
    // Old enough to go.
    await client.query(
      `INSERT INTO platen.runs (id, tenant, configuration_id, is_dry_run, state, plan, ended_at)
       SELECT gen_random_uuid(), '', gen_random_uuid(), false, 'completed', '{}', now() - interval '20 days'`,
    );
    await fill(
      'removals',
      `'reports/C' || number || '/', '', number, now() - interval '2 days' + (number - 500) * interval '1 second'`,
    );
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  const request = (text: string, more: Partial<JobRequest<{ text: string }>> = {}) => ({
    data: { text },
    key: randomUUID(),
    rank: 0,
    owner: 'me',
    subject: { text },
    secret: undefined,
    ...more,
  });

  /** All that is done with jobs in the life of some. */
  async function useJobs(jobs: Jobs): Promise<void> {
    const groupId = randomUUID();
    const run = {
      id: groupId,
      origin: 'https://o.example',
      classId: 'C1',
      testId: '1',
      total: 3,
      idempotencyKey: 'key',
      digest: 'd',
    };
    const enqueue = (texts: string[], more: object = {}, group?: string) =>
      jobs.transaction((tx) =>
        jobs.enqueue(
          definition,
          texts.map((text) => request(text, more)),
          { tx, tenant: 'tenant', lane: texts[0] ?? '', groupId: group },
        ),
      );
    const ended = (ids: string[]) =>
      until(async () =>
        (await Promise.all(ids.map((id) => jobs.find(id)))).every((job) => job !== undefined && hasEnded(job.state)),
      );
    await findKnownRun(database.queries, run);
    await jobs.transaction((tx) => addRun(tx, run));
    const ids = await enqueue(['works', 'fails', 'heals', 'refused'], {}, groupId);
    await ended(ids);
    await findRun(database.queries, groupId);
    await findOwner(database.queries, groupId);
    await holdEnded(database.queries, groupId);
    const newest = await findRuns(database.queries, { classId: undefined, cursor: undefined, most: 201 });
    const cursor = newest.at(-1)?.id;
    await findRuns(database.queries, { classId: run.classId, cursor: undefined, most: 201 });
    await findRuns(database.queries, { classId: undefined, cursor, most: 201 });
    await findRuns(database.queries, { classId: run.classId, cursor, most: 201 });
    await findItems(database.queries, groupId, { limit: 10, offset: 0, state: undefined });
    await findItems(database.queries, groupId, { limit: 10, offset: 0, state: 'failed' });
    await jobs.retry(ids[1] ?? '');
    await ended(ids);
    await jobs.retryGroup(groupId, () => undefined);
    await ended(ids);
    // One that has a successor, one that joins it, one that waits behind it, one that is cancelled by its group.
    const key = randomUUID();
    const held = await enqueue(['held'], { key });
    await until(async () => (await jobs.find(held[0] ?? ''))?.state === 'active');
    const joined = await jobs.transaction((tx) =>
      jobs.enqueue(definition, [request('held', { key })], { tx, tenant: 'tenant', lane: 'held', joinsActive: true }),
    );
    const behind = await enqueue(['works'], { key });
    await jobs.cancel(held[0] ?? '');
    await jobs.cancel(joined[0] ?? '');
    await ended([...held, ...joined, ...behind]);
    const grouped = await enqueue(['held', 'held', 'held', 'held'], {}, randomUUID());
    // One that the queue has lost.
    const lost = await enqueue(['works']);
    const { taskId } = (await jobs.find(lost[0] ?? '')) ?? {};
    await client.query(`UPDATE platen.tasks SET created_at = now() - interval '1 hour' WHERE id = $1`, [taskId]);
    await client.query(`UPDATE platen_queue.job SET state = 'completed' WHERE name = 'test.work' AND id = $1`, [
      taskId,
    ]);
    await until(async () => {
      const { rows } = await client.query(`SELECT state FROM platen_queue.job WHERE name = 'test.work' AND id = $1`, [
        taskId,
      ]);
      return rows[0]?.state === 'created';
    });
    const { groupId: group = '' } = (await jobs.find(grouped[0] ?? '')) ?? {};
    await jobs.cancelGroup(group);
    await ended([...grouped, ...lost]);
    const following = createFollowing(jobs);
    using _ = await following.follow(ids[0] ?? '');
    await jobs.measure();
    await using _worker = announceWorker({ database });
    await watchWorkers({ database })();
  }

  /** All that is done with events in the life of some. */
  async function useEvents(): Promise<void> {
    const { queries } = database;
    const hook = { id: randomUUID(), url: 'https://hook.example/x', types: ['report.failed' as const] };
    await addWebhook(queries, { ...hook, tenant: undefined, secret: Buffer.alloc(1) });
    await findWebhooks(queries, { tenant: 'T', cursor: hook.id, most: 51 });
    const told = { type: 'report.failed', tenant: 'T', key: 'k' } as const;
    await addEvent(queries, { ...told, body: {} });
    for (let each = 0; each < 3; each++) await addForWebhooks(queries, { ...told, data: {} as never });
    await takeLease(queries, { name: 'test', holder: hook.id, seconds: 1 });
    await giveLeaseBack(queries, { name: 'test', holder: hook.id });
    const [first] = await readDue(queries);
    await markSent(queries, first === undefined ? [] : [first]);
    await markFailed(queries, first as WaitingEvent, { error: 'no', mostAttempts: 3 });
    const busy = new Map([[hook.id, 1]]);
    const [one, other, third] = (await claimDue(queries, { busy, most: 4, claimSeconds: 1 })) as [
      Delivery,
      Delivery,
      Delivery,
    ];
    await markDelivered(queries, one);
    await markUndelivered(queries, other, { error: 'no', pauseSeconds: undefined });
    await giveBack(queries, third);
    const all = { tenant: undefined, from: undefined, to: undefined, state: undefined, cursor: undefined, most: 51 };
    const [newest] = await findEvents(queries, all);
    const cursor = newest?.place;
    const past = { from: new Date(Date.now() - 2 * 86_400_000), to: new Date(Date.now() - 2 * 86_400_000 + 3_600_000) };
    for (const tenant of [undefined, 'T', 'few'])
      for (const state of [undefined, 'waiting', 'parked', 'sent'] as const) {
        await findEvents(queries, { ...all, tenant, state, cursor });
        await findEvents(queries, { ...all, ...past, tenant, state });
      }
    await redriveEvent(queries, { tenant: 'T', id: other.id });
    const { last } = await replayBatch(queries, { tenant: 'T', ...past, after: undefined });
    await replayBatch(queries, { tenant: undefined, ...past, after: last });
    await forgetSent(queries, 90);
    await useMails();
    await countEvents(queries);
    await removeWebhook(queries, { tenant: undefined, id: hook.id });
  }

  async function useMails(): Promise<void> {
    const { queries } = database;
    const certificateId = '00000000-0000-4000-8000-000000001000';
    const mail = {
      type: 'certificate.issued',
      tenant: 'T',
      key: 'k',
      sealed: Buffer.alloc(1),
      dueAt: undefined,
    } as const;
    for (let each = 0; each < 3; each++)
      await addMail(queries, { ...mail, certificateId, linkId: randomUUID(), code: `code ${each}` });
    const [claimed] = (await claimMails(queries, { places: 2, claimSeconds: 1 })) as [ClaimedMail];
    await findLink(queries, 'code 1');
    await endLink(queries, { tenant: 'T', id: claimed.linkId });
    await endLink(queries, { tenant: undefined, id: claimed.linkId });
    await endLinksOf(queries, certificateId);
    await forgetLinks(queries, 90);
  }

  async function list(jobs: Jobs, query: object): Promise<void> {
    const [endpoint] = deadLetterEndpoints({ jobs, tenantOf: () => '' }) as [Endpoint];
    const res = { set: () => res, json: () => res };
    await endpoint.handle({ owner: serviceOwner, query: { limit: 100, ...query }, res } as never);
  }

  /** Run again, and undone; but for what is added, which is there already. */
  async function explain({ text, values }: Statement): Promise<Plan> {
    const options = /^\s*INSERT|INSERT INTO platen\.mail_links/.test(text)
      ? 'FORMAT JSON'
      : 'ANALYZE, BUFFERS, FORMAT JSON';
    await client.query('BEGIN');
    try {
      const { rows } = await client.query(`EXPLAIN (${options}) ${text}`, values);
      return rows[0]['QUERY PLAN'][0].Plan;
    } finally {
      await client.query('ROLLBACK');
    }
  }

  test('none reads a large table from end to end', async () => {
    /** One of each. */
    const recorded = new Map<string, Statement>();
    const watching = watchStatements((statement) => recorded.set(statement.text, statement));
    await using jobs = startJobs(2);
    await useJobs(jobs);
    for (const state of ['queued', 'completed', 'failed', 'cancelled']) await list(jobs, { state });
    await list(jobs, { state: 'failed', code: 'rare_code', cursor: '50000' });
    const tickets = createTickets(database);
    const { ticket } = await tickets.issue('me', randomUUID());
    await tickets.redeem(ticket, randomUUID());
    await createRateLimiter({ database, name: 'event streams', limit: 10, windowSeconds: 60 }).take('me');
    await useEvents();
    const revisions = new Revisions(database);
    await revisions.recordRemoval('reports/C1/', []);
    await revisions.recordErasure('reports/', '/students/S1.pdf');
    await revisions.isRemoved('reports/C1/Test_1/overall.pdf', 1n);
    const seen = () => [...recorded.values()].map(({ text }) => plain(text));
    const written = writtenStatements();
    expect(written.length).toBeGreaterThan(25);
    // What is looked for now and then has been by then.
    const missing = () => written.filter((beginning) => !seen().some((text) => text.includes(beginning)));
    await until(() => missing().length === 0).catch(() => undefined);
    watching[Symbol.dispose]();
    expect(missing()).toEqual([]);
    // Of what was just written too: an index alone answers only for pages that are seen by all.
    await client.query('VACUUM ANALYZE');
    const faults: string[] = [];
    for (const statement of [...recorded.values()].filter(isPlanned)) {
      const plan = await explain(statement);
      const scans = nodesOf(plan).filter(
        (node) => node['Node Type'] === 'Seq Scan' && largeTables.includes(node['Relation Name'] ?? ''),
      );
      const blocks = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
      if (scans.length > 0) faults.push(`reads ${scans[0]?.['Relation Name']} whole: ${plain(statement.text)}`);
      else if (blocks > mostBlocks) faults.push(`reads ${blocks} blocks: ${plain(statement.text)}`);
    }
    expect(faults).toEqual([]);
  });
});
