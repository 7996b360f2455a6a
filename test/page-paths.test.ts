// The pages' addresses are settings, and a class may be spelt in several ways.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { studentToken, teacherToken } from './support/tokens.ts';

let pages: Pages;
let service: TestService;
const addresses: string[] = [];
beforeAll(async () => {
  const served = (req: IncomingMessage, res: ServerResponse) => {
    addresses.push(req.url ?? '');
    res.writeHead(200, { 'content-type': 'text/html' }).end(readyPage('<h1>Report</h1>'));
  };
  pages = await startPages({ '/r/one': served, '/r/self': served, '/r/teacher': served, '/r/class': served });
  service = await startTestService({
    origin: pages.origin,
    env: {
      PAGE_STUDENT: '/r/one?s={studentId}&t={testId}',
      PAGE_STUDENT_SELF: '/r/self?t={testId}',
      PAGE_TEACHER: '/r/teacher?t={testId}',
      PAGE_CLASS: '/r/class?t={testId}',
    },
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

test('every kind of report is opened at the address that the settings give', async () => {
  const common = { testId: 'Test_5', classId: 'C1' };
  addresses.length = 0;
  await service.trigger({ ...common, reportType: 'student', studentId: 'S1' });
  await service.trigger({ ...common, reportType: 'student', studentId: 'S1', teacherId: 'T1' });
  await service.trigger({ ...common, reportType: 'teacher', teacherId: 'T1' });
  await service.trigger({ ...common, reportType: 'overall' });
  await service.get('/generate-student-pdf?testId=5', studentToken('S2', 'C1'));
  expect(addresses).toEqual([
    '/r/one?s=S1&t=Test%205',
    '/r/one?s=S1&t=Test%205&educatorId=T1',
    '/r/teacher?t=5',
    '/r/class?t=Test%205',
    '/r/self?t=5',
  ]);
});

test.each(['classId', 'class_id', 'class', 'classid', 'classID'])(
  'a class spelt %s is understood',
  async (spelling) => {
    await service.trigger({ testId: '7', classId: 'C1', reportType: 'student', studentId: 'S1' });
    const response = await service.get(
      `/generate-pdf?studentId=S1&testId=7&${spelling}=C1`,
      teacherToken('T1', ['C1', 'C2']),
    );
    expect([response.status, response.headers.get('cache-status')]).toEqual([200, 'platen; hit']);
  },
);
