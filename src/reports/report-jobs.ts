// Reports that are made later: accepts them as jobs, and does the jobs.

import type { Tenant } from '../config.ts';
import type { Queries } from '../database/database.ts';
import { fail, invalidField, ServiceError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { type Caller, callerKey, serviceOwner } from '../identity/contract.ts';
import type { EnqueueOptions, JobDefinition, JobRequest, Work } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { KeyedReport } from './contract.ts';
import type { Generations, Order } from './generation.ts';
import { blameFor, type PublicReports } from './public-reports.ts';
import { keyOf, type Report, subjectOf } from './report.ts';
import { tellOfReports } from './report-events.ts';
import {
  type GenerateData,
  mayHeal,
  type ObtainData,
  type ReportJobData,
  readReport,
  reportJobData,
  reportProgress,
  storeReport,
} from './report-job-data.ts';
import type { PageToken, ReportTokens } from './report-tokens.ts';
import type { Tenancy } from './tenancy.ts';

interface Dependencies {
  jobs: Jobs;
  events: Events;
  generations: Generations;
  publicReports: PublicReports;
  tokens: ReportTokens;
  tenancy: Tenancy;
}

/** A report of the backend's, of a class run or by itself. */
export interface BackendReport {
  report: KeyedReport;
  tenant: Tenant;
  reportToken: string | undefined;
  educatorId: string | undefined;
  dataVersion: string | undefined;
}

export interface PersonsReport extends Omit<BackendReport, 'reportToken'> {
  caller: Caller;
}

type Result = Record<string, unknown>;

/** Of several who wait for one document, the backend's wish is what is made, then that of who sees the canonical page. */
const ranks = { ownView: 0, canonical: 1, backend: 2 };
/** The pauses between them outlast a storage that is away for a minute. */
const mostFailures = 8;

/** Tokens that are refused when a page is opened, and those that ran out while they waited. */
const isOwnersFault = (error: unknown) =>
  blameFor(error) !== 'everybodys' || (error instanceof ServiceError && error.code === 'report_token_expired');

/** What those who look at a job see of its report. */
function subjectFor(report: KeyedReport, key: string): Record<string, unknown> {
  const subject = report.type === 'overall' ? {} : { [`${report.type}Id`]: subjectOf(report) };
  return { reportType: report.type, testId: report.test.segment, classId: report.classId, ...subject, s3Key: key };
}

export class ReportJobs {
  readonly #dependencies: Dependencies;
  readonly #definition: JobDefinition<ReportJobData>;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#definition = {
      name: 'reports.generate',
      data: reportJobData,
      mostFailures,
      mayHeal,
      isOwnersFault,
      checkSecret: (token, data) => this.#checkToken(token, data),
      run: ({ data, ...work }) => (data.kind === 'generate' ? this.#generate(data, work) : this.#obtain(data, work)),
    };
    dependencies.jobs.define(this.#definition);
    dependencies.jobs.onEnd(tellOfReports(this.#definition.name, dependencies.events));
  }

  /** Accepts a report of the backend's. @returns its job, when it is committed. @throws database_unavailable. */
  async accept(asked: BackendReport): Promise<{ jobId: string; key: string }> {
    const job = this.#jobFor(asked, { isOfClassRun: false });
    const { prefix } = asked.tenant;
    const jobId = await this.#commit(job, { tenant: prefix, lane: `reports ${prefix}` });
    return { jobId, key: job.key };
  }

  /** Accepts a report for a person, whose job it is. */
  async acceptFor({
    caller,
    report,
    tenant,
    educatorId,
    dataVersion,
  }: PersonsReport): Promise<{ jobId: string; key: string }> {
    const key = keyOf(tenant.prefix, report);
    const { type, id, classes } = caller;
    const data: ObtainData = {
      kind: 'obtain',
      report: storeReport(report),
      origin: tenant.origin,
      educatorId,
      dataVersion,
      caller: { type, id, classes: [...classes] },
    };
    const rank = caller.type === 'student' ? ranks.ownView : ranks.canonical;
    const job = { key, rank, data, owner: callerKey(caller), subject: subjectFor(report, key), secret: caller.token };
    return { jobId: await this.#commit(job, { tenant: tenant.prefix, lane: `callers ${tenant.prefix}` }), key };
  }

  /** Accepts the reports of a class run, in its transaction. @returns their jobs, in their order. */
  acceptRun(tx: Queries, runId: string, reports: readonly BackendReport[]): Promise<string[]> {
    const jobs = reports.map((report) => this.#jobFor(report, { isOfClassRun: true }));
    return this.#dependencies.jobs.enqueue(this.#definition, jobs, {
      tx,
      tenant: reports[0]?.tenant.prefix ?? '',
      lane: `run ${runId}`,
      groupId: runId,
    });
  }

  #jobFor(
    { report, tenant, reportToken, educatorId, dataVersion }: BackendReport,
    { isOfClassRun }: { isOfClassRun: boolean },
  ): JobRequest<ReportJobData> {
    const key = keyOf(tenant.prefix, report);
    const data: GenerateData = {
      kind: 'generate',
      report: storeReport(report),
      origin: tenant.origin,
      educatorId,
      dataVersion,
      hasToken: reportToken !== undefined,
      isOfClassRun,
    };
    const subject = subjectFor(report, key);
    return { key, rank: ranks.backend, data, owner: serviceOwner, subject, secret: reportToken };
  }

  async #commit(
    job: JobRequest<ReportJobData>,
    { tenant, lane }: Pick<EnqueueOptions, 'tenant' | 'lane'>,
  ): Promise<string> {
    const { jobs } = this.#dependencies;
    const [id = ''] = await jobs.transaction((tx) => jobs.enqueue(this.#definition, [job], { tx, tenant, lane }));
    return id;
  }

  /** A person's page is opened with what they have shown, or with what is made for them. */
  async #checkToken(token: string, data: ReportJobData): Promise<void> {
    if (data.kind === 'obtain') throw invalidField('/reportToken', 'is not for the job of a person');
    await this.#dependencies.tokens.check(token, readReport(data.report));
  }

  async #generate(data: GenerateData, { secret, ...work }: Omit<Work<unknown>, 'data'>): Promise<Result> {
    const { educatorId, dataVersion, origin } = data;
    const report = readReport(data.report);
    const token = this.#tokenFor(data, report, secret);
    return this.#make({ report, origin, token, educatorId, dataVersion }, work);
  }

  #tokenFor(data: GenerateData, report: Report, given: string | undefined): PageToken {
    const { tokens } = this.#dependencies;
    const minted = data.isOfClassRun ? tokens.mintForClass(data.origin, report) : tokens.mint(report);
    const hasOther = minted.token !== undefined;
    if (given !== undefined && tokens.isGood(given, { hasOther })) return { token: given, isShared: true };
    if (data.hasToken && !hasOther) throw fail('report_token_expired');
    return minted;
  }

  async #obtain(data: ObtainData, { secret, signal, onStage }: Omit<Work<unknown>, 'data'>): Promise<Result> {
    const { publicReports, tokens } = this.#dependencies;
    const report = readReport(data.report);
    const minted = this.#mintFor(data, report);
    if (secret === undefined || !tokens.isGood(secret, { hasOther: minted !== undefined }))
      return this.#obtainByMint(data, { report, token: minted }, { signal, onStage });
    const { origin, educatorId, dataVersion } = data;
    const caller: Caller = { ...data.caller, tenant: { origin }, token: secret };
    const request = { caller, report, originHeader: undefined, educatorId, dataVersion };
    const stored = await publicReports.store(request, { signal, onStage: reportProgress(onStage) });
    onStage('download_ready', 98);
    return stored;
  }

  /** A token in place of a person's own, where that named the one class, and so the one document. */
  #mintFor({ caller }: ObtainData, report: KeyedReport): PageToken | undefined {
    const isOfOneClass = caller.classes.length === 1 && caller.classes[0] === report.classId;
    const minted = isOfOneClass ? this.#dependencies.tokens.mint(report) : undefined;
    return minted?.token === undefined ? undefined : minted;
  }

  /** Where the person's token has run out: as for the backend. */
  async #obtainByMint(
    { origin, dataVersion }: ObtainData,
    { report, token }: { report: KeyedReport; token: PageToken | undefined },
    work: Pick<Work<unknown>, 'signal' | 'onStage'>,
  ): Promise<Result> {
    if (token === undefined) throw fail('report_token_expired');
    return this.#make({ report, origin, token, educatorId: undefined, dataVersion }, work);
  }

  async #make(
    { origin, ...order }: Omit<Order, 'tenant'> & { origin: string },
    { signal, onStage }: Pick<Work<unknown>, 'signal' | 'onStage'>,
  ): Promise<Result> {
    const { generations, tenancy } = this.#dependencies;
    const { key, ...made } = await generations.make(
      { ...order, tenant: tenancy.named(origin) },
      { priority: 'background', signal, onStage: reportProgress(onStage) },
    );
    onStage('download_ready', 98);
    return { s3Key: key, ...made };
  }
}
