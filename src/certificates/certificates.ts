// Certificates: each issued once, however often it is asked for, with its number, its document, its credential and its event, or none of them.

import { randomUUID } from 'node:crypto';
import type { Credentials } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { type ErrorCode, fail, isErrorCode } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { JobDefinition } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { createLog } from '../log.ts';
import type { Templating } from '../templating/templating.ts';
import { mayRead, type Reader } from './access.ts';
import { digestOf, newCode, verifyUrlOf } from './certificate.ts';
import {
  type CertificateRow,
  type GenerateBody,
  type IssueAnswer,
  type IssueBody,
  issueBody,
  type ReissueBody,
} from './contract.ts';
import { Ends } from './ends.ts';
import { type MakeData, makeDefinition, templateDataOf } from './making.ts';
import { rowOf } from './row.ts';
import { isUnmade, mayBecome } from './status.ts';
import {
  addCertificate,
  type CertificateInput,
  findCertificate,
  findOfCourse,
  holdCertificate,
  markReplaced,
  nameSuccessor,
  type StoredCertificate,
  takeUnmade,
} from './store.ts';

const log = createLog('certificates');

/** What was to be begun again is looked for so often. */
const lookMs = 15_000;

export interface Certificates extends Disposable {
  /** Begins to look after those whose making has failed. */
  start(): void;
  /**
   * Issues one, or gives the one that was issued for the same request.
   * @param tenant prefix of the keys of whoever it belongs to.
   * @throws certificate_exists where it was issued with other data, or revoked; what keeps it from being made: it is tried again then.
   */
  issue(body: IssueBody, options: { tenant: string; owner: string; signal: AbortSignal }): Promise<IssueAnswer['data']>;
  /**
   * Puts another in the place of one, with these changes; asked again, it gives that same other.
   * @throws not_found; certificate_exists while there is nothing to replace; already_revoked where it was replaced with other changes.
   */
  reissue(
    id: string,
    body: ReissueBody,
    options: { reader: Reader; owner: string; signal: AbortSignal },
  ): Promise<IssueAnswer['data']>;
  /**
   * Begins to make what was recorded for a learner and is not made yet.
   * @returns the certificate where it is made already, else the id of the progress.
   * @throws not_found where nothing is recorded; unknown_template, unknown_language; certificate_exists where it was recorded with others.
   */
  generate(
    body: GenerateBody,
    options: { learner: { tenant: string; studentId: string }; owner: string },
  ): Promise<{ progressId: string } | { certificate: CertificateRow }>;
}

interface Dependencies {
  database: Database;
  jobs: Jobs;
  documents: Documents;
  templating: Templating;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  events: Events;
  config: { publicUrl: string; issuerName: string; numberPattern: string };
}

type Transaction = Parameters<Parameters<Jobs['transaction']>[0]>[0];

const defaults = { type: 'course-completion', templateId: 'course-completion', language: 'en' };
/** Shown in the place of a number that is not taken yet. */
const sampleNumber = '0000-000000';

class IssuedCertificates implements Certificates {
  readonly #dependencies: Dependencies;
  readonly #definition: JobDefinition<MakeData>;
  readonly #ends: Ends;
  #looking: NodeJS.Timeout | undefined;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    const { config, database, jobs } = dependencies;
    this.#definition = makeDefinition({
      ...dependencies,
      issuerName: config.issuerName,
      publicUrl: config.publicUrl,
    });
    this.#ends = new Ends(database);
    jobs.define(this.#definition);
  }

  start(): void {
    const look = () =>
      this.#takeUp().catch((error) => log.debug('Certificates could not be taken up again yet', { error }));
    this.#looking ??= setInterval(look, lookMs).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking);
  }

  async issue(
    body: IssueBody,
    { tenant, owner, signal }: { tenant: string; owner: string; signal: AbortSignal },
  ): Promise<IssueAnswer['data']> {
    this.#requireIssuer();
    const input = { ...body, ...defaultsOf(body) };
    this.#check(input);
    return this.#finish(await this.#accept(input, { tenant, owner }), signal);
  }

  async reissue(
    id: string,
    { reason, ...changes }: ReissueBody,
    { reader, owner, signal }: { reader: Reader; owner: string; signal: AbortSignal },
  ): Promise<IssueAnswer['data']> {
    this.#requireIssuer();
    const accepted = await this.#dependencies.jobs.transaction(async (tx) => {
      const old = await holdCertificate(tx, id);
      if (old === undefined || !mayRead(reader, old)) throw fail('not_found');
      const input = applyChanges(old.input, changes);
      this.#check(input);
      if (old.status === 'replaced') return successorOf(tx, old, digestOf(input));
      if (!mayBecome(old.status, 'replaced'))
        throw fail('certificate_exists', { detail: 'It is still being made: there is nothing to replace yet.' });
      await markReplaced(tx, id, reason);
      const added = await this.#add(input, { tx, tenant: old.tenant });
      await nameSuccessor(tx, id, added.id);
      await this.#enqueue(added, { tx, owner });
      return added;
    });
    return this.#finish(accepted, signal);
  }

  async generate(
    { courseId, transactionId, templateId, language }: GenerateBody,
    { learner, owner }: { learner: { tenant: string; studentId: string }; owner: string },
  ): Promise<{ progressId: string } | { certificate: CertificateRow }> {
    const { database, jobs, config } = this.#dependencies;
    const [found] = await findOfCourse(database.queries, { ...learner, courseId });
    if (found === undefined) throw fail('not_found');
    const asked = { ...found.input, ...(templateId && { templateId }), ...(language && { language }) };
    if (digestOf(asked) !== digestOf(found.input)) {
      this.#check(asked);
      throw fail('certificate_exists', { detail: 'It was recorded with another template or language.' });
    }
    if (!isUnmade(found.status)) return { certificate: rowOf(found, config.publicUrl) };
    this.#requireIssuer();
    return jobs.transaction(async (tx) => ({
      progressId: await this.#enqueue(found, { tx, owner, ...(transactionId && { transactionId }) }),
    }));
  }

  #requireIssuer(): void {
    if (this.#dependencies.credentials === undefined)
      throw fail('issuer_unavailable', { detail: 'CREDENTIAL_KEY is not set: nothing can be signed.' });
  }

  async #finish(accepted: StoredCertificate, signal: AbortSignal): Promise<IssueAnswer['data']> {
    const made = isUnmade(accepted.status) ? await this.#ends.wait(accepted, signal) : accepted;
    if (made.status === 'error') throw fail(codeOf(made.lastError));
    // While it was made.
    if (made.status === 'revoked') throw revoked();
    return this.#describe(made);
  }

  /** Before a number is taken. */
  #check(input: CertificateInput): void {
    const { templating, config } = this.#dependencies;
    const { issuerName, publicUrl } = config;
    const data = templateDataOf({ input, number: sampleNumber }, { verifyUrl: verifyUrlOf(publicUrl, ''), issuerName });
    templating.check(input.templateId, input.language, data);
  }

  async #accept(
    input: CertificateInput,
    { tenant, owner }: { tenant: string; owner: string },
  ): Promise<StoredCertificate> {
    return this.#dependencies.jobs.transaction(async (tx) => {
      const certificate = await this.#add(input, { tx, tenant });
      if (certificate.digest !== digestOf(input)) throw fail('certificate_exists');
      if (certificate.status === 'revoked') throw revoked();
      if (isUnmade(certificate.status)) await this.#enqueue(certificate, { tx, owner });
      return certificate;
    });
  }

  #add(input: CertificateInput, { tx, tenant }: { tx: Transaction; tenant: string }): Promise<StoredCertificate> {
    const { numberPattern } = this.#dependencies.config;
    const digest = digestOf(input);
    return addCertificate(tx, { id: randomUUID(), tenant, code: newCode(), input, digest, numberPattern });
  }

  #takeUp(): Promise<void> {
    return this.#dependencies.jobs.transaction(async (tx) => {
      for (const unmade of await takeUnmade(tx)) await this.#enqueue(unmade, { tx, owner: serviceOwner });
    });
  }

  async #enqueue(
    { id, tenant, studentId, courseId, key }: StoredCertificate,
    { tx, owner, transactionId }: { tx: Transaction; owner: string; transactionId?: string },
  ): Promise<string> {
    const named = transactionId === undefined ? {} : { transactionId };
    const subject = { certificateId: id, studentId, courseId, s3Key: key, ...named };
    const job = { data: { id }, key: id, rank: 0, owner, subject, secret: undefined };
    const options = { tx, tenant, lane: `certificates ${tenant}` };
    const [jobId = ''] = await this.#dependencies.jobs.enqueue(this.#definition, [job], options);
    return jobId;
  }

  #describe({ id, number, code, credential, badge }: StoredCertificate): IssueAnswer['data'] {
    const { publicUrl } = this.#dependencies.config;
    const downloadUrl = `${publicUrl}/certificates/${id}/download`;
    return {
      credential: { ...credential, id: String(credential?.id) },
      certificate: { id, number, verifyUrl: verifyUrlOf(publicUrl, code), downloadUrl },
      ...(badge === null ? {} : { badge: { ...badge, id: String(badge.id) } }),
    };
  }
}

const defaultsOf = ({ type, templateId, language }: IssueBody) => ({
  type: type ?? defaults.type,
  templateId: templateId ?? defaults.templateId,
  language: language ?? defaults.language,
});

/** @throws invalid_request where they do not go together. */
function applyChanges(input: CertificateInput, changes: Omit<ReissueBody, 'reason'>): CertificateInput {
  const merged = { ...input, ...changes };
  const { success, data, error } = issueBody.safeParse(merged);
  if (!success) {
    const errors = error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
    throw fail('invalid_request', { errors });
  }
  return { ...data, ...defaultsOf(data) };
}

/** The one that was put into its place by the same request. */
async function successorOf(
  tx: Transaction,
  { replacedBy }: StoredCertificate,
  digest: string,
): Promise<StoredCertificate> {
  const successor = replacedBy === null ? undefined : await findCertificate(tx, replacedBy);
  if (successor === undefined || successor.digest !== digest) throw fail('already_revoked');
  return successor;
}

const revoked = () => fail('certificate_exists', { detail: 'It was revoked: reissue it.' });

const codeOf = (lastError: string | null): ErrorCode =>
  lastError !== null && isErrorCode(lastError) ? lastError : 'internal_error';

export function createCertificates(dependencies: Dependencies): Certificates {
  return new IssuedCertificates(dependencies);
}
