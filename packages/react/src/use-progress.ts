// Watches one generation for as long as a component shows it.

import { PlatenError, type Progress } from '@platen/client';
import { useCallback, useEffect, useState } from 'react';
import { usePlaten } from './provider.tsx';

export interface WatchedProgress {
  /** Undefined until the first state has come. */
  progress: Progress | undefined;
  /** Why it is watched no longer, where that is not its end: not ours, or away for too long. */
  error: PlatenError | undefined;
  isCancelling: boolean;
  cancel(): void;
}

export const asPlatenError = (error: unknown): PlatenError =>
  error instanceof PlatenError ? error : new PlatenError('unreachable', String(error));

type Watched = Pick<WatchedProgress, 'progress' | 'error'> & { id: string };

export function useProgress(progressId: string): WatchedProgress {
  const { client } = usePlaten();
  const [watched, setWatched] = useState<Watched>();
  const [cancelled, setCancelled] = useState<string>();

  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const watch = async () => {
      for await (const progress of client.watchProgress(progressId, { signal }))
        if (!signal.aborted) setWatched({ id: progressId, progress, error: undefined });
    };
    watch().catch((error: unknown) => {
      if (!signal.aborted)
        setWatched((last) => ({
          id: progressId,
          progress: last?.id === progressId ? last.progress : undefined,
          error: asPlatenError(error),
        }));
    });
    return () => ending.abort();
  }, [client, progressId]);

  const cancel = useCallback(() => {
    setCancelled(progressId);
    // What it came to is told by its progress, also when it had ended meanwhile.
    client.cancelGeneration(progressId).catch((error: unknown) => {
      if (!(error instanceof PlatenError && error.code === 'already_ended')) setCancelled(undefined);
    });
  }, [client, progressId]);

  // What is known of another generation is not shown for this one.
  const { progress, error } = watched?.id === progressId ? watched : { progress: undefined, error: undefined };
  return { progress, error, isCancelling: cancelled === progressId, cancel };
}
