// The backend's trigger: renders, stores, answers.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readPdf } from './support/pdf.ts';
import { startTestService, type TestService } from './support/service.ts';
import { signReportToken } from './support/tokens.ts';

describe('the trigger', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const student = { testId: 'Test_1', classId: 'CLASS_TEST', reportType: 'student', studentId: 'STU001' };
  const storedPdf = async (key: string) => readPdf(await readFile(join(service.dataDir, 'documents', key)));

  test('answers 202 with the key when the PDF is stored', async () => {
    const response = await service.trigger(student);
    expect(response.status).toBe(202);
    const answer = await response.json();
    expect(answer).toMatchObject({
      success: true,
      message: 'PDF generation completed',
      reportType: 'student',
      testId: 'Test_1',
      classId: 'CLASS_TEST',
      s3Key: 'reports/CLASS_TEST/Test_1/students/STU001.pdf',
    });
    const pdf = await storedPdf((answer as { s3Key: string }).s3Key);
    expect(pdf).toMatchObject({ isTagged: true, hasOutline: true, language: 'en', size: [596, 842] });
    expect(pdf.text).toContain('Amara Whitfield');
    expect(pdf.pages).toBe((answer as { pages: number }).pages);
  });

  test.each([
    ['teacher', { reportType: 'teacher', teacherId: 'TCH001' }, 'reports/CLASS_TEST/Test_1/teacher_TCH001.pdf'],
    [
      'teacher, all tests',
      { reportType: 'teacher', teacherId: 'TCH001', testId: 'Overall' },
      'reports/CLASS_TEST/overall/teacher_TCH001.pdf',
    ],
    ['class', { reportType: 'overall' }, 'reports/CLASS_TEST/Test_1/overall.pdf'],
    ['student, test as a number', { ...student, testId: '1' }, 'reports/CLASS_TEST/Test_1/students/STU001.pdf'],
    ['student, test in words', { ...student, testId: 'Test 1' }, 'reports/CLASS_TEST/Test_1/students/STU001.pdf'],
  ])('stores the %s report under its key and echoes the ids as sent', async (_name, fields, key) => {
    const body = { testId: 'Test_1', classId: 'CLASS_TEST', ...fields };
    const response = await service.trigger(body);
    const answer = await response.json();
    expect({ status: response.status, answer }).toMatchObject({
      status: 202,
      answer: { s3Key: key, testId: body.testId, classId: 'CLASS_TEST', reportType: fields.reportType },
    });
    expect(await service.storedKeys()).toContain(key);
  });

  test('renders anew whatever is stored', async () => {
    const before = await service.metric('platen_renders_total{outcome="ok"}');
    expect((await service.trigger(student)).status).toBe(202);
    expect((await service.trigger(student)).status).toBe(202);
    expect(await service.metric('platen_renders_total{outcome="ok"}')).toBe(before + 2);
  });

  test.each([
    ['the student form', { user_type: 'student', user_id: 'STU001', student_id: 'STU001' }],
    ['the educator form', { email: 't@example.org', role: 'educator', educator_id: 'TCH001' }],
  ])('takes a report token of %s', async (_name, claims) => {
    const reportToken = signReportToken({ ...claims, class_id: 'CLASS_TEST', test_id: 'Test_1' });
    expect((await service.trigger({ ...student, reportToken })).status).toBe(202);
  });

  test.each([
    ['expired', 'report_token_expired', { exp: 1_700_000_000 }],
    ['of another issuer', 'report_token_invalid', { iss: 'somebody-else' }],
    ['for another class', 'report_token_mismatch', { class_id: 'CLASS_1224' }],
    ['for another test', 'report_token_mismatch', { test_id: 'Test_2' }],
    ['for another student', 'report_token_mismatch', { user_type: 'student', student_id: 'STU002' }],
  ])('refuses a report token %s with 422 %s and opens no page', async (_name, code, claims) => {
    const requests = service.school.requests.length;
    const reportToken = signReportToken({ role: 'educator', class_id: 'CLASS_TEST', test_id: 'Test_1', ...claims });
    const response = await service.trigger({ ...student, reportToken });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code });
    expect(service.school.requests.length).toBe(requests);
  });
});
