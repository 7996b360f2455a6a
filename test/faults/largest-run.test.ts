// The largest class run that is promised: as many students as a run may have, and a token for each in a body that is just not too large.

import { expect, test } from '@jest/globals';
import { steerService } from '../support/steered-service.ts';
import { serviceToken, signReportToken } from '../support/tokens.ts';

const { frontend, service } = steerService({});

const students = 10_000;
const mostBytes = 8 * 1024 * 1024;
const asService = { 'x-service-auth': `Bearer ${serviceToken}` };

test('10,000 students with a token each are one run, which can be looked at and cancelled whole', async () => {
  frontend.figuresFor = () => frontend.createGate().promise;
  const studentIds = Array.from({ length: students }, (_, index) => `STU${index + 1}`);
  const claims = { user_type: 'student', class_id: 'C1', email: 'x'.repeat(350) };
  const tokens = studentIds.map((id) => [id, signReportToken({ ...claims, user_id: id, student_id: id })]);
  const body = { classId: 'C1', testId: '5', studentIds, reportTokens: Object.fromEntries(tokens) };
  const bytes = Buffer.byteLength(JSON.stringify(body));
  expect([bytes > 0.9 * mostBytes, bytes < mostBytes]).toEqual([true, true]);
  const accepted = await service.internal('/internal/class-runs', body);
  const run = (await accepted.json()) as { id: string };
  expect([accepted.status, run]).toMatchObject([202, { total: students }]);
  const path = `/internal/class-runs/${run.id}`;
  const last = await (await service.get(`${path}?offset=${students - 1}`, undefined, asService)).json();
  expect(last).toMatchObject({ total: students, items: [{ studentId: `STU${students}` }], nextOffset: null });
  const cancelled = await fetch(service.url + path, { method: 'DELETE', headers: asService });
  expect(await cancelled.json()).toEqual({ cancelled: students });
});
