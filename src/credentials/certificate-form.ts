// The certificate as a Verifiable Credential 1.1: the form that the platform's software reads.

import * as z from 'zod';
import type { CertificateFacts, Credential } from './contract.ts';
import { learnerUrn, type Speaker } from './own-names.ts';
import { exactly } from './proofs.ts';

export const certificateContextPath = '/contexts/certificate/v1';

export const certificateContexts = ({ publicUrl }: Speaker) => [
  'https://www.w3.org/2018/credentials/v1',
  `${publicUrl}${certificateContextPath}`,
  // Version 1.1 knows no Data Integrity proofs by itself.
  'https://w3id.org/security/data-integrity/v2',
];

/** Defines every term of the subject: one that isn't defined would not be signed. Once published it never changes; a new term makes a v2. */
export function certificateContext({ publicUrl }: Speaker): Credential {
  const own = (term: string) => `${publicUrl}${certificateContextPath}#${term}`;
  return {
    '@context': {
      '@version': 1.1,
      '@protected': true,
      firstName: 'https://schema.org/givenName',
      middleName: 'https://schema.org/additionalName',
      lastName: 'https://schema.org/familyName',
      userId: own('userId'),
      courseId: own('courseId'),
      courseName: own('courseName'),
    },
  };
}

export function buildCertificate(facts: CertificateFacts, speaker: Speaker): Credential {
  return {
    '@context': certificateContexts(speaker),
    id: `urn:uuid:${facts.id}`,
    type: ['VerifiableCredential'],
    issuer: speaker.did,
    issuanceDate: facts.issuanceDate,
    ...(facts.expirationDate === undefined ? {} : { expirationDate: facts.expirationDate }),
    credentialSubject: {
      id: learnerUrn(speaker, facts),
      firstName: facts.firstName,
      ...(facts.middleName === undefined ? {} : { middleName: facts.middleName }),
      lastName: facts.lastName,
      userId: facts.userId,
      courseId: facts.courseId,
      courseName: facts.courseName,
    },
  };
}

/** Lone halves of a character are all the same once they are hashed. */
const text = z.string().refine((value) => value.isWellFormed());
const urn = z.string().regex(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);

/** The form as we give it out and not otherwise. Its proof is made over what JSON-LD reads in it, which overlooks a null, an empty list, or a text that is said twice. */
export function certificateSchema(speaker: Speaker, proof: z.ZodType) {
  return z.strictObject({
    '@context': exactly(certificateContexts(speaker)),
    id: urn,
    type: exactly(['VerifiableCredential']),
    issuer: text,
    issuanceDate: text,
    expirationDate: z.exactOptional(text),
    credentialSubject: z.strictObject({
      id: urn,
      firstName: text,
      middleName: z.exactOptional(text),
      lastName: text,
      userId: text,
      courseId: text,
      courseName: text,
    }),
    proof,
  });
}
