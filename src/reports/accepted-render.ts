// A render that was accepted: its place in the order of renders, its printing, and its keeping unless it was overtaken.

import { createHash } from 'node:crypto';
import type { View } from '../documents/contract.ts';
import type { KeepOutcome as DocumentOutcome, Documents } from '../documents/documents.ts';
import { createLog } from '../log.ts';
import type { Priority, RenderedPdf } from '../rendering/contract.ts';
import type { Rendering } from '../rendering/rendering.ts';
import { type Report, subjectOf } from './report.ts';
import { nextRevision, noteRevision } from './revision.ts';

const log = createLog('reports');

export interface Acceptance {
  report: Report;
  /** Undefined when the report can't be kept. */
  key: string | undefined;
  view: View;
  dataVersion: string | undefined;
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
}

export interface PrintedReport extends RenderedPdf {
  sha256: string;
  generatedAt: Date;
}

interface Dependencies {
  rendering: Rendering;
  documents: Documents;
  /** Whether student and teacher pages must say whom they show. */
  requireSubject: boolean;
}

/** The fields of a log line about a report. */
export const describeReport = (report: Report) => ({
  reportType: report.type,
  classId: report.classId,
  testId: report.test.segment,
  subject: subjectOf(report),
});

export type KeepOutcome = DocumentOutcome | 'invalidated';

export class AcceptedRender implements Disposable {
  readonly #acceptance: Acceptance;
  readonly #dependencies: Dependencies;
  readonly #revision = nextRevision();
  readonly #forget: () => void;
  #isInvalidated = false;
  #keeping: Promise<KeepOutcome> | undefined;

  constructor(acceptance: Acceptance, dependencies: Dependencies, forget: (render: AcceptedRender) => void) {
    this.#acceptance = acceptance;
    this.#dependencies = dependencies;
    this.#forget = () => forget(this);
  }

  get key(): string | undefined {
    return this.#acceptance.key;
  }

  /** What it shows is no longer true: it may be sent to who asked, but is not kept. */
  invalidate(): void {
    this.#isInvalidated = true;
  }

  async print({ url, token, isTokenShared, className, ...options }: PageToPrint): Promise<PrintedReport> {
    const { rendering, requireSubject } = this.#dependencies;
    const { report, key } = this.#acceptance;
    log.info('Starting PDF generation', { ...describeReport(report), s3Key: key, priority: options.priority });
    const isSubjectRequired = requireSubject && report.type !== 'overall';
    const subject = subjectOf(report);
    const page = { url, token, isTokenShared, subject, isSubjectRequired, className };
    const pdf = await rendering.render(page, options);
    if (pdf.warnings.length > 0)
      log.warn('PDF generated with warnings', { ...describeReport(report), warnings: pdf.warnings });
    return { ...pdf, sha256: createHash('sha256').update(pdf.bytes).digest('hex'), generatedAt: new Date() };
  }

  /**
   * Stores the PDF, unless a newer one is there or it was invalidated meanwhile. Insistent, it asks even a storage that failed a moment ago.
   * @throws when the storage does not take it.
   */
  keep(pdf: PrintedReport, { isInsistent = false } = {}): Promise<KeepOutcome> {
    this.#keeping = this.#keep(pdf, isInsistent);
    return this.#keeping;
  }

  async #keep(pdf: PrintedReport, isInsistent: boolean): Promise<KeepOutcome> {
    const { report, key, view, dataVersion } = this.#acceptance;
    if (key === undefined || report.classId === undefined) throw new Error('a report without a class has no key');
    const { documents } = this.#dependencies;
    let outcome: KeepOutcome = this.#isInvalidated
      ? 'invalidated'
      : await documents.keep(key, {
          content: pdf.bytes,
          isInsistent,
          metadata: {
            classId: report.classId,
            test: report.test.segment,
            type: report.type,
            subject: subjectOf(report) ?? '',
            view,
            dataVersion,
            revision: this.#revision,
            sha256: pdf.sha256,
            pages: pdf.pages,
            generatedAt: pdf.generatedAt,
          },
        });
    if (this.#isInvalidated && outcome === 'stored') {
      // The invalidation came while it was written, and may have looked before it was there.
      await documents.remove(key.slice(0, key.lastIndexOf('/') + 1), (each) => each === key);
      outcome = 'invalidated';
    }
    if (outcome !== 'stored') log.info('PDF not stored', { s3Key: key, outcome });
    else log.info('PDF uploaded to S3 successfully', { ...describeReport(report), s3Key: key, pages: pdf.pages });
    return outcome;
  }

  [Symbol.dispose](): void {
    // Whoever did not wait for the storing has gone; an invalidation must reach it all the same.
    const keeping = this.#keeping ?? Promise.resolve();
    keeping.catch(() => undefined).finally(this.#forget);
  }
}

/** The renders that are under way. */
export class AcceptedRenders {
  readonly #dependencies: Dependencies;
  readonly #underWay = new Set<AcceptedRender>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** Takes a render in; dispose it when it is over. */
  accept(acceptance: Acceptance): AcceptedRender {
    const render = new AcceptedRender(acceptance, this.#dependencies, (over) => this.#underWay.delete(over));
    this.#underWay.add(render);
    return render;
  }

  /** Makes newer than what is stored under `key` whatever is accepted from now on, although the clock may have gone back since. */
  async goBeyondStored(key: string): Promise<void> {
    // A storage that fails now will be heard of when the PDF is kept.
    const stored = await this.#dependencies.documents.revisionOf(key).catch(() => undefined);
    if (stored !== undefined) noteRevision(stored);
  }

  /** Renders of these keys that are under way will not be kept. */
  invalidate(matches: (key: string) => boolean): void {
    for (const render of this.#underWay) if (render.key !== undefined && matches(render.key)) render.invalidate();
  }
}
