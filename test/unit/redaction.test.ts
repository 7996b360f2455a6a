// What is taken out of text, what stays, and that no text takes longer than its length allows.

import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { redactText } from '../../src/redaction.ts';

const token = jwt.sign({ user_id: 'student_1' }, 'a-secret-of-some-length', { algorithm: 'HS256' });

describe('is taken out', () => {
  test.each([
    ['alone', token, '[redacted]'],
    ['in a sentence', `my token is ${token}.`, 'my token is [redacted].'],
    ['behind other letters', `token_${token}`, 'token_[redacted]'],
    ['in an address', `GET /a/${token}/b`, 'GET /a/[redacted]/b'],
    ['without its signature', token.split('.').slice(0, 2).join('.'), '[redacted]'],
    ['of the five parts of an encrypted one, all', `${token}.${token}`, '[redacted]'],
    ['behind a beginning of another', `eyJ${token}`, 'eyJ[redacted]'],
    ['behind one that is none', `eyJx.eyJabc ${token}`, 'eyJx.eyJabc [redacted]'],
    ['given as bearer', 'Authorization: Bearer 9f8e7d6c5b4a', 'Authorization: Bearer [redacted]'],
    ['given as bearer in an address', 'auth=Bearer%209f8e7d6c5b4a', 'auth=Bearer%20[redacted]'],
    [
      'an opaque one in a query',
      'at https://school.example/callback?code=4f9a&state=1',
      'at https://school.example/callback?[redacted]',
    ],
    ['an opaque one beside harmless ones', '/report?testId=Test_1&code=4f9a', '/report?[redacted]'],
    ['an opaque one in a query alone', '?session=4f9a', '?[redacted]'],
    ['an opaque one without a path', 'www.school.example?access_token=4f9a', 'www.school.example?[redacted]'],
    ['an opaque one in a fragment', '"/cb#access_token=4f9a"', '"/cb#[redacted]"'],
  ])('a secret %s', (_, text, clean) => expect(redactText(text)).toBe(clean));

  test('a given value, everywhere', () => {
    expect(redactText('my s3cr3t-value is s3cr3t-value', ['s3cr3t-value'])).toBe('my [redacted] is [redacted]');
  });

  test('what lies behind a million characters, with the word that is cut there', () => {
    const clean = redactText(`${'word '.repeat(199_990)}${token} ${token}`);
    expect(clean.length).toBeLessThan(1_000_001);
    expect(clean).not.toContain('eyJ');
  });
});

test.each([
  'the bearer of bad news',
  'A bearer token is missing.',
  'heyJude sings',
  'see https://docs.example/keys#rotation',
  'version 1.2.3, file a-b_c.d.ts',
  'eyJ.',
  'MonkeyJungle.example and surveyJanuary2026.final.pdf, HockeyJerseysOfTheSeason.jpg',
  'the bearer misunderstanding, and Bearer authentication.',
  `sha256 ${'9f86d081884c7d65'.repeat(4)} of 2026-11-29T08:37:03.123Z`,
  'job 0b6f2c1e-8f0e-4d57-9d0f-5f8f3d1f2a77, Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk',
  'GET /report?studentId=STU001&testId=Test%201 and /generate-pdf?classId=CLASS_1',
  'TypeError at n?e=t:r, is it 1?x=2',
  'reports/CLASS_1/Test_1/students/STU001.pdf',
])('%s stays', (text) => expect(redactText(text)).toBe(text));

/** Milliseconds of the fastest of three. */
function time(work: () => unknown): number {
  const once = () => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  };
  return Math.min(once(), once(), once());
}

// By a square, 400,000 characters would take thousands of times as long as others of that length.
test.each([
  ['what begins like a token, over and over', '-eyJaaaa'],
  ['with dots', 'eyJaaaa..'],
  ['starts only', 'eyJ'],
  ['bearers', 'bearer '],
  ['spaces behind a bearer', `bearer${' '.repeat(500)}`],
  ['queries without a value', '?aaaa'],
  ['fragments', '#'],
  ['values in addresses', '?a='],
  ['one long word', 'a'],
  ['beginnings of tokens before one dot', 'eyJhbGci'],
  ['harmless values', '&testId=1'],
  ['names of secrets', '?a=1&a_'],
])('text takes time by its length: %s', (_, part) => {
  const length = 400_000;
  const harmless = 'The page says: nothing is wrong here, 1.5 s. '.repeat(length / 45);
  const hostile = part.repeat(length / part.length);
  const usual = time(() => redactText(harmless));
  expect(time(() => redactText(hostile))).toBeLessThan(Math.max(usual, 5) * 30);
});
