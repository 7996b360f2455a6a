// Durable work on both databases, without a browser: one active and one waiting task per key, cancelled, tried again, handed back, forgotten.

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { type Database, openDatabase, type Queries } from '../src/database/database.ts';
import { fail, ServiceError } from '../src/errors.ts';
import type { JobDefinition, JobRecord, JobRequest, Work } from '../src/jobs/contract.ts';
import { hasEnded } from '../src/jobs/contract.ts';
import { createJobs, type Jobs } from '../src/jobs/jobs.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { createSealing } from '../src/sealing.ts';
import { createTestDatabase, describeDatabases, type TestDatabase } from './support/postgres.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

type Data = { text: string };
type Handler = (work: Work<Data>) => Promise<Record<string, unknown>>;

const concurrency = 2;

describeDatabases('jobs', (server) => {
  let place: TestDatabase;
  let database: Database;
  let jobs: Jobs;
  let handler: Handler;
  /** Begun by the handler, in order. */
  let begun: Work<Data>[];
  const definition: JobDefinition<Data> = {
    name: 'test.work',
    data: z.object({ text: z.string() }),
    mostFailures: 3,
    mayHeal: (error) => error instanceof Error && error.message === 'may heal',
    isOwnersFault: (error) => error instanceof ServiceError && error.code === 'token_rejected',
    run: (work) => {
      begun.push(work);
      return handler(work);
    },
  };

  const startJobs = (
    more: {
      cleaningMs?: number;
      concurrency?: number;
      pollSeconds?: number;
      timeoutMs?: number;
      database?: Database;
    } = {},
  ) => {
    const sealing = createSealing(Buffer.alloc(32, 7));
    const isEmbedded = server === undefined;
    const metrics = createMetrics();
    const options = {
      metrics,
      database,
      isEmbedded,
      sealing,
      concurrency,
      timeoutMs: 60_000,
      historyDays: 14,
      ...more,
    };
    const made = createJobs(options);
    made.define(definition);
    made.start();
    return made;
  };

  beforeAll(async () => {
    place = await createTestDatabase(server);
    database = openDatabase(place);
    jobs = startJobs();
    await database.ready;
    await jobs.transaction(async () => undefined);
  });
  afterAll(async () => {
    await jobs[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });
  let gates: PromiseWithResolvers<Record<string, unknown>>[] = [];
  beforeEach(() => {
    begun = [];
    handler = async ({ data }) => ({ said: data.text });
  });
  afterEach(async () => {
    for (const gate of gates) gate.resolve({ said: 'too late' });
    gates = [];
    await until(async () => (await unended()) === 0);
  });

  /** Keeps every handler busy until it is opened, or its work is aborted. */
  const hold = () => {
    const gate = Promise.withResolvers<Record<string, unknown>>();
    gates.push(gate);
    handler = ({ signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        void gate.promise.then(resolve);
      });
    return gate;
  };
  const unended = async () => {
    const { rows } = await database.execute(`SELECT id FROM platen.tasks WHERE state <> 'ended'`);
    return rows.length;
  };
  const request = (text: string, more: Partial<JobRequest<Data>> = {}): JobRequest<Data> => ({
    data: { text },
    key: randomUUID(),
    rank: 0,
    owner: 'me',
    subject: { text },
    secret: undefined,
    ...more,
  });
  const enqueueAll = (
    requests: JobRequest<Data>[],
    { tenant = '', lane = 'lane', groupId = undefined as string | undefined, joinsActive = false } = {},
  ) => jobs.transaction((tx) => jobs.enqueue(definition, requests, { tx, tenant, lane, groupId, joinsActive }));
  const enqueue = async (text: string, more: Partial<JobRequest<Data>> = {}) =>
    (await enqueueAll([request(text, more)]))[0] ?? '';
  const find = async (id: string) => (await jobs.find(id)) as JobRecord;
  const ended = (id: string) =>
    until(async () => {
      const job = await find(id);
      return hasEnded(job.state) && job;
    });
  /** Whether a statement waits for a transaction to end. */
  const isBlocked = async () => {
    const { rows } = await database.execute(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  };
  const begins = (count: number) => until(() => begun.length >= count);
  const texts = () => begun.map(({ data }) => data.text);

  test('of one key one is active and one waits; those who come later join that one, which takes the data and secret of the newest', async () => {
    const gate = hold();
    const key = randomUUID();
    const ids = [await enqueue('first', { key, secret: 'old' })];
    await begins(1);
    for (const text of ['second', 'third', 'fourth'])
      ids.push(await enqueue(text, { key, secret: `secret of ${text}` }));
    const other = await enqueue('other');
    await begins(2);
    expect(texts()).toEqual(['first', 'other']);
    gate.resolve({ said: 'done' });
    const records = await Promise.all(ids.map(ended));
    expect(records.map(({ state, taskId }) => [state, taskId === records[1]?.taskId])).toEqual([
      ['completed', false],
      ...[1, 2, 3].map(() => ['completed', true]),
    ]);
    expect(begun.map(({ data, secret }) => [data.text, secret])).toEqual([
      ['first', 'old'],
      ['other', undefined],
      ['fourth', 'secret of fourth'],
    ]);
    expect(records[0]).toMatchObject({ attempts: 1, result: { said: 'done' }, percent: 100, stage: 'completed' });
    expect(new Set(ids).size).toBe(4);
    await ended(other);
  });

  test('jobs of a transaction that is rolled back were never there', async () => {
    const before = (await database.execute('SELECT id FROM platen.jobs')).rows.length;
    const failing = jobs.transaction(async (tx) => {
      await jobs.enqueue(definition, [request('never')], { tx, tenant: '', lane: 'lane' });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await ended(await enqueue('after'));
    expect(texts()).toEqual(['after']);
    expect((await database.execute('SELECT id FROM platen.jobs')).rows.length).toBe(before + 1);
  });

  test('cancelling detaches; the last one stops the work within 200 ms', async () => {
    hold();
    const key = randomUUID();
    const blocker = await enqueue('active', { key });
    await begins(1);
    const [one, two] = [await enqueue('waits', { key }), await enqueue('waits', { key })];
    expect(await jobs.cancel(one)).toBe('cancelled');
    expect(await jobs.cancel(one)).toBe('already_ended');
    expect(await find(one)).toMatchObject({ state: 'cancelled' });
    const [work] = begun as [Work<Data>];
    const stoppedAt = new Promise<number>((resolve) => {
      work.signal.addEventListener('abort', () => resolve(performance.now()));
    });
    const lookedAt = performance.now();
    await find(blocker);
    const cancelledAt = performance.now();
    const lookMs = cancelledAt - lookedAt;
    expect(await jobs.cancel(blocker)).toBe('cancelled');
    const tookMs = Math.round((await stoppedAt) - cancelledAt);
    process.stdout.write(
      `${server === undefined ? 'embedded' : 'PostgreSQL'}: cancelled work was stopped after ${tookMs} ms\n`,
    );
    // Where a look-up takes long, so may this.
    expect(tookMs).toBeLessThan(Math.max(200, 20 * lookMs));
    // The one that waited is begun, for the one who still wants it.
    await begins(2);
    expect((await find(two)).taskId).not.toBe((await find(blocker)).taskId);
    expect(await jobs.cancel(two)).toBe('cancelled');
    await until(async () => (await unended()) === 0);
    expect([(await find(blocker)).state, (await find(two)).state]).toEqual(['cancelled', 'cancelled']);
  });

  test('who joins a task in the moment in which its last one leaves is not cancelled with it', async () => {
    hold();
    const key = randomUUID();
    const active = await enqueue('active', { key });
    await begins(1);
    for (let round = 1; round <= 10; round++) {
      const leaving = await enqueue('leaves', { key });
      const [, joined] = await Promise.all([jobs.cancel(leaving), enqueue('joins', { key }), jobs.cancel(leaving)]);
      expect((await find(joined)).state).toBe('queued');
      const { rows } = await database.execute(
        `SELECT tasks.state FROM platen.jobs JOIN platen.tasks ON tasks.id = task_id WHERE jobs.id = $1`,
        [joined],
      );
      expect(rows).toEqual([{ state: 'waiting' }]);
      await jobs.cancel(joined);
    }
    await jobs.cancel(active);
  });

  const joinActive = async (key: string) =>
    (await enqueueAll([request('joins', { key })], { joinsActive: true }))[0] ?? '';

  test('who joins what is being done is told how far it is and how it ends, and leaves alone', async () => {
    const gate = hold();
    const key = randomUUID();
    const first = await enqueue('first', { key });
    await begins(1);
    begun[0]?.onStage('pdf_generation', 70);
    const [joined, leaving] = [await joinActive(key), await joinActive(key)];
    const { taskId, startedAt } = await find(first);
    const percentOf = async () => (await find(joined)).percent;
    await until(async () => (await percentOf()) === 70);
    const record = await find(joined);
    expect(record).toMatchObject({ state: 'active', stage: 'pdf_generation', taskId });
    // Since its work began.
    expect(record.startedAt?.getTime()).toBeLessThanOrEqual(Number(startedAt));
    expect(await jobs.cancel(leaving)).toBe('cancelled');
    expect(await jobs.cancel(first)).toBe('cancelled');
    gate.resolve({ said: 'done' });
    expect(await ended(joined)).toMatchObject({ state: 'completed', result: { said: 'done' } });
    expect(texts()).toEqual(['first']);
  });

  test('who would join what nobody wants any more, or what waits, waits', async () => {
    const gate = hold();
    // Not heard yet, or not obeyed: it goes on although nobody wants it.
    handler = () => gate.promise;
    const key = randomUUID();
    const first = await enqueue('first', { key });
    await begins(1);
    await jobs.cancel(first);
    const ids = [await joinActive(key), await joinActive(key)];
    for (const id of ids) expect((await find(id)).state).toBe('queued');
    gate.resolve({ said: 'done' });
    for (const id of ids) expect(await ended(id)).toMatchObject({ state: 'completed' });
    expect(texts()).toEqual(['first', 'joins']);
  });

  test.each([
    ['completes', 0],
    ['completes', 1],
    ['fails', 0],
    ['ends itself', 0],
  ])('who joins in the moment in which it %s is told so, where %i have joined before', async (how, before) => {
    const gate = hold();
    const key = randomUUID();
    handler = async ({ endWith }) => {
      const result = await gate.promise;
      if (how === 'fails') throw fail('render_timeout');
      if (how === 'ends itself') await database.transaction((tx) => endWith(tx, result));
      return result;
    };
    const ids = [await enqueue('first', { key })];
    await begins(1);
    for (let joined = 0; joined < before; joined++) ids.push(await joinActive(key));
    await jobs.transaction(async (tx) => {
      const options = { tx, tenant: '', lane: 'lane', joinsActive: true };
      ids.push(...(await jobs.enqueue(definition, [request('joins', { key })], options)));
      gate.resolve({ said: 'done' });
      // It ends now, as far as it can: this has not committed.
      if (server !== undefined) await until(isBlocked);
    });
    const state = how === 'fails' ? 'failed' : 'completed';
    for (const id of ids) expect(await ended(id)).toMatchObject({ state });
    expect(texts()).toEqual(['first']);
  });

  test('what is done is what the newest of the greatest rank among those who still want it has asked for', async () => {
    const gate = hold();
    const key = randomUUID();
    const active = await enqueue('active', { key });
    await begins(1);
    const ask = (text: string, rank: number) => enqueue(text, { key, rank, secret: `secret of ${text}` });
    const ids = [await ask('low', 0), await ask('high', 1), await ask('also high', 1), await ask('newest', 0)];
    const gone = await ask('has left', 2);
    await jobs.cancel(gone);
    gate.resolve({});
    for (const id of [active, ...ids]) await ended(id);
    expect(begun.slice(1).map(({ data, secret }) => [data.text, secret])).toEqual([
      ['also high', 'secret of also high'],
    ]);
    expect(await find(gone)).toMatchObject({ state: 'cancelled', result: undefined });
  });

  test('who joins a task in the moment in which it begins says what is done, and is told how it ended', async () => {
    const gate = hold();
    const key = randomUUID();
    const busy = await enqueueAll([request('busy'), request('busy')]);
    await begins(concurrency);
    const waits = await enqueue('waits', { key });
    const joins = await jobs.transaction(async (tx) => {
      const [id = ''] = await jobs.enqueue(definition, [request('joins', { key })], { tx, tenant: '', lane: 'lane' });
      // Now there is time for the one that waits: it can not begin before this has committed.
      gate.resolve({});
      await wait(server === undefined ? 0 : 500);
      return id;
    });
    for (const id of [...busy, waits, joins]) expect(await ended(id)).toMatchObject({ state: 'completed' });
    expect(texts()).toEqual(['busy', 'busy', 'joins']);
  });

  test('an attempt that failed is followed by one with the secret of those who want it then', async () => {
    const gate = hold();
    const key = randomUUID();
    const blocker = await enqueue('blocker', { key });
    await begins(1);
    const [stays, leaves] = [
      await enqueue('stays', { key, secret: 'stays' }),
      await enqueue('x', { key, secret: 'x' }),
    ];
    handler = async () => {
      if (begun.length > 2) return {};
      await jobs.cancel(leaves);
      throw new Error('may heal');
    };
    gate.resolve({});
    for (const id of [blocker, stays]) expect(await ended(id)).toMatchObject({ state: 'completed' });
    expect(begun.map(({ secret }) => secret)).toEqual([undefined, 'x', 'stays']);
  });

  test('cancelled by many at once while they begin and end, each has one end and nothing hangs', async () => {
    handler = async () => {
      await wait(2);
      return {};
    };
    const groupId = randomUUID();
    const ids = await enqueueAll(
      Array.from({ length: 60 }, (_, index) => request(`${index}`)),
      { groupId },
    );
    await Promise.all([...ids.map((id) => jobs.cancel(id)), jobs.cancelGroup(groupId), jobs.cancelGroup(groupId)]);
    const states = new Set(await Promise.all(ids.map(async (id) => (await ended(id)).state)));
    expect([...states].every((state) => state === 'completed' || state === 'cancelled')).toBe(true);
  });

  test('work begins because it was committed or another ended, not because somebody looked', async () => {
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ pollSeconds: 3600 });
    try {
      for (let count = 0; count < 15; count++) {
        await ended(await enqueue('told of'));
        // Nobody looks just now.
        await wait(count * 10);
      }
      const more = await enqueueAll(Array.from({ length: 3 * concurrency }, (_, index) => request(`${index}`)));
      for (const id of more) expect(await ended(id)).toMatchObject({ state: 'completed' });
    } finally {
      await jobs[Symbol.asyncDispose]();
      jobs = startJobs();
    }
  });

  test('what may heal is tried again after a pause, a few times; what may not fails at once', async () => {
    handler = async ({ data }) => {
      if (data.text === 'final') throw fail('forbidden', { detail: 'It stays so.' });
      if (data.text === 'heals' && texts().filter((text) => text === 'heals').length === 2) return { said: 'healed' };
      throw new Error('may heal');
    };
    const [final, heals, never] = await Promise.all([enqueue('final'), enqueue('heals'), enqueue('never')]);
    const records = await Promise.all([ended(final), ended(heals), ended(never)]);
    expect(records).toMatchObject([
      { state: 'failed', attempts: 1, error: { code: 'forbidden', detail: 'It stays so.' } },
      { state: 'completed', attempts: 2, result: { said: 'healed' }, error: undefined },
      { state: 'failed', attempts: 3, error: { code: 'internal_error' } },
    ]);
  });

  test('a task that hundreds of groups wait for is begun, handed back and ended, and each of them hears of it', async () => {
    const groupIds = Array.from({ length: 300 }, () => randomUUID());
    const heard = new Set<string>();
    const unsubscribe = jobs.subscribe((change) => {
      if (change.kind === 'state') for (const group of change.groups) heard.add(group);
    });
    const gate = hold();
    const key = randomUUID();
    await enqueue('first', { key });
    await begins(1);
    const ids: string[] = [];
    await jobs.transaction(async () => {
      for (const groupId of groupIds) ids.push(...(await enqueueAll([request('wanted', { key })], { groupId })));
    });
    handler = () => Promise.reject(new Error('may heal'));
    gate.resolve({});
    for (const id of ids) expect(await ended(id)).toMatchObject({ state: 'failed', attempts: 3 });
    await until(() => heard.size === groupIds.length);
    unsubscribe();
  });

  test('an error whose words PostgreSQL can not store ends the job all the same', async () => {
    handler = async () => {
      throw fail('page_failed', {
        detail: 'nul \0 and half a pair \ud800',
        diagnosis: { consoleErrors: ['\0\udfff'] } as object,
      });
    };
    expect(await ended(await enqueue('odd'))).toMatchObject({
      state: 'failed',
      attempts: 1,
      error: { code: 'page_failed' },
    });
  });

  test('one that waits behind another of its key is begun when that ends, however it ends', async () => {
    const endings: Record<string, Handler> = {
      completes: async () => ({}),
      fails: async () => {
        throw fail('forbidden');
      },
      heals: async () => {
        throw new Error('may heal');
      },
      stops: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    };
    for (const [name, end] of Object.entries(endings)) {
      const gate = Promise.withResolvers<void>();
      handler = async (work) => {
        if (work.data.text === 'next') return {};
        await gate.promise;
        return end(work);
      };
      const key = randomUUID();
      const count = begun.length;
      const active = await enqueue(name, { key });
      await begins(count + 1);
      const next = await enqueue('next', { key });
      gate.resolve();
      if (name === 'stops') await jobs.cancel(active);
      expect([name, (await ended(next)).state]).toEqual([name, 'completed']);
      expect(hasEnded((await ended(active)).state)).toBe(true);
    }
  });

  test('one that takes longer than a job may fails, and its work is stopped', async () => {
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ timeoutMs: 300 });
    hold();
    const record = await ended(await enqueue('slow'));
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs();
    expect(record).toMatchObject({ state: 'failed', error: { code: 'render_timeout' } });
    expect(begun[0]?.signal.aborted).toBe(true);
  });

  test('an attempt that another one has superseded ends nothing', async () => {
    const gate = hold();
    const id = await enqueue('superseded');
    await begins(1);
    const { taskId } = await find(id);
    // As another process does, which takes this one for dead.
    await database.execute('UPDATE platen.tasks SET attempt = attempt + 1 WHERE id = $1', [taskId]);
    gate.resolve({ said: 'late' });
    const isQueued = `SELECT id FROM platen_queue.job WHERE id = $1 AND state = 'active'`;
    await until(async () => (await database.execute(isQueued, [taskId])).rows.length === 0);
    expect(await find(id)).toMatchObject({ state: 'active', attempts: 2, result: undefined });
    await database.execute(`UPDATE platen.jobs SET state = 'cancelled', ended_at = now() WHERE id = $1`, [id]);
    await database.execute(`UPDATE platen.tasks SET state = 'ended', ended_at = now() WHERE id = $1`, [taskId]);
  });

  test('a small lane does not wait behind a large one, and 700 tasks are accepted at once', async () => {
    const gate = hold();
    const groupId = randomUUID();
    // Both places are taken until all are there.
    const blockers = await enqueueAll([request('blocker'), request('blocker')]);
    await begins(2);
    const startedAt = performance.now();
    await enqueueAll(
      Array.from({ length: 700 }, (_, index) => request(`large ${index}`)),
      { lane: 'large', groupId },
    );
    const tookMs = Math.round(performance.now() - startedAt);
    await enqueueAll(
      Array.from({ length: 40 }, (_, index) => request(`small ${index}`)),
      { lane: 'small' },
    );
    process.stdout.write(
      `${server === undefined ? 'embedded' : 'PostgreSQL'}: 700 tasks in one transaction ${tookMs} ms\n`,
    );
    handler = async () => ({});
    gate.resolve({});
    await Promise.all(blockers.map(ended));
    await until(() => texts().filter((text) => text.startsWith('small')).length === 40);
    const order = texts().slice(2);
    const before = order
      .slice(
        0,
        order.findLastIndex((text) => text.startsWith('small')),
      )
      .filter((text) => text.startsWith('large'));
    expect(before.length).toBeLessThanOrEqual(60);
    // The rest would take long.
    expect(await jobs.cancelGroup(groupId)).toBeGreaterThan(500);
    await until(async () => (await unended()) === 0);
    expect(new Set(texts()).size).toBe(texts().length - 1);
  });

  test('a large lane goes on while small ones come and come, and a tenant of many lanes has no more turns than one of one', async () => {
    const gate = hold();
    const blockers = await enqueueAll([request('blocker'), request('blocker')], { tenant: 'blockers' });
    await begins(2);
    const many = (text: string, count: number) => Array.from({ length: count }, () => request(text));
    await enqueueAll(many('district', 80), { tenant: 'a', lane: 'district' });
    let small = 0;
    const comeSmall = (tenant: string) =>
      enqueueAll(many(`small of ${tenant}`, 8), { tenant, lane: `small ${small++}` });
    for (const _ of [1, 2, 3]) await comeSmall('b');
    // The next one whenever one of them is begun.
    handler = async ({ data }) => {
      const isNext =
        data.text.startsWith('small') &&
        begun.length % 8 === 0 &&
        texts().filter((text) => text === 'district').length < 80;
      if (isNext) await comeSmall(small % 2 === 0 ? 'a' : 'b');
      return {};
    };
    gate.resolve({});
    await Promise.all(blockers.map(ended));
    await until(() => texts().filter((text) => text === 'district').length === 80);
    const order = texts().slice(2, texts().lastIndexOf('district'));
    const counts = Object.fromEntries([...Map.groupBy(order, (text) => text)].map(([text, all]) => [text, all.length]));
    // Of its own tenant the small ones have had as many turns at most, and the other tenant as many as both.
    expect(counts['small of a'] ?? 0).toBeLessThanOrEqual(96);
    expect(counts['small of b'] ?? 0).toBeLessThanOrEqual(192);
    await until(async () => (await unended()) === 0);
  });

  const findInDatabase = async (needle: string): Promise<string[]> => {
    const { rows } = await database.execute(
      `SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
       WHERE table_schema IN ('platen', 'platen_queue') AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')`,
    );
    const places: string[] = [];
    for (const { table_schema, table_name, column_name, data_type } of rows as Record<string, string>[]) {
      const column = `"${column_name}"`;
      const text = data_type === 'bytea' ? `encode(${column}, 'escape')` : `${column}::text`;
      const found = await database.execute(
        `SELECT 1 FROM "${table_schema}"."${table_name}" WHERE strpos(${text}, $1) > 0 LIMIT 1`,
        [needle],
      );
      if (found.rows.length > 0) places.push(`${table_schema}.${table_name}.${column_name}`);
    }
    return places;
  };

  test('a secret lies in the jobs table alone, encrypted, and nowhere when its job has ended', async () => {
    const token = (name: string) => `eyJ-${name}-${'t0ken'.repeat(8)}`;
    const gate = hold();
    const key = randomUUID();
    const active = await enqueue('active', { key, secret: token('cancelled') });
    await begins(1);
    const joined = await enqueue('joined', { key, secret: token('joined') });
    const withSecrets = async () =>
      (await database.execute('SELECT id FROM platen.jobs WHERE secret IS NOT NULL')).rows.length;
    expect(await withSecrets()).toBe(2);
    expect(await findInDatabase('"text"')).toContain('platen.jobs.data');
    for (const name of ['cancelled', 'joined']) expect(await findInDatabase(token(name))).toEqual([]);
    const left = await enqueue('left', { key, secret: token('left') });
    expect(await withSecrets()).toBe(3);
    // Others still want the task.
    await jobs.cancel(left);
    expect(await withSecrets()).toBe(2);
    await jobs.cancel(active);
    await begins(2);
    expect(await withSecrets()).toBe(1);
    expect(begun[1]?.secret).toBe(token('joined'));
    handler = async ({ data, secret }) => {
      if (data.text === 'fails') throw fail('forbidden', { detail: 'final' });
      if (begun.length < 5) throw Object.assign(new Error('may heal'), { secret });
      return {};
    };
    const ids = [
      await enqueue('fails', { secret: token('failed') }),
      await enqueue('heals', { secret: token('tried again') }),
    ];
    gate.resolve({});
    for (const id of [active, joined, ...ids]) await ended(id);
    expect(await withSecrets()).toBe(0);
    for (const name of ['cancelled', 'joined', 'left', 'failed', 'tried again'])
      expect(await findInDatabase(token(name))).toEqual([]);
  });

  test('an attempt that was handed back is begun again, also where the answer to that was lost', async () => {
    await jobs[Symbol.asyncDispose]();
    let lost = 0;
    const transaction = async <T>(work: (tx: Queries) => Promise<T>) => {
      const result = await database.transaction(work);
      if ((result as { outcome?: string } | undefined)?.outcome !== 'waits' || lost++ > 0) return result;
      throw fail('database_unavailable');
    };
    const lossy = new Proxy(database, {
      get(target, name) {
        if (name === 'transaction') return transaction;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    handler = async () => {
      if (begun.length === 1) throw new Error('may heal');
      return { said: 'healed' };
    };
    jobs = startJobs({ database: lossy });
    const record = await ended(await enqueue('handed back'));
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs();
    expect([record.state, record.attempts, lost]).toEqual(['completed', 2, 2]);
  });

  test('an attempt is handed back while what waits behind it is being cancelled: nobody is left behind', async () => {
    const key = randomUUID();
    const [fails, done] = [Promise.withResolvers<never>(), Promise.withResolvers<void>()];
    handler = () => (begun.length === 1 ? fails.promise : Promise.resolve({ said: 'done' }));
    const first = await enqueue('first', { key });
    await begins(1);
    const second = await enqueue('second', { key });
    const cancelling = database.transaction(async () => {
      await jobs.cancel(second);
      await done.promise;
    });
    await until(isHeld);
    fails.reject(new Error('may heal'));
    await wait(500);
    done.resolve();
    await cancelling;
    expect(await ended(first)).toMatchObject({ state: 'completed', attempts: 2 });
    expect((await find(second)).state).toBe('cancelled');

    /** Whether the cancelling holds the task that waits; the embedded database has one connection, which it holds. */
    async function isHeld(): Promise<boolean> {
      if (server === undefined) return true;
      const { rows } = await database.execute(
        `SELECT id FROM platen.tasks WHERE key = $1 AND state = 'waiting' FOR UPDATE SKIP LOCKED`,
        [key],
      );
      return rows.length === 0;
    }
  });

  test('an attempt that comes back late leaves the one that took its place to be stopped', async () => {
    const [gate, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    handler = async ({ signal }) => {
      signal.addEventListener('abort', () => begun[1]?.signal === signal && stopped.resolve());
      await (begun.length === 1 ? gate : stopped).promise;
      return {};
    };
    const id = await enqueue('twice');
    await begins(1);
    // As when its process had not been heard of for too long.
    const free = `UPDATE platen_queue.job SET state = 'retry', start_after = now() WHERE id = $1 AND state = 'active'`;
    await database.execute(free, [(await find(id)).taskId]);
    await begins(2);
    gate.resolve();
    // Time to end; nothing shows that it has.
    await wait(200);
    expect(await jobs.cancel(id)).toBe('cancelled');
    await stopped.promise;
  });

  test('time in which no process takes a job up is not time of its work', async () => {
    const work = async ({ signal }: Work<Data>) => {
      await wait(50);
      signal.throwIfAborted();
      return { said: 'done' };
    };
    handler = (begins) => (begun.length === 1 ? Promise.reject(new Error('may heal')) : work(begins));
    const tried = await enqueue('tried again');
    await begins(1);
    await until(async () => (await find(tried)).state === 'queued');
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ concurrency: 0 });
    const handedBack = await enqueue('handed back');
    // As after an hour in which nothing ran.
    const hour = `UPDATE platen.tasks SET started_at = started_at - interval '1 hour', idle_from = idle_from - interval '1 hour' WHERE state = 'waiting'`;
    await database.execute(hour);
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ concurrency: 1 });
    expect(await ended(tried)).toMatchObject({ state: 'completed', attempts: 2 });
    await ended(handedBack);

    begun = [];
    hold();
    const interrupted = await enqueue('interrupted');
    await begins(1);
    await jobs[Symbol.asyncDispose]();
    await database.execute(hour);
    handler = work;
    jobs = startJobs();
    expect(await ended(interrupted)).toMatchObject({ state: 'completed', attempts: 2 });
  });

  test('who joins a task that has failed before has all its tries, and all its time', async () => {
    handler = async ({ data, signal }) => {
      await wait(50);
      signal.throwIfAborted();
      if (data.text === 'first' || begun.length < 4) throw new Error('may heal');
      return { said: data.text };
    };
    /** Nobody waits here for the pauses. */
    const hurry = () => database.execute(`UPDATE platen_queue.job SET start_after = now() WHERE state = 'retry'`);
    const key = randomUUID();
    const first = await enqueue('first', { key });
    await until(async () => begun.length === 2 || !(await hurry()));
    await until(async () => (await find(first)).state === 'queued');
    const { taskId } = await find(first);
    await database.execute(`UPDATE platen.tasks SET started_at = started_at - interval '1 hour' WHERE id = $1`, [
      taskId,
    ]);
    const second = await enqueue('second', { key });
    expect((await find(second)).taskId).toBe(taskId);
    // The third attempt fails too: with the failures of the first job that would be the end.
    await until(async () => (await hurry()) && hasEnded((await find(second)).state));
    for (const id of [first, second]) expect(await ended(id)).toMatchObject({ state: 'completed', attempts: 4 });
  });

  test('what a process that stops had begun is handed back, and what it had not is left, for the next one', async () => {
    hold();
    const ids = await enqueueAll(
      [request('begun'), request('begun'), request('waits')].map((each) => ({ ...each, secret: 'kept' })),
    );
    await begins(2);
    await jobs[Symbol.asyncDispose]();
    const states = await database.execute('SELECT state FROM platen.jobs WHERE id = ANY($1)', [ids]);
    expect(states.rows).toEqual(ids.map(() => ({ state: 'queued' })));
    begun = [];
    handler = async ({ secret = '' }) => ({ secret });
    jobs = startJobs();
    for (const id of ids) expect(await ended(id)).toMatchObject({ state: 'completed', result: { secret: 'kept' } });
    const attempts = await Promise.all(ids.map(async (id) => (await find(id)).attempts));
    expect(attempts.sort()).toEqual([1, 2, 2]);
  });

  test('what waits although the queue takes it for done is given to it again', async () => {
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ concurrency: 0 });
    const [[old = ''], [fresh = '']] = [
      await enqueueAll([request('old')], { lane: 'old' }),
      await enqueueAll([request('fresh')], { lane: 'fresh' }),
    ];
    const [oldTask, freshTask] = [(await find(old)).taskId, (await find(fresh)).taskId];
    await database.execute(`UPDATE platen.tasks SET created_at = now() - interval '2 minutes' WHERE id = $1`, [
      oldTask,
    ]);
    const forget = `UPDATE platen_queue.job SET state = 'completed', completed_on = now() WHERE id = ANY($1::uuid[])`;
    await database.execute(forget, [[oldTask, freshTask]]);
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ cleaningMs: 200 });
    expect(await ended(old)).toMatchObject({ state: 'completed', attempts: 1 });
    // What is young may be on its way.
    expect((await find(fresh)).state).toBe('queued');
    await database.execute(`UPDATE platen.tasks SET created_at = now() - interval '2 minutes' WHERE id = $1`, [
      freshTask,
    ]);
    expect(await ended(fresh)).toMatchObject({ state: 'completed', attempts: 1 });
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs();
  });

  test('what is said to be under way although the queue takes it for done is given to it again', async () => {
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ concurrency: 0 });
    const lost = await enqueue('lost');
    const { taskId } = await find(lost);
    // As a process leaves it that has died after another one has had its task.
    await database.execute(
      `UPDATE platen.tasks SET state = 'active', attempt = 1, started_at = now() - interval '2 minutes' WHERE id = $1`,
      [taskId],
    );
    await database.execute(`UPDATE platen_queue.job SET state = 'completed', completed_on = now() WHERE id = $1`, [
      taskId,
    ]);
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs({ cleaningMs: 200 });
    expect(await ended(lost)).toMatchObject({ state: 'completed', attempts: 2 });
    await jobs[Symbol.asyncDispose]();
    jobs = startJobs();
  });

  test('what fails by the token of one owner ends only what would be tried with it; others are tried with theirs', async () => {
    const gate = hold();
    const key = randomUUID();
    const blocker = await enqueue('blocker', { key });
    await begins(1);
    const ask = (owner: string, secret: string) => enqueue(`${owner} ${secret}`, { key, owner, secret });
    const [mine, theirs, theirOther] = [
      await ask('me', 'good'),
      await ask('stranger', 'good too'),
      await ask('stranger', 'bad'),
    ];
    handler = async ({ secret = '' }) => {
      if (secret === 'bad') throw fail('token_rejected', { diagnosis: { consoleErrors: ['of a stranger'] } as object });
      return { secret };
    };
    gate.resolve({});
    for (const id of [blocker, mine, theirs, theirOther]) await ended(id);
    expect(await find(theirOther)).toMatchObject({
      state: 'failed',
      error: { code: 'token_rejected', diagnosis: { consoleErrors: ['of a stranger'] } },
    });
    for (const id of [mine, theirs])
      expect(await find(id)).toMatchObject({ state: 'completed', result: { secret: 'good too' }, error: undefined });
    expect(begun.map(({ secret }) => secret)).toEqual([undefined, 'bad', 'good too']);
  });

  test('one with a bad token alone fails at once; of what fails for all only the owner of the attempt has the diagnosis', async () => {
    handler = async ({ secret }) => {
      throw fail(secret === 'bad' ? 'token_rejected' : 'page_failed', { diagnosis: { httpStatus: 500 } as object });
    };
    expect(await ended(await enqueue('alone', { secret: 'bad' }))).toMatchObject({
      state: 'failed',
      attempts: 1,
      error: { code: 'token_rejected', diagnosis: { httpStatus: 500 } },
    });
    const key = randomUUID();
    const [mine, theirs] = await enqueueAll([
      request('mine', { key, owner: 'me' }),
      request('theirs', { key, owner: 'stranger' }),
    ]);
    expect((await ended(theirs ?? '')).error).toMatchObject({ code: 'page_failed', diagnosis: { httpStatus: 500 } });
    const { error } = await ended(mine ?? '');
    expect([error?.code, error?.diagnosis]).toEqual(['page_failed', undefined]);
  });

  test('a queue that was there already has the settings of this version', async () => {
    const settings = async () => {
      const { rows } = await database.execute('SELECT deletion_seconds FROM platen_queue.queue WHERE name = $1', [
        definition.name,
      ]);
      return rows;
    };
    const wanted = await settings();
    await jobs[Symbol.asyncDispose]();
    await database.execute('UPDATE platen_queue.queue SET deletion_seconds = 86400');
    jobs = startJobs();
    await jobs.transaction(async () => undefined);
    expect(await settings()).toEqual(wanted);
  });

  test('messages that nobody understands end nothing, and a forged one cancels nothing', async () => {
    const gate = hold();
    const id = await enqueue('works');
    await begins(1);
    const { taskId } = await find(id);
    const messages = [
      'hello',
      '',
      'null',
      '{"kind":"of a later version","tasks":[]}',
      '{"kind":"cancel"}',
      '{"kind":"state","tasks":["no id"],"groups":[null]}',
      JSON.stringify({ kind: 'progress', task: taskId, stage: 'unknown', percent: '100' }),
      JSON.stringify({ kind: 'cancel', tasks: [taskId] }),
    ];
    for (const message of messages) await database.execute('SELECT pg_notify($1, $2)', ['platen_changes', message]);
    // What is told after them is heard.
    const other = await enqueue('works too');
    await begins(2);
    await jobs.cancel(other);
    await until(() => begun[1]?.signal.aborted);
    expect(begun[0]?.signal.aborted).toBe(false);
    gate.resolve({ said: 'done' });
    expect(await ended(id)).toMatchObject({ state: 'completed', result: { said: 'done' } });
  });

  if (server !== undefined)
    test('a process that was frozen after a task was handed to it does not take it from the one that has it now', async () => {
      await jobs[Symbol.asyncDispose]();
      const thawed = Promise.withResolvers<void>();
      let isFrozen = true;
      const frozen = new Proxy(database, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            const isOfTask = name === 'transaction' || (name === 'execute' && String(args[0]).includes('heartbeat_on'));
            // Its last answer was that of the queue, which has handed it a task.
            if (isFrozen && isOfTask && !String(args[0]).includes('SKIP LOCKED')) await thawed.promise;
            return Reflect.apply(value, target, args);
          };
        },
      });
      const first = startJobs({ concurrency: 0 });
      await first.transaction(async () => undefined);
      await using sleeper = startJobs({ database: frozen, concurrency: 1 });
      jobs = first;
      const id = await enqueue('contested');
      const { taskId } = await find(id);
      const look = async () => {
        const { rows } = await database.execute('SELECT state FROM platen_queue.job WHERE id = $1', [taskId]);
        return (rows[0] as { state: string } | undefined)?.state;
      };
      await until(async () => (await look()) === 'active');
      const gate = hold();
      jobs = startJobs();
      await first[Symbol.asyncDispose]();
      await database.execute(`UPDATE platen_queue.job SET heartbeat_on = now() - interval '1 minute' WHERE id = $1`, [
        taskId,
      ]);
      await begins(1);
      isFrozen = false;
      thawed.resolve();
      // It has looked whether the task is its own, and does the next one.
      const next = await enqueue('next');
      const after = await enqueue('after');
      await begins(3);
      gate.resolve({ said: 'kept' });
      for (const each of [id, next, after])
        expect(await ended(each)).toMatchObject({ state: 'completed', attempts: 1, result: { said: 'kept' } });
      void sleeper;
    });

  test('what ended long ago is forgotten: jobs, their tasks, and class runs without jobs; nothing else is', async () => {
    const [old, recent] = [randomUUID(), randomUUID()];
    const oldOnes = await enqueueAll(
      Array.from({ length: 230 }, () => request('old')),
      { groupId: old },
    );
    const kept = await enqueueAll([request('recent')], { groupId: recent });
    for (const id of kept) await ended(id);
    await until(async () => (await unended()) === 0);
    hold();
    const [waiting = ''] = await enqueueAll([request('still wanted')]);
    await begins(1);
    // When they have jobs: one without would be gone at once.
    for (const run of [old, recent])
      await database.execute(
        `INSERT INTO platen.class_runs (id, origin, class_id, test_id, request_digest, total, created_at)
         VALUES ($1, '', '', '', '', 1, now() - interval '20 days')`,
        [run],
      );
    for (const table of ['tasks', 'jobs'])
      await database.execute(
        `UPDATE platen.${table} SET created_at = now() - interval '30 days',
           ended_at = CASE WHEN ended_at IS NULL THEN NULL ELSE now() - interval '15 days' END
         WHERE ${table === 'jobs' ? 'id' : 'id IN (SELECT task_id FROM platen.jobs WHERE id'} = ANY($1)${table === 'jobs' ? '' : ')'}`,
        [[...oldOnes, waiting]],
      );
    await using cleaner = startJobs({ cleaningMs: 50, concurrency: 1 });
    await cleaner.transaction(async () => undefined);
    const count = async (table: string, ids: string[]) =>
      (await database.execute(`SELECT id FROM platen.${table} WHERE id = ANY($1)`, [ids])).rows.length;
    await until(async () => (await count('class_runs', [old])) === 0);
    expect(await count('jobs', oldOnes)).toBe(0);
    expect(await count('jobs', [...kept, waiting])).toBe(2);
    expect(await count('class_runs', [recent])).toBe(1);
    const orphans = await database.execute(
      `SELECT id FROM platen.tasks WHERE state = 'ended' AND NOT EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id) AND created_at < now() - interval '20 days'`,
    );
    expect(orphans.rows).toEqual([]);
  });

  test('runs of configurations that ended long ago are forgotten with their items, however many; others stay', async () => {
    const [old, recent, underWay] = [randomUUID(), randomUUID(), randomUUID()];
    const add = async (id: string, state: string, endedAt: string) => {
      await database.execute(
        `INSERT INTO platen.runs (id, tenant, configuration_id, is_dry_run, state, plan, created_at, ended_at)
         VALUES ($1, '', gen_random_uuid(), false, $2, '{}', now() - interval '40 days', ${endedAt})`,
        [id, state],
      );
      await database.execute(
        `INSERT INTO platen.run_items (run_id, student_id, is_eligible, criteria, learner, outcome)
         SELECT $1, 'S' || number, true, '[]', '{}', 'issued' FROM generate_series(1, 2500) AS number`,
        [id],
      );
    };
    await add(old, 'completed', `now() - interval '15 days'`);
    await add(recent, 'completed', `now() - interval '13 days'`);
    await add(underWay, 'active', 'NULL');
    await using cleaner = startJobs({ cleaningMs: 50, concurrency: 1 });
    await cleaner.transaction(async () => undefined);
    const left = async () => {
      const { rows } = await database.execute(`SELECT id FROM platen.runs WHERE id = ANY($1)`, [
        [old, recent, underWay],
      ]);
      return rows.map((row) => String((row as { id: string }).id)).toSorted();
    };
    await until(async () => !(await left()).includes(old));
    expect(await left()).toEqual([recent, underWay].toSorted());
    const { rows } = await database.execute(
      `SELECT run_id AS id, count(*)::integer AS items FROM platen.run_items WHERE run_id = ANY($1) GROUP BY run_id ORDER BY run_id`,
      [[old, recent, underWay]],
    );
    expect(rows).toEqual([recent, underWay].toSorted().map((id) => ({ id, items: 2500 })));
  });
});
