// Shows how far a generation is: bar, stages, time left; and ends it where that is wished.

import type { JobError, PlatenError, Progress, StageProgress } from '@platen/client';
import { useEffect, useRef } from 'react';
import { usePlaten } from './provider.tsx';
import type { PlatenTexts } from './texts.ts';
import { useProgress, type WatchedProgress } from './use-progress.ts';

/** What the progress tells at its end, for instance `certificateId`. */
export type GenerationResult = Record<string, unknown>;

export interface CertificateProgressIndicatorProps {
  progressId: string;
  /** Each of these is called once, when it has ended so. */
  onComplete?: ((result: GenerationResult) => void) | undefined;
  /** Without this nothing is offered to cancel it. */
  onCancel?: (() => void) | undefined;
  onError?: ((error: JobError | PlatenError) => void) | undefined;
}

const isOver = ({ status }: Progress) => status !== 'pending' && status !== 'in_progress';

/** Tells the end of a generation once, with the functions of the latest render. */
function useEnd({ progress, error }: WatchedProgress, props: CertificateProgressIndicatorProps): void {
  const latest = useRef(props);
  const told = useRef<string>(undefined);
  useEffect(() => {
    latest.current = props;
  });
  const { progressId } = props;
  useEffect(() => {
    const hasEnded = error !== undefined || (progress !== undefined && isOver(progress));
    if (!hasEnded || told.current === progressId) return;
    told.current = progressId;
    const { onComplete, onCancel, onError } = latest.current;
    if (error !== undefined) onError?.(error);
    else if (progress?.status === 'completed') onComplete?.(progress.metadata);
    else if (progress?.status === 'cancelled') onCancel?.();
    else onError?.(progress?.error ?? { code: 'internal_error', detail: 'Unknown.' });
  }, [progress, error, progressId]);
}

export function errorText(texts: PlatenTexts, code: string | undefined, otherwise = texts.failed): string {
  return (code === undefined ? undefined : texts.errors[code]) ?? otherwise;
}

function statusText({ progress, error }: WatchedProgress, texts: PlatenTexts): string {
  if (error !== undefined) return errorText(texts, error.code);
  if (progress === undefined || progress.status === 'pending') return texts.waiting;
  const { status, stage } = progress;
  if (status === 'in_progress') return texts.stages[stage];
  if (status === 'completed') return texts.completed;
  if (status === 'cancelled') return texts.cancelled;
  return errorText(texts, progress.error?.code, status === 'timeout' ? texts.timeout : texts.failed);
}

function timeText({ status, estimatedTimeRemaining }: Progress, texts: PlatenTexts): string {
  if (status !== 'in_progress' || estimatedTimeRemaining === undefined) return '';
  const seconds = Math.ceil(estimatedTimeRemaining / 1000);
  return seconds <= 1 ? texts.almostThere : texts.timeLeft(seconds);
}

function Stage({ stage, status, isUnderWay }: StageProgress & { isUnderWay: boolean }) {
  const { texts } = usePlaten();
  const state = status === 'completed' ? 'completed' : status === 'pending' || !isUnderWay ? 'pending' : 'current';
  const shown = status === 'failed' || status === 'timeout' ? 'failed' : state;
  return (
    <li className={`platen-stage platen-stage--${shown}`} aria-current={state === 'current' ? 'step' : undefined}>
      <span className="platen-stage__mark" aria-hidden="true" />
      <span>{texts.stages[stage]}</span>
      <span className="platen-hidden">, {texts.stageStates[state]}</span>
    </li>
  );
}

export function CertificateProgressIndicator(props: CertificateProgressIndicatorProps) {
  const { texts } = usePlaten();
  const watched = useProgress(props.progressId);
  useEnd(watched, props);
  const { progress, error, isCancelling, cancel } = watched;
  const isUnderWay = error === undefined && (progress === undefined || !isOver(progress));
  const hasFailed = error !== undefined || progress?.status === 'failed' || progress?.status === 'timeout';
  const percent = progress?.progress ?? 0;
  const text = statusText(watched, texts);
  return (
    <div className={`platen-progress${hasFailed ? ' platen-progress--failed' : ''}`}>
      <p className="platen-progress__status" role="status">
        {text}
      </p>
      <div
        className="platen-bar"
        role="progressbar"
        aria-label={texts.progress}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={`${percent} %, ${text}`}
      >
        <div className="platen-bar__fill" style={{ inlineSize: `${percent}%` }} />
      </div>
      <p className="platen-progress__figures">
        <span>{percent} %</span>
        <span>{isUnderWay && progress !== undefined ? timeText(progress, texts) : ''}</span>
      </p>
      <ol className="platen-stages">
        {(progress?.stageProgress ?? [])
          .filter(({ stage }) => stage !== 'completed')
          .map((stage) => (
            <Stage key={stage.stage} {...stage} isUnderWay={isUnderWay} />
          ))}
      </ol>
      {isUnderWay && props.onCancel !== undefined && (
        <button
          type="button"
          className="platen-button"
          aria-disabled={isCancelling}
          onClick={isCancelling ? undefined : cancel}
        >
          {isCancelling ? texts.cancelling : texts.cancel}
        </button>
      )}
    </div>
  );
}
