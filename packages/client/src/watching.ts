// Watches a generation where its events may not come through: then the job itself is asked.

import { type FollowOptions, wait } from './following.ts';
import { PlatenError } from './problem.ts';
import type { JobAnswer, JobStage, Progress, ProgressStatus, StageProgress } from './states.ts';

export interface WatchOptions extends Pick<FollowOptions, 'signal' | 'reconnectMs'> {
  /** Milliseconds in which the first event must come, and a lost connection be made again; then the job is asked instead. Default: 5000. */
  quietMs?: number;
  /** Milliseconds between two questions. Default: 2000. */
  askMs?: number;
}

interface Sources {
  follow(options: FollowOptions): AsyncIterable<Progress>;
  ask(signal: AbortSignal | undefined): Promise<JobAnswer>;
}

const stages: readonly JobStage[] = [
  'initializing',
  'template_loading',
  'data_validation',
  'pdf_generation',
  'file_preparation',
  'download_ready',
  'completed',
];

/** Longer than a deployment of the service takes. */
const patienceMs = 300_000;

/** What trying again does not change: it is no fault of the connection. */
const isFinal = (error: unknown) =>
  error instanceof PlatenError &&
  error.status !== undefined &&
  error.status < 500 &&
  ![408, 429].includes(error.status);

function statusOf({ state, error }: JobAnswer): ProgressStatus {
  if (state === 'failed') return error?.isTimeUp === true ? 'timeout' : 'failed';
  return state === 'queued' ? 'pending' : state === 'active' ? 'in_progress' : state;
}

export function progressOfJob(job: JobAnswer, least = 0): Progress {
  const status = statusOf(job);
  const stage = job.stage ?? 'initializing';
  const at = status === 'completed' ? stages.length : stages.indexOf(stage);
  const describe = (each: JobStage, index: number): StageProgress =>
    index === at
      ? { stage: each, status, progress: 0 }
      : { stage: each, status: index < at ? 'completed' : 'pending', progress: index < at ? 100 : 0 };
  return {
    id: job.id,
    status,
    stage,
    progress: Math.max(least, job.percent),
    message: '',
    ...(job.error === null ? {} : { error: job.error }),
    stageProgress: stages.map(describe),
    metadata: { ...job.subject, ...job.result },
  };
}

export const isUnderWay = (status: ProgressStatus) => status === 'pending' || status === 'in_progress';

/** A signal that is aborted when the outer one is, or when nothing at all is heard: the current state comes at once where events come through. */
function createFirstWatch(outer: AbortSignal | undefined, quietMs: number) {
  const controller = new AbortController();
  const stop = () => controller.abort(outer?.aborted ? outer.reason : new PlatenError('unreachable', 'No event came.'));
  const timer = setTimeout(stop, quietMs);
  if (outer?.aborted) stop();
  outer?.addEventListener('abort', stop);
  const hear = () => clearTimeout(timer);
  const end = () => {
    hear();
    outer?.removeEventListener('abort', stop);
  };
  return { signal: controller.signal, hear, end };
}

/** Events, until the last one; nothing where they do not come. @throws what is final, and the signal's reason. */
async function* followWhileItLasts({ follow }: Sources, options: WatchOptions): AsyncGenerator<Progress> {
  const { signal, quietMs = 5000, reconnectMs } = options;
  const first = createFirstWatch(signal, quietMs);
  try {
    const more = reconnectMs === undefined ? {} : { reconnectMs };
    for await (const progress of follow({ ...more, signal: first.signal, patienceMs: quietMs })) {
      first.hear();
      yield progress;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isFinal(error)) throw error;
  } finally {
    first.end();
  }
}

async function* askAgainAndAgain(
  { ask }: Sources,
  { signal, askMs = 2000 }: WatchOptions,
  least: number,
): AsyncGenerator<Progress> {
  let answeredAt = performance.now();
  for (let progress = least; ; await wait(askMs, signal)) {
    try {
      const job = await ask(signal);
      answeredAt = performance.now();
      const told = progressOfJob(job, progress);
      progress = told.progress;
      yield told;
      if (!isUnderWay(told.status)) return;
    } catch (error) {
      signal?.throwIfAborted();
      if (isFinal(error) || performance.now() - answeredAt > patienceMs) throw error;
    }
  }
}

export async function* watch(sources: Sources, options: WatchOptions): AsyncGenerator<Progress, void, undefined> {
  let last: Progress | undefined;
  for await (const progress of followWhileItLasts(sources, options)) {
    last = progress;
    yield progress;
  }
  if (last === undefined || isUnderWay(last.status)) yield* askAgainAndAgain(sources, options, last?.progress ?? 0);
}
