// The SQL of configurations.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Configuration } from './contract.ts';
import type { CertificateType } from './type-store.ts';

export type NewConfiguration = Omit<Configuration, 'lastRun'>;

const columns = sql`configuration.id, configuration.tenant, type, context, options, mail, valid_for_days AS "validForDays",
  remind_days_before AS "remindDaysBefore", schedule, time_zone AS "timeZone", opens_at AS "opensAt", closes_at AS "closesAt",
  is_enabled AS "isEnabled", scheduled_from AS "scheduledFrom", next_due_at AS "nextDueAt", (
    SELECT jsonb_build_object('id', run.id, 'state', run.state, 'createdAt', run.created_at, 'endedAt', run.ended_at)
    FROM platen.runs AS run WHERE run.configuration_id = configuration.id AND NOT run.is_dry_run
    ORDER BY run.created_at DESC, run.id DESC LIMIT 1) AS "lastRun"`;

/** @returns whether there was none of its type for its context. */
export async function addConfiguration(tx: Queries, configuration: NewConfiguration): Promise<boolean> {
  const { id, tenant, type, context, options, mail, validForDays, remindDaysBefore } = configuration;
  const { schedule, timeZone, opensAt, closesAt, isEnabled, scheduledFrom, nextDueAt } = configuration;
  const { rows } = await sql`
    INSERT INTO platen.configurations (id, tenant, type, context_id, context, options, mail, valid_for_days, remind_days_before, schedule, time_zone,
      opens_at, closes_at, is_enabled, scheduled_from, next_due_at)
    VALUES (${id}, ${tenant}, ${type}, ${context.id}, ${JSON.stringify(context)}::jsonb, ${JSON.stringify(options)}::jsonb, ${mail}, ${validForDays},
      ${remindDaysBefore}, ${JSON.stringify(schedule)}::jsonb, ${timeZone}, ${opensAt}, ${closesAt}, ${isEnabled}, ${scheduledFrom}, ${nextDueAt})
    ON CONFLICT (tenant, context_id, type) DO NOTHING RETURNING id`.execute(tx);
  return rows.length > 0;
}

export async function changeConfiguration(tx: Queries, configuration: NewConfiguration): Promise<void> {
  const { id, options, mail, validForDays, remindDaysBefore } = configuration;
  const { schedule, timeZone, opensAt, closesAt, isEnabled, scheduledFrom, nextDueAt } = configuration;
  await sql`
    UPDATE platen.configurations SET keeps_interval = keeps_interval AND schedule = ${JSON.stringify(schedule)}::jsonb,
      options = ${JSON.stringify(options)}::jsonb, mail = ${mail}, valid_for_days = ${validForDays},
      remind_days_before = ${remindDaysBefore}, schedule = ${JSON.stringify(schedule)}::jsonb, time_zone = ${timeZone}, opens_at = ${opensAt},
      closes_at = ${closesAt}, is_enabled = ${isEnabled}, scheduled_from = ${scheduledFrom}, next_due_at = ${nextDueAt}
    WHERE id = ${id}`.execute(tx);
}

/** A type, and the configuration of it that is there without anybody's doing. */
export interface BuiltIn extends Pick<Configuration, 'context'> {
  everySeconds: number;
  type: CertificateType;
}

/** For each tenant that does not have it; and another schedule of the settings for those who have not chosen one. @returns the tenants who have another type of this name. */
export async function keepBuiltIn(
  tx: Queries,
  tenants: readonly string[],
  { type: { name, retriever, generator, options }, context, everySeconds }: BuiltIn,
): Promise<string[]> {
  const everyone = sql`json_array_elements_text(${JSON.stringify(tenants)}::json) AS asked (tenant)`;
  const presentRetriever = sql`(SELECT retriever FROM platen.certificate_types AS type WHERE type.tenant = asked.tenant AND name = ${name})`;
  await sql`
    INSERT INTO platen.certificate_types (tenant, name, retriever, generator, options)
    SELECT tenant, ${name}, ${retriever}, ${generator}, ${JSON.stringify(options)}::jsonb FROM ${everyone}
    ON CONFLICT (tenant, name) DO NOTHING`.execute(tx);
  await sql`
    INSERT INTO platen.configurations AS present (id, tenant, type, context_id, context, options, mail, schedule, time_zone, is_enabled, next_due_at, keeps_interval)
    SELECT gen_random_uuid(), tenant, ${name}, ${context.id}, ${JSON.stringify(context)}::jsonb, '{}'::jsonb, false, ${JSON.stringify({ everySeconds })}::jsonb, 'UTC', true,
      clock_timestamp() + make_interval(secs => ${everySeconds}), true
    FROM ${everyone} WHERE ${presentRetriever} = ${retriever}
    ON CONFLICT (tenant, context_id, type) DO UPDATE SET schedule = excluded.schedule,
      next_due_at = CASE WHEN present.next_due_at IS NOT NULL THEN greatest(excluded.next_due_at, present.opens_at) END
    WHERE present.keeps_interval AND present.schedule <> excluded.schedule`.execute(tx);
  const { rows } = await sql<{ tenant: string }>`
    SELECT tenant FROM ${everyone} WHERE ${presentRetriever} <> ${retriever}`.execute(tx);
  return rows.map(({ tenant }) => tenant);
}

const mostDue = 20;

/** Those that are due; nobody else has them until the transaction has ended. */
export async function holdDue(tx: Queries): Promise<Configuration[]> {
  const { rows } = await sql<Configuration>`
    SELECT ${columns} FROM platen.configurations AS configuration WHERE next_due_at <= now()
    ORDER BY next_due_at LIMIT ${mostDue} FOR UPDATE OF configuration SKIP LOCKED`.execute(tx);
  return rows;
}

/** Those that will be due, of all tenants, in the order of their ids. */
export async function findScheduled(
  queries: Queries,
  { after, most }: { after: string; most: number },
): Promise<Configuration[]> {
  const { rows } = await sql<Configuration>`
    SELECT ${columns} FROM platen.configurations AS configuration WHERE next_due_at IS NOT NULL AND id > ${after}::uuid
    ORDER BY id LIMIT ${most}`.execute(queries);
  return rows;
}

/** Unless it has come to be due at another time meanwhile. */
export async function bringForward(queries: Queries, { id, nextDueAt }: Configuration, at: Date): Promise<void> {
  await sql`
    UPDATE platen.configurations SET next_due_at = ${at}, scheduled_from = least(scheduled_from, clock_timestamp())
    WHERE id = ${id} AND next_due_at = ${nextDueAt}`.execute(queries);
}

/** One that is never due again is off. */
export async function putOff(tx: Queries, id: string, nextDueAt: Date | null): Promise<void> {
  await sql`
    UPDATE platen.configurations SET next_due_at = ${nextDueAt}, is_enabled = ${nextDueAt !== null} WHERE id = ${id}`.execute(
    tx,
  );
}

interface Place {
  tenant: string;
  id: string;
}

export async function findConfiguration(queries: Queries, { tenant, id }: Place): Promise<Configuration | undefined> {
  const { rows } = await sql<Configuration>`
    SELECT ${columns} FROM platen.configurations AS configuration WHERE id = ${id} AND tenant = ${tenant}`.execute(
    queries,
  );
  return rows[0];
}

/** As it is, and stays until the transaction has ended. */
export async function holdConfiguration(tx: Queries, { tenant, id }: Place): Promise<Configuration | undefined> {
  const { rows } = await sql<Configuration>`
    SELECT ${columns} FROM platen.configurations AS configuration WHERE id = ${id} AND tenant = ${tenant} FOR UPDATE OF configuration`.execute(
    tx,
  );
  return rows[0];
}

/** The newest first, from behind the one of the cursor on. */
export async function findConfigurations(
  queries: Queries,
  { tenant, cursor, most }: { tenant: string; cursor: string | undefined; most: number },
): Promise<Configuration[]> {
  const behind =
    cursor === undefined
      ? sql`true`
      : sql`(created_at, id) < (SELECT created_at, id FROM platen.configurations WHERE id = ${cursor})`;
  const { rows } = await sql<Configuration>`
    SELECT ${columns} FROM platen.configurations AS configuration WHERE tenant = ${tenant} AND ${behind}
    ORDER BY created_at DESC, id DESC LIMIT ${most}`.execute(queries);
  return rows;
}

/** Those that are switched on, of each type the one whose context is named first. */
export async function findEnabled(
  queries: Queries,
  { tenant, contextIds }: { tenant: string; contextIds: readonly [string, string] },
): Promise<Configuration[]> {
  const { rows } = await sql<Configuration>`
    SELECT DISTINCT ON (type) ${columns} FROM platen.configurations AS configuration
    WHERE tenant = ${tenant} AND context_id IN (${contextIds[0]}, ${contextIds[1]}) AND is_enabled ORDER BY type, context_id <> ${contextIds[0]}`.execute(
    queries,
  );
  return rows;
}

/** Its runs stay. @returns whether there was one. */
export async function removeConfiguration(tx: Queries, { tenant, id }: Place): Promise<boolean> {
  const { rows } = await sql`
    DELETE FROM platen.configurations WHERE id = ${id} AND tenant = ${tenant} RETURNING id`.execute(tx);
  return rows.length > 0;
}

/** The options of all that have this type. */
export async function findOfType(
  tx: Queries,
  { tenant, type }: { tenant: string; type: string },
): Promise<Pick<Configuration, 'id' | 'options'>[]> {
  const { rows } = await sql<Pick<Configuration, 'id' | 'options'>>`
    SELECT id, options FROM platen.configurations WHERE tenant = ${tenant} AND type = ${type}`.execute(tx);
  return rows;
}
