// Reports as durable jobs: for the backend (rendered anew), and for a person who does not want to wait (rendered when missing).

import { z } from 'zod';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import type { JobDefinition, JobStage, Work } from '../jobs/contract.ts';
import type { Diagnosis, Stage } from '../rendering/contract.ts';
import type { Generations, KeyedReport } from './generation.ts';
import { parseTest, type Report, type Test } from './report.ts';
import type { PageToken, ReportTokens } from './report-tokens.ts';
import type { Tenancy } from './tenancy.ts';

const storedReport = z.object({
  type: z.enum(['student', 'teacher', 'overall']),
  /** Of the student or teacher. */
  id: z.string().optional(),
  classId: z.string(),
  test: z.string(),
});

const generateData = z.object({
  report: storedReport,
  origin: z.string(),
  educatorId: z.string().optional(),
  dataVersion: z.string().optional(),
  /** Whether a token was given; it is the job's secret until it has ended. */
  hasToken: z.boolean(),
  /** Whether the token that is minted serves the whole class. */
  isOfClassRun: z.boolean(),
});
export type GenerateData = z.output<typeof generateData>;

export function storeReport(report: KeyedReport): z.output<typeof storedReport> {
  const { type, classId, test } = report;
  const id = type === 'student' ? report.studentId : type === 'teacher' ? report.teacherId : undefined;
  return { type, ...(id === undefined ? {} : { id }), classId, test: test.segment };
}

export function readReport({ type, id = '', classId, test: segment }: z.output<typeof storedReport>): KeyedReport {
  const common = { classId, test: parseTest(segment) as Test };
  if (type === 'student') return { type, studentId: id, ...common };
  return type === 'teacher' ? { type, teacherId: id, ...common } : { type, ...common };
}

const progressOf: Record<Stage | 'store', [JobStage, percent: number] | undefined> = {
  queue: undefined,
  open: ['template_loading', 5],
  load: ['template_loading', 15],
  ready: ['data_validation', 35],
  assets: ['data_validation', 60],
  print: ['pdf_generation', 70],
  close: undefined,
  store: ['file_preparation', 90],
};

export function reportProgress(onStage: Work<unknown>['onStage']): (stage: Stage | 'store') => void {
  return (stage) => {
    const progress = progressOf[stage];
    if (progress !== undefined) onStage(...progress);
  };
}

const healing = new Set<ErrorCode>([
  'browser_unavailable',
  'database_unavailable',
  'deadline_exceeded',
  'identity_unavailable',
  'page_not_ready',
  'queue_full',
  'render_timeout',
  'resource_limit',
  'shutting_down',
  'storage_unavailable',
]);

/** Crashes, time-outs, connections that break, and 5xx may be gone the next time; what the page itself says stays. */
export function mayHeal(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return true;
  if (healing.has(error.code) || error.details.mayHeal === true) return true;
  const { failedRequests = [] } = (error.details.diagnosis ?? {}) as Partial<Diagnosis>;
  return error.code === 'page_failed' && failedRequests.some(({ status }) => status === undefined || status >= 500);
}

interface Dependencies {
  generations: Generations;
  tokens: ReportTokens;
  tenancy: Tenancy;
}

/** One report of the backend's. */
export function defineGenerateJob({ generations, tokens, tenancy }: Dependencies): JobDefinition<GenerateData> {
  function tokenFor(data: GenerateData, report: Report, given: string | undefined): PageToken {
    if (given !== undefined && !tokens.hasExpired(given)) return { token: given, isShared: true };
    const minted = data.isOfClassRun ? tokens.mintForClass(data.origin, report) : tokens.mint(report);
    if (data.hasToken && minted.token === undefined) throw fail('report_token_expired');
    return minted;
  }

  return {
    name: 'reports.generate',
    data: generateData,
    // The pauses between them outlast a storage that is away for a minute.
    mostFailures: 8,
    mayHeal,
    async run({ data, secret, signal, onStage }) {
      const { educatorId, dataVersion, origin } = data;
      const report = readReport(data.report);
      const order = {
        report,
        tenant: tenancy.named(origin),
        token: tokenFor(data, report, secret),
        educatorId,
        dataVersion,
      };
      const { key, ...made } = await generations.make(order, {
        priority: 'background',
        signal,
        onStage: reportProgress(onStage),
      });
      onStage('download_ready', 98);
      return { s3Key: key, ...made };
    },
  };
}
