// A certificate as a list shows it, and as it is answered to who has it issued. Pure.

import { verifyUrlOf } from './certificate.ts';
import type { CertificateRow, IssueAnswer } from './contract.ts';
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

export function issuedOf(
  { id, number, code, credential, badge }: StoredCertificate,
  publicUrl: string,
): IssueAnswer['data'] {
  const downloadUrl = `${publicUrl}/certificates/${id}/download`;
  return {
    credential: { ...credential, id: String(credential?.id) },
    certificate: { id, number, verifyUrl: verifyUrlOf(publicUrl, code), downloadUrl },
    ...(badge === null ? {} : { badge: { ...badge, id: String(badge.id) } }),
  };
}
