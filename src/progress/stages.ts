// The stages of a generation in words and figures, for those who look at its progress. Pure.

import { type JobStage, jobStages, type ProgressStatus, type StageProgress } from './contract.ts';

/** Percentage of the whole at which each stage begins. */
const starts: Record<JobStage, number> = {
  initializing: 0,
  template_loading: 5,
  data_validation: 35,
  pdf_generation: 70,
  file_preparation: 90,
  download_ready: 98,
  completed: 100,
};

const stageMessages: Record<JobStage, string> = {
  initializing: 'Getting ready',
  template_loading: 'Loading the page',
  data_validation: 'Waiting for the data of the page',
  pdf_generation: 'Making the PDF',
  file_preparation: 'Storing the PDF',
  download_ready: 'The PDF is ready',
  completed: 'The PDF is ready',
};

const statusMessages: Partial<Record<ProgressStatus, string>> = {
  pending: 'Waiting to begin',
  failed: 'The PDF could not be made',
  cancelled: 'Cancelled',
  timeout: 'The PDF could not be made in time',
};

export const startOf = (stage: JobStage): number => starts[stage];

export function messageOf(status: ProgressStatus, stage: JobStage): string {
  return statusMessages[status] ?? stageMessages[stage];
}

interface Standing {
  status: ProgressStatus;
  stage: JobStage;
  /** Of the whole. */
  percent: number;
  /** Milliseconds in those stages that were heard of. */
  durations: Partial<Record<JobStage, number>>;
}

function shareOf(stage: JobStage, percent: number): number {
  const end = starts[jobStages[jobStages.indexOf(stage) + 1] ?? 'completed'];
  const share = (percent - starts[stage]) / Math.max(1, end - starts[stage]);
  return Math.round(Math.min(1, Math.max(0, share)) * 100);
}

/** Every stage in order: those before the current one are passed, those after it are to come. */
export function describeStages({ status, stage, percent, durations }: Standing): StageProgress[] {
  const current = jobStages.indexOf(stage);
  return jobStages.map((each, index) => {
    const isPassed = index < current || status === 'completed';
    const duration = durations[each];
    return {
      stage: each,
      status: isPassed ? 'completed' : index === current ? status : 'pending',
      progress: isPassed ? 100 : index === current ? shareOf(each, percent) : 0,
      ...(duration === undefined ? {} : { duration: Math.round(duration) }),
    };
  });
}
