// What the components say; an application gives its own words for other languages.

import type { JobStage } from '@platen/client';

export interface PlatenTexts {
  stages: Record<JobStage, string>;
  /** After the name of a stage, for those who hear the page. */
  stageStates: { completed: string; current: string; pending: string };
  waiting: string;
  almostThere: string;
  timeLeft(seconds: number): string;
  progress: string;
  completed: string;
  cancelled: string;
  failed: string;
  timeout: string;
  /** By the error's code; others get `failed`. */
  errors: Readonly<Record<string, string>>;
  cancel: string;
  cancelling: string;
  title: string;
  ready: string;
  download: string;
  tryAgain: string;
  close: string;
}

export const englishTexts: PlatenTexts = {
  stages: {
    initializing: 'Getting ready',
    template_loading: 'Opening the template',
    data_validation: 'Checking the details',
    pdf_generation: 'Making the document',
    file_preparation: 'Signing and storing it',
    download_ready: 'Making it official',
    completed: 'Done',
  },
  stageStates: { completed: 'done', current: 'under way', pending: 'to come' },
  waiting: 'Waiting for its turn',
  almostThere: 'Almost there',
  timeLeft: (seconds) =>
    seconds < 60
      ? `About ${seconds} ${seconds === 1 ? 'second' : 'seconds'} left`
      : `About ${Math.round(seconds / 60)} min left`,
  progress: 'Progress of the certificate',
  completed: 'The certificate is ready.',
  cancelled: 'Cancelled. You can ask for the certificate again at any time.',
  failed: 'The certificate could not be made. Please try again in a moment.',
  timeout: 'It took too long. Please try again in a moment.',
  errors: {
    not_found: 'There is no certificate for you here yet.',
    rate_limited: 'That was a little too often. Please wait a minute, then try again.',
    unauthorized: 'Please sign in again.',
    unreachable: 'The service can not be reached. Check your connection, then try again.',
    storage_unavailable: 'The certificate could not be stored. Please try again in a moment.',
  },
  cancel: 'Cancel',
  cancelling: 'Cancelling…',
  title: 'Your certificate',
  ready: 'Your certificate is ready',
  download: 'Download PDF',
  tryAgain: 'Try again',
  close: 'Close',
};
