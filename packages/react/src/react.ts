// React components with which a learner has a certificate made, watches that, and downloads it.

export { CertificateGenerationDialog, type CertificateGenerationDialogProps } from './generation-dialog.tsx';
export {
  CertificateProgressIndicator,
  type CertificateProgressIndicatorProps,
  type GenerationResult,
} from './progress-indicator.tsx';
export { PlatenProvider, type PlatenProviderProps } from './provider.tsx';
export { englishTexts, type PlatenTexts } from './texts.ts';
export { useProgress, type WatchedProgress } from './use-progress.ts';
