// Makes the document of a certificate: prints it, secures its credential, stores it, and makes record and event true together.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Assets } from '../assets/assets.ts';
import type { Credentials } from '../credentials/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { failpoint } from '../failpoint.ts';
import type { Pictures } from '../images/contract.ts';
import type { Images } from '../images/images.ts';
import type { JobDefinition, Work } from '../jobs/contract.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { datedPdf } from '../pdf/pdf.ts';
import type { Plugins } from '../plugins/plugins.ts';
import type { Templating } from '../templating/templating.ts';
import { inSpan } from '../tracing.ts';
import { verifyUrlOf } from './certificate.ts';
import { certificateToMake, factsOf, mailOf, templateDataOf } from './facts.ts';
import { createGeneratorTools } from './plugin-render.ts';
import { isUnmade } from './status.ts';
import { findCertificate, freezeImages, markAvailable, markFailed, type StoredCertificate } from './store.ts';

const log = createLog('certificates');

interface Dependencies {
  database: Database;
  documents: Documents;
  templating: Templating;
  images: Images;
  plugins: Plugins;
  assets: Assets;
  credentials: Credentials | undefined;
  events: Events;
  metrics: Metrics;
  issuerName: string;
  publicUrl: string;
}

const makeData = z.object({ id: z.uuid() });
export type MakeData = z.output<typeof makeData>;

/** What failed is begun again by the record, which outlives its job. */
const mostFailures = 1;

/** What is at fault lies outside of the certificate, and may heal. */
const healing = new Set<ErrorCode>([
  'browser_unavailable',
  'database_unavailable',
  'deadline_exceeded',
  'issuer_unavailable',
  'queue_full',
  'render_timeout',
  'resource_limit',
  'shutting_down',
  'storage_unavailable',
]);

export const mayHeal = (error: unknown) => !(error instanceof ServiceError) || healing.has(error.code);

class Making {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** It may have been done before, or half: each step leads to the same. */
  async make(work: Work<MakeData>): Promise<Record<string, unknown>> {
    const { database } = this.#dependencies;
    const { id } = work.data;
    const certificate = await findCertificate(database.queries, id);
    if (certificate === undefined) throw fail('not_found');
    if (isUnmade(certificate.status)) {
      try {
        await this.#makeOnce(certificate, work);
      } catch (error) {
        // Nobody is at fault when the process stops, or when it was cancelled.
        if (!work.signal.aborted) {
          const { tenant, courseId } = certificate;
          this.#dependencies.metrics.certificates.inc({ outcome: describe(error) });
          this.#dependencies.metrics.tally.count({ tenant, courseId, name: 'refused' });
          await markFailed(database.queries, id, { error: describe(error), mayHeal: mayHeal(error) });
        }
        throw error;
      }
    }
    return { certificateId: id };
  }

  async #makeOnce(certificate: StoredCertificate, { signal, onStage, endWith }: Work<MakeData>): Promise<void> {
    const { templating, credentials, metrics, issuerName, publicUrl } = this.#dependencies;
    const { id, input, code } = certificate;
    if (credentials === undefined) throw fail('issuer_unavailable');
    const verifyUrl = verifyUrlOf(publicUrl, code);
    onStage('template_loading', 5);
    const data = templateDataOf(certificate, { verifyUrl, issuerName });
    onStage('data_validation', 10);
    if (input.generator === undefined) templating.check(input.templateId, input.language, data);
    onStage('pdf_generation', 15);
    const images = await this.#during('pictures', () => this.#picturesOf(certificate));
    failpoint('certificate-begun');
    const printed = await this.#during('print', () => this.#print(certificate, { data, images, signal }));
    // Made again it is the same file, to the byte.
    const bytes = datedPdf(printed.bytes, certificate.createdAt);
    failpoint('certificate-printed');
    onStage('file_preparation', 70);
    const facts = factsOf(certificate, verifyUrl);
    const [credential, badge] = await this.#during('sign', () =>
      Promise.all([credentials.issue(facts), credentials.badge(facts)]),
    );
    signal.throwIfAborted();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    failpoint('certificate-signed');
    await this.#during('store', () => this.#keep(certificate, { bytes, pages: printed.pages, sha256 }));
    failpoint('certificate-stored');
    onStage('download_ready', 95);
    const made = { credential, badge, sha256, verifyUrl };
    if (!(await this.#during('record', () => this.#announce(certificate, made, endWith)))) return;
    failpoint('certificate-available');
    metrics.certificates.inc({ outcome: 'ok' });
    log.info('Certificate issued', { certificateId: id, courseId: input.courseId, s3Key: certificate.key });
  }

  /** By its template, or by the generator that its configuration has named. */
  #print(
    certificate: StoredCertificate,
    { data, images, signal }: { data: Record<string, unknown>; images: Pictures; signal: AbortSignal },
  ): Promise<{ bytes: Buffer; pages: number }> {
    const { templating, plugins, assets, issuerName, publicUrl } = this.#dependencies;
    const { tenant, code, input } = certificate;
    const { templateId, language, generator } = input;
    if (generator === undefined) return templating.print({ templateId, language, data, images, signal });
    return plugins.generate(generator.name, {
      tenant,
      options: generator.options,
      certificate: certificateToMake(certificate, { verifyUrl: verifyUrlOf(publicUrl, code), issuerName }),
      signal,
      tools: createGeneratorTools({ templating, assets, tenant, language, data, images, signal }),
    });
  }

  /** Makes it available, writes its event and ends its job, together. @returns whether this attempt has done so. */
  #announce(
    { id, tenant, number, input }: StoredCertificate,
    { verifyUrl, ...made }: Parameters<typeof markAvailable>[2] & { verifyUrl: string },
    endWith: Work<MakeData>['endWith'],
  ): Promise<boolean> {
    const { database, events } = this.#dependencies;
    return database.transaction(async (tx) => {
      const isMade = await markAvailable(tx, id, made);
      failpoint('certificate-marked');
      if (isMade)
        await events.certificateIssued(tx, {
          tenant,
          certificateId: id,
          number,
          verifyUrl,
          userId: input.userId,
          courseId: input.courseId,
          courseName: input.courseName,
          credentialId: String(made.credential.id),
          firstName: input.firstName,
          lastName: input.lastName,
          issuanceDate: input.issuanceDate,
          expirationDate: input.expirationDate,
          mail: mailOf(input),
        });
      failpoint('certificate-announced');
      await endWith(tx, { certificateId: id });
      return isMade;
    });
  }

  /** Measured, and seen in traces. */
  #during<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const stop = this.#dependencies.metrics.certificateStage.startTimer({ stage });
    return inSpan(`certificate ${stage}`, {}, work).finally(stop);
  }

  /** Those that it was first made with, or is made with now: whatever takes their place later, it stays as it is. */
  async #picturesOf({ id, tenant, input }: StoredCertificate): Promise<Pictures> {
    const { database, images } = this.#dependencies;
    if (input.images !== undefined) return images.findKept(tenant, input.images);
    const found = await images.find(tenant, input.templateId);
    if (Object.keys(found).length === 0) return {};
    const digests = await images.keep(tenant, found);
    return images.findKept(tenant, await freezeImages(database.queries, id, digests));
  }

  async #keep(
    { id, tenant, key, studentId, courseId }: StoredCertificate,
    { bytes, pages, sha256 }: { bytes: Buffer; pages: number; sha256: string },
  ): Promise<void> {
    const { database, documents } = this.#dependencies;
    const revision = await database.nextRevision();
    const metadata = {
      classId: courseId,
      test: id,
      type: 'certificate',
      subject: studentId,
      view: 'canonical' as const,
      dataVersion: undefined,
      generatedAt: new Date(),
      revision,
      sha256,
      pages,
    };
    const tags = { kind: 'certificate', 'certificate-id': id, ...(tenant === '' ? {} : { tenant }) };
    const outcome = await documents.keep(key, { content: bytes, isInsistent: true, metadata, tags }).catch((cause) => {
      throw fail('storage_unavailable', {}, { cause });
    });
    if (outcome === 'paused') throw fail('storage_unavailable');
  }
}

/** For the record: the code of what failed, and nothing of what a stranger has written. */
const describe = (error: unknown) => (error instanceof ServiceError ? error.code : 'internal_error');

export function makeDefinition(dependencies: Dependencies): JobDefinition<MakeData> {
  const making = new Making(dependencies);
  return {
    name: 'certificates.make',
    data: makeData,
    mostFailures,
    mayHeal: () => false,
    run: (work) => making.make(work),
  };
}
