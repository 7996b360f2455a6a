// No statement of attempts and of their turns reads a large table from end to end: each is planned on filled tables of PostgreSQL.

import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import {
  findUndecided,
  findUnfounded,
  isAnyDue,
  markCertified,
  markPassedOver,
  putOff,
  reopenOthers,
} from '../src/attempts/backlog-store.ts';
import { findBest } from '../src/attempts/best-store.ts';
import { keepItem } from '../src/attempts/item.ts';
import { beginAgain, findAttempts, findKnown, keepItems, takeNew } from '../src/attempts/store.ts';
import { findHolders } from '../src/certificates/holders.ts';
import { openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { thoseThatReadWhole } from './support/plans.ts';
import { createTestDatabase, describeServer } from './support/postgres.ts';
import { type Statement, watchStatements } from './support/statements.ts';

configureLog({ level: 'silent', secrets: [] });

describeServer('attempts on filled tables', (server) => {
  test('every statement finds its rows by an index', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    await database.execute(`
      INSERT INTO platen.attempts (tenant, raw, digest, state, source_id, student_id, course_id, course_name, score, max_score, percent, is_passing,
        completed_at, given, decided_at)
      SELECT '', '{}', number::text, 'processed', number::text, 'S' || number % 20000, 'C' || number % 40, 'Course', 9, 10, 90, number % 2 = 0,
        now(), '{}', CASE WHEN number % 1000 = 0 THEN NULL ELSE now() END FROM generate_series(1, 60000) AS number;
      ANALYZE platen.attempts`);
    const best = { studentId: 'S2', courseId: 'C2' };
    const end = { ...best, isEligible: true };
    const asked: Statement[] = [];
    {
      using _watching = watchStatements((statement) => asked.push(statement));
      const { queries } = database;
      const page = { after: best, most: 500 };
      for (const filter of [
        {},
        { courseId: 'C2' },
        { courseId: 'C2', studentId: 'S2' },
        { studentId: 'S2' },
        { courseId: 'C2', testIds: ['T1'] },
      ])
        for (const isTried of [false, true]) await findBest(queries, { tenant: '', isTried, ...filter }, page);
      for (const testIds of [undefined, ['T1']]) {
        const told = { tenant: '', testIds };
        await findUndecided(queries, told, page);
        await markPassedOver(queries, { ...told, minimumPercent: 50, optionsId: 'x' }, [end]);
        await markCertified(queries, told, [{ ...end, certificateId: randomUUID() }]);
      }
      await findUnfounded(queries, '', [{ ...end, certificateId: randomUUID() }]);
      await isAnyDue(queries, '');
      await reopenOthers(queries, { tenant: '', optionsId: 'x' });
      await putOff(queries, '', [{ ...end, code: 'learner_not_found' }]);
      await keepItems(queries, '', [keepItem({ id: 1 })]);
      await database.transaction((tx) => takeNew(tx, 500));
      await findKnown(queries, [{ tenant: '', sourceId: '17' }]);
      const list = {
        tenant: '',
        state: undefined,
        studentId: undefined,
        courseId: undefined,
        cursor: '50000',
        most: 51,
      };
      await findAttempts(queries, list);
      await findAttempts(queries, { ...list, state: 'parked' });
      await findAttempts(queries, { ...list, studentId: 'S2' });
      await findAttempts(queries, { ...list, courseId: 'C2' });
      await beginAgain(queries, { tenant: '', id: randomUUID() });
      await findHolders(queries, { tenant: '', type: 'course-completion', runId: randomUUID() }, [best]);
    }
    const statements = asked.filter(
      ({ text }) => /^\s*(WITH|SELECT|INSERT|UPDATE)\b/.test(text) && text.includes('platen.attempts'),
    );
    expect(statements.length).toBeGreaterThan(14);
    expect(await thoseThatReadWhole(database, statements, ['attempts'])).toEqual([]);
  });
});
