// Report tokens: what a minted one says to the letter, and whose token opens which report.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import jwt, { type JwtPayload } from 'jsonwebtoken';
import type { Pages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { steerPages } from './support/steered-pages.ts';
import { reportTokenSecret, signReportToken } from './support/tokens.ts';

const frontend = steerPages();
let pages: Pages;
let service: TestService;
beforeAll(async () => {
  pages = await frontend.start();
  service = await startTestService({ origin: pages.origin });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

const common = { testId: 'Test 5', classId: 'C1' };
const scope = { class_id: 'C1', test_id: 'Test_5', scope: 'report:read', iss: 'inzighted-backend' };

describe('without a report token one is minted', () => {
  test.each([
    [
      'for a student',
      { reportType: 'student', studentId: 'S1' },
      { user_type: 'student', user_id: 'S1', student_id: 'S1' },
    ],
    [
      'for a teacher',
      { reportType: 'teacher', teacherId: 'T1' },
      { user_type: 'teacher', user_id: 'T1', teacher_id: 'T1', educator_id: 'T1' },
    ],
    ['for a class', { reportType: 'overall' }, { role: 'educator', user_id: 'platen' }],
  ])('%s, with HS256 for 10 minutes', async (_name, report, claims) => {
    expect((await service.trigger({ ...common, ...report })).status).toBe(202);
    const token = frontend.opened[0]?.token ?? '';
    const { iat, exp, ...said } = jwt.verify(token, reportTokenSecret, { algorithms: ['HS256'] }) as JwtPayload;
    expect(said).toEqual({ ...claims, ...scope });
    expect((exp ?? 0) - (iat ?? 0)).toBe(600);
  });
});

describe('a teacher report', () => {
  const body = { ...common, reportType: 'teacher', teacherId: 'T1' };
  test.each([
    ['of the teacher, by teacher_id', { user_type: 'teacher', teacher_id: 'T1' }, 202],
    ['of the teacher, by educator_id', { role: 'educator', educator_id: 'T1' }, 202],
    ['of the teacher, by user_id in its place', { user_type: 'teacher', user_id: 'T1' }, 202],
    ['of another, by teacher_id', { user_type: 'teacher', teacher_id: 'T2' }, 422],
    ['of another, by educator_id', { role: 'educator', educator_id: 'T2' }, 422],
    ['of another, by user_id in its place', { user_type: 'teacher', user_id: 'T2' }, 422],
    ['of another, by user_id of an educator', { role: 'educator', user_id: 'T2' }, 422],
    ['of a student', { user_type: 'student', student_id: 'S1' }, 422],
  ])('with a token %s', async (_name, claims, status) => {
    const response = await service.trigger({ ...body, reportToken: signReportToken({ class_id: 'C1', ...claims }) });
    expect(response.status).toBe(status);
    if (status === 422) expect(await response.json()).toMatchObject({ code: 'report_token_mismatch' });
  });

  test('with a token of another scope is refused', async () => {
    const reportToken = signReportToken({ role: 'educator', educator_id: 'T1', scope: 'openid profile' });
    const response = await service.trigger({ ...body, reportToken });
    expect([response.status, await response.json()]).toMatchObject([422, { code: 'report_token_invalid' }]);
  });
});
