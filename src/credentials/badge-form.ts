// The certificate as an Open Badge 3.0: the form that wallets and other verifiers read.

import type { CertificateFacts, Credential } from './contract.ts';
import { courseUrn, learnerUrn, type Speaker } from './own-names.ts';
import { statusEntry } from './status-list.ts';

const contexts = ['https://www.w3.org/ns/credentials/v2', 'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json'];

/** Version 2.0 wants seconds and a time zone. A date that has them stands as it was given; without a zone it is UTC. */
function instantOf(given: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(given)) return given;
  const isLocal = /T/i.test(given) && !/(Z|[+-]\d\d(:?\d\d)?)$/i.test(given);
  return new Date(isLocal ? `${given}Z` : given).toISOString().replace('.000Z', 'Z');
}

const fullName = ({ firstName, middleName, lastName }: CertificateFacts) =>
  [firstName, middleName, lastName].filter((part) => part !== undefined && part.trim() !== '').join(' ');

/** Score and scale, where there are both. */
function resultOf({ score, maxScore }: CertificateFacts, descriptionId: string) {
  if (score === undefined) return undefined;
  const scale = maxScore === undefined ? {} : { valueMin: '0', valueMax: String(maxScore) };
  return {
    description: { id: descriptionId, type: ['ResultDescription'], name: 'Score', resultType: 'RawScore', ...scale },
    result: { type: ['Result'], resultDescription: descriptionId, value: String(score) },
  };
}

export function buildBadge(facts: CertificateFacts, speaker: Speaker): Credential {
  const { courseId, courseName } = facts;
  const course = courseUrn(speaker, facts);
  const scored = resultOf(facts, `${course}#score`);
  return {
    '@context': contexts,
    id: `urn:uuid:${facts.id}`,
    type: ['VerifiableCredential', 'OpenBadgeCredential'],
    issuer: { id: speaker.did, type: ['Profile'], name: speaker.name },
    validFrom: instantOf(facts.issuanceDate),
    ...(facts.expirationDate === undefined ? {} : { validUntil: instantOf(facts.expirationDate) }),
    name: courseName,
    credentialSubject: {
      id: learnerUrn(speaker, facts),
      type: ['AchievementSubject'],
      identifier: [{ type: 'IdentityObject', identityHash: fullName(facts), identityType: 'name', hashed: false }],
      ...(scored === undefined ? {} : { result: [scored.result] }),
      achievement: {
        id: course,
        type: ['Achievement'],
        achievementType: 'CertificateOfCompletion',
        humanCode: courseId,
        name: courseName,
        description: `Completion of the course ${courseName}.`,
        criteria: { narrative: `Completion of the course, as recorded by ${speaker.name}.` },
        ...(scored === undefined ? {} : { resultDescription: [scored.description] }),
      },
    },
    evidence: [{ id: facts.verifyUrl, type: ['Evidence'], name: 'Verification page' }],
    credentialStatus: statusEntry(facts.statusIndex, speaker.publicUrl),
  };
}
