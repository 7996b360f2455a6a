// How far generations are: kept in memory, told to those who follow them, and forgotten soon after their end.

import { createLog } from '../log.ts';
import { type JobError, type JobStage, jobStages, type Progress, type ProgressStatus } from './contract.ts';
import {
  createGeneration,
  describe,
  durationsOf,
  type Generation,
  isOld,
  type ProgressOptions,
  stageOf,
  takenBy,
} from './generation.ts';
import { messageOf, startOf } from './stages.ts';

const log = createLog('progress');

const sweepMs = 10_000;
/** The last stage that work reaches by itself; the one after it is reached by its completion. */
const lastOfWork = jobStages.length - 2;

export interface ProgressAnalytics {
  /** Milliseconds from the start of work to its end, or to now. */
  totalDuration: number;
  /** Percent per second. */
  averageProgressRate: number;
  /** Milliseconds spent in each stage that was heard of. */
  stageDurations: Partial<Record<JobStage, number>>;
}

export interface ProgressStats {
  tracked: number;
  byStatus: Partial<Record<ProgressStatus, number>>;
  subscribers: number;
}

type Listener = (progress: Progress) => void;

/** None of these ever throws: whether progress can be reported decides nothing. Those that report say whether it was of use. */
export interface ProgressTracker extends Disposable {
  initializeProgress(transactionId: string, userId: string, options?: ProgressOptions): Progress;
  /** @param report the stage, the percentage of the whole, and a message of one's own. */
  updateProgress(id: string, ...report: [stage: JobStage, percent: number, message?: string]): boolean;
  completeStage(id: string, stage: JobStage): boolean;
  completeGeneration(id: string, result?: Record<string, unknown>): boolean;
  failGeneration(id: string, error: JobError): boolean;
  cancelGeneration(id: string): boolean;
  /** Gives the state at once, where there is one. @returns what ends it. */
  subscribeToProgress(id: string, listener: Listener): () => void;
  getProgress(id: string): Progress | undefined;
  getProgressAnalytics(id: string): ProgressAnalytics | undefined;
  getStats(): ProgressStats;
  /** Forgets a generation, for instance one that begins anew. */
  forget(id: string): void;
  /** Forgets what is old; it happens by itself too. @returns how many. */
  cleanup(): number;
}

interface Dependencies {
  /** Where states are saved when that was wanted. */
  save?: (progress: Progress) => Promise<void>;
}

class MemoryTracker implements ProgressTracker {
  readonly #save: Dependencies['save'];
  readonly #generations = new Map<string, Generation>();
  readonly #listeners = new Map<string, Set<Listener>>();
  #sweep: NodeJS.Timeout | undefined;

  constructor({ save }: Dependencies) {
    this.#save = save;
  }

  initializeProgress(id: string, userId: string, options: ProgressOptions = {}): Progress {
    const present = this.#find(id);
    if (present !== undefined) return this.#snapshot(present);
    this.forget(id);
    const generation = createGeneration(id, userId, options);
    this.#generations.set(id, generation);
    this.#sweep ??= setInterval(() => this.cleanup(), sweepMs).unref();
    this.#tell(generation);
    return this.#snapshot(generation);
  }

  updateProgress(id: string, ...[stage, percent, message]: [JobStage, number, string?]): boolean {
    const generation = this.#underWay(id);
    if (generation === undefined) return false;
    const isBeginning = generation.status === 'pending';
    const isHeardLate = isBeginning && generation.options.elapsed > 0;
    if (isBeginning) this.#begin(generation);
    const next = Math.max(generation.stage, Math.min(jobStages.indexOf(stage), lastOfWork));
    const isNewStage = isBeginning || next > generation.stage;
    generation.stage = next;
    if (isNewStage && !isHeardLate) generation.enteredAt.set(stageOf(generation), performance.now());
    if (Number.isFinite(percent))
      generation.percent = Math.max(generation.percent, Math.floor(Math.min(Math.max(percent, 0), 100)));
    generation.message = message ?? messageOf('in_progress', stageOf(generation));
    this.#change(generation, isNewStage);
    return true;
  }

  completeStage(id: string, stage: JobStage): boolean {
    const next = jobStages[jobStages.indexOf(stage) + 1] ?? 'completed';
    return next === 'completed' ? this.updateProgress(id, stage, 100) : this.updateProgress(id, next, startOf(next));
  }

  completeGeneration(id: string, result: Record<string, unknown> = {}): boolean {
    const generation = this.#underWay(id);
    if (generation === undefined) return false;
    generation.stage = jobStages.length - 1;
    generation.percent = 100;
    generation.metadata = { ...generation.metadata, ...result };
    this.#end(generation, 'completed');
    return true;
  }

  failGeneration(id: string, error: JobError): boolean {
    const generation = this.#underWay(id);
    if (generation === undefined) return false;
    generation.error = error;
    this.#end(generation, error.isTimeUp === true ? 'timeout' : 'failed');
    return true;
  }

  cancelGeneration(id: string): boolean {
    const generation = this.#underWay(id);
    if (generation === undefined || !generation.options.enableCancellation) return false;
    this.#end(generation, 'cancelled');
    return true;
  }

  subscribeToProgress(id: string, listener: Listener): () => void {
    // One's own function, so that who follows twice is told twice.
    const own: Listener = (progress) => listener(progress);
    const atId = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, atId.add(own));
    const generation = this.#find(id);
    if (generation !== undefined) give(own, this.#snapshot(generation));
    return () => {
      atId.delete(own);
      if (atId.size === 0 && this.#listeners.get(id) === atId) this.#listeners.delete(id);
    };
  }

  getProgress(id: string): Progress | undefined {
    const generation = this.#find(id);
    return generation === undefined ? undefined : this.#snapshot(generation);
  }

  getProgressAnalytics(id: string): ProgressAnalytics | undefined {
    const generation = this.#find(id);
    if (generation === undefined) return undefined;
    const totalDuration = takenBy(generation);
    const averageProgressRate = totalDuration === 0 ? 0 : generation.percent / (totalDuration / 1000);
    return { totalDuration, averageProgressRate, stageDurations: durationsOf(generation) };
  }

  getStats(): ProgressStats {
    this.cleanup();
    const byStatus = Map.groupBy(this.#generations.values(), ({ status }) => status);
    return {
      tracked: this.#generations.size,
      byStatus: Object.fromEntries([...byStatus].map(([status, all]) => [status, all.length])),
      subscribers: [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0),
    };
  }

  forget(id: string): void {
    const generation = this.#generations.get(id);
    clearTimeout(generation?.telling);
    clearTimeout(generation?.timeout);
    this.#generations.delete(id);
    if (this.#generations.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  cleanup(): number {
    const old = [...this.#generations.values()].filter(isOld);
    for (const { id } of old) this.forget(id);
    return old.length;
  }

  [Symbol.dispose](): void {
    for (const id of this.#generations.keys()) this.forget(id);
    this.#listeners.clear();
  }

  #find(id: string): Generation | undefined {
    const generation = this.#generations.get(id);
    return generation === undefined || isOld(generation) ? undefined : generation;
  }

  #underWay(id: string): Generation | undefined {
    const generation = this.#find(id);
    return generation?.endedAt === undefined ? generation : undefined;
  }

  #begin(generation: Generation): void {
    const { elapsed, timeout } = generation.options;
    generation.status = 'in_progress';
    generation.startedAt = performance.now() - elapsed;
    if (!Number.isFinite(timeout)) return;
    const detail = 'The generation took longer than it may.';
    const end = () => this.failGeneration(generation.id, { code: 'render_timeout', detail, isTimeUp: true });
    generation.timeout = setTimeout(end, Math.max(0, timeout - elapsed)).unref();
  }

  #end(generation: Generation, status: ProgressStatus): void {
    clearTimeout(generation.timeout);
    generation.status = status;
    generation.endedAt = performance.now();
    generation.message = messageOf(status, stageOf(generation));
    this.#change(generation, true);
  }

  #change(generation: Generation, isUrgent: boolean): void {
    const now = performance.now();
    generation.changedAt = now;
    generation.snapshot = undefined;
    const waitMs = generation.toldAt + generation.options.updateInterval - now;
    if (isUrgent || waitMs <= 0) this.#tell(generation);
    else generation.telling ??= setTimeout(() => this.#tell(generation), waitMs).unref();
  }

  #tell(generation: Generation): void {
    clearTimeout(generation.telling);
    generation.telling = undefined;
    generation.toldAt = performance.now();
    const progress = this.#snapshot(generation);
    for (const listener of [...(this.#listeners.get(generation.id) ?? [])]) give(listener, progress);
    if (!generation.options.enablePersistence) return;
    // In their order; the next one is tried even if this one could not be saved.
    generation.saved = generation.saved
      .then(() => this.#save?.(progress))
      .catch((error) => log.warn('Progress could not be saved', { id: generation.id, error }));
  }

  #snapshot(generation: Generation): Progress {
    generation.snapshot ??= describe(generation);
    return generation.snapshot;
  }
}

function give(listener: Listener, progress: Progress): void {
  try {
    listener(progress);
  } catch (error) {
    log.warn('Someone who follows progress has failed', { id: progress.id, error });
  }
}

export function createProgressTracker(dependencies: Dependencies = {}): ProgressTracker {
  return new MemoryTracker(dependencies);
}
