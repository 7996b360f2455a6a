// One certificate from the request to its download, as the dialog shows it.

import type { GenerateRequest, JobError, PlatenError } from '@platen/client';
import { useCallback, useEffect, useState } from 'react';
import { usePlaten } from './provider.tsx';
import { asPlatenError } from './use-progress.ts';

export type GenerationState =
  | { step: 'asking' }
  | { step: 'making'; progressId: string }
  | { step: 'ready'; certificateId: string; downloadUrl: string | undefined }
  | { step: 'cancelled' }
  | { step: 'failed'; error: JobError | PlatenError };

export interface Generation {
  state: GenerationState;
  setState(state: GenerationState): void;
  complete(certificateId: string): void;
  begin(): void;
}

/** Asks at once, and again when it is begun again. */
export function useGeneration(request: GenerateRequest): Generation {
  const { client } = usePlaten();
  const [state, setState] = useState<GenerationState>({ step: 'asking' });
  const [attempt, setAttempt] = useState(0);
  const { courseId, transactionId, templateId, language } = request;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` is what begins it again.
  useEffect(() => {
    setState({ step: 'asking' });
    const ending = new AbortController();
    const { signal } = ending;
    const named: GenerateRequest = {
      courseId,
      ...(transactionId && { transactionId }),
      ...(templateId && { templateId }),
      ...(language && { language }),
    };
    const ask = async () => {
      const { progressId, certificate } = await client.generate(named, { signal });
      if (signal.aborted) return;
      if (progressId !== undefined) setState({ step: 'making', progressId });
      else setState({ step: 'ready', certificateId: certificate.id, downloadUrl: undefined });
    };
    // Strict mode begins everything twice: the first one is taken back before it is sent.
    const timer = setTimeout(() => {
      ask().catch((error: unknown) => {
        if (!signal.aborted) setState({ step: 'failed', error: asPlatenError(error) });
      });
    });
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [client, attempt, courseId, transactionId, templateId, language]);

  const waiting = state.step === 'ready' && state.downloadUrl === undefined ? state.certificateId : undefined;
  useEffect(() => {
    if (waiting === undefined) return;
    const ending = new AbortController();
    const { signal } = ending;
    client.downloadUrl(waiting, { signal }).then(
      (downloadUrl) => signal.aborted || setState({ step: 'ready', certificateId: waiting, downloadUrl }),
      (error: unknown) => signal.aborted || setState({ step: 'failed', error: asPlatenError(error) }),
    );
    return () => ending.abort();
  }, [client, waiting]);

  const complete = useCallback(
    (certificateId: string) => setState({ step: 'ready', certificateId, downloadUrl: undefined }),
    [],
  );
  const begin = useCallback(() => setAttempt((last) => last + 1), []);
  return { state, setState, complete, begin };
}
