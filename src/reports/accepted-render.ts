// A render that was accepted: its place in the order of renders, its printing, and its keeping unless it was overtaken.

import { createHash } from 'node:crypto';
import type { DocumentMetadata, View } from '../documents/contract.ts';
import type { KeepOutcome as DocumentOutcome, Documents } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Priority, RenderedPdf, Stage } from '../rendering/contract.ts';
import type { Rendering } from '../rendering/rendering.ts';
import { type Report, subjectOf } from './report.ts';
import type { Revisions } from './revisions.ts';

const log = createLog('reports');

export interface Acceptance {
  report: Report;
  /** Undefined when the report can't be kept. */
  key: string | undefined;
  view: View;
  /** As the backend names it. */
  dataVersion: string | undefined;
  /** Whether it may take the place of what is stored. Default: it may. */
  replaces?(stored: DocumentMetadata): boolean;
}

export interface PageToPrint {
  url: string;
  token: string | undefined;
  /** False for one that was made for this report alone. */
  isTokenShared: boolean;
  /** Class that the page must not contradict. */
  className: string | undefined;
  priority: Priority;
  signal: AbortSignal;
  /** Raises the priority when it fires. */
  hurry: AbortSignal | undefined;
  onStage?: ((stage: Stage) => void) | undefined;
}

export interface PrintedReport extends RenderedPdf {
  sha256: string;
  generatedAt: Date;
}

interface Dependencies {
  rendering: Rendering;
  documents: Documents;
  revisions: Revisions;
}

/** The fields of a log line about a report. */
export const describeReport = (report: Report) => ({
  reportType: report.type,
  classId: report.classId,
  testId: report.test.segment,
  subject: subjectOf(report),
});

export type KeepOutcome = DocumentOutcome | 'invalidated';

export class AcceptedRender {
  readonly #acceptance: Acceptance;
  readonly #dependencies: Dependencies;
  /** Undefined while the database is away: what is rendered then is not kept. */
  readonly #revision: bigint | undefined;

  constructor(acceptance: Acceptance, revision: bigint | undefined, dependencies: Dependencies) {
    this.#acceptance = acceptance;
    this.#revision = revision;
    this.#dependencies = dependencies;
  }

  get key(): string | undefined {
    return this.#acceptance.key;
  }

  async print({ url, token, isTokenShared, className, ...options }: PageToPrint): Promise<PrintedReport> {
    const { rendering } = this.#dependencies;
    const { report, key } = this.#acceptance;
    log.info('Starting PDF generation', { ...describeReport(report), s3Key: key, priority: options.priority });
    const hasSubject = report.type !== 'overall';
    const subject = subjectOf(report);
    const page = { url, token, isTokenShared, subject, hasSubject, className };
    const pdf = await rendering.render(page, options);
    if (pdf.warnings.length > 0)
      log.warn('PDF generated with warnings', { ...describeReport(report), warnings: pdf.warnings });
    return { ...pdf, sha256: createHash('sha256').update(pdf.bytes).digest('hex'), generatedAt: new Date() };
  }

  /**
   * Stores the PDF, unless a newer one is there or it was removed meanwhile. Insistent, it asks even a storage that failed a moment ago.
   * @throws when the storage does not take it; database_unavailable.
   */
  async keep(pdf: PrintedReport, { isInsistent = false } = {}): Promise<KeepOutcome> {
    const { report, key, view, dataVersion, replaces } = this.#acceptance;
    const revision = this.#revision;
    if (key === undefined || report.classId === undefined) throw new Error('a report without a class has no key');
    if (revision === undefined) throw fail('database_unavailable');
    const { documents, revisions } = this.#dependencies;
    if (await revisions.isRemoved(key, revision)) return this.#say(pdf, 'invalidated');
    const outcome = await documents.keep(key, {
      content: pdf.bytes,
      isInsistent,
      replaces,
      metadata: {
        classId: report.classId,
        test: report.test.segment,
        type: report.type,
        subject: subjectOf(report) ?? '',
        view,
        dataVersion,
        revision,
        sha256: pdf.sha256,
        pages: pdf.pages,
        generatedAt: pdf.generatedAt,
      },
    });
    // A removal that came while it was written may have looked before it was there.
    if (outcome !== 'stored' || !(await revisions.isRemoved(key, revision))) return this.#say(pdf, outcome);
    await documents.withdraw(key, revision);
    return this.#say(pdf, 'invalidated');
  }

  #say(pdf: PrintedReport, outcome: KeepOutcome): KeepOutcome {
    const { report, key } = this.#acceptance;
    if (outcome !== 'stored') log.info('PDF not stored', { s3Key: key, outcome });
    else log.info('PDF uploaded to S3 successfully', { ...describeReport(report), s3Key: key, pages: pdf.pages });
    return outcome;
  }
}

/** Takes renders in, and gives each its place in the order. */
export class AcceptedRenders {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** @throws database_unavailable. */
  async accept(acceptance: Acceptance): Promise<AcceptedRender> {
    return new AcceptedRender(acceptance, await this.#dependencies.revisions.next(), this.#dependencies);
  }

  /** For a person, who gets the PDF even if it can't be kept. */
  async acceptInAnyCase(acceptance: Acceptance): Promise<AcceptedRender> {
    if (acceptance.key === undefined) return new AcceptedRender(acceptance, undefined, this.#dependencies);
    const revision = await this.#dependencies.revisions.nextInTime().catch((error) => {
      log.warn('The database gives no revision; what is rendered is not kept', { error });
      return undefined;
    });
    return new AcceptedRender(acceptance, revision, this.#dependencies);
  }
}
