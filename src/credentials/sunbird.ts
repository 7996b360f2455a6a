// Credentials by a Sunbird RC registry: a DID for the learner, then the credential that the registry signs and keeps.

import * as z from 'zod';
import { fail } from '../errors.ts';
import { below, callJson } from '../json-call.ts';
import { buildCertificate } from './certificate-form.ts';
import type { CertificateFacts, Credential, CredentialIssuer } from './contract.ts';
import type { Speaker } from './own-names.ts';

export interface SunbirdSettings {
  publicUrl: string;
  /** SUNBIRD_RC_IDENTITY_URL and SUNBIRD_RC_CREDENTIALS_URL. */
  identityUrl: string;
  credentialsUrl: string;
  issuerDid: string;
  schemaId: string;
  schemaVersion: string;
  /** For each of the two calls. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;
/** Far more than a credential has. */
const maxAnswerBytes = 1024 * 1024;

const learnerSchema = z.tuple([z.looseObject({ id: z.string().startsWith('did:') })], z.unknown());
const issuedSchema = z.looseObject({
  credential: z.looseObject({ id: z.string().min(1) }),
});

/** Whether all that we sent came back; the registry may say more. */
function saysTheSame(sent: unknown, given: unknown): boolean {
  if (typeof sent !== 'object' || sent === null) return sent === given;
  if (typeof given !== 'object' || given === null) return false;
  return Object.entries(sent).every(([name, value]) => saysTheSame(value, (given as Credential)[name]));
}

const isSameInstant = (sent: unknown, given: unknown) =>
  sent === given || Date.parse(String(sent)) === Date.parse(String(given));

/** How the certificate's facts are compared, of which dates may be spelled otherwise. Contexts, kinds and the issuer's name are the registry's own. */
const comparisons: Record<string, (sent: unknown, given: unknown) => boolean> = {
  issuanceDate: isSameInstant,
  expirationDate: isSameInstant,
  credentialSubject: saysTheSame,
};

/** The registry's credential. What it leaves out is as we sent it; what it says otherwise is somebody else's. */
function readIssued(answer: unknown, sent: Credential): Credential {
  const { credential } = issuedSchema.parse(answer);
  const wrong = Object.keys(sent)
    .filter((name) => Object.hasOwn(credential, name))
    .find((name) => comparisons[name]?.(sent[name], credential[name]) === false);
  if (wrong !== undefined) throw new Error(`the registry's ${wrong} is not what was asked for`);
  return { ...sent, ...credential };
}

/** The certificate's own form without its id, which the registry gives. */
function buildRequest(facts: CertificateFacts, speaker: Speaker, learnerDid: string): Credential {
  const { id: _, credentialSubject, ...certificate } = buildCertificate(facts, speaker);
  return { ...certificate, credentialSubject: { ...(credentialSubject as Credential), id: learnerDid } };
}

/** Asks a registry for each credential. */
export function createSunbird(settings: SunbirdSettings): CredentialIssuer {
  const { issuerDid, schemaId, schemaVersion, timeoutMs = defaultTimeoutMs } = settings;
  const publicUrl = settings.publicUrl.replace(/\/+$/, '');
  const speaker = { did: issuerDid, name: '', publicUrl };

  async function post<T>(address: string, body: object, read: (answer: unknown) => T): Promise<T> {
    try {
      const call = { method: 'POST', body, timeoutMs, mostBytes: maxAnswerBytes } as const;
      const answer = await callJson(address, call);
      if (answer.status < 200 || answer.status > 299) throw new Error(`it answered ${answer.status}`);
      return read(answer.body);
    } catch (cause) {
      throw fail(
        'issuer_unavailable',
        {},
        { cause: new Error(`Sunbird RC, POST ${new URL(address).pathname}`, { cause }) },
      );
    }
  }

  return {
    async issue(facts) {
      const learner = { alsoKnownAs: [facts.userId], services: [], method: 'upai' };
      const [{ id: learnerDid }] = await post(
        below(settings.identityUrl, '/did/generate'),
        { content: [learner] },
        (answer) => learnerSchema.parse(answer),
      );
      const credential = buildRequest(facts, speaker, learnerDid);
      return post(
        below(settings.credentialsUrl, '/credentials/issue'),
        { credential, credentialSchemaId: schemaId, credentialSchemaVersion: schemaVersion, tags: [facts.courseId] },
        (answer) => readIssued(answer, credential),
      );
    },
  };
}
