// Obtains reports (stored or rendered), generates them anew, forgets them. Knows who may have what; knows nothing of HTTP.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Tenant } from '../config.ts';
import type { DocumentMetadata, View } from '../documents/contract.ts';
import type { Documents } from '../documents/documents.ts';
import { fail, invalidField, ServiceError } from '../errors.ts';
import { type Caller, callerKey } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Priority, RenderedPdf } from '../rendering/contract.ts';
import type { Rendering } from '../rendering/rendering.ts';
import { type Access, decideAccess, namesExactly } from './access.ts';
import { classPrefix, type PagePatterns, pagePath, type Report, reportKey, selfPagePath, subjectOf } from './report.ts';
import { claimsFor, tokenFits } from './report-token.ts';
import { nextRevision } from './revision.ts';
import { SharedWork } from './shared-work.ts';

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
  bytes: number;
  sha256: string;
  generatedAt: Date;
  /** `hit`: stored before; `stored`: rendered and kept; `passed`: rendered, not kept. */
  source: 'hit' | 'stored' | 'passed';
}

export interface GenerateRequest {
  report: Report & { classId: string };
  /** Undefined: the default tenant. */
  origin: string | undefined;
  reportToken: string | undefined;
  educatorId: string | undefined;
  dataVersion: string | undefined;
}

export interface GeneratedReport {
  key: string;
  pages: number;
  bytes: number;
  sha256: string;
  durationMs: number;
  warnings: string[];
}

export interface InvalidateRequest {
  classId: string;
  testSegment: string | undefined;
  studentId: string | undefined;
  teacherId: string | undefined;
  origin: string | undefined;
}

export interface Reports {
  /** A report for a person. @throws forbidden, not_found, too_many_renders, and whatever its render fails with. */
  obtain(request: ReportRequest, options: ObtainOptions): Promise<ObtainedReport>;
  /** Renders a report for the backend, whatever is stored, and stores it. @throws deadline_exceeded after 140 s. */
  generate(request: GenerateRequest): Promise<GeneratedReport>;
  /** Forgets stored documents; renders under way will not bring them back. Gives the number removed. */
  invalidate(request: InvalidateRequest): Promise<number>;
  /** Runs `work` as one of the few renders that a caller may have at once. @throws too_many_renders. */
  asRenderOf<T>(caller: Caller, work: () => Promise<T>): Promise<T>;
}

interface Dependencies {
  rendering: Rendering;
  documents: Documents;
  identity: Identity;
  metrics: Metrics;
  config: {
    tenants: readonly Tenant[];
    defaultTenant: Tenant;
    pages: PagePatterns;
    requireSubject: boolean;
    callerRenderLimit: number;
  };
}

/** The existing caller waits for 150 s. */
const triggerDeadlineMs = 140_000;
/** A person does not wait longer for the storing of what they could have already. */
const keepTimeoutMs = 5000;

/** A render with what is needed to store it. */
interface Accepted {
  report: Report;
  key: string | undefined;
  view: View;
  dataVersion: string | undefined;
  revision: bigint;
}

type Rendered = RenderedPdf & { sha256: string; generatedAt: Date };

class PlatformReports implements Reports {
  readonly #dependencies: Dependencies;
  readonly #shared = new SharedWork<ObtainedReport>(
    (error) => error instanceof ServiceError && error.code === 'token_rejected',
  );
  /** Renders under way by caller. */
  readonly #rendersOf = new Map<string, number>();
  /** Renders whose result may be stored; an invalidation takes them out. */
  readonly #storable = new Set<Accepted>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async obtain(request: ReportRequest, options: ObtainOptions): Promise<ObtainedReport> {
    const tenant = this.#tenantOf(request.caller, request.originHeader);
    const access = this.#decide(request);
    const isProven = access === 'proven';
    const key = isProven ? reportKey(tenant.prefix, request.report) : undefined;
    const stored = key === undefined ? undefined : await this.#look(key, request);
    if (stored !== undefined) return stored;
    if (!options.mayRender) throw fail('not_found');
    const { priority, isCounted = true } = options;
    const attempt = (signal: AbortSignal) => {
      const work = () => this.#renderFor(request, { tenant, key, signal, priority });
      return isCounted ? this.asRenderOf(request.caller, work) : work();
    };
    if (key === undefined) return attempt(options.signal);
    return this.#shared.join(sharedKey(key, request), { attempt, signal: options.signal });
  }

  async generate(request: GenerateRequest): Promise<GeneratedReport> {
    const startedAt = performance.now();
    const { report, dataVersion } = request;
    const tenant = this.#tenantNamed(request.origin);
    const key = reportKey(tenant.prefix, report) ?? '';
    const accepted: Accepted = { report, key, view: 'canonical', dataVersion, revision: nextRevision() };
    const token = await this.#reportToken(request);
    const url = tenant.origin + pagePath(report, this.#dependencies.config.pages, request.educatorId);
    using deadline = createDeadline(triggerDeadlineMs);
    const pdf = await this.#render(accepted, {
      url,
      token,
      className: report.classId,
      priority: 'trigger',
      signal: deadline.signal,
    });
    await this.#keep(accepted, pdf, report.classId).catch((cause) => {
      throw fail('storage_unavailable', {}, { cause });
    });
    const durationMs = Math.round(performance.now() - startedAt);
    return { key, pages: pdf.pages, bytes: pdf.bytes.length, sha256: pdf.sha256, durationMs, warnings: pdf.warnings };
  }

  async invalidate({ classId, testSegment, studentId, teacherId, origin }: InvalidateRequest): Promise<number> {
    const { prefix } = this.#tenantNamed(origin);
    const folder = classPrefix(prefix, classId);
    const endings = [
      ...(studentId === undefined ? [] : [`/students/${studentId}.pdf`]),
      ...(teacherId === undefined ? [] : [`/teacher_${teacherId}.pdf`]),
    ];
    const below = testSegment === undefined ? folder : `${folder}${testSegment}/`;
    const matches = (key: string) =>
      key.startsWith(below) && (endings.length === 0 || endings.some((ending) => key.endsWith(ending)));
    for (const accepted of this.#storable) if (matches(accepted.key ?? '')) this.#storable.delete(accepted);
    return this.#dependencies.documents.remove(below, matches).catch((cause) => {
      throw fail('storage_unavailable', { detail: 'The storage does not answer.' }, { cause });
    });
  }

  async asRenderOf<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
    const owner = callerKey(caller);
    const count = this.#rendersOf.get(owner) ?? 0;
    if (count >= this.#dependencies.config.callerRenderLimit) throw fail('too_many_renders');
    this.#rendersOf.set(owner, count + 1);
    try {
      return await work();
    } finally {
      const left = (this.#rendersOf.get(owner) ?? 1) - 1;
      if (left === 0) this.#rendersOf.delete(owner);
      else this.#rendersOf.set(owner, left);
    }
  }

  #decide({ caller, report, educatorId }: ReportRequest): Access {
    const access = decideAccess(caller, report);
    const isForeignEducator =
      educatorId !== undefined && caller.type !== 'admin' && !(caller.type === 'teacher' && caller.id === educatorId);
    if (access === 'denied' || isForeignEducator) throw fail('forbidden');
    return access;
  }

  /** The tenant of the token; else of the `Origin` header, where it is one of ours; else the default. */
  #tenantOf({ tenant }: Caller, originHeader: string | undefined): Tenant {
    const { tenants, defaultTenant } = this.#dependencies.config;
    const named = tenants.find(({ origin }) => origin === originHeader);
    if (tenant === 'foreign') throw fail('forbidden');
    if (tenant === 'unnamed') return named ?? defaultTenant;
    if (named !== undefined && named.origin !== tenant.origin) throw fail('forbidden');
    return tenants.find(({ origin }) => origin === tenant.origin) ?? defaultTenant;
  }

  #tenantNamed(origin: string | undefined): Tenant {
    const { tenants, defaultTenant } = this.#dependencies.config;
    const tenant = origin === undefined ? defaultTenant : tenants.find((each) => each.origin === origin);
    if (tenant === undefined) throw invalidField('origin', 'must be exactly one of the allowed origins');
    return tenant;
  }

  async #reportToken({ report, reportToken }: GenerateRequest): Promise<string | undefined> {
    const { identity } = this.#dependencies;
    if (reportToken === undefined) return identity.mintReportToken(claimsFor(report));
    const claims = await identity.verifyReportToken(reportToken);
    if (claims !== undefined && !tokenFits(claims, report)) throw fail('report_token_mismatch');
    return reportToken;
  }

  /** The stored document, where it serves this request. A storage that fails is a miss: the caller gets a fresh PDF. */
  async #look(key: string, { caller, dataVersion }: ReportRequest): Promise<ObtainedReport | undefined> {
    const { documents, metrics } = this.#dependencies;
    const accepts = (metadata: DocumentMetadata) =>
      (dataVersion === undefined || metadata.dataVersion === dataVersion) &&
      (metadata.view === 'canonical' || caller.type === 'student');
    const found = await documents.find(key, accepts).catch((error) => {
      log.error('Storage failed while looking for a document', { error, s3Key: key });
      return undefined;
    });
    metrics.lookups.inc({ result: found === undefined ? 'miss' : 'hit' });
    if (found === undefined) return undefined;
    log.info('PDF found in S3, skipping generation', { s3Key: key });
    const { sha256, generatedAt } = found.metadata;
    return { content: found.content, bytes: found.bytes, sha256, generatedAt, source: 'hit' };
  }

  /** Renders with the caller's own token, and keeps the result where it is surely the key's. */
  async #renderFor(
    request: ReportRequest,
    {
      tenant,
      key,
      signal,
      priority,
    }: { tenant: Tenant; key: string | undefined; signal: AbortSignal; priority: Priority },
  ): Promise<ObtainedReport> {
    const { caller, report, educatorId, dataVersion } = request;
    const { pages } = this.#dependencies.config;
    const view = viewFor(caller, report);
    const path = view === 'student' ? selfPagePath(report, pages) : pagePath(report, pages, educatorId);
    const accepted: Accepted = { report, key, view, dataVersion, revision: nextRevision() };
    const pdf = await this.#render(accepted, {
      url: tenant.origin + path,
      token: caller.token,
      className: undefined,
      priority,
      signal,
    });
    const isNamedEducator = educatorId !== undefined && caller.type === 'admin';
    const isSure = pdf.className === undefined ? namesExactly(caller, report) : pdf.className === report.classId;
    const isKept = isSure && !isNamedEducator && (await this.#keepInTime(accepted, pdf));
    const { bytes, sha256, generatedAt } = pdf;
    return { content: bytes, bytes: bytes.length, sha256, generatedAt, source: isKept ? 'stored' : 'passed' };
  }

  async #render(
    accepted: Accepted,
    page: {
      url: string;
      token: string | undefined;
      className: string | undefined;
      priority: Priority;
      signal: AbortSignal;
    },
  ): Promise<Rendered> {
    const { rendering, config } = this.#dependencies;
    const { report, key } = accepted;
    this.#storable.add(accepted);
    log.info('Starting PDF generation', { ...describe(report), s3Key: key, priority: page.priority });
    try {
      const pdf = await rendering.render(
        {
          url: page.url,
          token: page.token,
          subject: subjectOf(report),
          isSubjectRequired: config.requireSubject && report.type !== 'overall',
          className: page.className,
        },
        { priority: page.priority, signal: page.signal },
      );
      if (pdf.warnings.length > 0)
        log.warn('PDF generated with warnings', { ...describe(report), warnings: pdf.warnings });
      return { ...pdf, sha256: createHash('sha256').update(pdf.bytes).digest('hex'), generatedAt: new Date() };
    } catch (error) {
      this.#storable.delete(accepted);
      throw error;
    }
  }

  async #keepInTime(accepted: Accepted, pdf: Rendered): Promise<boolean> {
    const { classId } = accepted.report;
    if (accepted.key === undefined || classId === undefined) return false;
    const kept = this.#keep(accepted, pdf, classId).catch((error) => {
      log.error('PDF could not be stored', { error, s3Key: accepted.key });
      return false;
    });
    const tooLong = Promise.withResolvers<false>();
    const timer = setTimeout(() => tooLong.resolve(false), keepTimeoutMs);
    return Promise.race([kept, tooLong.promise]).finally(() => clearTimeout(timer));
  }

  /** False when it was not stored because a newer one, or an invalidation, came first. */
  async #keep(accepted: Accepted, pdf: Rendered, classId: string): Promise<boolean> {
    const { report, key = '', view, dataVersion, revision } = accepted;
    if (!this.#storable.delete(accepted)) {
      log.info('PDF not stored: it was invalidated meanwhile', { s3Key: key });
      return false;
    }
    const { sha256, pages, generatedAt } = pdf;
    const subject = subjectOf(report) ?? '';
    const metadata = {
      classId,
      test: report.test.segment,
      type: report.type,
      subject,
      view,
      generatedAt,
      dataVersion,
      revision,
      sha256,
      pages,
    };
    const outcome = await this.#dependencies.documents.keep(key, pdf.bytes, metadata);
    if (outcome === 'superseded') log.info('PDF not stored: a newer one is there', { s3Key: key });
    else
      log.info('PDF uploaded to S3 successfully', { ...describe(report), s3Key: key, pages, bytes: pdf.bytes.length });
    return outcome === 'stored';
  }
}

const describe = (report: Report) => ({
  reportType: report.type,
  classId: report.classId,
  testId: report.test.segment,
  subject: subjectOf(report),
});

/** Students get their own page; it is stored under the canonical key, marked as such. */
function viewFor(caller: Caller, report: Report): View {
  return caller.type === 'student' && report.type === 'student' ? 'student' : 'canonical';
}

function sharedKey(key: string, { caller, report, dataVersion, educatorId }: ReportRequest): string {
  const educator = caller.type === 'admin' ? educatorId : undefined;
  return JSON.stringify([key, viewFor(caller, report), dataVersion, educator]);
}

function createDeadline(timeoutMs: number): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(fail('deadline_exceeded')), timeoutMs);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

export function createReports(dependencies: Dependencies): Reports {
  return new PlatformReports(dependencies);
}
