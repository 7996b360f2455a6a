// A dialog in which a certificate is made and downloaded. The browser's own <dialog> keeps the focus inside, gives it back, and closes on Escape.

import type { GenerateRequest, JobError, PlatenError } from '@platen/client';
import { type SyntheticEvent, useEffect, useId, useRef } from 'react';
import { CertificateProgressIndicator, errorText } from './progress-indicator.tsx';
import { usePlaten } from './provider.tsx';
import { type Generation, useGeneration } from './use-generation.ts';

export interface CertificateGenerationDialogProps extends GenerateRequest {
  isOpen: boolean;
  /** Closed, by button or Escape. What is under way goes on, unless it was cancelled before. */
  onClose: () => void;
  /** In the place of the usual title, for instance the name of the course. */
  title?: string | undefined;
  onComplete?: ((result: { certificateId: string }) => void) | undefined;
  onCancel?: (() => void) | undefined;
  onError?: ((error: JobError | PlatenError) => void) | undefined;
}

type Told = Pick<CertificateGenerationDialogProps, 'onComplete' | 'onCancel' | 'onError'>;

/** Tells of what has ended without a generation: it was there already, or it could not be asked for. */
function useTold({ state }: Generation, { onComplete, onError }: Told): void {
  const latest = useRef({ onComplete, onError });
  useEffect(() => {
    latest.current = { onComplete, onError };
  });
  const certificateId = state.step === 'ready' ? state.certificateId : undefined;
  const error = state.step === 'failed' ? state.error : undefined;
  useEffect(() => {
    if (certificateId !== undefined) latest.current.onComplete?.({ certificateId });
  }, [certificateId]);
  useEffect(() => {
    if (error !== undefined) latest.current.onError?.(error);
  }, [error]);
}

function Content({ generation, onCancel }: { generation: Generation; onCancel: Told['onCancel'] }) {
  const { texts } = usePlaten();
  const { state, setState, complete } = generation;
  switch (state.step) {
    case 'asking':
      return <p role="status">{texts.waiting}</p>;
    case 'making':
      return (
        <CertificateProgressIndicator
          progressId={state.progressId}
          onComplete={({ certificateId }) => complete(String(certificateId))}
          onCancel={() => {
            setState({ step: 'cancelled' });
            onCancel?.();
          }}
          onError={(error) => setState({ step: 'failed', error })}
        />
      );
    case 'ready':
      return (
        <p className="platen-outcome platen-outcome--ready" role="status">
          {texts.ready}
        </p>
      );
    case 'cancelled':
      return (
        <p className="platen-outcome" role="status">
          {texts.cancelled}
        </p>
      );
    case 'failed':
      return (
        <p className="platen-outcome platen-outcome--failed" role="alert">
          {errorText(texts, state.error.code)}
        </p>
      );
  }
}

function Actions({ generation, onClose }: { generation: Generation; onClose: () => void }) {
  const { texts } = usePlaten();
  const { state, begin } = generation;
  const main = useRef<HTMLAnchorElement & HTMLButtonElement>(null);
  const canDownload = state.step === 'ready' && state.downloadUrl !== undefined;
  const canTryAgain = state.step === 'failed' || state.step === 'cancelled';
  // What the focus was on is gone with the step before: it goes to what comes next.
  useEffect(() => {
    if (canDownload || canTryAgain) main.current?.focus();
  }, [canDownload, canTryAgain]);
  return (
    <div className="platen-dialog__actions">
      {canDownload && (
        <a ref={main} className="platen-button platen-button--main" href={state.downloadUrl} rel="noreferrer" download>
          {texts.download}
        </a>
      )}
      {canTryAgain && (
        <button ref={main} type="button" className="platen-button platen-button--main" onClick={begin}>
          {texts.tryAgain}
        </button>
      )}
      <button type="button" className="platen-button" onClick={onClose}>
        {texts.close}
      </button>
    </div>
  );
}

type ContentProps = Omit<CertificateGenerationDialogProps, 'isOpen'> & { titleId: string };

function DialogContent({ titleId, onClose, title, onComplete, onCancel, onError, ...request }: ContentProps) {
  const { texts } = usePlaten();
  const generation = useGeneration(request);
  useTold(generation, { onComplete, onError });
  return (
    <>
      <h2 id={titleId} className="platen-dialog__title" tabIndex={-1}>
        {title ?? texts.title}
      </h2>
      <Content generation={generation} onCancel={onCancel} />
      <Actions generation={generation} onClose={onClose} />
    </>
  );
}

export function CertificateGenerationDialog({ isOpen, onClose, ...props }: CertificateGenerationDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const element = dialog.current;
    if (!isOpen || element === null) return;
    element.showModal();
    // What it is about is read first.
    element.querySelector('h2')?.focus();
    return () => element.close();
  }, [isOpen]);
  const closeByKey = (event: SyntheticEvent) => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog ref={dialog} className="platen-dialog" aria-labelledby={titleId} onCancel={closeByKey}>
      {isOpen && <DialogContent {...props} onClose={onClose} titleId={titleId} />}
    </dialog>
  );
}
