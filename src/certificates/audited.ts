// What the audit says of certificates: by their ids and numbers, and of no learner. Why one was revoked stands with it.

import { recordChange } from '../audit/audit.ts';
import type { Queries } from '../database/database.ts';
import type { StoredCertificate } from './store.ts';

const targetOf = ({ id }: StoredCertificate) => `certificates/${id}`;

export function noteIssue(tx: Queries, certificate: StoredCertificate): Promise<void> {
  const { tenant, number, courseId, input } = certificate;
  return recordChange(tx, { tenant, target: targetOf(certificate), after: { number, courseId, type: input.type } });
}

export function noteEnd(
  tx: Queries,
  certificate: StoredCertificate,
  after: { status: 'revoked' | 'replaced'; replacedBy?: string },
): Promise<void> {
  const { tenant, status } = certificate;
  return recordChange(tx, { tenant, target: targetOf(certificate), before: { status }, after });
}
