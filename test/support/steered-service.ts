// A service over pages that the test steers, for all tests of a file: started before the first, stopped after the last.

import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Pages } from './pages.ts';
import { startTestService, type TestService, type TestServiceOptions } from './service.ts';
import { steerPages } from './steered-pages.ts';
import { serviceToken } from './tokens.ts';
import { until } from './until.ts';

/** Stands for what is not there yet when a file is read. */
const standFor = <T extends object>(find: () => T): T =>
  new Proxy({} as T, { get: (_, name) => Reflect.get(find(), name) });

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };

/** Cancels what a test has left to be done, so that no page of it is opened in the next one. */
async function endJobs(service: TestService): Promise<boolean> {
  const unended = await Promise.all(
    ['queued', 'active'].map(async (state) => {
      const response = await service.get(`/internal/jobs?state=${state}`, undefined, asService);
      return ((await response.json()) as { jobs: { id: string }[] }).jobs;
    }),
  );
  const ids = unended.flat().map(({ id }) => id);
  await Promise.all(ids.map((id) => fetch(`${service.url}/jobs/${id}`, { method: 'DELETE', headers: asService })));
  return ids.length === 0;
}

/** For the top of a test file; pages and service can be used from the first test on. */
export function steerService(options: Omit<TestServiceOptions, 'origin'>) {
  const frontend = steerPages();
  const parts = new AsyncDisposableStack();
  let started: { pages: Pages; service: TestService };
  beforeAll(async () => {
    const pages = parts.use(await frontend.start());
    started = { pages, service: parts.use(await startTestService({ ...options, origin: pages.origin })) };
  });
  afterEach(() => until(() => endJobs(started.service)));
  afterAll(() => parts[Symbol.asyncDispose]());
  return { frontend, pages: standFor(() => started.pages), service: standFor(() => started.service) };
}
