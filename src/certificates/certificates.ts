// Certificates: each issued once, however often it is asked for, with its number, its document, its credential and its event, or none of them.

import { randomUUID } from 'node:crypto';
import type { Credentials } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { type ErrorCode, fail, isErrorCode } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { failpoint } from '../failpoint.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { Images } from '../images/images.ts';
import type { JobDefinition } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { glyphMissing } from '../templating/contract.ts';
import type { Templating } from '../templating/templating.ts';
import { mayRead, type Reader } from './access.ts';
import { digestOf, newCode, verifyUrlOf } from './certificate.ts';
import { type IssueAnswer, type IssueBody, issueBody, type ReissueBody } from './contract.ts';
import { Ends } from './ends.ts';
import { type MakeData, makeDefinition, templateDataOf } from './making.ts';
import { isUnmade, mayBecome } from './status.ts';
import {
  addCertificate,
  type CertificateInput,
  type FrozenInput,
  findCertificate,
  findRequest,
  holdCertificate,
  markReplaced,
  type NamedRequest,
  nameSuccessor,
  rememberRequest,
  type StoredCertificate,
  takeUnmade,
  toldOf,
} from './store.ts';

const log = createLog('certificates');

/** What was to be begun again is looked for so often. */
const lookMs = 15_000;

interface IssueOptions {
  tenant: string;
  idempotencyKey: string | undefined;
  owner: string;
  signal: AbortSignal;
}

export interface Certificates extends Disposable {
  /** Begins to look after those whose making has failed. */
  start(): void;
  /**
   * Issues one, or gives the one that was issued for the same request.
   * @param tenant prefix of the keys of whoever it belongs to.
   * @param idempotencyKey of the request, which gets the same answer whenever it is sent again, whatever has become of the certificate.
   * @throws idempotency_key_reused where the key came with other data; certificate_exists where it was issued with other data, or revoked; what keeps it from being made: it is tried again then.
   */
  issue(body: IssueBody, options: IssueOptions): Promise<IssueAnswer['data']>;
  /**
   * Puts another in the place of one, with these changes; asked again, it gives that same other.
   * @throws not_found; certificate_exists while there is nothing to replace; already_revoked where it was replaced with other changes.
   */
  reissue(
    id: string,
    body: ReissueBody,
    options: { reader: Reader; owner: string; signal: AbortSignal },
  ): Promise<IssueAnswer['data']>;
}

interface Dependencies {
  database: Database;
  jobs: Jobs;
  documents: Documents;
  templating: Templating;
  images: Images;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  events: Events;
  metrics: Metrics;
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

  async issue(body: IssueBody, { signal, ...asked }: IssueOptions): Promise<IssueAnswer['data']> {
    this.#requireIssuer();
    const input = { ...body, ...defaultsOf(body) };
    await this.#check(input, signal);
    const accepted = await this.#accept(input, asked);
    failpoint('certificate-accepted');
    return this.#finish(accepted, signal);
  }

  async reissue(
    id: string,
    { reason, ...changes }: ReissueBody,
    { reader, owner, signal }: { reader: Reader; owner: string; signal: AbortSignal },
  ): Promise<IssueAnswer['data']> {
    this.#requireIssuer();
    const { database, jobs } = this.#dependencies;
    const asked = await findCertificate(database.queries, id);
    if (asked === undefined || !mayRead(reader, asked)) throw fail('not_found');
    // What it was issued with never changes, so that all may be looked at before anything is held.
    const input = applyChanges(asked.input, changes);
    await this.#check(input, signal);
    const accepted = await jobs.transaction(async (tx) => {
      const old = await holdCertificate(tx, id);
      if (old === undefined) throw fail('not_found');
      if (old.status === 'replaced') return successorOf(tx, old, digestOf(input));
      if (!mayBecome(old.status, 'replaced'))
        throw fail('certificate_exists', { detail: 'It is still being made: there is nothing to replace yet.' });
      await markReplaced(tx, id, reason);
      const added = await this.#add(input, { tx, tenant: old.tenant });
      await nameSuccessor(tx, id, added.id);
      const replacedBy = { certificateId: added.id, number: added.number };
      await this.#dependencies.events.certificateReplaced(tx, old.tenant, { ...toldOf(old), replacedBy });
      await this.#enqueue(added, { tx, owner });
      return added;
    });
    return this.#finish(accepted, signal);
  }

  #requireIssuer(): void {
    if (this.#dependencies.credentials === undefined)
      throw fail('issuer_unavailable', { detail: 'CREDENTIAL_KEY is not set: nothing can be signed.' });
  }

  async #finish(accepted: StoredCertificate, signal: AbortSignal): Promise<IssueAnswer['data']> {
    if (!isUnmade(accepted.status)) return this.#describe(accepted);
    const made = await this.#ends.wait(accepted, signal);
    if (made.status === 'error') throw fail(codeOf(made.lastError));
    // While it was made.
    if (made.status === 'revoked') throw revoked();
    return this.#describe(made);
  }

  /** Before a number is taken. */
  async #check(input: CertificateInput, signal: AbortSignal): Promise<void> {
    const { templating, config } = this.#dependencies;
    const { issuerName, publicUrl } = config;
    const { templateId, language, firstName, middleName, lastName, courseName } = input;
    const data = templateDataOf({ input, number: sampleNumber }, { verifyUrl: verifyUrlOf(publicUrl, ''), issuerName });
    const letters = await templating.missingLetters({ templateId, language, data, signal, priority: 'trigger' });
    if (letters.length > 0) throw glyphMissing(letters, { firstName, middleName, lastName, courseName });
  }

  async #accept(
    input: CertificateInput,
    { tenant, idempotencyKey, owner }: Omit<IssueOptions, 'signal'>,
  ): Promise<StoredCertificate> {
    const digest = digestOf(input);
    return this.#dependencies.jobs.transaction(async (tx) => {
      const repeated = idempotencyKey === undefined ? undefined : await findRequest(tx, { tenant, idempotencyKey });
      const certificate = await this.#certificateOf(repeated, input, { tx, tenant });
      const { id: certificateId, status } = certificate;
      if (repeated === undefined && certificate.digest !== digest) throw fail('certificate_exists');
      if (repeated === undefined && status === 'revoked') throw revoked();
      if (idempotencyKey !== undefined) {
        const present = await rememberRequest(tx, { tenant, idempotencyKey, digest, certificateId });
        if (present !== digest) throw fail('idempotency_key_reused');
      }
      if (isUnmade(status)) await this.#enqueue(certificate, { tx, owner });
      return certificate;
    });
  }

  /** The one that the same request has made before, or the one of its learner, course and type. */
  async #certificateOf(
    repeated: NamedRequest | undefined,
    input: CertificateInput,
    within: { tx: Transaction; tenant: string },
  ): Promise<StoredCertificate> {
    const known = repeated === undefined ? undefined : await findCertificate(within.tx, repeated.certificateId);
    return known ?? this.#add(input, within);
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
    { tx, owner }: { tx: Transaction; owner: string },
  ): Promise<void> {
    const subject = { certificateId: id, studentId, courseId, s3Key: key };
    const job = { data: { id }, key: id, rank: 0, owner, subject, secret: undefined };
    await this.#dependencies.jobs.enqueue(this.#definition, [job], { tx, tenant, lane: `certificates ${tenant}` });
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
function applyChanges({ images: _, ...input }: FrozenInput, changes: Omit<ReissueBody, 'reason'>): CertificateInput {
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
  if (successor.status === 'revoked') throw revoked();
  return successor;
}

const revoked = () => fail('certificate_exists', { detail: 'It was revoked: reissue it.' });

const codeOf = (lastError: string | null): ErrorCode =>
  lastError !== null && isErrorCode(lastError) ? lastError : 'internal_error';

export function createCertificates(dependencies: Dependencies): Certificates {
  return new IssuedCertificates(dependencies);
}
