// A trigger ends before its caller stops waiting: the one promise that takes too long to test through the door.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { loadConfig } from '../../src/config.ts';
import type { Database } from '../../src/database/database.ts';
import type { Documents } from '../../src/documents/documents.ts';
import type { Events } from '../../src/events/events.ts';
import type { Identity } from '../../src/identity/identity.ts';
import type { Jobs } from '../../src/jobs/jobs.ts';
import { configureLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Rendering } from '../../src/rendering/rendering.ts';
import { createReports } from '../../src/reports/reports.ts';

beforeEach(() => {
  configureLog({ level: 'silent', secrets: [] });
  jest.useFakeTimers({ doNotFake: ['performance', 'nextTick'] });
});
afterEach(() => {
  jest.useRealTimers();
});

test('a trigger that can not end in 140 s is given up with deadline_exceeded, and its render is ended', async () => {
  let signal: AbortSignal | undefined;
  const rendering = {
    render: (_request, options) => {
      signal = options.signal;
      return new Promise((_, reject) =>
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
      );
    },
  } as Partial<Rendering> as Rendering;
  const identity = { mintReportToken: () => undefined } as Partial<Identity> as Identity;
  const documents = {} as Partial<Documents> as Documents;
  const database = {
    nextRevision: async () => 1n,
    ready: Promise.reject(new Error('none')),
  } as Partial<Database> as Database;
  database.ready.catch(() => undefined);
  const events = {} as Partial<Events> as Events;
  const jobs = {
    define: () => undefined,
    onEnd: () => undefined,
    subscribe: () => () => undefined,
  } as Partial<Jobs> as Jobs;
  const { config } = loadConfig({}, false);
  const reports = createReports({
    rendering,
    documents,
    identity,
    database,
    jobs,
    events,
    metrics: createMetrics(),
    config,
  });
  const test = { segment: 'Test_1', page: 'Test 1', selfPage: '1' };
  const generated = reports.generate({
    report: { type: 'overall', test, classId: 'C1' },
    origin: undefined,
    reportToken: undefined,
    educatorId: undefined,
    dataVersion: undefined,
  });
  const outcome = generated.catch((error: unknown) => error);
  await jest.advanceTimersByTimeAsync(139_000);
  expect(signal?.aborted).toBe(false);
  await jest.advanceTimersByTimeAsync(1_001);
  expect(await outcome).toMatchObject({ code: 'deadline_exceeded', entry: { status: 503 }, retryAfterSeconds: 30 });
  expect(signal?.aborted).toBe(true);
});
