// A clock that was ahead for a while, and is put back: what was to be due then is due as its schedule says.

import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import {
  addConfiguration,
  findConfiguration,
  type NewConfiguration,
} from '../src/configurations/configuration-store.ts';
import { correctDue, dueAfter } from '../src/configurations/due.ts';
import { addType } from '../src/configurations/type-store.ts';
import { openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';

configureLog({ level: 'silent', secrets: [] });

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;
const usual = {
  tenant: '',
  type: 'any',
  options: {},
  mail: false,
  validForDays: null,
  remindDaysBefore: null,
  timeZone: 'UTC',
  opensAt: null,
  closesAt: null,
  isEnabled: true,
};

describeDatabases('due times', (server) => {
  test('that a clock has put years ahead are put right; all others stay', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    const now = Date.now();
    const ahead = new Date(now + 10 * yearMs);
    const add = async (configuration: Pick<NewConfiguration, 'schedule'> & Partial<NewConfiguration>) => {
      const id = randomUUID();
      const context = { kind: 'course', id, name: 'Algebra I' } as const;
      const whole = { ...usual, scheduledFrom: new Date(now), nextDueAt: null, ...configuration, id, context };
      await database.transaction((tx) => addConfiguration(tx, whole));
      return id;
    };
    const type = { tenant: '', name: 'any', retriever: 'passing-attempts', generator: 'template', options: {} };
    await database.transaction((tx) => addType(tx, type));
    const [daily, weekly] = [{ everySeconds: 86_400 }, { cron: '0 3 * * 1' }];
    const wrong = [
      await add({ schedule: daily, nextDueAt: ahead }),
      // Switched on by the clock that was ahead.
      await add({ schedule: daily, scheduledFrom: ahead, nextDueAt: new Date(ahead.getTime() + dayMs) }),
      await add({ schedule: weekly, nextDueAt: ahead }),
    ];
    const opensAt = new Date(now + yearMs);
    const right = await Promise.all(
      [
        { schedule: daily },
        { schedule: weekly },
        { schedule: { at: ahead.toISOString() } },
        { schedule: daily, opensAt },
        { schedule: daily, isEnabled: false },
      ].map(async (each) => {
        const nextDueAt = dueAfter(
          { ...usual, scheduledFrom: new Date(now), ...each } as NewConfiguration,
          new Date(now),
        );
        return { id: await add({ ...each, nextDueAt }), nextDueAt };
      }),
    );
    // Due already, and nobody has looked yet.
    const due = await add({ schedule: daily, nextDueAt: new Date(now - 1000) });
    await correctDue(database.queries);
    const dueOf = async (id: string) =>
      (await findConfiguration(database.queries, { tenant: '', id }))?.nextDueAt?.getTime() ?? null;
    const [first = 0, second = 0, third = 0] = await Promise.all(wrong.map(dueOf));
    for (const at of [first, second]) {
      expect(at).toBeGreaterThan(now);
      expect(at).toBeLessThanOrEqual(Date.now() + dayMs);
    }
    expect(third).toBeGreaterThan(now);
    expect(third).toBeLessThanOrEqual(now + 8 * dayMs);
    for (const { id, nextDueAt } of right) expect(await dueOf(id)).toBe(nextDueAt?.getTime() ?? null);
    expect(await dueOf(due)).toBe(now - 1000);
  });
});
