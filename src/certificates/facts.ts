// What a certificate says: to its template, to its credentials, to the plug-in that makes its PDF. Pure.

import type { CertificateFacts } from '../credentials/contract.ts';
import type { CertificateMail } from '../events/contract.ts';
import type { CertificateToMake } from '../plugins/contract.ts';
import { readInstant } from './certificate.ts';
import type { StoredCertificate } from './store.ts';

export function nameOf({ firstName, middleName, lastName }: StoredCertificate['input']): string {
  return [firstName, middleName, lastName]
    .map((part) => part?.trim() ?? '')
    .filter((part) => part !== '')
    .join(' ');
}

/** What a template is filled with. */
export function templateDataOf(
  { input, number }: Pick<StoredCertificate, 'input' | 'number'>,
  { verifyUrl, issuerName }: { verifyUrl: string; issuerName: string },
): Record<string, unknown> {
  const { courseName, issuanceDate, expirationDate, score, maxScore } = input;
  const all = {
    name: nameOf(input),
    courseName,
    issuedOn: issuanceDate,
    expiresOn: expirationDate,
    number,
    verifyUrl,
    issuerName,
    score,
    maxScore,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const dayMs = 86_400_000;

/** Which mails are sent of it, and to whom; undefined for none. */
export function mailOf(input: StoredCertificate['input']): CertificateMail | undefined {
  const { email: address, language, mail = false, remindDaysBefore, expirationDate } = input;
  const expires = expirationDate === undefined ? undefined : readInstant(expirationDate);
  const isReminded = remindDaysBefore !== undefined && expires !== undefined && expires > Date.now();
  if (address === undefined || !(mail || isReminded)) return undefined;
  const remindAt = isReminded ? new Date(expires - remindDaysBefore * dayMs) : undefined;
  return { address, language, name: nameOf(input), isAnnounced: mail, remindAt };
}

/** What its credentials say. */
export function factsOf(
  { id, tenant, input, statusIndex, createdAt }: StoredCertificate,
  verifyUrl: string,
): CertificateFacts {
  const {
    userId,
    courseId,
    courseName,
    firstName,
    middleName,
    lastName,
    issuanceDate,
    expirationDate,
    score,
    maxScore,
  } = input;
  return {
    id,
    tenant,
    userId,
    courseId,
    courseName,
    firstName,
    lastName,
    issuanceDate,
    recordedAt: createdAt,
    verifyUrl,
    statusIndex,
    ...(middleName === undefined ? {} : { middleName }),
    ...(expirationDate === undefined ? {} : { expirationDate }),
    ...(score === undefined ? {} : { score }),
    ...(maxScore === undefined ? {} : { maxScore }),
  };
}

/** What a generator is told. */
export function certificateToMake(
  certificate: StoredCertificate,
  { verifyUrl, issuerName }: { verifyUrl: string; issuerName: string },
): CertificateToMake {
  const { id, number, studentId, input } = certificate;
  const { type, courseId, courseName, firstName, middleName, lastName } = input;
  const { issuanceDate, expirationDate, score, maxScore, language } = input;
  const identity = { id, number, type, studentId, courseId, courseName };
  const person = { name: nameOf(input), firstName, middleName, lastName, language };
  return { ...identity, ...person, issuanceDate, expirationDate, score, maxScore, issuerName, verifyUrl };
}
