// Why a certificate is not given: it was revoked, replaced by another, or could not be made.

import type { Queries } from '../database/database.ts';
import { type ErrorCode, fail, isErrorCode } from '../errors.ts';
import { findCertificate, type StoredCertificate } from './store.ts';

/** The one that was put into its place by the same request. */
export async function successorOf(
  tx: Queries,
  { replacedBy }: StoredCertificate,
  digest: string,
): Promise<StoredCertificate> {
  const successor = replacedBy === null ? undefined : await findCertificate(tx, replacedBy);
  if (successor === undefined || successor.digest !== digest) throw fail('already_revoked');
  if (successor.status === 'revoked') throw revoked();
  return successor;
}

export const revoked = () => fail('certificate_exists', { detail: 'It was revoked: reissue it.' });

export const codeOf = (lastError: string | null): ErrorCode =>
  lastError !== null && isErrorCode(lastError) ? lastError : 'internal_error';

/** @throws certificate_exists where it was issued with other data than those of this digest, or revoked. */
export function refuseOther(certificate: StoredCertificate, digest: string): void {
  if (certificate.digest !== digest) throw fail('certificate_exists');
  if (certificate.status === 'revoked') throw revoked();
}
