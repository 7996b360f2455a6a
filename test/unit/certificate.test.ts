// The value of a certificate: what is a date, how numbers look and are counted, which record belongs to which key.

import { describe, expect, test } from '@jest/globals';
import {
  certificateKey,
  countedYear,
  digestOf,
  formatNumber,
  isCertificateRecord,
  readInstant,
} from '../../src/certificates/certificate.ts';

test.each(['2026-03-01', '2024-02-29', '2026-03-01T10:00:00+05:30', '2026-03-01T23:59Z', '1000-01-01', '9999-12-31'])(
  '%s is a date',
  (text) => {
    expect(readInstant(text)).toBe(Date.parse(text));
  },
);

test.each([
  '2026-02-30',
  '2025-02-29',
  '99999-01-01',
  // Of the year 10000, and of the year 999, in UTC.
  '9999-12-31T23:59:59-12:00',
  '1000-01-01T00:00:00+14:00',
  // There is no such time zone.
  '2026-03-01T10:00:00+14:01',
  '2026-03-01T10:00:00-23:00',
  '2026-03-01T10:00:00+05:60',
  '0000-01-01',
  '2026-3-1',
  '2026-W09',
  '2026-03-01T10:00:00',
  '2026-03-01T24:00:00Z',
  '2026-03-01T23:59:60Z',
  '2026-03-01T10:00:00+99:00',
  'today',
  '',
])('%s is none', (text) => {
  expect(readInstant(text)).toBeUndefined();
});

describe('numbers', () => {
  const at = (year: number) => new Date(Date.UTC(year, 5, 1));

  test('look as the pattern says', () => {
    expect(formatNumber('{year}-{number:6}', { year: 2026, count: 123 })).toBe('2026-000123');
    expect(formatNumber('CERT/{number}', { year: 0, count: 7 })).toBe('CERT/7');
    expect(formatNumber('{number:2}', { year: 0, count: 1234 })).toBe('1234');
  });

  test('begin anew in each year only where they name it: else two would be the same', () => {
    expect([countedYear('{year}-{number:6}', at(2026)), countedYear('{year}-{number:6}', at(2027))]).toEqual([
      2026, 2027,
    ]);
    expect([countedYear('{number:6}', at(2026)), countedYear('{number:6}', at(2027))]).toEqual([0, 0]);
  });
});

test('a record belongs to the key that is made of it, below whichever prefix, and to no other', () => {
  const id = '89295cec-aa12-4e58-bcb1-4ca860de69ba';
  const key = certificateKey('school', { courseId: 'C1', studentId: 'S1', id });
  const record = { classId: 'C1', test: id, subject: 'S1' };
  expect(key).toBe(`school/certificates/C1/S1/${id}.pdf`);
  expect(isCertificateRecord(key, record)).toBe(true);
  expect(isCertificateRecord(certificateKey('', { courseId: 'C1', studentId: 'S1', id }), record)).toBe(true);
  expect(isCertificateRecord(key, { ...record, subject: 'S2' })).toBe(false);
  expect(isCertificateRecord(key, { ...record, classId: '1' })).toBe(false);
});

test('the order of fields, and those that were left out, make no other request', () => {
  expect(digestOf({ a: 1, b: '2', c: undefined })).toBe(digestOf({ b: '2', a: 1 }));
  expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: '1' }));
});
