// Class runs that someone follows: each is looked up once per change and process, however many follow it.

import { setTimeout as wait } from 'node:timers/promises';
import { ServiceError } from '../errors.ts';
import type { EventFeed, EventSink, Snapshot } from '../http/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { createLog } from '../log.ts';
import { isOver, type RunSummary } from './contract.ts';

const log = createLog('class-runs');

/** A run changes with each report; its followers hear of it at most so often. */
const intervalMs = 250;
const retryMs = 1000;

interface Followed {
  readonly sinks: Set<EventSink>;
  latest: Snapshot;
  isStale: boolean;
  isLooking: boolean;
}

export class RunFollowing {
  readonly #find: (id: string) => Promise<RunSummary>;
  readonly #runs = new Map<string, Followed>();

  constructor(jobs: Jobs, find: (id: string) => Promise<RunSummary>) {
    this.#find = find;
    jobs.subscribe((change) => {
      if (change.kind === 'gap') for (const id of this.#runs.keys()) this.#look(id);
      else if (change.kind === 'state') for (const id of change.groups) this.#look(id);
    });
  }

  /** The states of a run, from this one on. */
  feedOf(known: RunSummary): EventFeed {
    const { id } = known;
    return (sink) => {
      const present = this.#runs.get(id);
      const run = present ?? { sinks: new Set(), latest: describe(known), isStale: false, isLooking: false };
      this.#runs.set(id, run);
      run.sinks.add(sink);
      sink.give(run.latest);
      // It may have changed since it was looked up.
      if (present === undefined) this.#look(id);
      return () => {
        run.sinks.delete(sink);
        if (run.sinks.size === 0) this.#runs.delete(id);
      };
    };
  }

  #look(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    run.isStale = true;
    if (!run.isLooking) void this.#keepLooking(id, run);
  }

  async #keepLooking(id: string, run: Followed): Promise<void> {
    run.isLooking = true;
    while (run.isStale && run.sinks.size > 0) {
      run.isStale = false;
      try {
        const snapshot = describe(await this.#find(id));
        run.latest = snapshot;
        for (const sink of run.sinks) sink.give(snapshot);
        await wait(intervalMs);
      } catch (error) {
        const isGone = error instanceof ServiceError && error.code === 'not_found';
        if (isGone) for (const sink of run.sinks) sink.end();
        else log.warn('A class run could not be looked up for those who follow it', { error });
        run.isStale = !isGone;
        await wait(retryMs);
      }
    }
    run.isLooking = false;
  }
}

function describe({ id, state, classId, testId, total, counts, warnings, etaSeconds }: RunSummary): Snapshot {
  const data = { id, state, classId, testId, total, counts, warnings, etaSeconds };
  return { id: Object.values(counts).join('-'), data, isLast: isOver(state) };
}
