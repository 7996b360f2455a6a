// The SQL of runs.

import { sql } from 'kysely';
import type { Plan } from '../configurations/contract.ts';
import type { Queries } from '../database/database.ts';
import type { Counts, RunState } from './contract.ts';

/** What a run carries out, and for whom. */
export interface RunPlan extends Plan {
  only?: string[] | undefined;
  except?: string[] | undefined;
  /** Only those of whom something is still to be decided. */
  isOnlyNew?: boolean | undefined;
}

export interface RejectedRecord {
  line?: number | undefined;
  message: string;
}

export interface StoredRun {
  id: string;
  tenant: string;
  configurationId: string;
  isDryRun: boolean;
  state: RunState;
  code: string | null;
  detail: string | null;
  plan: RunPlan;
  jobId: string | null;
  decidedAt: Date | null;
  errors: RejectedRecord[];
  counts: Counts;
  createdAt: Date;
  endedAt: Date | null;
}

const counted = sql`SELECT jsonb_build_object('checked', count(*), 'eligible', count(*) FILTER (WHERE is_eligible),
  'issued', count(*) FILTER (WHERE outcome = 'issued'), 'skipped', count(*) FILTER (WHERE outcome = 'skipped'),
  'failed', count(*) FILTER (WHERE outcome = 'failed')) FROM platen.run_items WHERE run_id = run.id`;

const columns = sql`run.id, run.tenant, configuration_id AS "configurationId", is_dry_run AS "isDryRun", state, code, detail, plan, job_id AS "jobId",
  decided_at AS "decidedAt", errors, coalesce(counts, (${counted})) AS counts, run.created_at AS "createdAt", ended_at AS "endedAt"`;

/** @returns whether no other run of its configuration is under way; of rehearsals there may be many. */
export async function addRun(
  tx: Queries,
  {
    id,
    tenant,
    configurationId,
    isDryRun,
    plan,
  }: Pick<StoredRun, 'id' | 'tenant' | 'configurationId' | 'isDryRun' | 'plan'>,
): Promise<boolean> {
  const { rows } = await sql`
    INSERT INTO platen.runs (id, tenant, configuration_id, is_dry_run, plan)
    VALUES (${id}, ${tenant}, ${configurationId}, ${isDryRun}, ${JSON.stringify(plan)}::jsonb)
    ON CONFLICT (configuration_id) WHERE state IN ('queued', 'active') AND NOT is_dry_run DO NOTHING RETURNING id`.execute(
    tx,
  );
  return rows.length > 0;
}

const nothing = JSON.stringify({ checked: 0, eligible: 0, issued: 0, skipped: 0, failed: 0 });

/** One that was due while another was under way. */
export async function addSkipped(
  tx: Queries,
  { id, tenant, configurationId, plan }: Pick<StoredRun, 'id' | 'tenant' | 'configurationId' | 'plan'>,
): Promise<void> {
  await sql`
    INSERT INTO platen.runs (id, tenant, configuration_id, is_dry_run, plan, state, code, counts, ended_at)
    VALUES (${id}, ${tenant}, ${configurationId}, false, ${JSON.stringify(plan)}::jsonb, 'skipped', 'run_active', ${nothing}::jsonb, clock_timestamp())`.execute(
    tx,
  );
}

export async function nameJob(tx: Queries, id: string, jobId: string): Promise<void> {
  await sql`UPDATE platen.runs SET job_id = ${jobId} WHERE id = ${id}`.execute(tx);
}

export async function findRun(queries: Queries, id: string): Promise<StoredRun | undefined> {
  const { rows } = await sql<StoredRun>`SELECT ${columns} FROM platen.runs AS run WHERE run.id = ${id}`.execute(
    queries,
  );
  return rows[0];
}

interface Sought {
  tenant: string;
  configurationId: string | undefined;
  state: RunState | undefined;
  cursor: string | undefined;
  most: number;
}

/** The newest first, from behind the one of the cursor on. */
export async function findRuns(
  queries: Queries,
  { tenant, configurationId, state, cursor, most }: Sought,
): Promise<StoredRun[]> {
  const behind =
    cursor === undefined
      ? sql`true`
      : sql`(run.created_at, run.id) < (SELECT created_at, id FROM platen.runs WHERE id = ${cursor})`;
  const ofConfiguration = configurationId === undefined ? sql`true` : sql`configuration_id = ${configurationId}`;
  const inState = state === undefined ? sql`true` : sql`state = ${state}`;
  const { rows } = await sql<StoredRun>`
    SELECT ${columns} FROM platen.runs AS run WHERE run.tenant = ${tenant} AND ${ofConfiguration} AND ${inState} AND ${behind}
    ORDER BY run.created_at DESC, run.id DESC LIMIT ${most}`.execute(queries);
  return rows;
}

/** The ids of the jobs of what is under way. */
export async function findUnderWay(queries: Queries, configurationId: string): Promise<string[]> {
  const { rows } = await sql<{ jobId: string }>`
    SELECT job_id AS "jobId" FROM platen.runs
    WHERE configuration_id = ${configurationId} AND state IN ('queued', 'active') AND job_id IS NOT NULL`.execute(
    queries,
  );
  return rows.map(({ jobId }) => jobId);
}

export async function markBegun(queries: Queries, id: string): Promise<void> {
  await sql`UPDATE platen.runs SET state = 'active' WHERE id = ${id} AND state = 'queued'`.execute(queries);
}

export async function markDecided(queries: Queries, id: string, errors: readonly RejectedRecord[]): Promise<void> {
  await sql`
    UPDATE platen.runs SET decided_at = clock_timestamp(), errors = ${JSON.stringify(errors)}::jsonb WHERE id = ${id}`.execute(
    queries,
  );
}

export async function explainFailure(queries: Queries, id: string, detail: string): Promise<void> {
  await sql`UPDATE platen.runs SET detail = ${detail} WHERE id = ${id}`.execute(queries);
}

/** By the end of its job, which is the one that counts for it now. */
export async function markEnded(
  tx: Queries,
  { id, jobId, state, code }: { id: string; jobId: string; state: RunState; code: string | null },
): Promise<void> {
  await sql`
    UPDATE platen.runs AS run SET state = ${state}, code = ${code}, counts = (${counted}), ended_at = clock_timestamp()
    WHERE run.id = ${id} AND job_id = ${jobId}`.execute(tx);
}

/** From its end back to its beginning; what was done stays done. @returns whether no other run of its configuration is under way. */
export async function markQueued(
  tx: Queries,
  { id, configurationId }: Pick<StoredRun, 'id' | 'configurationId'>,
): Promise<boolean> {
  const { rows } = await sql`
    UPDATE platen.runs AS run SET state = 'queued', code = NULL, detail = NULL, counts = NULL, ended_at = NULL
    WHERE run.id = ${id} AND state IN ('completed', 'failed', 'cancelled') AND NOT EXISTS (
      SELECT FROM platen.runs WHERE configuration_id = ${configurationId} AND state IN ('queued', 'active') AND NOT is_dry_run)
    RETURNING run.id`.execute(tx);
  return rows.length > 0;
}
