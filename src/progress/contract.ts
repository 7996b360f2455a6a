// How far a generation is, in words: its stages, where it stands in them, and how it ended.

/** In order; the last one is reached when the job has completed. */
export const jobStages = [
  'initializing',
  'template_loading',
  'data_validation',
  'pdf_generation',
  'file_preparation',
  'download_ready',
  'completed',
] as const;
export type JobStage = (typeof jobStages)[number];

export type JobError = {
  code: string;
  detail: string;
  diagnosis?: object;
  /** The time of the whole generation was over, and not only that of one page. */
  isTimeUp?: true;
};

/** Where a generation stands, for those who follow it. */
export type ProgressStatus = 'pending' | 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'timeout';

/** One stage of a generation: passed, under way, or to come; the one in which it ended otherwise says how. */
export interface StageProgress {
  stage: JobStage;
  status: ProgressStatus;
  /** 0 to 100, of this stage. */
  progress: number;
  /** Milliseconds spent in it, where it was heard of. */
  duration?: number;
}

/** How far a generation is. */
export interface Progress {
  id: string;
  status: ProgressStatus;
  stage: JobStage;
  /** 0 to 100, of the whole; never goes back. */
  progress: number;
  message: string;
  error?: JobError;
  /** Milliseconds. */
  estimatedTimeRemaining?: number;
  stageProgress: StageProgress[];
  /** What it is about, and what came of it. */
  metadata: Record<string, unknown>;
}
