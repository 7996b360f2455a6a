// Jobs that someone follows: each is looked up once per change and process, however many follow it and wherever its work is done.

import { setTimeout as wait } from 'node:timers/promises';
import { createLog } from '../log.ts';
import { type Change, hasEnded, type JobRecord } from './contract.ts';
import type { Jobs } from './jobs.ts';
import { toRecord } from './records.ts';
import { mostTold } from './telling.ts';

const log = createLog('jobs');

const firstPauseMs = 200;
const longestPauseMs = 5000;

type Listener = (record: JobRecord) => void;

/** A job as it is now, until it is disposed of. */
export interface FollowedJob extends Disposable {
  /** The same object for all who follow, until something is new. */
  readonly record: JobRecord;
  /** @returns what ends it. */
  listen(listener: Listener): () => void;
}

export interface Following {
  /** Undefined where there is no such job. @throws database_unavailable when it can't be looked up. */
  follow(id: string): Promise<FollowedJob | undefined>;
}

type FollowedJobs = Pick<Jobs, 'select' | 'subscribe'>;

interface Entry {
  followers: number;
  record: JobRecord | undefined;
  /** Resolves when it was looked up for the first time. */
  readonly first: Promise<void>;
  readonly listeners: Set<Listener>;
}

/** What was heard, or read by another look-up, may be newer than what was read: within one attempt nothing goes back. */
function newer(present: JobRecord | undefined, read: JobRecord): JobRecord {
  if (present === undefined || hasEnded(read.state)) return read;
  if (present.taskId === read.taskId && present.attempts > read.attempts) return present;
  const isSame = present.taskId === read.taskId && present.attempts === read.attempts;
  if (isSame && hasEnded(present.state)) return present;
  return isSame && present.percent > read.percent ? { ...read, percent: present.percent, stage: present.stage } : read;
}

function concerns(change: Change & { kind: 'state' }, { taskId, groupId = '' }: JobRecord): boolean {
  // A change of more tasks than can be told is told by its groups.
  const isWhole = change.tasks.length > 0 && change.tasks.length < mostTold;
  return change.tasks.includes(taskId) || (!isWhole && change.groups.includes(groupId));
}

class DatabaseFollowing implements Following {
  readonly #jobs: FollowedJobs;
  readonly #entries = new Map<string, Entry>();
  /** Ids that are to be looked up. */
  readonly #stale = new Set<string>();
  #isLooking = false;

  constructor(jobs: FollowedJobs) {
    this.#jobs = jobs;
    jobs.subscribe((change) => this.#hear(change));
  }

  async follow(id: string): Promise<FollowedJob | undefined> {
    const entry = this.#entries.get(id) ?? this.#open(id);
    entry.followers++;
    const release = () => {
      entry.followers--;
      if (entry.followers === 0 && this.#entries.get(id) === entry) this.#entries.delete(id);
    };
    try {
      await entry.first;
    } catch (error) {
      release();
      throw error;
    }
    if (entry.record !== undefined) return followed(entry, release);
    release();
    return undefined;
  }

  #open(id: string): Entry {
    // Changes are heard from here on, so that none is missed between the look-up and the first to come.
    const first = Promise.resolve().then(() => this.#lookUp([id]));
    const entry: Entry = { followers: 0, record: undefined, first, listeners: new Set() };
    this.#entries.set(id, entry);
    return entry;
  }

  #hear(change: Change | { kind: 'gap' }): void {
    if (change.kind === 'progress') this.#advance(change);
    else if (change.kind !== 'cancel') {
      for (const [id, { record }] of this.#entries)
        if (change.kind === 'gap' || record === undefined || concerns(change, record)) this.#stale.add(id);
      void this.#lookUpStale();
    }
  }

  #advance({ task, stage, percent }: Change & { kind: 'progress' }): void {
    for (const [id, { record }] of this.#entries)
      if (record?.taskId === task && record.state === 'active' && percent >= record.percent)
        this.#give(id, { ...record, stage, percent });
  }

  /** One look-up after the other: what changes meanwhile is looked up by the next. Goes on until the database answers. */
  async #lookUpStale(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    let pauseMs = firstPauseMs;
    while (this.#stale.size > 0) {
      const ids = [...this.#stale].filter((id) => this.#entries.has(id));
      this.#stale.clear();
      try {
        if (ids.length > 0) await this.#lookUp(ids);
        pauseMs = firstPauseMs;
      } catch (error) {
        log.warn('Followed jobs could not be looked up; it is tried again', { error });
        for (const id of ids) this.#stale.add(id);
        await wait(pauseMs, undefined, { ref: false });
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      }
    }
    this.#isLooking = false;
  }

  async #lookUp(ids: readonly string[]): Promise<void> {
    const rows = await this.#jobs.select().where('jobs.id', 'in', ids).execute();
    for (const row of rows) this.#give(row.id, toRecord(row));
  }

  #give(id: string, read: JobRecord): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const record = newer(entry.record, read);
    entry.record = record;
    for (const listener of [...entry.listeners]) listener(record);
  }
}

function followed(entry: Entry, release: () => void): FollowedJob {
  const own = new Set<Listener>();
  return {
    get record() {
      return entry.record as JobRecord;
    },
    listen(listener) {
      const each: Listener = (record) => listener(record);
      const stop = () => {
        entry.listeners.delete(each);
        own.delete(each);
      };
      entry.listeners.add(each);
      own.add(each);
      return stop;
    },
    [Symbol.dispose]() {
      for (const each of own) entry.listeners.delete(each);
      release();
    },
  };
}

/** One for the process, so that its look-ups are shared. */
export function createFollowing(jobs: FollowedJobs): Following {
  return new DatabaseFollowing(jobs);
}
