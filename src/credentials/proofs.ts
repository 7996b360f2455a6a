// Data Integrity proofs by Ed25519: a suite is a canonical form; hashing and signing are the same for all.

import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { base58 } from '@scure/base';
import * as z from 'zod';
import type { Canonize } from './canonical-forms.ts';
import type { Credential } from './contract.ts';

export interface Suite {
  name: 'eddsa-rdfc-2022' | 'eddsa-jcs-2022';
  canonize: Canonize;
  /** Whether the proof names the document's contexts itself, so that they can be taken for nothing else. */
  namesContext: boolean;
}

export interface Proof {
  '@context'?: unknown;
  type: 'DataIntegrityProof';
  cryptosuite: Suite['name'];
  created: string;
  verificationMethod: string;
  proofPurpose: 'assertionMethod';
  proofValue: string;
}

/** Seconds are enough, and every reader takes them. */
export const instantText = (date: Date) => date.toISOString().replace(/\.\d+Z$/, 'Z');

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** What is signed: how the proof was made, and what for. */
async function bytesToSign(suite: Suite, document: Credential, options: Omit<Proof, 'proofValue'>): Promise<Buffer> {
  const [proofText, documentText] = await Promise.all([
    suite.canonize({ '@context': document['@context'], ...options }),
    suite.canonize(document),
  ]);
  return Buffer.concat([sha256(proofText), sha256(documentText)]);
}

export interface Signer {
  key: KeyObject;
  /** The key's address in our DID document. */
  verificationMethod: string;
  created: Date;
}

export async function prove(suite: Suite, document: Credential, signer: Signer): Promise<Proof> {
  const options = {
    ...(suite.namesContext ? { '@context': document['@context'] } : {}),
    type: 'DataIntegrityProof',
    cryptosuite: suite.name,
    created: instantText(signer.created),
    verificationMethod: signer.verificationMethod,
    proofPurpose: 'assertionMethod',
  } as const;
  const signature = sign(null, await bytesToSign(suite, document, options), signer.key);
  return { ...options, proofValue: `z${base58.encode(signature)}` };
}

/** Whether the proof is that key's for this very document. */
export async function proves(
  proof: Proof,
  of: { suite: Suite; document: Credential; key: KeyObject },
): Promise<boolean> {
  const { proofValue, ...options } = proof;
  const signature = base58.decode(proofValue.slice(1));
  return verify(null, await bytesToSign(of.suite, of.document, options), of.key, signature);
}

/** A proof as we write it and not otherwise: what its canonical form leaves out can't be added to it. */
export function proofSchema(suite: Suite) {
  const fields = {
    type: z.literal('DataIntegrityProof'),
    cryptosuite: z.literal(suite.name),
    created: z.iso.datetime(),
    verificationMethod: z.string(),
    proofPurpose: z.literal('assertionMethod'),
    proofValue: z.string().regex(/^z[1-9A-HJ-NP-Za-km-z]{80,90}$/),
  };
  return z.strictObject(suite.namesContext ? { '@context': z.array(z.string()), ...fields } : fields);
}

/** The list of just these texts. */
export function exactly([first, ...others]: readonly string[]) {
  return z.tuple([z.literal(first ?? ''), ...others.map((text) => z.literal(text))] as [z.ZodLiteral<string>]);
}
