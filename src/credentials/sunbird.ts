// Credentials by a Sunbird RC registry: a DID for the learner, then the credential that the registry signs and keeps.

import * as z from 'zod';
import { fail } from '../errors.ts';
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

/** The parser's own error quotes what it read, which is about a person. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the answer is no JSON');
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > maxAnswerBytes) throw new Error(`the answer has more than ${maxAnswerBytes} bytes`);
    parts.push(part);
  }
  return parseJson(Buffer.concat(parts).toString('utf8'));
}

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

const joined = (address: string, path: string) => `${address.replace(/\/+$/, '')}${path}`;

/** Asks a registry for each credential. */
export function createSunbird(settings: SunbirdSettings): CredentialIssuer {
  const { issuerDid, schemaId, schemaVersion, timeoutMs = defaultTimeoutMs } = settings;
  const publicUrl = settings.publicUrl.replace(/\/+$/, '');
  const speaker = { did: issuerDid, name: '', publicUrl };

  async function post<T>(address: string, body: object, read: (answer: unknown) => T): Promise<T> {
    try {
      const response = await fetch(address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(body),
        // A redirect would send a person's data to an address that nobody has set.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`it answered ${response.status}`);
      }
      return read(await readAnswer(response));
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
        joined(settings.identityUrl, '/did/generate'),
        { content: [learner] },
        (answer) => learnerSchema.parse(answer),
      );
      const credential = buildRequest(facts, speaker, learnerDid);
      return post(
        joined(settings.credentialsUrl, '/credentials/issue'),
        { credential, credentialSchemaId: schemaId, credentialSchemaVersion: schemaVersion, tags: [facts.courseId] },
        (answer) => readIssued(answer, credential),
      );
    },
  };
}
