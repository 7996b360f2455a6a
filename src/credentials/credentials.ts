// The face of credentials: builds and signs the W3C forms of a certificate with our own key, and checks what is given back.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { buildBadge } from './badge-form.ts';
import { canonicalJson, createStatements } from './canonical-forms.ts';
import { buildCertificate, certificateContext, certificateContextPath } from './certificate-form.ts';
import { createCheck } from './check.ts';
import type { CertificateFacts, Credential, Credentials } from './contract.ts';
import { didOf, multikeyOf, type Speaker } from './own-names.ts';
import { instantText, prove, type Suite } from './proofs.ts';
import { buildStatusList } from './status-list.ts';

export interface CredentialSettings {
  publicUrl: string;
  /** Ed25519, private. */
  key: KeyObject;
  /** Ed25519, whole or their public halves: they sign nothing any more, and what they signed stays genuine. */
  formerKeys?: readonly KeyObject[];
  issuerName: string;
}

const publicHalf = (key: KeyObject) => (key.type === 'private' ? createPublicKey(key as never) : key);

function describeKeys(did: string, keys: ReadonlyMap<string, KeyObject>): Credential {
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: Array.from(keys, ([id, key]) => ({
      id,
      type: 'Multikey',
      controller: did,
      publicKeyMultibase: multikeyOf(key),
    })),
    assertionMethod: [...keys.keys()],
  };
}

/** Half of a character can't be signed: all halves become the same sign on the way. */
function refuseHalfCharacters(facts: CertificateFacts): void {
  const broken = Object.entries(facts).find(([, value]) => typeof value === 'string' && !value.isWellFormed());
  if (broken !== undefined) throw new TypeError(`${broken[0]} holds half of a character.`);
}

/** The built-in issuer. */
export function createCredentials({ key, formerKeys = [], issuerName, ...settings }: CredentialSettings): Credentials {
  const publicUrl = settings.publicUrl.replace(/\/+$/, '');
  const did = didOf(publicUrl);
  const speaker: Speaker = { did, name: issuerName, publicUrl };
  const verificationMethod = `${did}#${multikeyOf(key)}`;
  const keys = new Map([key, ...formerKeys].map((each) => [`${did}#${multikeyOf(each)}`, publicHalf(each)]));
  const ownContexts = new Map([[`${publicUrl}${certificateContextPath}`, certificateContext(speaker)]]);
  const ofStatements: Suite = { name: 'eddsa-rdfc-2022', canonize: createStatements(ownContexts), namesContext: false };
  const ofJson: Suite = { name: 'eddsa-jcs-2022', canonize: canonicalJson, namesContext: true };

  async function signTwice(document: Credential, created: Date): Promise<Credential> {
    const signer = { key, verificationMethod, created };
    return {
      ...document,
      proof: await Promise.all([ofStatements, ofJson].map((suite) => prove(suite, document, signer))),
    };
  }

  return {
    async issue(facts) {
      refuseHalfCharacters(facts);
      const document = buildCertificate(facts, speaker);
      const signer = { key, verificationMethod, created: facts.recordedAt };
      return { ...document, proof: await prove(ofStatements, document, signer) };
    },
    async badge(facts) {
      refuseHalfCharacters(facts);
      return signTwice(buildBadge(facts, speaker), facts.recordedAt);
    },
    check: createCheck({ speaker, keys, ofStatements, ofJson }),
    didDocument: () => describeKeys(did, keys),
    certificateContext: () => certificateContext(speaker),
    async statusList(list, revoked) {
      const now = new Date();
      return signTwice(buildStatusList({ list, revoked, now: instantText(now) }, speaker), now);
    },
  };
}
