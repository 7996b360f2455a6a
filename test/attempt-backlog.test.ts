// What is still to be decided by attempts, and what came of it: nothing that comes in between is lost, and nobody is asked for all the time.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createPassingRetriever } from '../src/attempts/passing-retriever.ts';
import type { Database } from '../src/database/database.ts';
import { openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import type { Backlog, DecisionEnd } from '../src/plugins/plugins.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';

configureLog({ level: 'silent', secrets: [] });

describeDatabases('a backlog', (server) => {
  const parts = new AsyncDisposableStack();
  let database: Database;
  let backlog: Backlog;
  beforeAll(async () => {
    database = parts.use(openDatabase(parts.use(await createTestDatabase(server))));
    await database.ready;
    backlog = createPassingRetriever(database).backlog as Backlog;
  });
  afterAll(() => parts.disposeAsync());
  beforeEach(() => database.execute('TRUNCATE platen.attempts'));

  const add = (percent: number, more: Record<string, unknown> = {}) => {
    const row = { test_id: 'T1', is_passing: true, updated_at: '2026-03-01T00:00:00Z', ...more };
    return database.execute(
      `INSERT INTO platen.attempts (tenant, raw, digest, state, source_id, student_id, course_id, course_name, score, max_score, percent, completed_at, given,
         test_id, is_passing, updated_at)
       VALUES ('', '{}', $1, 'processed', $1, 'S1', 'C1', 'Course', $2, 100, $2, now(), '{}', $3, $4, $5)`,
      [randomUUID(), percent, row.test_id, row.is_passing, row.updated_at],
    );
  };
  const rows = async () => {
    const { rows: found } = await database.execute(
      'SELECT percent, state, decided_at IS NOT NULL AS decided, tries, last_error AS error, certificate_id AS certificate FROM platen.attempts ORDER BY percent',
    );
    return found;
  };
  const isDue = (options = {}) => backlog.isDue(database.queries, { tenant: '', options });
  const settle = (end: Partial<DecisionEnd>, options = {}) =>
    backlog.settle(database.queries, {
      tenant: '',
      options,
      ends: [{ studentId: 'S1', courseId: 'C1', isEligible: true, ...end }],
    });

  test('the best attempt knows the certificate, and nothing more is to be done', async () => {
    await add(60);
    await add(80);
    expect(await isDue()).toBe(true);
    const certificateId = randomUUID();
    expect(await settle({ certificateId })).toEqual([]);
    const decided = { state: 'processed', decided: true, tries: 0, error: null };
    expect(await rows()).toEqual([
      { ...decided, percent: 60, certificate: null },
      { ...decided, percent: 80, certificate: certificateId },
    ]);
    expect(await isDue()).toBe(false);
  });

  test('what is enough and has come while others were decided not to be, is decided next', async () => {
    await add(60);
    await add(90);
    await settle({ isEligible: false }, { minimumPercent: 80 });
    expect(await rows()).toMatchObject([{ decided: true }, { decided: false }]);
    expect(await isDue({ minimumPercent: 80 })).toBe(true);
  });

  test('what was not enough is decided anew by other options, also where it was decided by the old ones after they had changed', async () => {
    await add(60, { test_id: 'T2' });
    const old = { minimumPercent: 80 };
    await settle({ isEligible: false }, old);
    expect(await isDue(old)).toBe(false);
    expect(await isDue({})).toBe(true);
    await settle({ isEligible: false }, old);
    expect(await isDue({ templateId: 'modern-certificate', ...old })).toBe(false);
    expect(await isDue({ testIds: ['T1'] })).toBe(true);
    await settle({ isEligible: false }, { testIds: ['T1'] });
    expect(await isDue({ testIds: ['T1'] })).toBe(false);
  });

  test('what can not be decided is put off, from 10 s to an hour; who is not found for a day is parked', async () => {
    await add(60);
    const pause = async () => {
      const { rows: found } = await database.execute(
        'SELECT extract(epoch FROM next_try_at - now())::float8 AS seconds FROM platen.attempts',
      );
      return Number((found[0] as { seconds: number }).seconds);
    };
    const code = 'learner_unavailable';
    for (const seconds of [10, 20, 40]) {
      await settle({ code });
      expect(Math.abs((await pause()) - seconds)).toBeLessThan(5);
    }
    expect(await isDue()).toBe(false);
    for (let tries = 3; tries < 12; tries++) await settle({ code });
    expect(Math.abs((await pause()) - 3600)).toBeLessThan(5);
    // A better one that has just come does not begin from the first pause.
    await add(70);
    expect(await isDue()).toBe(true);
    await settle({ code: 'learner_not_found' });
    expect(await rows()).toMatchObject([
      { state: 'waiting', tries: 13, error: 'learner_not_found' },
      { state: 'waiting', tries: 13 },
    ]);
    await database.execute(`UPDATE platen.attempts SET missing_since = missing_since - interval '25 hours'`);
    await settle({ code: 'learner_not_found' });
    expect(await rows()).toMatchObject([{ state: 'parked' }, { state: 'parked' }]);
    expect(await isDue()).toBe(false);
    const certificateId = randomUUID();
    await settle({ certificateId });
    expect(await rows()).toMatchObject([{ state: 'processed' }, { state: 'processed', certificate: certificateId }]);
  });

  test('a certificate whose attempt has ceased to pass while it was made is told, and is known to it', async () => {
    await add(20, { is_passing: false });
    await add(30, { is_passing: false, updated_at: '2026-03-02T00:00:00Z' });
    const certificateId = randomUUID();
    expect(await settle({ certificateId })).toEqual([certificateId]);
    expect(await rows()).toMatchObject([{ certificate: null }, { certificate: certificateId }]);
    expect(await settle({ certificateId })).toEqual([]);
  });
});
