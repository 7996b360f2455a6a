// A certificate as a list shows it. Pure.

import { verifyUrlOf } from './certificate.ts';
import type { CertificateRow } from './contract.ts';
import type { StoredCertificate } from './store.ts';

export function rowOf(certificate: StoredCertificate, publicUrl: string): CertificateRow {
  const { id, studentId, courseId, number, status, input, generatedAt, key, lastError, code, findings } = certificate;
  return {
    id,
    student_id: studentId,
    course_id: courseId,
    course_name: input.courseName,
    number,
    status,
    score: input.score ?? null,
    max_score: input.maxScore ?? null,
    generated_at: generatedAt?.toISOString() ?? null,
    expires_at: input.expirationDate ?? null,
    s3_key: key,
    verify_url: verifyUrlOf(publicUrl, code),
    last_error: lastError,
    findings,
  };
}
