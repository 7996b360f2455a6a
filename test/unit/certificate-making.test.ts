// After which failures a certificate is made again by itself, and what is put into its template.

import { expect, test } from '@jest/globals';
import { nameOf, templateDataOf } from '../../src/certificates/facts.ts';
import { mayHeal } from '../../src/certificates/making.ts';
import { type ErrorCode, fail } from '../../src/errors.ts';

const input = {
  userId: 'S1',
  courseId: 'C1',
  courseName: 'Algebra I',
  firstName: ' Anjali ',
  middleName: undefined,
  lastName: 'Kumar',
  issuanceDate: '2026-03-01',
  expirationDate: undefined,
  type: 'course-completion',
  templateId: 'course-completion',
  language: 'en',
  score: undefined,
  maxScore: undefined,
  email: undefined,
};

test.each<[ErrorCode, boolean]>([
  ['storage_unavailable', true],
  ['issuer_unavailable', true],
  ['browser_unavailable', true],
  ['render_timeout', true],
  ['resource_limit', true],
  ['deadline_exceeded', true],
  ['template_failed', false],
  ['name_required', false],
  ['unknown_template', false],
  ['invalid_request', false],
  ['document_too_large', false],
])('after %s it is begun again: %s', (code, isAgain) => {
  expect(mayHeal(fail(code))).toBe(isAgain);
});

test('a fault of ours may be gone with the next version', () => {
  expect(mayHeal(new TypeError('undefined is not a function'))).toBe(true);
});

test('a name has no blanks where a part of it is missing', () => {
  expect(nameOf(input)).toBe('Anjali Kumar');
  expect(nameOf({ ...input, middleName: 'Devi' })).toBe('Anjali Devi Kumar');
  expect(nameOf({ ...input, firstName: ' ', lastName: '' })).toBe('');
});

test('what was not given is left out, so that nothing is printed of it', () => {
  const data = templateDataOf(
    { input, number: '2026-000001' },
    { verifyUrl: 'https://v.example', issuerName: 'School' },
  );
  expect(data).toEqual({
    name: 'Anjali Kumar',
    courseName: 'Algebra I',
    issuedOn: '2026-03-01',
    number: '2026-000001',
    verifyUrl: 'https://v.example',
    issuerName: 'School',
  });
});
