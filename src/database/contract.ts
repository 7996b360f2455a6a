// The tables, as the migrations leave them. Each is written by one room only: `jobs`, `tasks`, `tickets` and `workers` by jobs/, `rate_limits` by rate-limiter.ts, `removals` by reports/, `class_runs` by
// class-runs/ until jobs/ sweeps it away with its jobs, as it does the runs of runs/.

import type { ColumnType, Generated } from 'kysely';

/** Set by the database when the row is made. */
type CreatedAt = ColumnType<Date, never, never>;
type Json<T> = ColumnType<T, string, string>;

/** Where a job stands. */
export type JobState = 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';

/** What one caller asked for. Several jobs may wait for the same task. */
export interface JobsTable {
  id: string;
  task_id: string;
  /** Who may see and cancel it: the key of a caller, or `service`. */
  owner: string;
  /** Group of jobs that belong together, for instance a class run. */
  group_id: string | null;
  /** Place in its group, from 0. */
  position: number | null;
  state: JobState;
  /** What the request was about, for those who look at the job. */
  subject: Json<Record<string, unknown>>;
  /** Order in which requests came. */
  seq: Generated<string>;
  data: Json<Record<string, unknown>>;
  /** Encrypted, and null once the job has ended. */
  secret: Buffer | null;
  /** Of the jobs that want a task, one of the greatest rank says what is done. */
  rank: number;
  created_at: CreatedAt;
  started_at: Date | null;
  ended_at: Date | null;
  result: Json<Record<string, unknown>> | null;
  error: Json<{ code: string; detail: string; diagnosis?: object; isTimeUp?: true }> | null;
}

/** A piece of work. Of one name and key at most one waits and one is active. */
export interface TasksTable {
  id: string;
  name: string;
  key: string;
  state: 'waiting' | 'active' | 'ended';
  /** For whom it is done; tenants take turns. */
  tenant: Generated<string>;
  /** What it belongs to in its tenant, whose lanes take turns. */
  lane: string;
  /** Order in its lane. */
  turn: string;
  /** When its turn comes, the least first; null before it stands in the line. */
  round: string | null;
  /** Whether another task of its key waits for the end of this one. */
  has_successor: Generated<boolean>;
  /** Counts every beginning; whoever has begun later is the one whose word counts. */
  attempt: Generated<number>;
  failures: Generated<number>;
  /** Attempts that nobody ended: their process died, or lost the database for too long. */
  lost: Generated<number>;
  stage: string | null;
  percent: Generated<number>;
  created_at: CreatedAt;
  /** Of its first attempt; put off by the time in which it was idle. */
  started_at: Date | null;
  /** Of one that was handed back: from then on it waits only because nobody takes it up. */
  idle_from: Date | null;
  ended_at: Date | null;
}

/** All reports of one class for one test. Its items are the jobs of which it is the group. */
export interface ClassRunsTable {
  id: string;
  origin: string;
  class_id: string;
  test_id: string;
  idempotency_key: string | null;
  request_digest: string;
  total: number;
  created_at: CreatedAt;
}

/** Documents that were removed: what was accepted before is not stored any more. */
export interface RemovalsTable {
  /** Beginning of the keys. */
  below: string;
  /** End of the keys, or '' for all. */
  ending: string;
  revision: string;
  removed_at: ColumnType<Date, never, Date>;
}

/** Each opens one stream of events, once. */
export interface TicketsTable {
  /** SHA-256 of the ticket. */
  digest: Buffer;
  owner: string;
  /** Id of what it opens. */
  opens: string;
  expires_at: Date;
}

/** When a caller last did what may be done only so often. */
export interface RateLimitsTable {
  /** What is limited. */
  name: string;
  caller: string;
  taken: Date[];
  expires_at: Date;
}

export interface Tables {
  rate_limits: RateLimitsTable;
  tickets: TicketsTable;
  jobs: JobsTable;
  tasks: TasksTable;
  class_runs: ClassRunsTable;
  removals: RemovalsTable;
}
