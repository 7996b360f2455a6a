// Reports for people: stored ones that they may read, else rendered with their own token, once for all who ask at the same time.

import { Readable } from 'node:stream';
import type { Tenant } from '../config.ts';
import type { DocumentMetadata, View } from '../documents/contract.ts';
import type { Documents, StoredDocument } from '../documents/documents.ts';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import type { Caller } from '../identity/contract.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Priority, Stage } from '../rendering/contract.ts';
import { type AcceptedRender, type AcceptedRenders, describeReport, type PrintedReport } from './accepted-render.ts';
import { type Access, decideAccess, namesExactly } from './access.ts';
import type { KeyedReport } from './contract.ts';
import type { RenderLimit } from './render-limit.ts';
import { type PagePatterns, pagePath, type Report, reportKey, selfPagePath } from './report.ts';
import { type Blame, SharedWork } from './shared-work.ts';
import type { Tenancy } from './tenancy.ts';

const log = createLog('reports');

export interface ReportRequest {
  caller: Caller;
  report: Report;
  /** The request's `Origin` header. */
  originHeader: string | undefined;
  educatorId: string | undefined;
  dataVersion: string | undefined;
}

export interface ObtainOptions {
  signal: AbortSignal;
  priority: Priority;
  /** False: a report that is not stored is not_found. */
  mayRender: boolean;
  /** Whether a render counts among those that its caller may have at once. Default: it does. */
  isCounted?: boolean;
}

export interface ObtainedReport {
  content: Buffer | Readable;
  /** Of large stored ones. */
  openPart?: StoredDocument['openPart'];
  bytes: number;
  sha256: string;
  generatedAt: Date;
  /** `hit`: stored before; `stored`: rendered and kept; `passed`: rendered, not kept. */
  source: 'hit' | 'stored' | 'passed';
  /** Of the page that was rendered just now. */
  warnings: readonly string[];
}

interface Dependencies {
  documents: Documents;
  metrics: Metrics;
  tenancy: Tenancy;
  renders: AcceptedRenders;
  limit: RenderLimit;
  pages: PagePatterns;
}

/** Where a public render goes, and by whose means. */
interface PublicRender {
  tenant: Tenant;
  key: string | undefined;
  priority: Priority;
  signal: AbortSignal;
  hurry: AbortSignal | undefined;
}

interface StoreOptions {
  signal: AbortSignal;
  /** `store` follows the stages of the render. */
  onStage: (stage: Stage | 'store') => void;
}

/** A person does not wait longer for the storing of what they could have already. */
const keepTimeoutMs = 5000;

/** What fails because of who asks for a render, not because of the report. Where a frontend sends people to sign in, nothing else may say so. */
const blames: Partial<Record<ErrorCode, Blame>> = {
  token_rejected: 'leaders',
  too_many_renders: 'leaders',
  page_redirected: 'perhaps_leaders',
};

/** Whose failure the error of a shared render is. */
export const blameFor = (error: unknown): Blame =>
  (error instanceof ServiceError ? blames[error.code] : undefined) ?? 'everybodys';

export class PublicReports {
  readonly #dependencies: Dependencies;
  /** Counted, so that who comes after a removal does not join a render that began before it. */
  #removals = 0;
  /** One render for all proven callers who miss the same document. */
  readonly #shared = new SharedWork<ObtainedReport>(blameFor);

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** Who comes from now on does not join what is under way. */
  onRemoval(): void {
    this.#removals++;
  }

  async obtain(request: ReportRequest, options: ObtainOptions): Promise<ObtainedReport> {
    const { tenancy, limit } = this.#dependencies;
    const tenant = tenancy.ofCaller(request.caller, request.originHeader);
    const access = decide(request);
    const key = access === 'proven' ? reportKey(tenant.prefix, request.report) : undefined;
    const stored = key === undefined ? undefined : await this.#look(key, request, tenant);
    if (stored !== undefined) return stored;
    if (!options.mayRender) throw fail('not_found');
    const { priority, isCounted = true } = options;
    const attempt = (signal: AbortSignal, hurry?: AbortSignal) => {
      const work = () => this.#renderFor(request, { tenant, key, priority, signal, hurry });
      return isCounted ? limit.run(request.caller, work) : work();
    };
    if (key === undefined) return attempt(options.signal);
    return this.#shared.join(`${this.#removals} ${sharedKey(key, request)}`, {
      owner: request.caller.token,
      isUrgent: priority === 'interactive',
      attempt,
      signal: options.signal,
    });
  }

  /** The tenant and the report, where what the request asks for can be kept and given to the caller later. @throws forbidden. */
  findKeepable(request: ReportRequest): { tenant: Tenant; report: KeyedReport } | undefined {
    const { caller, report, educatorId } = request;
    const tenant = this.#dependencies.tenancy.ofCaller(caller, request.originHeader);
    const isProven = decide(request) === 'proven';
    const { classId } = report;
    // A version that is not stored yet is the backend's to make.
    const isKept = (educatorId === undefined || caller.type !== 'admin') && request.dataVersion === undefined;
    return isProven && isKept && classId !== undefined ? { tenant, report: { ...report, classId } } : undefined;
  }

  /** Sees to it that a stored document serves the request, of which `findKeepable` said that it can. */
  async store(request: ReportRequest, { signal, onStage }: StoreOptions): Promise<Record<string, unknown>> {
    const { tenancy, renders } = this.#dependencies;
    const { caller, report } = request;
    const tenant = tenancy.ofCaller(caller, undefined);
    const key = reportKey(tenant.prefix, report);
    if (key === undefined) throw new Error('a report without a class has no key');
    const stored = await this.#look(key, request, tenant);
    if (stored?.content instanceof Readable) stored.content.destroy();
    if (stored !== undefined) return { s3Key: key, bytes: stored.bytes, sha256: stored.sha256 };
    for (;;) {
      const render = await renders.accept(acceptanceOf(request, key));
      const options = { priority: 'background', signal, hurry: undefined, onStage } as const;
      const pdf = await render.print({ ...this.#pageOf(request, tenant), ...options });
      if (!isSurely(request, pdf)) {
        const detail = 'The page does not say that it is of this class, so its PDF can not be kept.';
        throw fail('wrong_subject', { detail });
      }
      onStage('store');
      const outcome = await render.keep(pdf, { isInsistent: true }).catch((cause) => {
        throw cause instanceof ServiceError ? cause : fail('storage_unavailable', {}, { cause });
      });
      if (outcome !== 'invalidated')
        return { s3Key: key, pages: pdf.pages, bytes: pdf.bytes.length, sha256: pdf.sha256, warnings: pdf.warnings };
    }
  }

  /** The stored document, where it serves this request. A storage that fails is a miss: the caller gets a fresh PDF. */
  async #look(
    key: string,
    { caller, report, dataVersion }: ReportRequest,
    { origin }: Tenant,
  ): Promise<ObtainedReport | undefined> {
    const { documents, metrics } = this.#dependencies;
    const accepts = (metadata: DocumentMetadata) =>
      (dataVersion === undefined || metadata.dataVersion === dataVersion) &&
      (metadata.view === 'canonical' || caller.type === 'student');
    const found = await documents.find(key, accepts).catch((error) => {
      log.error('Storage failed while looking for a document', { error, s3Key: key });
      return undefined;
    });
    const result = found === undefined ? 'miss' : 'hit';
    metrics.lookups.inc({ result });
    metrics.tally.count({ origin, name: result });
    if (found === undefined) return undefined;
    log.info('PDF found in S3, skipping generation', { ...describeReport(report), s3Key: key });
    const { metadata, ...contents } = found;
    const { sha256, generatedAt } = metadata;
    return { ...contents, sha256, generatedAt, source: 'hit', warnings: [] };
  }

  #pageOf({ caller, report, educatorId }: ReportRequest, tenant: Tenant) {
    const { pages } = this.#dependencies;
    const isOwnView = viewFor(caller, report) === 'student';
    const path = isOwnView ? selfPagePath(report, pages) : pagePath(report, pages, educatorId);
    return { url: tenant.origin + path, token: caller.token, isTokenShared: true, className: undefined };
  }

  /** Renders with the caller's own token, and keeps the result where it is surely the key's. */
  async #renderFor(request: ReportRequest, { tenant, key, ...options }: PublicRender): Promise<ObtainedReport> {
    const render = await this.#dependencies.renders.acceptInAnyCase(acceptanceOf(request, key));
    const pdf = await render.print({ ...this.#pageOf(request, tenant), ...options });
    const isKept = key !== undefined && isSurely(request, pdf) && (await keepInTime(render, pdf));
    const { bytes, ...printed } = pdf;
    return { content: bytes, bytes: bytes.length, ...printed, source: isKept ? 'stored' : 'passed' };
  }
}

function decide({ caller, report, educatorId }: ReportRequest): Access {
  const access = decideAccess(caller, report);
  const mayNameEducator =
    educatorId === undefined || caller.type === 'admin' || (caller.type === 'teacher' && caller.id === educatorId);
  if (access === 'denied' || !mayNameEducator) throw fail('forbidden');
  return access;
}

/** Whether a public render is surely the one that its key stands for. */
function isSurely({ caller, report, educatorId }: ReportRequest, { classNames }: PrintedReport): boolean {
  if (educatorId !== undefined && caller.type === 'admin') return false;
  if (classNames.length === 0) return namesExactly(caller, report);
  return classNames.every((className) => className === report.classId);
}

/**
 * Only the backend names versions: a page that a person asks for shows the figures of now, whatever version they have named. It takes the place of
 * what matches what they asked for, and the student's own view never that of the canonical page.
 */
function acceptanceOf<Key extends string | undefined>({ caller, report, dataVersion }: ReportRequest, key: Key) {
  const view = viewFor(caller, report);
  const replaces = (stored: DocumentMetadata) =>
    stored.dataVersion === dataVersion && (view === 'canonical' || stored.view === 'student');
  return { report, key, view, dataVersion: undefined, replaces };
}

async function keepInTime(render: AcceptedRender, pdf: PrintedReport): Promise<boolean> {
  const kept = render.keep(pdf).catch((error) => {
    log.error('PDF could not be stored', { error, s3Key: render.key });
    return 'failed';
  });
  const tooLong = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => tooLong.resolve('late'), keepTimeoutMs);
  const outcome = await Promise.race([kept, tooLong.promise]);
  clearTimeout(timer);
  return outcome === 'stored';
}

/** Students get their own page; it is stored under the canonical key, marked as such. */
function viewFor(caller: Caller, report: Report): View {
  return caller.type === 'student' && report.type === 'student' ? 'student' : 'canonical';
}

/** Who asks for the same key, view and data version gets the same render; an educator that an admin names makes another page. */
function sharedKey(key: string, { caller, report, dataVersion, educatorId }: ReportRequest): string {
  const educator = caller.type === 'admin' ? educatorId : undefined;
  return JSON.stringify([key, viewFor(caller, report), dataVersion, educator]);
}
