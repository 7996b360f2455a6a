// Work that ends in a transaction of its own: what it made and its end are true together, and who cancels comes before it or too late.

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type JobService, startJobService } from './support/job-service.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { studentToken } from './support/tokens.ts';

describeDatabases('work that ends within a transaction', (server) => {
  const parts = new AsyncDisposableStack();
  let service: JobService;
  beforeAll(async () => {
    const place = server === undefined ? {} : { url: parts.use(await createTestDatabase(server)).url ?? '' };
    service = parts.use(await startJobService(place));
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  const authorization = `Bearer ${studentToken('STU1')}`;
  const cancel = (id: string) =>
    fetch(`${service.url}/api/certificates/progress/${id}`, { method: 'DELETE', headers: { authorization } });
  const stateOf = async (id: string) =>
    ((await (await fetch(`${service.url}/jobs/${id}`, { headers: { authorization } })).json()) as { state: string })
      .state;

  test('whoever cancels while it ends waits, and is told that it is too late', async () => {
    const within = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    service.run = async ({ endWith }) => {
      await service.database.transaction(async (tx) => {
        await endWith(tx, { made: 'all' });
        within.resolve();
        await gate.promise;
      });
      return {};
    };
    const id = await service.enqueue('STU1');
    await within.promise;
    const cancelling = cancel(id);
    // Time enough to be answered, for one that does not wait.
    await Promise.race([cancelling, setTimeout(500)]);
    gate.resolve();
    expect((await cancelling).status).toBe(409);
    expect(await stateOf(id)).toBe('completed');
  });

  test('when it was cancelled before, nothing of the transaction stays, whether or not the work has heard of it', async () => {
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const outcome = Promise.withResolvers<string>();
    service.run = async ({ endWith }) => {
      begun.resolve();
      await gate.promise;
      const work = service.database.transaction((tx) => endWith(tx, { made: 'all' }));
      work.then(
        () => outcome.resolve('committed'),
        () => outcome.resolve('rolled back'),
      );
      await work;
      return {};
    };
    const id = await service.enqueue('STU1');
    await begun.promise;
    expect((await cancel(id)).status).toBe(200);
    gate.resolve();
    expect(await outcome.promise).toBe('rolled back');
    expect(await stateOf(id)).toBe('cancelled');
  });

  test('what is asked for while it ends is done afterwards', async () => {
    const within = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    service.run = async ({ endWith }) => {
      within.resolve();
      await gate.promise;
      await service.database.transaction((tx) => endWith(tx, {}));
      return {};
    };
    const first = await service.enqueue('STU1', 'one');
    await within.promise;
    const second = await service.enqueue('STU1', 'one');
    gate.resolve();
    const events = await fetch(`${service.url}/jobs/${second}/events`, { headers: { authorization } });
    await events.text();
    expect([await stateOf(first), await stateOf(second)]).toEqual(['completed', 'completed']);
  });
});
