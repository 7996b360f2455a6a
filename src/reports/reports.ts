// What can be done with reports: obtained (stored or rendered), generated anew, now or later, and forgotten. Knows nothing of HTTP.

import type { Tenant } from '../config.ts';
import type { Database, Queries } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { type Caller, callerKey } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Metrics } from '../metrics.ts';
import { createRateLimiter, type RateLimiter } from '../rate-limiter.ts';
import type { Rendering } from '../rendering/rendering.ts';
import { AcceptedRenders } from './accepted-render.ts';
import type { KeyedReport } from './contract.ts';
import { type GeneratedReport, type GenerateRequest, Generations } from './generation.ts';
import { type ObtainedReport, type ObtainOptions, PublicReports, type ReportRequest } from './public-reports.ts';
import { RenderLimit } from './render-limit.ts';
import { classPrefix, type PagePatterns } from './report.ts';
import { type BackendReport, ReportJobs } from './report-jobs.ts';
import { ReportTokens } from './report-tokens.ts';
import { Revisions } from './revisions.ts';
import { Tenancy } from './tenancy.ts';

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
  /**
   * Accepts as a job what `obtain` would give, so that it is stored when the job has completed. @returns the id of the job;
   *   undefined where nothing can be kept for this caller. @throws forbidden, rate_limited, database_unavailable.
   */
  obtainLater(request: ReportRequest): Promise<string | undefined>;
  /** The tenant that a request of the backend names; undefined is the default. @throws invalid_request. */
  tenantOf(origin: string | undefined): Tenant;
  /**
   * Whether a token that was given for a whole class opens this report; not where a teacher's page wants one of its own, which is minted then.
   * @throws report_token_expired, report_token_invalid, report_token_mismatch.
   */
  isOpenedBy(token: string, report: KeyedReport): Promise<boolean>;
  /** Accepts reports as the jobs of a class run, in its transaction. @returns their ids, in their order. */
  generateForRun(runId: string, reports: readonly BackendReport[], tx: Queries): Promise<string[]>;
  /** Forgets stored documents; renders under way will not bring them back. Gives the number removed. */
  invalidate(request: InvalidateRequest): Promise<number>;
  /** Resolves when no generation is under way: they go on although their callers hang up. */
  settle(): Promise<void>;
  /** Forgets the reports of a learner in all classes, and those that show their classes whole. Gives the number removed. */
  forgetLearner(learner: { tenant: string; studentId: string }): Promise<number>;
  /** Runs `work` as one of the few renders that a caller may have at once. @throws too_many_renders. */
  asRenderOf<T>(caller: Caller, work: () => Promise<T>): Promise<T>;
}

interface Dependencies {
  rendering: Rendering;
  documents: Documents;
  identity: Identity;
  database: Database;
  jobs: Jobs;
  events: Events;
  metrics: Metrics;
  config: {
    tenants: readonly Tenant[];
    defaultTenant: Tenant;
    pages: PagePatterns;
    callerRenderLimit: number;
    asyncReportsPerMin: number;
  };
}

/** What one person may ask for without waiting, in a minute; of certificates too. */
export const laterWindow = { name: 'generations', windowSeconds: 60 };

class PlatformReports implements Reports {
  readonly #documents: Documents;
  readonly #tenancy: Tenancy;
  readonly #tokens: ReportTokens;
  readonly #revisions: Revisions;
  readonly #limit: RenderLimit;
  readonly #generations: Generations;
  readonly #publicReports: PublicReports;
  readonly #reportJobs: ReportJobs;
  readonly #laterLimit: RateLimiter;

  constructor({ rendering, documents, identity, database, jobs, events, metrics, config }: Dependencies) {
    const { pages } = config;
    const tenancy = new Tenancy(config.tenants, config.defaultTenant);
    const tokens = new ReportTokens(identity);
    const revisions = new Revisions(database);
    const renders = new AcceptedRenders({ rendering, documents, revisions });
    const limit = new RenderLimit(config.callerRenderLimit);
    const generations = new Generations({ tokens, tenancy, renders, pages });
    const publicReports = new PublicReports({ documents, metrics, tenancy, renders, limit, pages });
    this.#reportJobs = new ReportJobs({ jobs, events, generations, publicReports, tokens, tenancy });
    this.#documents = documents;
    this.#tenancy = tenancy;
    this.#tokens = tokens;
    this.#revisions = revisions;
    this.#limit = limit;
    this.#laterLimit = createRateLimiter({ database, limit: config.asyncReportsPerMin, ...laterWindow });
    this.#generations = generations;
    this.#publicReports = publicReports;
    database.ready.then(() => revisions.onRemoval(() => publicReports.onRemoval())).catch(() => undefined);
  }

  obtain(request: ReportRequest, options: ObtainOptions): Promise<ObtainedReport> {
    return this.#publicReports.obtain(request, options);
  }

  async obtainLater(request: ReportRequest): Promise<string | undefined> {
    const keepable = this.#publicReports.findKeepable(request);
    if (keepable === undefined) return undefined;
    await this.#laterLimit.take(callerKey(request.caller));
    const { caller, educatorId, dataVersion } = request;
    const { jobId } = await this.#reportJobs.acceptFor({ ...keepable, caller, educatorId, dataVersion });
    return jobId;
  }

  generate(request: GenerateRequest): Promise<GeneratedReport> {
    return this.#generations.generate(request);
  }

  async generateLater(request: GenerateRequest): Promise<{ jobId: string; key: string }> {
    const { report, reportToken } = request;
    const tenant = this.#tenancy.named(request.origin);
    if (reportToken !== undefined) await this.#tokens.check(reportToken, report);
    return this.#reportJobs.accept({ ...request, tenant });
  }

  tenantOf(origin: string | undefined): Tenant {
    return this.#tenancy.named(origin);
  }

  isOpenedBy(token: string, report: KeyedReport): Promise<boolean> {
    return this.#tokens.opens(token, report);
  }

  generateForRun(runId: string, reports: readonly BackendReport[], tx: Queries): Promise<string[]> {
    return this.#reportJobs.acceptRun(tx, runId, reports);
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
    this.#publicReports.onRemoval();
    const revision = await this.#revisions.recordRemoval(below, endings, prefix);
    return this.#documents.remove(below, matches, revision).catch((cause) => {
      throw fail('storage_unavailable', { detail: 'The storage does not answer.' }, { cause });
    });
  }

  async forgetLearner({ tenant, studentId }: { tenant: string; studentId: string }): Promise<number> {
    const below = `${tenant === '' ? '' : `${tenant}/`}reports/`;
    this.#publicReports.onRemoval();
    const revision = await this.#revisions.recordErasure(below, `/students/${studentId}.pdf`);
    const isOwn = (key: string) => key.endsWith(`/students/${studentId}.pdf`);
    const classes = new Set<string>();
    const collectOnly = (key: string) => {
      if (isOwn(key)) classes.add(key.slice(0, key.indexOf('/', below.length) + 1));
      return false;
    };
    await this.#documents.remove(below, collectOnly, revision);
    let removed = 0;
    // What shows a class goes first: with the last of their own nothing would say any more which classes were theirs.
    for (const folder of classes)
      removed += await this.#documents.remove(folder, (key) => !key.includes('/students/'), revision);
    return removed + (await this.#documents.remove(below, isOwn, revision));
  }

  asRenderOf<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
    return this.#limit.run(caller, work);
  }
}

export function createReports(dependencies: Dependencies): Reports {
  return new PlatformReports(dependencies);
}
