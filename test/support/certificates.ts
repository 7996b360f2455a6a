// Certificates for tests: asked for through the front door.

import type { TestService } from './service.ts';

export const askedCertificate = {
  userId: 'STU_1',
  courseId: 'course-v1:Algebra+2026',
  courseName: 'Algebra I',
  firstName: 'Anjali',
  lastName: 'Kumar',
  issuanceDate: '2026-03-01T10:00:00+05:30',
};

export interface IssuedCertificate {
  credential: Record<string, unknown>;
  certificate: { id: string; number: string; verifyUrl: string; downloadUrl: string };
  badge: { credentialStatus: { statusListIndex: string; statusListCredential: string } };
}

/** @param changes to what is usual. */
export async function issueCertificate(service: TestService, changes: object = {}): Promise<IssuedCertificate> {
  const response = await service.internal('/certificate/issue', { ...askedCertificate, ...changes });
  if (response.status !== 200) throw new Error(`it was not issued: ${await response.text()}`);
  return ((await response.json()) as { data: IssuedCertificate }).data;
}
