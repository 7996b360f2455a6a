// One generation whose progress is followed: what is kept of it, and how it is told.

import { type JobError, type JobStage, jobStages, type Progress, type ProgressStatus } from './contract.ts';
import { describeStages, messageOf } from './stages.ts';

const forgetEndedMs = 60_000;
const forgetAnyMs = 30 * 60_000;

export interface ProgressOptions {
  /** Milliseconds that a generation may take from the start of its work. Default: 5 minutes. */
  timeout?: number;
  /** Default: true. */
  enableCancellation?: boolean;
  /** Whether each state that is told is also saved. Default: false. */
  enablePersistence?: boolean;
  /** Milliseconds between two states that differ by their percentage only. Default: 500. */
  updateInterval?: number;
  /** What the generation is about. */
  metadata?: Record<string, unknown>;
  /** Milliseconds for which its work had been under way elsewhere when it was first heard of. */
  elapsed?: number;
}

export interface Generation {
  readonly id: string;
  readonly userId: string;
  readonly options: Required<Omit<ProgressOptions, 'metadata'>>;
  status: ProgressStatus;
  /** Index of its stage. */
  stage: number;
  percent: number;
  message: string;
  error: JobError | undefined;
  metadata: Record<string, unknown>;
  /** On the monotonic clock, as all times here. */
  changedAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** When each stage began; not of one that was under way when the generation was first heard of. */
  readonly enteredAt: Map<JobStage, number>;
  snapshot: Progress | undefined;
  toldAt: number;
  telling: NodeJS.Timeout | undefined;
  timeout: NodeJS.Timeout | undefined;
  saved: Promise<unknown>;
}

const usual = { timeout: 300_000, enableCancellation: true, enablePersistence: false, updateInterval: 500, elapsed: 0 };

export function createGeneration(
  id: string,
  userId: string,
  { metadata = {}, ...options }: ProgressOptions,
): Generation {
  return {
    id,
    userId,
    options: { ...usual, ...options },
    status: 'pending',
    stage: 0,
    percent: 0,
    message: messageOf('pending', 'initializing'),
    error: undefined,
    metadata,
    changedAt: performance.now(),
    startedAt: undefined,
    endedAt: undefined,
    enteredAt: new Map(),
    snapshot: undefined,
    toldAt: Number.NEGATIVE_INFINITY,
    telling: undefined,
    timeout: undefined,
    saved: Promise.resolve(),
  };
}

export const stageOf = ({ stage }: Generation): JobStage => jobStages[stage] ?? 'initializing';

export function durationsOf(generation: Generation): Partial<Record<JobStage, number>> {
  const entered = [...generation.enteredAt];
  const until = generation.endedAt ?? performance.now();
  return Object.fromEntries(entered.map(([stage, at], index) => [stage, (entered[index + 1]?.[1] ?? until) - at]));
}

export function takenBy({ startedAt, endedAt }: Generation): number {
  return startedAt === undefined ? 0 : (endedAt ?? performance.now()) - startedAt;
}

export function describe(generation: Generation): Progress {
  const { id, status, percent, message, error, metadata } = generation;
  const stage = stageOf(generation);
  const taken = takenBy(generation);
  const isKnown = status === 'in_progress' && percent > 0 && taken > 0;
  return {
    id,
    status,
    stage,
    progress: percent,
    message,
    ...(error === undefined ? {} : { error }),
    ...(isKnown ? { estimatedTimeRemaining: Math.round((taken * (100 - percent)) / percent) } : {}),
    stageProgress: describeStages({ status, stage, percent, durations: durationsOf(generation) }),
    metadata,
  };
}

/** Ended progress is forgotten after a minute, any after half an hour without change. */
export function isOld({ endedAt, changedAt }: Generation): boolean {
  const now = performance.now();
  return now >= (endedAt === undefined ? changedAt + forgetAnyMs : endedAt + forgetEndedMs);
}
