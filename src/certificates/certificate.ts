// The value of a certificate: ids, dates, numbers, key, addresses. Pure.

import { createHash, randomBytes } from 'node:crypto';

/** Whether this can be the id of a learner, course, type or template. */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/.test(text) && !text.includes('..');
}

const isoDate =
  /^([1-9]\d{3})-(\d\d)-(\d\d)(?:T(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00))?$/;

/** Of the first and the last instant whose year has four digits in UTC, too: others are written as no date is, and no database reads them. */
const [earliest, latest] = [Date.UTC(1000), Date.UTC(10_000) - 1] as const;

/** Milliseconds since 1970 of a date or an instant; undefined for what is on no calendar, or without its time zone. */
export function readInstant(text: string): number | undefined {
  const [, year, month, day] = isoDate.exec(text) ?? [];
  if (year === undefined) return undefined;
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  // The 30th of February would be read as a day of March.
  const isOnCalendar =
    !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${year}-${month}-${day}`);
  const instant = Date.parse(text);
  return isOnCalendar && instant >= earliest && instant <= latest ? instant : undefined;
}

/** 128 bits that nobody guesses, in 22 letters that stand in an address as they are. */
export const newCode = (): string => randomBytes(16).toString('base64url');

/** Whether this can be such a code. */
export const isCode = (text: string): boolean => /^[\w-]{22}$/.test(text);

/** The year whose certificates are counted together; 0 for all of them, where a number does not name its year. */
export const countedYear = (pattern: string, now: Date): number =>
  pattern.includes('{year}') ? now.getUTCFullYear() : 0;

/** `2026-000123` for `{year}-{number:6}`. */
export function formatNumber(pattern: string, { year, count }: { year: number; count: number }): string {
  return pattern
    .replaceAll('{year}', String(year))
    .replaceAll(/\{number(?::(\d{1,2}))?\}/g, (_, width = '1') => String(count).padStart(Number(width), '0'));
}

/** The address of the page on which anyone verifies it. */
export const verifyUrlOf = (publicUrl: string, code: string): string => `${publicUrl}/verify/${code}`;

/** The key of its document, below the prefix of its tenant. */
export function certificateKey(
  prefix: string,
  { courseId, studentId, id }: { courseId: string; studentId: string; id: string },
): string {
  return `${prefix === '' ? '' : `${prefix}/`}certificates/${courseId}/${studentId}/${id}.pdf`;
}

/** Whether the record of a stored document says what its key says; of the tenant it says nothing. */
export function isCertificateRecord(key: string, record: { classId: string; test: string; subject: string }): boolean {
  const path = certificateKey('', { courseId: record.classId, studentId: record.subject, id: record.test });
  return key === path || key.endsWith(`/${path}`);
}

/** The same for the same request, in whichever order its fields came. */
export function digestOf(request: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(request)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
