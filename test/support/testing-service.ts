// A small testing service: it has attempts, gives them page by page behind a cursor, and misbehaves as a test says.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestingService extends AsyncDisposable {
  url: string;
  /** In the order in which they are given; the cursor is how many one has had. */
  items: unknown[];
  pageSize: number;
  calls: { path: string; authorization: string | undefined }[];
  /** Answers in place of the service; with `undefined` it answers by itself. */
  answerWith: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** One that passed. */
export const attemptOf = (student: string, changes: object = {}) => ({
  id: `A-${student}`,
  studentId: student,
  courseId: 'ALG1',
  courseName: 'Algebra I',
  testId: 'Test_1',
  score: 45,
  maxScore: 50,
  passingScore: 25,
  completedAt: '2026-03-01T09:30:00Z',
  updatedAt: '2026-03-01T09:30:00Z',
  firstName: 'Learner',
  lastName: `Number ${student}`,
  ...changes,
});

export async function startTestingService(): Promise<TestingService> {
  const service = {
    items: [] as unknown[],
    pageSize: 500,
    calls: [] as TestingService['calls'],
    answerWith: (() => undefined) as TestingService['answerWith'],
  };
  const server = createServer((request, response) => {
    const { url = '', headers } = request;
    service.calls.push({ path: url, authorization: headers.authorization });
    if (service.answerWith(request, response) !== undefined) return;
    const from = Number(new URL(url, 'http://x').searchParams.get('after') ?? 0);
    const items = service.items.slice(from, from + service.pageSize);
    const next = items.length < service.pageSize ? null : String(from + items.length);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ items, next }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(service, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
