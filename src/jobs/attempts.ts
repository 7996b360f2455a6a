// The SQL of a task's attempts: begun, reported, ended or handed back, by whoever has begun last.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import { type JobError, type JobStage, jobStages } from '../progress/contract.ts';
import { asJson } from './as-json.ts';
import type { Change, EndedJob } from './contract.ts';
import { type Lane, lockLane, wantsLine } from './lining-up.ts';
import { type Claim, hasLease } from './queue.ts';
import { changesChannel, tell, told } from './telling.ts';

/** What is done, of all that was asked for, and by whose means. */
interface Asked {
  owner: string;
  data: unknown;
  secret: Buffer | null;
}

/** A task as it was begun. */
export interface BegunTask {
  id: string;
  name: string;
  key: string;
  attempt: number;
  failures: number;
  /** Attempts that nobody ended. */
  lost: number;
  /** Since its work began, in this process or another. */
  elapsedMs: number;
  /** From when it was accepted until its work began. */
  waitedMs: number;
  /** What one of the jobs that want it has asked for; undefined when none does. */
  asked: Asked | undefined;
  /** Of those jobs. */
  groups: string[];
  /** Where it stood in the line, and whether its lane has no other there although some wait. */
  place: Lane & { begun: number; wasLast: boolean };
}

/** What is needed of jobs to tell of their end. */
export type LeftJob = Omit<EndedJob, 'name' | 'tenant' | 'ending'>;

const leftJobs = sql`'id', id, 'groupId', group_id, 'subject', subject`;

export type Ending =
  | { state: 'completed'; result: Record<string, unknown> }
  /** `isOwners`: by what the one has given whose request was tried. */
  | { state: 'failed'; error: JobError; isOwners?: true }
  | { state: 'cancelled' };

/** Claims a task in a transaction: begins it, or begins it again when the lease of who had it has run out. Undefined when it has ended, or the lease is another's. */
export async function claimTask(tx: Queries, claim: Claim): Promise<BegunTask | undefined> {
  const { id } = claim;
  const {
    rows: [begun],
  } = await sql<
    Pick<BegunTask, 'id' | 'name' | 'key' | 'attempt' | 'failures' | 'lost'> &
      Lane & { round: string | null; elapsed: number; waited: number }
  >`
    UPDATE platen.tasks SET state = 'active', attempt = attempt + 1, lost = lost + (state = 'active')::integer, stage = ${jobStages[0]}, percent = 0, ended_at = NULL,
      -- What a dead process left unfinished begins anew, also its time.
      started_at = CASE WHEN state = 'active' THEN clock_timestamp() ELSE
        coalesce(started_at + greatest(interval '0', clock_timestamp() - idle_from), started_at, clock_timestamp()) END,
      idle_from = NULL
    WHERE id = ${id} AND state <> 'ended' AND ${hasLease(claim)}
    RETURNING id, name, key, attempt, failures, lost, tenant, lane, round, ${lockLane(sql`lane`)},
      (extract(epoch FROM clock_timestamp() - started_at) * 1000)::float8 AS elapsed,
      (extract(epoch FROM started_at - created_at) * 1000)::float8 AS waited`.execute(tx);
  if (begun === undefined) return undefined;
  const { elapsed, waited, tenant, lane, round, ...task } = begun;
  const { wasLast, ...jobs } = await beginJobs(tx, id, lane);
  const place = { tenant, lane, begun: Number(round ?? 0), wasLast };
  return { ...task, ...jobs, place, elapsedMs: elapsed, waitedMs: Math.max(0, waited) };
}

/** By a statement of its own, which sees the jobs that joined while the task was waited for. */
async function beginJobs(
  tx: Queries,
  taskId: string,
  lane: string,
): Promise<Pick<BegunTask, 'asked' | 'groups'> & { wasLast: boolean }> {
  const {
    rows: [row],
  } = await sql<{ owner: string; data: unknown; secret: Uint8Array | null; groups: string[]; was_last: boolean }>`
    WITH joined AS (
      UPDATE platen.jobs SET state = 'active', started_at = coalesce(started_at, clock_timestamp())
      WHERE task_id = ${taskId} AND state IN ('queued', 'active')
      RETURNING group_id, owner, data, secret, rank, seq
    )
    SELECT owner, data, secret,
      (SELECT coalesce(json_agg(DISTINCT group_id) FILTER (WHERE group_id IS NOT NULL), '[]'::json) FROM joined) AS groups,
      ${wantsLine(sql`${lane}`)} AS was_last,
      ${told(sql`${taskId}::text`, sql`joined`)}
    FROM joined ORDER BY rank DESC, seq DESC LIMIT 1`.execute(tx);
  // Nobody wants it any more, and nothing was looked at.
  if (row === undefined) return { asked: undefined, groups: [], wasLast: true };
  const { owner, data, secret, groups, was_last: wasLast } = row;
  return { asked: { owner, data, secret: secret === null ? null : Buffer.from(secret) }, groups, wasLast };
}

/**
 * Ends a task and its jobs, if this attempt is still the one that counts.
 * @param allowSuccessor whether it may end although one waits for it; the caller lets that one begin then.
 * @returns `successor` when one waits for it to end: then nothing was done, and it must be ended in a transaction that lets the next one begin.
 */
export async function endTask(
  tx: Queries,
  { id, attempt, asked }: Pick<BegunTask, 'id' | 'attempt' | 'asked'>,
  { ending, allowSuccessor }: { ending: Ending; allowSuccessor: boolean },
): Promise<{ outcome: 'ended' | 'successor' | 'superseded'; jobs: LeftJob[] }> {
  const result = ending.state === 'completed' ? asJson(ending.result) : null;
  const error = ending.state === 'failed' ? asJson(ending.error) : null;
  const toldToOthers = ending.state === 'failed' ? asJson(withoutDiagnosis(ending.error)) : null;
  const {
    rows: [row],
  } = await sql<{ ended: boolean; has_successor: boolean | null; jobs: LeftJob[] }>`
    WITH ended AS (
      UPDATE platen.tasks SET state = 'ended', ended_at = clock_timestamp(),
        stage = CASE WHEN ${ending.state} = 'completed' THEN 'completed' ELSE stage END,
        percent = CASE WHEN ${ending.state} = 'completed' THEN 100 ELSE percent END
      WHERE id = ${id} AND attempt = ${attempt} AND state = 'active' AND (${allowSuccessor} OR NOT has_successor)
      RETURNING id
    ), left_jobs AS (
      UPDATE platen.jobs SET state = ${ending.state}, ended_at = clock_timestamp(), secret = NULL,
        result = ${result}::jsonb, error = CASE WHEN owner = ${asked?.owner ?? ''} THEN ${error}::jsonb ELSE ${toldToOthers}::jsonb END
      FROM ended WHERE task_id = ended.id AND jobs.state IN ('queued', 'active')
      RETURNING jobs.id, group_id, subject
    )
    SELECT EXISTS (SELECT FROM ended) AS ended,
      (SELECT coalesce(json_agg(json_build_object(${leftJobs})), '[]'::json) FROM left_jobs) AS jobs,
      (SELECT has_successor FROM platen.tasks WHERE id = ${id} AND attempt = ${attempt} AND state = 'active') AS has_successor,
      ${told(sql`${id}::text`, sql`left_jobs`)}`.execute(tx);
  if (row?.ended === true) return { outcome: 'ended', jobs: row.jobs.map(withoutNull) };
  const isSuperseded = row?.has_successor === null || row === undefined;
  return { outcome: isSuperseded ? 'superseded' : 'successor', jobs: [] };
}

const withoutNull = ({ groupId, ...job }: LeftJob): LeftJob => ({ ...job, groupId: groupId ?? undefined });

/** What was on the page of one owner is nobody else's business. */
const withoutDiagnosis = ({ diagnosis: _, ...error }: JobError): JobError => error;

/**
 * Ends a task well within a transaction of those who did it, if this attempt still counts and somebody wants the result.
 * @returns `unwanted` or `superseded` when nothing was done.
 */
export async function endTaskWithin(
  tx: Queries,
  task: BegunTask,
  result: Record<string, unknown>,
): Promise<'ended' | 'unwanted' | 'superseded'> {
  // Held first, as by those who cancel: they come before, or after the end.
  const held = await lockAttempt(tx, task);
  if (held?.state !== 'active') return 'superseded';
  if (!(await isWanted(tx, task.id))) return 'unwanted';
  await endTask(tx, task, { ending: { state: 'completed', result }, allowSuccessor: true });
  return 'ended';
}

/**
 * Ends those jobs of a task that would be tried by the same means as this attempt was, which have failed.
 * @returns them, and whether others want the task.
 */
export async function failByMeans(
  tx: Queries,
  task: BegunTask,
  error: JobError,
): Promise<{ jobs: LeftJob[]; isWanted: boolean }> {
  if (!(await lockAttempt(tx, task))) return { jobs: [], isWanted: false };
  const { owner = '', secret = null } = task.asked ?? {};
  const { rows } = await sql<{ jobs: LeftJob[] }>`
    WITH failed AS (
      UPDATE platen.jobs SET state = 'failed', ended_at = clock_timestamp(), secret = NULL, error = ${asJson(error)}::jsonb
      WHERE task_id = ${task.id} AND state IN ('queued', 'active') AND owner = ${owner} AND secret IS NOT DISTINCT FROM ${secret}::bytea
      RETURNING id, group_id, subject
    )
    SELECT (SELECT coalesce(json_agg(json_build_object(${leftJobs})), '[]'::json) FROM failed) AS jobs,
      ${told(sql`${task.id}::text`, sql`failed`)}`.execute(tx);
  return { jobs: (rows[0]?.jobs ?? []).map(withoutNull), isWanted: await isWanted(tx, task.id) };
}

/** Until the transaction ends nobody else ends or begins the task; undefined when that has happened. */
export async function lockAttempt(tx: Queries, { id, attempt }: BegunTask) {
  return tx
    .selectFrom('tasks')
    .select('state')
    .where('id', '=', id)
    .where('attempt', '=', attempt)
    .where('state', '<>', 'ended')
    .forUpdate()
    .executeTakeFirst();
}

/** The task of the key that waits, if any; held, so that nobody ends it before what joins it is there. */
export async function findWaiting(tx: Queries, name: string, key: string) {
  return tx
    .selectFrom('tasks')
    .select(['id', 'round'])
    .where('name', '=', name)
    .where('key', '=', key)
    .where('state', '=', 'waiting')
    .forKeyShare()
    .executeTakeFirst();
}

/**
 * Hands an attempt back, to be begun again; where another task of its key waits already, its jobs join that one.
 * @param pauseSeconds after which it may be begun at the latest; what it waits beyond is not time of its work.
 */
export async function handBackTask(
  tx: Queries,
  task: BegunTask,
  { isFailure, pauseSeconds }: { isFailure: boolean; pauseSeconds: number },
): Promise<{ outcome: 'waits' | 'superseded' } | { outcome: 'joined'; next: { id: string; round: string | null } }> {
  const held = await lockAttempt(tx, task);
  if (held === undefined) return { outcome: 'superseded' };
  // It was handed back before, and the database's answer was lost.
  if (held.state === 'waiting') return { outcome: 'waits' };
  const waiting = await findWaiting(tx, task.name, task.key);
  if (waiting === undefined) {
    await tx
      .updateTable('tasks')
      .set((eb) => ({
        state: 'waiting',
        failures: eb('failures', '+', isFailure ? 1 : 0),
        idle_from: sql<Date>`clock_timestamp() + ${pauseSeconds} * interval '1 second'`,
      }))
      .where('id', '=', task.id)
      .execute();
  } else {
    await tx
      .updateTable('tasks')
      .set({ state: 'ended', ended_at: sql`clock_timestamp()` })
      .where('id', '=', task.id)
      .execute();
  }
  await tx
    .updateTable('jobs')
    .set({ state: 'queued', ...(waiting === undefined ? {} : { task_id: waiting.id }) })
    .where('task_id', '=', task.id)
    .where('state', '=', 'active')
    .execute();
  const tasks = waiting === undefined ? [task.id] : [task.id, waiting.id];
  await tell(tx, { kind: 'state', tasks, groups: task.groups });
  return waiting === undefined ? { outcome: 'waits' } : { outcome: 'joined', next: waiting };
}

/** Whether a job still wants the task. */
export async function isWanted(tx: Queries, taskId: string): Promise<boolean> {
  const job = await tx
    .selectFrom('jobs')
    .select('id')
    .where('task_id', '=', taskId)
    .where('state', 'in', ['queued', 'active'])
    .limit(1)
    .executeTakeFirst();
  return job !== undefined;
}

/** Says how far an attempt is, to those who follow and to those who come later. */
export async function reportStage(
  queries: Queries,
  { id, attempt }: Pick<BegunTask, 'id' | 'attempt'>,
  { stage, percent }: { stage: JobStage; percent: number },
): Promise<void> {
  const change: Change = { kind: 'progress', task: id, stage, percent };
  await sql`
    WITH reported AS (
      UPDATE platen.tasks SET stage = ${stage}, percent = greatest(percent, ${percent})
      WHERE id = ${id} AND attempt = ${attempt} AND state = 'active' RETURNING id
    )
    SELECT pg_notify(${changesChannel}, ${asJson(change)}) FROM reported`.execute(queries);
}
