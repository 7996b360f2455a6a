// A report as a durable job: what is stored of the request, how far it is, and which failures may heal. Pure.

import { z } from 'zod';
import { type ErrorCode, ServiceError } from '../errors.ts';
import type { Work } from '../jobs/contract.ts';
import type { JobStage } from '../progress/contract.ts';
import type { Stage } from '../rendering/contract.ts';
import type { KeyedReport } from './contract.ts';
import { parseTest, type Test } from './report.ts';

const storedReport = z.object({
  type: z.enum(['student', 'teacher', 'overall']),
  /** Of the student or teacher. */
  id: z.string().optional(),
  classId: z.string(),
  test: z.string(),
});

/** For the backend: rendered anew. */
const generateData = z.object({
  kind: z.literal('generate'),
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

/** For a person who does not want to wait: rendered where nothing stored serves. Their token is the job's secret. */
const obtainData = z.object({
  kind: z.literal('obtain'),
  report: storedReport,
  origin: z.string(),
  educatorId: z.string().optional(),
  dataVersion: z.string().optional(),
  caller: z.object({ type: z.enum(['student', 'teacher', 'admin']), id: z.string(), classes: z.array(z.string()) }),
});
export type ObtainData = z.output<typeof obtainData>;

export const reportJobData = z.discriminatedUnion('kind', [generateData, obtainData]);
export type ReportJobData = z.output<typeof reportJobData>;

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
  settle: ['data_validation', 65],
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
  return error.details.mayHeal === true || healing.has(error.code);
}
