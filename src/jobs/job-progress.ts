// The progress of jobs as their followers are told it: from the job's record, and from what the tracker knows beside it.

import type { EventFeed, Snapshot } from '../http/contract.ts';
import { jobStages, type Progress } from '../progress/contract.ts';
import type { ProgressTracker } from '../progress/progress.ts';
import { hasEnded, type JobRecord } from './contract.ts';
import type { FollowedJob } from './following.ts';

const isOver = ({ status }: Progress) => status !== 'pending' && status !== 'in_progress';

/** Between two attempts. */
const isPausing = ({ state, startedAt }: JobRecord) => state === 'queued' && startedAt !== undefined;

/** Takes over what the record says. */
function mirror(tracker: ProgressTracker, record: JobRecord): void {
  const { id, state, stage = 'initializing', percent } = record;
  const hasBegun = record.startedAt !== undefined;
  if (isPausing(record)) tracker.updateProgress(id, stage, percent, 'Waiting to be tried again');
  else if (hasBegun) tracker.updateProgress(id, stage, percent);
  if (state === 'completed') tracker.completeGeneration(id, record.result);
  else if (state === 'cancelled') tracker.cancelGeneration(id);
  else if (state === 'failed')
    tracker.failGeneration(id, record.error ?? { code: 'internal_error', detail: 'Unknown.' });
}

/** The status of a generation that has ended as the record says. */
const endOf = ({ state, error }: JobRecord) => (state === 'failed' && error?.isTimeUp === true ? 'timeout' : state);

/** The same for the same state in every process. */
const eventIdOf = (progress: Progress) =>
  isOver(progress)
    ? progress.status
    : progress.status === 'pending'
      ? 'pending'
      : `${jobStages.indexOf(progress.stage)}.${progress.progress}`;

/** Stage and percentage that a client has seen already, perhaps in another process, which knew of more. */
function readEventId(eventId = ''): { stage: number; percent: number } {
  const [, stage = '-1', percent = '-1'] = /^([0-6])\.(\d{1,2}|100)(?:\.w)?$/.exec(eventId) ?? [];
  return { stage: Number(stage), percent: Number(percent) };
}

export interface JobProgress {
  /** The events of one who follows the job. */
  feed(job: FollowedJob): EventFeed;
}

class TrackedProgress implements JobProgress {
  readonly #tracker: ProgressTracker;
  /** Told once, however many follow. */
  readonly #snapshots = new WeakMap<JobRecord, Snapshot & { data: Progress }>();

  constructor(tracker: ProgressTracker) {
    this.#tracker = tracker;
  }

  feed(job: FollowedJob): EventFeed {
    return (sink, lastEventId) => {
      const seen = readEventId(lastEventId);
      const give = (record: JobRecord) => {
        const snapshot = this.#snapshot(record);
        const { progress, stage } = snapshot.data;
        const isBehind = progress < seen.percent || jobStages.indexOf(stage) < seen.stage;
        if (!isBehind) sink.give(snapshot);
        else if (snapshot.isLast)
          sink.give({ ...snapshot, data: { ...snapshot.data, progress: Math.max(progress, seen.percent) } });
      };
      give(job.record);
      return job.listen(give);
    };
  }

  #snapshot(record: JobRecord): Snapshot & { data: Progress } {
    const present = this.#snapshots.get(record);
    if (present !== undefined) return present;
    const data = this.#describe(record);
    const id = `${eventIdOf(data)}${isPausing(record) ? '.w' : ''}`;
    const snapshot = { id, data, isLast: isOver(data) };
    this.#snapshots.set(record, snapshot);
    return snapshot;
  }

  #describe(record: JobRecord): Progress {
    const { id, owner, subject, elapsedMs, state } = record;
    const present = this.#tracker.getProgress(id);
    // One that was ended and has been begun again since.
    if (present !== undefined && isOver(present) && present.status !== endOf(record)) this.#tracker.forget(id);
    // Whoever does the work says when its time is over.
    const options = { metadata: subject, elapsed: elapsedMs, timeout: Number.POSITIVE_INFINITY };
    const initial = this.#tracker.initializeProgress(id, owner, options);
    mirror(this.#tracker, record);
    const progress = this.#tracker.getProgress(id) ?? initial;
    // What ended before anybody here followed it need not be remembered: the record has it.
    if (present === undefined && hasEnded(state)) this.#tracker.forget(id);
    return progress;
  }
}

export function createJobProgress(tracker: ProgressTracker): JobProgress {
  return new TrackedProgress(tracker);
}
