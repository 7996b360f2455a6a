// What a certificate is worth, for anyone who has its code or its file.

import { createHash } from 'node:crypto';
import type { Credential, Credentials, Verdict } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { readStrangersPdf } from '../pdf/pdf.ts';
import { isCode, readInstant, verifyUrlOf } from './certificate.ts';
import type { FileCheck, FileVerification, Verification } from './contract.ts';
import { nameOf } from './facts.ts';
import { findByCode, findByFile, findCertificate, type StoredCertificate } from './store.ts';

/** What its page says. */
export type VerifiedCertificate = Verification & { number: string; verifyUrl: string };

export interface Verifications {
  /** Undefined where no document was ever given out with this code. */
  byCode(code: string): Promise<VerifiedCertificate | undefined>;
  /**
   * What is known of a file, and of the certificate that it is.
   * @throws pdf_unreadable, pdf_encrypted where it is neither ours nor a PDF that anyone can read; queue_full.
   */
  byFile(file: Buffer): Promise<FileVerification & { certificate: VerifiedCertificate | undefined }>;
  /** The badge of a certificate: with its code, or its id and its code. @throws not_found. */
  badge(given: { id: string | undefined; code: string }): Promise<Credential>;
}

interface Dependencies {
  database: Database;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  metrics: Metrics;
  publicUrl: string;
}

function standingOf({ status, input }: StoredCertificate): Verification['status'] {
  if (status === 'revoked' || status === 'replaced') return status;
  const expires = readInstant(input.expirationDate ?? '');
  return expires !== undefined && expires <= Date.now() ? 'expired' : 'valid';
}

/** Of all that may be wrong with it: a revoked one may have expired too. */
function checkStanding({ status, input: { expirationDate } }: StoredCertificate): FileCheck[] {
  const expires = readInstant(expirationDate ?? '');
  const hasExpired = expires !== undefined && expires <= Date.now();
  const isGood = status !== 'revoked' && status !== 'replaced';
  return [
    { name: 'status', passed: isGood, detail: isGood ? 'It was neither revoked nor replaced.' : `It was ${status}.` },
    {
      name: 'expiry',
      passed: !hasExpired,
      detail:
        expirationDate === undefined
          ? 'It does not expire.'
          : `It ${hasExpired ? 'was' : 'is'} valid until ${expirationDate}.`,
    },
  ];
}

const faults: Record<NonNullable<Verdict['reason']>, string> = {
  unknown_form: 'it has a form that is not given out here',
  other_issuer: 'it names another issuer',
  unknown_key: 'its proof names a key that is not ours',
  wrong_proof: 'its proof does not fit what it says',
};

async function checkCredential(
  credentials: Credentials | undefined,
  { credential, badge }: StoredCertificate,
): Promise<FileCheck> {
  const name = 'credential';
  if (credentials === undefined) return { name, passed: false, detail: 'There is no key to check it with.' };
  if (credential === null) return { name, passed: false, detail: 'What it said was erased.' };
  const own = await credentials.check(credential);
  // That of a registry is the registry's to check; the badge is always ours.
  const isByRegistry = own.reason === 'other_issuer';
  const verdicts = [...(isByRegistry ? [] : [own]), ...(badge === null ? [] : [await credentials.check(badge)])];
  const wrong = verdicts.find(({ isGenuine }) => !isGenuine);
  if (wrong?.reason !== undefined)
    return { name, passed: false, detail: `The credential is not genuine: ${faults[wrong.reason]}.` };
  return { name, passed: verdicts.length > 0, detail: 'It was signed by the issuer, and says what it said then.' };
}

type VerifiedFile = Awaited<ReturnType<Verifications['byFile']>>;

const unreadable = new Set<ErrorCode>(['pdf_unreadable', 'pdf_encrypted']);

/** In one word: what a signature says comes before what the calendar says. */
function resultOf({ certificate, checks }: VerifiedFile): string {
  if (certificate === undefined) return 'unknown';
  const isGenuine = checks.every(({ name, passed }) => passed || name === 'status' || name === 'expiry');
  return isGenuine ? certificate.status : 'not_genuine';
}

/** Whether credential and record say the same. */
function checkConsistency({ credential, input }: StoredCertificate): FileCheck {
  const { credentialSubject, ...said } = credential ?? {};
  const subject = (credentialSubject ?? {}) as Record<string, unknown>;
  const fields = ['userId', 'courseId', 'courseName', 'firstName', 'lastName'] as const;
  const dates = ['issuanceDate', 'expirationDate'] as const;
  const differing = [
    ...fields.filter((field) => subject[field] !== input[field]),
    ...dates.filter((field) => said[field] !== input[field]),
  ];
  const passed = differing.length === 0;
  const detail = passed ? 'Credential and record say the same.' : `They differ in ${differing.join(', ')}.`;
  return { name: 'consistent', passed, detail };
}

class StandingVerifications implements Verifications {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async byCode(code: string) {
    const { database, metrics } = this.#dependencies;
    const found = isCode(code) ? await findByCode(database.queries, code) : undefined;
    const certificate = found === undefined || found.sha256 === null ? undefined : await this.#describe(found);
    metrics.verifications.inc({ by: 'code', result: certificate?.status ?? 'unknown' });
    if (found !== undefined && certificate !== undefined) countVerified(metrics, found);
    return certificate;
  }

  async byFile(file: Buffer) {
    const count = (result: string) => this.#dependencies.metrics.verifications.inc({ by: 'file', result });
    try {
      const verified = await this.#verifyFile(file);
      count(resultOf(verified));
      return verified;
    } catch (error) {
      if (error instanceof ServiceError && unreadable.has(error.code)) count('unreadable');
      throw error;
    }
  }

  async #verifyFile(file: Buffer): Promise<VerifiedFile> {
    const { database, credentials } = this.#dependencies;
    const certificate = await findByFile(database.queries, createHash('sha256').update(file).digest('hex'));
    if (certificate === undefined) {
      await requireReadable(file);
      const unknown = {
        name: 'known_file',
        passed: false,
        detail: 'No certificate with this very file was issued here.',
      };
      return { valid: false, checks: [unknown as FileCheck], certificate: undefined };
    }
    const checks: FileCheck[] = [
      { name: 'known_file', passed: true, detail: `It is the file of certificate ${certificate.number}, to the byte.` },
      await checkCredential(credentials, certificate),
      ...checkStanding(certificate),
      checkConsistency(certificate),
    ];
    countVerified(this.#dependencies.metrics, certificate);
    const valid = checks.every(({ passed }) => passed);
    return { valid, checks, certificate: await this.#describe(certificate) };
  }

  async badge({ id, code }: { id: string | undefined; code: string }) {
    const certificate = await findByCode(this.#dependencies.database.queries, code);
    if (certificate === undefined || certificate.badge === null) throw fail('not_found');
    if (id !== undefined && certificate.id !== id) throw fail('not_found');
    return certificate.badge;
  }

  async #describe(certificate: StoredCertificate): Promise<VerifiedCertificate> {
    const { input, number, replacedBy } = certificate;
    const { queries } = this.#dependencies.database;
    const successor = replacedBy === null ? undefined : await findCertificate(queries, replacedBy);
    return {
      status: standingOf(certificate),
      name: nameOf(input),
      courseName: input.courseName,
      issuedAt: input.issuanceDate,
      expiresAt: input.expirationDate ?? null,
      ...(successor === undefined ? {} : { replacedBy: this.#verifyUrlOf(successor) }),
      number,
      verifyUrl: this.#verifyUrlOf(certificate),
    };
  }

  #verifyUrlOf({ code }: StoredCertificate): string {
    return verifyUrlOf(this.#dependencies.publicUrl, code);
  }
}

function countVerified({ tally }: Metrics, { tenant, courseId }: StoredCertificate): void {
  tally.count({ tenant, courseId, name: 'verified' });
}

/** @throws pdf_unreadable, pdf_encrypted. */
async function requireReadable(file: Buffer): Promise<void> {
  const reading = await readStrangersPdf(file);
  if (reading !== 'readable') throw fail(`pdf_${reading}`);
}

export function createVerifications(dependencies: Dependencies): Verifications {
  return new StandingVerifications(dependencies);
}
