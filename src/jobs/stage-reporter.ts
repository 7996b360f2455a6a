// Passes on how far a task is, so that quick stages do not keep the database busy.

import { createLog } from '../log.ts';
import type { JobStage } from '../progress/contract.ts';

const log = createLog('jobs');

const reportIntervalMs = 500;

/** At most twice a second; a report that can't be made is none. */
export class StageReporter implements Disposable {
  readonly #write: (stage: { stage: JobStage; percent: number }) => Promise<void>;
  #next: { stage: JobStage; percent: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (stage: { stage: JobStage; percent: number }) => Promise<void>) {
    this.#write = write;
  }

  report(stage: JobStage, percent: number): void {
    this.#next = { stage, percent };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#next !== undefined)
        this.#write(this.#next).catch((error) => log.debug('Progress was not reported', { error }));
    }, reportIntervalMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
