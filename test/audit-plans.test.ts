// No statement of the audit and of analytics reads a large table from end to end: each is planned on filled tables of PostgreSQL.

import { expect, test } from '@jest/globals';
import { addCounts, countCertificates, readCounts } from '../src/analytics/store.ts';
import { addLine, findLines } from '../src/audit/store.ts';
import { findOfLearner } from '../src/certificates/store.ts';
import { openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { thoseThatReadWhole } from './support/plans.ts';
import { createTestDatabase, describeServer } from './support/postgres.ts';
import { type Statement, watchStatements } from './support/statements.ts';

configureLog({ level: 'silent', secrets: [] });

const largeTables = ['audit', 'certificates', 'daily_counts'];

describeServer('audit and analytics on filled tables', (server) => {
  test('every statement finds its rows by an index', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    await database.execute(`
      INSERT INTO platen.audit (at, tenant, who_kind, who_id, action, target, after)
      SELECT now() - number * interval '1 minute', CASE WHEN number % 3 = 0 THEN NULL ELSE 't' || number % 3 END, 'service', 'service', 'x.y',
        'configurations/' || number % 5000, '{}' FROM generate_series(1, 100000) AS number;
      INSERT INTO platen.certificates (id, tenant, student_id, course_id, type, number, code, status, input, input_digest, s3_key, created_at, generated_at, revoked_at)
      SELECT gen_random_uuid(), '', 'S' || number, 'C' || number % 40, 't', number::text, number::text, 'available',
        jsonb_build_object('expirationDate', (date '2000-01-01' + number % 20000)::text), '', 'k',
        now() - number * interval '10 minutes', now() - number * interval '10 minutes', CASE WHEN number % 100 = 0 THEN now() - number * interval '10 minutes' END
      FROM generate_series(1, 60000) AS number;
      INSERT INTO platen.daily_counts (tenant, day, name, course_id, count)
      SELECT 't' || number % 50, date '2020-01-01' + number / 50, 'downloaded', 'C', 1 FROM generate_series(1, 60000) AS number;
      ANALYZE platen.audit, platen.certificates, platen.daily_counts`);
    const asked: Statement[] = [];
    {
      using _watching = watchStatements((statement) => asked.push(statement));
      const { queries } = database;
      const from = new Date(Date.now() - 86_400_000);
      const cursor = `${Date.now() * 1000}-500`;
      const line = { tenant: 't1', target: 'x/1', before: { secret: 'open', note: 'kept' }, after: null };
      await addLine(queries, { ...line, who: { kind: 'service', id: 'service' }, action: 'x.y' });
      for (const filter of [
        { tenant: undefined },
        { tenant: 't1' },
        { tenant: undefined, target: 'configurations/17' },
        { tenant: 't1', target: 'configurations/17', from, to: new Date() },
        { tenant: 't1', from, to: new Date(), cursor },
        { tenant: undefined, cursor },
      ])
        await findLines(queries, { ...filter, most: 51 });
      expect((await findLines(queries, { tenant: 't1', target: 'x/1', most: 1 }))[0]?.before).toEqual({
        secret: '[redacted]',
        note: 'kept',
      });
      const days = { tenant: '', from: '2026-01-01', to: '2026-01-31' };
      for (const courseId of [undefined, 'C1']) {
        await readCounts(queries, { ...days, tenant: 't1', courseId });
        await countCertificates(queries, { ...days, courseId });
      }
      await addCounts(queries, [{ tenant: '', day: '2026-01-01', name: 'hit', courseId: '', code: '', count: 1 }]);
      await findOfLearner(queries, { tenant: '', studentId: 'S17' });
    }
    const statements = asked.filter(({ text }) => /^\s*(WITH|SELECT|INSERT)\b/.test(text) && text.includes('platen.'));
    expect(statements.length).toBeGreaterThan(12);
    expect(await thoseThatReadWhole(database, statements, largeTables)).toEqual([]);
  });
});
