// Work that goes on after the request: accepted when it is committed, done once, looked at and cancelled by who owns it.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { steerPages } from './support/steered-pages.ts';
import { serviceToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const frontend = steerPages();
let pages: Pages;
let service: TestService;
let count = 0;
beforeAll(async () => {
  pages = await frontend.start();
  service = await startTestService({ origin: pages.origin, env: { RENDER_CONCURRENCY: '2' } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

const later = { prefer: 'respond-async' };
const asService = { 'x-service-auth': `Bearer ${serviceToken}` };

async function accept(more: object = {}) {
  const studentId = `STU${++count}`;
  const body = { testId: '5', classId: 'C1', reportType: 'student', studentId, ...more };
  const response = await service.internal('/internal/trigger-generate-pdf', body, later);
  return { response, body: (await response.json()) as { jobId: string; s3Key: string } };
}

const jobOf = async (id: string) =>
  (await (await service.get(`/jobs/${id}`, undefined, asService)).json()) as Record<string, unknown>;

test('a trigger that prefers not to wait is accepted at once, and its job tells how it ended', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const { response, body } = await accept();
  expect(response.status).toBe(202);
  expect(response.headers.get('preference-applied')).toBe('respond-async');
  expect(response.headers.get('location')).toBe(`/jobs/${body.jobId}`);
  expect(body).toEqual({
    success: true,
    message: 'PDF generation accepted',
    reportType: 'student',
    testId: '5',
    classId: 'C1',
    s3Key: `reports/C1/Test_5/students/STU${count}.pdf`,
    jobId: expect.any(String),
  });
  await until(() => frontend.opened.length === 1);
  expect(await jobOf(body.jobId)).toMatchObject({ id: body.jobId, state: 'active', attempts: 1 });
  gate.resolve({ text: 'Figures' });
  const done = await until(async () => {
    const job = await jobOf(body.jobId);
    return job.state === 'completed' && job;
  });
  expect(done).toMatchObject({
    percent: 100,
    stage: 'completed',
    error: null,
    result: { s3Key: body.s3Key, pages: 1 },
  });
  expect(await service.storedKeys()).toContain(body.s3Key);
});
