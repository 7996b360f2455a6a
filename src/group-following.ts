// What consists of jobs and is followed by someone, a class run for instance: each is looked up once per change and process, however many follow it.

import { setTimeout as wait } from 'node:timers/promises';
import { ServiceError } from './errors.ts';
import type { EventFeed, EventSink, Snapshot } from './http/contract.ts';
import type { Jobs } from './jobs/jobs.ts';
import { createLog } from './log.ts';

const log = createLog('jobs');

/** A group changes with each of its jobs; its followers hear of it at most so often. */
const intervalMs = 250;
const retryMs = 1000;

/** Looking is the smaller part of the time, however long a look-up takes. */
const pausePerLook = 20;

interface Followed {
  readonly sinks: Set<EventSink>;
  latest: Snapshot;
  isStale: boolean;
  isLooking: boolean;
  next: NodeJS.Timeout | undefined;
}

interface Options<Group> {
  jobs: Pick<Jobs, 'subscribe'>;
  /** @throws not_found when it is gone. */
  find(id: string): Promise<Group>;
  describe(group: Group): Snapshot;
  /** How often it is looked up besides: for what changes while none of its jobs does. */
  lookMs?: number;
}

export class GroupFollowing<Group extends { id: string }> {
  readonly #options: Options<Group>;
  readonly #groups = new Map<string, Followed>();

  constructor(options: Options<Group>) {
    this.#options = options;
    options.jobs.subscribe((change) => {
      if (change.kind === 'gap') for (const id of this.#groups.keys()) this.#look(id);
      else if (change.kind === 'state') for (const id of change.groups) this.#look(id);
    });
  }

  /** The states of a group, from this one on. */
  feedOf(known: Group): EventFeed {
    const { id } = known;
    return (sink) => {
      const present = this.#groups.get(id);
      const group = present ?? this.#begin(known);
      group.sinks.add(sink);
      sink.give(group.latest);
      // It may have changed since it was looked up.
      if (present === undefined) this.#look(id);
      return () => {
        group.sinks.delete(sink);
        if (group.sinks.size > 0) return;
        clearTimeout(group.next);
        if (this.#groups.get(id) === group) this.#groups.delete(id);
      };
    };
  }

  #begin(known: Group): Followed {
    const latest = this.#options.describe(known);
    const group: Followed = { sinks: new Set(), latest, isStale: false, isLooking: false, next: undefined };
    this.#groups.set(known.id, group);
    return group;
  }

  #look(id: string): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.isStale = true;
    if (!group.isLooking) void this.#keepLooking(id, group);
  }

  async #keepLooking(id: string, group: Followed): Promise<void> {
    group.isLooking = true;
    let tookMs = 0;
    while (group.isStale && group.sinks.size > 0) {
      group.isStale = false;
      const begun = performance.now();
      try {
        const snapshot = this.#options.describe(await this.#options.find(id));
        tookMs = performance.now() - begun;
        group.latest = snapshot;
        for (const sink of group.sinks) sink.give(snapshot);
        await wait(intervalMs);
      } catch (error) {
        const isGone = error instanceof ServiceError && error.code === 'not_found';
        if (isGone) for (const sink of group.sinks) sink.end();
        else log.warn('What is followed could not be looked up', { error });
        group.isStale = !isGone;
        await wait(retryMs);
      }
    }
    group.isLooking = false;
    this.#lookLater(id, group, tookMs * pausePerLook);
  }

  #lookLater(id: string, group: Followed, leastMs: number): void {
    const { lookMs } = this.#options;
    clearTimeout(group.next);
    if (lookMs === undefined || group.latest.isLast || group.sinks.size === 0) return;
    group.next = setTimeout(() => this.#look(id), Math.max(lookMs, leastMs)).unref();
  }
}
