// Documents that a test puts into a storage as if they had been stored long ago.

import { createHash, randomBytes } from 'node:crypto';
import { toObjectMetadata } from '../../src/documents/contract.ts';

/** Key of the report that `pathOf` asks for. */
export const keyOf = (studentId: string) => `reports/C1/Test_1/students/${studentId}.pdf`;
export const pathOf = (studentId: string) => `/generate-pdf?studentId=${studentId}&testId=1&classId=C1`;

/** Random bytes that look like a PDF from outside, and what is stored beside them. */
export function makeStored(studentId: string, { size = 100_000, dataVersion = undefined as string | undefined } = {}) {
  const body = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(size), Buffer.from('\n%%EOF')]);
  const metadata = toObjectMetadata({
    classId: 'C1',
    test: 'Test_1',
    type: 'student',
    subject: studentId,
    view: 'canonical',
    generatedAt: new Date('2026-01-01'),
    dataVersion,
    revision: 1n,
    sha256: createHash('sha256').update(body).digest('hex'),
    pages: 1,
  });
  return { body, metadata: { ...metadata } };
}
