// Certificates: each issued once, however often it is asked for, with its number, its document, its credential and its event, or none of them.

import { randomUUID } from 'node:crypto';
import type { Assets } from '../assets/assets.ts';
import type { Credentials } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { failpoint } from '../failpoint.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { Images } from '../images/images.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Plugins } from '../plugins/plugins.ts';
import type { Templating } from '../templating/templating.ts';
import { mayRead, type Reader } from './access.ts';
import { applyChanges, createInputCheck, type InputCheck, inputOf } from './asked.ts';
import { noteEnd, noteIssue } from './audited.ts';
import { createAwards } from './awards.ts';
import { digestOf, newCode } from './certificate.ts';
import type { Awards, CertificateRow, GenerateBody, IssueAnswer, IssueBody, ReissueBody } from './contract.ts';
import { makeDefinition } from './making.ts';
import { MakingJobs } from './making-jobs.ts';
import { refuseOther, revoked, successorOf } from './refusals.ts';
import { issuedOf, rowOf } from './row.ts';
import { isUnmade, mayBecome } from './status.ts';
import {
  addCertificate,
  type CertificateInput,
  type FrozenInput,
  findCertificate,
  findOfCourse,
  findRequest,
  holdCertificate,
  type MailWishes,
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

interface IssueOptions extends MailWishes {
  tenant: string;
  idempotencyKey: string | undefined;
  owner: string;
  signal: AbortSignal;
}

export interface Certificates extends Disposable, Awards {
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
  images: Images;
  plugins: Plugins;
  assets: Assets;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  events: Events;
  metrics: Metrics;
  config: { publicUrl: string; issuerName: string; numberPattern: string };
}

type Transaction = Parameters<Parameters<Jobs['transaction']>[0]>[0];

class IssuedCertificates implements Certificates {
  readonly #dependencies: Dependencies;
  readonly #makings: MakingJobs;
  readonly #awards: Awards;
  readonly #asked: InputCheck;
  /** By what is asked for. */
  readonly #accepting = new Map<string, Promise<StoredCertificate>>();
  #looking: NodeJS.Timeout | undefined;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    const { config, database, jobs } = dependencies;
    const { issuerName, publicUrl, numberPattern } = config;
    this.#makings = new MakingJobs(dependencies, makeDefinition({ ...dependencies, issuerName, publicUrl }));
    this.#awards = createAwards({ database, jobs, makings: this.#makings, numberPattern });
    this.#asked = createInputCheck(dependencies);
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
    const input = inputOf(body);
    await this.#asked.checkLetters(input, signal);
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
    await this.#asked.checkLetters(input, signal);
    const accepted = await jobs.transaction(async (tx) => {
      const old = await holdCertificate(tx, id);
      if (old === undefined) throw fail('not_found');
      if (old.status === 'replaced') return successorOf(tx, old, digestOf(input));
      if (!mayBecome(old.status, 'replaced'))
        throw fail('certificate_exists', { detail: 'It is still being made: there is nothing to replace yet.' });
      await markReplaced(tx, id, reason);
      const added = await this.#add(input, { tx, tenant: old.tenant, wishes: old.input });
      await nameSuccessor(tx, id, added.id);
      await noteEnd(tx, old, { status: 'replaced', replacedBy: added.id });
      const replacedBy = { certificateId: added.id, number: added.number };
      await this.#dependencies.events.certificateReplaced(tx, old.tenant, { ...toldOf(old), replacedBy });
      await this.#makings.enqueue(added, { tx, owner });
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
    const { input } = found;
    const asked = { ...input, templateId: templateId ?? input.templateId, language: language ?? input.language };
    if (asked.templateId !== input.templateId || asked.language !== input.language) {
      this.#asked.checkTemplate(asked);
      throw fail('certificate_exists', { detail: 'It was recorded with another template or language.' });
    }
    if (!isUnmade(found.status)) return { certificate: rowOf(found, config.publicUrl) };
    this.#requireIssuer();
    return jobs.transaction(async (tx) => ({
      progressId: await this.#makings.enqueue(found, {
        tx,
        owner,
        joinsActive: true,
        ...(transactionId && { transactionId }),
      }),
    }));
  }

  holders: Awards['holders'] = (award, asked) => this.#awards.holders(award, asked);

  documents: Awards['documents'] = (tenant, ids) => this.#awards.documents(tenant, ids);

  award: Awards['award'] = async (award, input, signal) => {
    this.#requireIssuer();
    return this.#awards.award(award, input, signal);
  };

  noteFinding: Awards['noteFinding'] = (...finding) => this.#awards.noteFinding(...finding);

  #requireIssuer(): void {
    if (this.#dependencies.credentials === undefined)
      throw fail('issuer_unavailable', { detail: 'CREDENTIAL_KEY is not set: nothing can be signed.' });
  }

  async #finish(accepted: StoredCertificate, signal: AbortSignal): Promise<IssueAnswer['data']> {
    if (!isUnmade(accepted.status)) return this.#describe(accepted);
    const made = await this.#makings.wait(accepted, signal);
    // While it was made.
    if (made.status === 'revoked') throw revoked();
    return this.#describe(made);
  }

  /** Who asks for the same while it is being accepted waits for that: many transactions would stand in line for one lock. */
  #accept(input: CertificateInput, asked: Omit<IssueOptions, 'signal'>): Promise<StoredCertificate> {
    const name = JSON.stringify([asked.tenant, asked.idempotencyKey, asked.owner, digestOf(input)]);
    const underWay = this.#accepting.get(name);
    if (underWay !== undefined) return underWay;
    const accepted = this.#acceptOnce(input, asked).finally(() => this.#accepting.delete(name));
    this.#accepting.set(name, accepted);
    return accepted;
  }

  async #acceptOnce(
    input: CertificateInput,
    { tenant, idempotencyKey, owner, ...wishes }: Omit<IssueOptions, 'signal'>,
  ): Promise<StoredCertificate> {
    const digest = digestOf(input);
    return this.#dependencies.jobs.transaction(async (tx) => {
      const repeated = idempotencyKey === undefined ? undefined : await findRequest(tx, { tenant, idempotencyKey });
      const certificate = await this.#certificateOf(repeated, input, { tx, tenant, wishes });
      const { id: certificateId, status } = certificate;
      if (repeated === undefined) refuseOther(certificate, digest);
      if (idempotencyKey !== undefined) {
        const present = await rememberRequest(tx, { tenant, idempotencyKey, digest, certificateId });
        if (present !== digest) throw fail('idempotency_key_reused');
      }
      if (isUnmade(status)) await this.#makings.enqueue(certificate, { tx, owner });
      return certificate;
    });
  }

  /** The one that the same request has made before, or the one of its learner, course and type. */
  async #certificateOf(
    repeated: NamedRequest | undefined,
    input: CertificateInput,
    within: { tx: Transaction; tenant: string; wishes: MailWishes },
  ): Promise<StoredCertificate> {
    const known = repeated === undefined ? undefined : await findCertificate(within.tx, repeated.certificateId);
    return known ?? this.#add(input, within);
  }

  /** Of two requests that differ in their mails alone the certificate is one, and the mails are those of the first. */
  async #add(
    asked: CertificateInput,
    { tx, tenant, wishes: { mail, remindDaysBefore } }: { tx: Transaction; tenant: string; wishes: MailWishes },
  ): Promise<StoredCertificate> {
    const { numberPattern } = this.#dependencies.config;
    const digest = digestOf(asked);
    const input: FrozenInput = { ...asked, mail, remindDaysBefore };
    const id = randomUUID();
    const added = await addCertificate(tx, { id, tenant, code: newCode(), input, digest, numberPattern });
    if (added.id === id) await noteIssue(tx, added);
    return added;
  }

  #takeUp(): Promise<void> {
    return this.#dependencies.jobs.transaction(async (tx) => {
      for (const unmade of await takeUnmade(tx)) await this.#makings.enqueue(unmade, { tx, owner: serviceOwner });
    });
  }

  #describe(certificate: StoredCertificate): IssueAnswer['data'] {
    return issuedOf(certificate, this.#dependencies.config.publicUrl);
  }
}

export function createCertificates(dependencies: Dependencies): Certificates {
  return new IssuedCertificates(dependencies);
}
