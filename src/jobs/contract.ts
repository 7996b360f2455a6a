// Durable work in words: what a kind of job says of itself, and what is known of one job.
//
// A job is what one caller asked for: its id, its owner, its end. A task is the work: per key one is active and one waits at most, and a request
// joins the task that waits. A process claims a task and has a lease on it, which it renews by a heartbeat; when the lease runs out another may claim
// the task, and what the first one still has to say of it is superseded.

import { z } from 'zod';
import type { JobState } from '../database/contract.ts';
import type { Queries } from '../database/database.ts';
import { type JobError, type JobStage, jobStages } from '../progress/contract.ts';

export type { JobState };

/** What a handler gets. */
export interface Work<Data> {
  data: Data;
  /** What was to be kept secret, for instance a token; undefined when none was given, or when the job was begun again without one. */
  secret: string | undefined;
  /** Aborted when nobody wants the result any more, when time is up, or when the process stops. */
  signal: AbortSignal;
  /** Says how far it is; the percentage is of the whole. */
  onStage(stage: JobStage, percent: number): void;
  /**
   * Ends the work in a transaction of the handler's, as the last thing in it: what it made and that it ended are true together, and whoever
   * cancels comes before or is told that it is too late.
   * @throws when nobody wants the result any more, or another attempt counts: the transaction is to be rolled back.
   */
  endWith(tx: Queries, result: Record<string, unknown>): Promise<void>;
}

export interface JobDefinition<Data = unknown> {
  /** In the imperative: `reports.generate`. Stored; never changed. */
  name: string;
  /** Checks what is enqueued, and again what a process of another version has enqueued. */
  data: z.ZodType<Data>;
  /** Does the work once; it may have been done before. @returns what those who asked are told. */
  run(work: Work<Data>): Promise<Record<string, unknown>>;
  /** Failures after which it is not tried again. */
  mostFailures: number;
  /** Time that it may take from its first attempt on, where that is not what the settings say of all. */
  timeoutMs?: number;
  /** Whether the same may succeed later. */
  mayHeal(error: unknown): boolean;
  /** Whether it failed by what the owner of the request has given for it, a token for instance: the requests of others are tried by theirs. Without this nothing does. */
  isOwnersFault?(error: unknown): boolean;
  /** Whether a secret may take the place of the one that was erased; without this none may. @throws what is wrong with it. */
  checkSecret?(secret: string, data: Data): Promise<void>;
}

/** One request for work. */
export interface JobRequest<Data> {
  data: Data;
  /** Of one key one task is active and one waits at most; requests join the one that waits. */
  key: string;
  /** Whose data and secret are taken, when a task begins that several wait for: the greatest, and of equal ones the newest. */
  rank: number;
  /** Who may see and cancel the job. */
  owner: string;
  /** What it is about, for those who look at it. */
  subject: Record<string, unknown>;
  /** Encrypted where it is stored, and erased at the end of this job. */
  secret: string | undefined;
}

export interface EnqueueOptions {
  /** Transaction that the jobs belong to. */
  tx: Queries;
  /** For whom the work is done; tenants take turns. */
  tenant: string;
  /** Lanes of one tenant take turns. */
  lane: string;
  /** What the jobs belong to, for instance a class run; followers of it hear of them. */
  groupId?: string | undefined;
  /** Whether they join what of their keys is being done already, and end with it: for work that gives the same whoever asks. */
  joinsActive?: boolean;
}

/** What is known of one job. */
export interface JobRecord {
  id: string;
  taskId: string;
  owner: string;
  groupId: string | undefined;
  state: JobState;
  attempts: number;
  stage: JobStage | undefined;
  percent: number;
  subject: Record<string, unknown>;
  createdAt: Date;
  startedAt: Date | undefined;
  endedAt: Date | undefined;
  /** Milliseconds from the start of its work to its end, or to when it was looked at; by the database's clock. */
  elapsedMs: number;
  result: Record<string, unknown> | undefined;
  error: JobError | undefined;
}

/** A job that has come to its end. */
export interface EndedJob {
  id: string;
  /** Of its kind. */
  name: string;
  tenant: string;
  groupId: string | undefined;
  subject: Record<string, unknown>;
  ending:
    | { state: 'completed'; result: Record<string, unknown> }
    | { state: 'failed'; code: string }
    | { state: 'cancelled' };
}

/** Is called in the transaction in which jobs end. */
export type EndHook = (tx: Queries, jobs: readonly EndedJob[]) => Promise<void>;

/** A job as those who ask for it are told. */
export const jobAnswer = z.object({
  id: z.string(),
  state: z.enum(['queued', 'active', 'completed', 'failed', 'cancelled']),
  attempts: z.int(),
  stage: z.enum(jobStages).nullable(),
  percent: z.int(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  subject: z.looseObject({}),
  result: z.looseObject({}).nullable(),
  error: z.looseObject({ code: z.string(), detail: z.string() }).nullable(),
});
export type JobAnswer = z.output<typeof jobAnswer>;

export const hasEnded = (state: JobState): boolean => state !== 'queued' && state !== 'active';

/** Something that those who follow want to hear of. Other versions may tell of more; and whoever may connect to the database can tell anything. */
export const change = z.discriminatedUnion('kind', [
  /** Jobs of a task, or of whole groups, are in another state; the database has it. */
  z.object({ kind: z.literal('state'), tasks: z.array(z.uuid()), groups: z.array(z.uuid()) }),
  /** How far a task is. */
  z.object({
    kind: z.literal('progress'),
    task: z.uuid(),
    stage: z.enum(jobStages),
    percent: z.int().min(0).max(100),
  }),
  /** Perhaps nobody wants the tasks any more. */
  z.object({ kind: z.literal('cancel'), tasks: z.array(z.uuid()) }),
]);
export type Change = z.output<typeof change>;

/** As it is told to those who may see it. */
export function describeJob(job: JobRecord): JobAnswer {
  const { id, state, attempts, percent, subject } = job;
  return {
    id,
    state,
    attempts,
    stage: job.stage ?? null,
    percent,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    endedAt: job.endedAt?.toISOString() ?? null,
    subject,
    result: job.result ?? null,
    error: job.error ?? null,
  };
}

export interface Tickets {
  /** @throws database_unavailable. */
  issue(owner: string, opens: string): Promise<{ ticket: string; expiresInSeconds: number }>;
  /**
   * Uses a ticket up, if it opens this.
   * @returns whose it was; undefined when it is wrong, used or too old.
   * @throws database_unavailable.
   */
  redeem(ticket: string, opens: string): Promise<string | undefined>;
}
