// Obtains reports (stored or rendered), generates them anew, forgets them. Knows who may have what; knows nothing of HTTP.

import type { Readable } from 'node:stream';
import type { Tenant } from '../config.ts';
import type { Database } from '../database/database.ts';
import type { DocumentMetadata, View } from '../documents/contract.ts';
import type { Documents } from '../documents/documents.ts';
import { fail, ServiceError } from '../errors.ts';
import type { Caller } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import type { JobDefinition } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Priority } from '../rendering/contract.ts';
import type { Rendering } from '../rendering/rendering.ts';
import { type AcceptedRender, AcceptedRenders, describeReport, type PrintedReport } from './accepted-render.ts';
import { type Access, decideAccess, namesExactly } from './access.ts';
import { type GeneratedReport, type GenerateRequest, Generations } from './generation.ts';
import { RenderLimit } from './render-limit.ts';
import { classPrefix, keyOf, type PagePatterns, pagePath, type Report, reportKey, selfPagePath } from './report.ts';
import { defineGenerateJob, type GenerateData, storeReport } from './report-jobs.ts';
import { ReportTokens } from './report-tokens.ts';
import { Revisions } from './revisions.ts';
import { SharedWork } from './shared-work.ts';
import { Tenancy } from './tenancy.ts';

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
  /** Accepts the same as a job. @returns its id and the key, when it is committed. @throws database_unavailable, those of the report token. */
  generateLater(request: GenerateRequest): Promise<{ jobId: string; key: string }>;
  /** Forgets stored documents; renders under way will not bring them back. Gives the number removed. */
  invalidate(request: InvalidateRequest): Promise<number>;
  /** Kept when no generation is under way: they go on although their callers hang up. */
  settle(): Promise<void>;
  /** Runs `work` as one of the few renders that a caller may have at once. @throws too_many_renders. */
  asRenderOf<T>(caller: Caller, work: () => Promise<T>): Promise<T>;
}

interface Dependencies {
  rendering: Rendering;
  documents: Documents;
  identity: Identity;
  database: Database;
  jobs: Jobs;
  metrics: Metrics;
  config: {
    tenants: readonly Tenant[];
    defaultTenant: Tenant;
    pages: PagePatterns;
    requireSubject: boolean;
    callerRenderLimit: number;
  };
}

/** Where a public render goes, and by whose means. */
interface PublicRender {
  tenant: Tenant;
  key: string | undefined;
  priority: Priority;
  signal: AbortSignal;
  hurry: AbortSignal | undefined;
}

/** A person does not wait longer for the storing of what they could have already. */
const keepTimeoutMs = 5000;

/** What fails because of who leads a shared render, not because of the report. */
const isLeadersFault = (error: unknown) =>
  error instanceof ServiceError && ['token_rejected', 'too_many_renders'].includes(error.code);

class PlatformReports implements Reports {
  readonly #documents: Documents;
  readonly #metrics: Metrics;
  readonly #pages: PagePatterns;
  readonly #tenancy: Tenancy;
  readonly #limit: RenderLimit;
  readonly #renders: AcceptedRenders;
  readonly #generations: Generations;
  readonly #jobs: Jobs;
  readonly #tokens: ReportTokens;
  readonly #revisions: Revisions;
  readonly #generateJob: JobDefinition<GenerateData>;
  /** Counted, so that who comes after an invalidation does not join a render that began before it. */
  #invalidations = 0;
  /** One render for all proven callers who miss the same document. */
  readonly #shared = new SharedWork<ObtainedReport>(isLeadersFault);

  constructor({ rendering, documents, identity, database, jobs, metrics, config }: Dependencies) {
    this.#documents = documents;
    this.#metrics = metrics;
    this.#pages = config.pages;
    this.#tenancy = new Tenancy(config.tenants, config.defaultTenant);
    this.#limit = new RenderLimit(config.callerRenderLimit);
    this.#revisions = new Revisions(database);
    this.#tokens = new ReportTokens(identity);
    const { requireSubject } = config;
    this.#renders = new AcceptedRenders({ rendering, documents, revisions: this.#revisions, requireSubject });
    const shared = { tokens: this.#tokens, tenancy: this.#tenancy };
    this.#generations = new Generations({ ...shared, renders: this.#renders, pages: config.pages });
    this.#jobs = jobs;
    this.#generateJob = defineGenerateJob({ ...shared, generations: this.#generations });
    jobs.define(this.#generateJob);
    const onRemoval = () => {
      this.#invalidations++;
    };
    database.ready.then(() => this.#revisions.onRemoval(onRemoval)).catch(() => undefined);
  }

  async obtain(request: ReportRequest, options: ObtainOptions): Promise<ObtainedReport> {
    const tenant = this.#tenancy.ofCaller(request.caller, request.originHeader);
    const access = decide(request);
    const key = access === 'proven' ? reportKey(tenant.prefix, request.report) : undefined;
    const stored = key === undefined ? undefined : await this.#look(key, request);
    if (stored !== undefined) return stored;
    if (!options.mayRender) throw fail('not_found');
    const { priority, isCounted = true } = options;
    const attempt = (signal: AbortSignal, hurry?: AbortSignal) => {
      const work = () => this.#renderFor(request, { tenant, key, priority, signal, hurry });
      return isCounted ? this.#limit.run(request.caller, work) : work();
    };
    if (key === undefined) return attempt(options.signal);
    return this.#shared.join(`${this.#invalidations} ${sharedKey(key, request)}`, {
      owner: request.caller.token,
      isUrgent: priority === 'interactive',
      attempt,
      signal: options.signal,
    });
  }

  generate(request: GenerateRequest): Promise<GeneratedReport> {
    return this.#generations.generate(request);
  }

  async generateLater(request: GenerateRequest): Promise<{ jobId: string; key: string }> {
    const { report, reportToken, educatorId, dataVersion } = request;
    const tenant = this.#tenancy.named(request.origin);
    if (reportToken !== undefined) await this.#tokens.check(reportToken, report);
    const key = keyOf(tenant.prefix, report);
    const data = {
      report: storeReport(report),
      origin: tenant.origin,
      educatorId,
      dataVersion,
      hasToken: reportToken !== undefined,
      isOfClassRun: false,
    };
    const subject = { reportType: report.type, testId: report.test.segment, classId: report.classId, s3Key: key };
    const job = { key, data, owner: 'service', subject, secret: reportToken };
    const [jobId = ''] = await this.#jobs.transaction((tx) =>
      this.#jobs.enqueue(this.#generateJob, [job], { tx, lane: `reports ${tenant.prefix}` }),
    );
    return { jobId, key };
  }

  settle(): Promise<void> {
    return this.#generations.settle();
  }

  async invalidate({ classId, testSegment, studentId, teacherId, origin }: InvalidateRequest): Promise<number> {
    const { prefix } = this.#tenancy.named(origin);
    const folder = classPrefix(prefix, classId);
    const below = testSegment === undefined ? folder : `${folder}${testSegment}/`;
    const endings = [
      ...(studentId === undefined ? [] : [`/students/${studentId}.pdf`]),
      ...(teacherId === undefined ? [] : [`/teacher_${teacherId}.pdf`]),
    ];
    const matches = (key: string) =>
      key.startsWith(below) && (endings.length === 0 || endings.some((ending) => key.endsWith(ending)));
    this.#invalidations++;
    const revision = await this.#revisions.recordRemoval(below, endings);
    return this.#documents.remove(below, matches, revision).catch((cause) => {
      throw fail('storage_unavailable', { detail: 'The storage does not answer.' }, { cause });
    });
  }

  asRenderOf<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
    return this.#limit.run(caller, work);
  }

  /** The stored document, where it serves this request. A storage that fails is a miss: the caller gets a fresh PDF. */
  async #look(key: string, { caller, report, dataVersion }: ReportRequest): Promise<ObtainedReport | undefined> {
    const accepts = (metadata: DocumentMetadata) =>
      (dataVersion === undefined || metadata.dataVersion === dataVersion) &&
      (metadata.view === 'canonical' || caller.type === 'student');
    const found = await this.#documents.find(key, accepts).catch((error) => {
      log.error('Storage failed while looking for a document', { error, s3Key: key });
      return undefined;
    });
    this.#metrics.lookups.inc({ result: found === undefined ? 'miss' : 'hit' });
    if (found === undefined) return undefined;
    log.info('PDF found in S3, skipping generation', { ...describeReport(report), s3Key: key });
    const { sha256, generatedAt } = found.metadata;
    return { content: found.content, bytes: found.bytes, sha256, generatedAt, source: 'hit' };
  }

  /** Renders with the caller's own token, and keeps the result where it is surely the key's. */
  async #renderFor(request: ReportRequest, { tenant, key, ...options }: PublicRender): Promise<ObtainedReport> {
    const { caller, report, educatorId, dataVersion } = request;
    const view = viewFor(caller, report);
    const path = view === 'student' ? selfPagePath(report, this.#pages) : pagePath(report, this.#pages, educatorId);
    const render = await this.#renders.acceptInAnyCase({ report, key, view, dataVersion });
    const url = tenant.origin + path;
    const page = { url, token: caller.token, isTokenShared: true, className: undefined, ...options };
    const pdf = await render.print(page);
    const isKept = key !== undefined && isSurely(request, pdf) && (await keepInTime(render, pdf));
    const { bytes, sha256, generatedAt } = pdf;
    return { content: bytes, bytes: bytes.length, sha256, generatedAt, source: isKept ? 'stored' : 'passed' };
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

export function createReports(dependencies: Dependencies): Reports {
  return new PlatformReports(dependencies);
}
