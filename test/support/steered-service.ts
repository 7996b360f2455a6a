// A service over pages that the test steers, for all tests of a file: started before the first, stopped after the last.

import { afterAll, beforeAll } from '@jest/globals';
import type { Pages } from './pages.ts';
import { startTestService, type TestService, type TestServiceOptions } from './service.ts';
import { steerPages } from './steered-pages.ts';

/** Stands for what is not there yet when a file is read. */
const standFor = <T extends object>(find: () => T): T =>
  new Proxy({} as T, { get: (_, name) => Reflect.get(find(), name) });

/** For the top of a test file; pages and service can be used from the first test on. */
export function steerService(options: Omit<TestServiceOptions, 'origin'>) {
  const frontend = steerPages();
  const parts = new AsyncDisposableStack();
  let started: { pages: Pages; service: TestService };
  beforeAll(async () => {
    const pages = parts.use(await frontend.start());
    started = { pages, service: parts.use(await startTestService({ ...options, origin: pages.origin })) };
  });
  afterAll(() => parts[Symbol.asyncDispose]());
  return { frontend, pages: standFor(() => started.pages), service: standFor(() => started.service) };
}
