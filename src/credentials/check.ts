// Whether a credential that is given back is ours and unchanged. What it names is never fetched, and what isn't signed is never interpreted.

import type { KeyObject } from 'node:crypto';
import * as z from 'zod';
import { NoCanonicalForm } from './canonical-forms.ts';
import { certificateSchema } from './certificate-form.ts';
import type { Credential, Fault, Verdict } from './contract.ts';
import type { Speaker } from './own-names.ts';
import { type Proof, proofSchema, proves, type Suite } from './proofs.ts';

export interface CheckSettings {
  speaker: Speaker;
  /** By their addresses in our DID document. */
  keys: ReadonlyMap<string, KeyObject>;
  ofStatements: Suite;
  ofJson: Suite;
}

interface SignedDocument {
  document: Credential;
  proofs: { suite: Suite; proof: Proof }[];
}

type ReadForm = (credential: Credential) => SignedDocument | undefined;

/** One proof, over statements: the form must be ours to the letter, since a reader of statements overlooks much that a reader of JSON sees. */
function createCertificateReader({ speaker, ofStatements }: CheckSettings): ReadForm {
  const schema = certificateSchema(speaker, proofSchema(ofStatements));
  return (credential) => {
    const read = schema.safeParse(credential);
    if (!read.success) return undefined;
    const { proof, ...document } = read.data;
    return { document, proofs: [{ suite: ofStatements, proof: proof as Proof }] };
  };
}

/** Two proofs, the second over the JSON itself: every form will do, since nothing in it can have changed. It is tried first, so that statements are only read of what we have signed. */
function createProofSetReader({ ofStatements, ofJson }: CheckSettings): ReadForm {
  const schema = z.tuple([proofSchema(ofStatements), proofSchema(ofJson)]);
  return ({ proof, ...document }) => {
    const read = schema.safeParse(proof);
    if (!read.success) return undefined;
    const [first, second] = read.data as [Proof, Proof];
    return {
      document,
      proofs: [
        { suite: ofJson, proof: second },
        { suite: ofStatements, proof: first },
      ],
    };
  };
}

const issuerSchema = z.looseObject({ issuer: z.union([z.string(), z.looseObject({ id: z.string() })]) });

export function createCheck(settings: CheckSettings): (credential: unknown) => Promise<Verdict> {
  const readers = [createCertificateReader(settings), createProofSetReader(settings)];

  async function findWrongProof({ document, proofs }: SignedDocument): Promise<Fault | undefined> {
    for (const { suite, proof } of proofs) {
      const key = settings.keys.get(proof.verificationMethod);
      if (key === undefined) return 'unknown_key';
      if (!(await proves(proof, { suite, document, key }))) return 'wrong_proof';
    }
    return undefined;
  }

  async function findFault(credential: unknown): Promise<Fault | undefined> {
    const named = issuerSchema.safeParse(credential);
    if (!named.success) return 'unknown_form';
    const { issuer } = named.data;
    if ((typeof issuer === 'string' ? issuer : issuer.id) !== settings.speaker.did) return 'other_issuer';
    const signed = readers.map((read) => read(credential as Credential)).find((each) => each !== undefined);
    return signed === undefined ? 'unknown_form' : findWrongProof(signed);
  }

  return async (credential) => {
    try {
      const reason = await findFault(credential);
      return reason === undefined ? { isGenuine: true } : { isGenuine: false, reason };
    } catch (error) {
      if (error instanceof NoCanonicalForm) return { isGenuine: false, reason: 'unknown_form' };
      throw error;
    }
  };
}
