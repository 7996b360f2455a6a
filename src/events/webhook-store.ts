// The SQL of webhooks and of what they are to be told: written with what it tells of, claimed for one attempt at a time.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { WaitingEvent, WebhookEvent, WebhookType } from './contract.ts';
import { eventsChannel } from './outbox.ts';

export interface StoredWebhook {
  id: string;
  url: string;
  types: WebhookType[];
  createdAt: Date;
}

/** Undefined: of all tenants. */
type Tenant = string | undefined;
const ofTenant = (tenant: Tenant) => (tenant === undefined ? sql`true` : sql`tenant = ${tenant}`);

export async function addWebhook(
  queries: Queries,
  { id, tenant, url, types, secret }: Omit<StoredWebhook, 'createdAt'> & { tenant: Tenant; secret: Buffer },
): Promise<void> {
  await sql`
    INSERT INTO platen.webhooks (id, tenant, url, types, secret)
    VALUES (${id}, ${tenant ?? null}, ${url}, string_to_array(${types.join(',')}, ','), ${secret})`.execute(queries);
}

/** The newest first, from behind the one of the cursor on. */
export async function findWebhooks(
  queries: Queries,
  { tenant, cursor, most }: { tenant: Tenant; cursor: string | undefined; most: number },
): Promise<StoredWebhook[]> {
  const behind =
    cursor === undefined
      ? sql`true`
      : sql`(created_at, id) < (SELECT created_at, id FROM platen.webhooks WHERE id = ${cursor})`;
  const { rows } = await sql<StoredWebhook>`
    SELECT id, url, types, created_at AS "createdAt" FROM platen.webhooks
    WHERE ${ofTenant(tenant)} AND ${behind} ORDER BY created_at DESC, id DESC LIMIT ${most}`.execute(queries);
  return rows;
}

/** With all that it was told or is to be told. @returns whether there was one. */
export async function removeWebhook(
  queries: Queries,
  { tenant, id }: { tenant: Tenant; id: string },
): Promise<boolean> {
  const { rows } = await sql`
    DELETE FROM platen.webhooks WHERE id = ${id} AND ${ofTenant(tenant)} RETURNING id`.execute(queries);
  return rows.length > 0;
}

/** Belongs to the transaction: each webhook that hears of it is told when that commits, or never. */
export async function addForWebhooks(tx: Queries, { type, tenant, key, data }: WebhookEvent): Promise<void> {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  // Held, so that none is taken away before what it is to be told is there.
  await sql`
    WITH hearing AS (
      SELECT id FROM platen.webhooks WHERE ${type} = ANY(types) AND (tenant IS NULL OR tenant = ${tenant}) FOR KEY SHARE
    ), added AS (
      INSERT INTO platen.events (id, kind, webhook_id, type, tenant, key, body)
      SELECT gen_random_uuid(), 'webhook', id, ${type}, ${tenant}, ${key}, ${body} FROM hearing RETURNING id
    )
    SELECT pg_notify(${eventsChannel}, '') FROM added LIMIT 1`.execute(tx);
}

/** What is to be told to one webhook, claimed for one attempt. */
export interface Delivery extends WaitingEvent {
  webhookId: string;
  url: string;
  /** Encrypted. */
  secret: Buffer;
}

/**
 * Claims what is due, for each webhook as much as it has room for; nobody else does so until the claim has run out.
 * @param busy how many calls of each webhook this process has under way.
 */
export async function claimDue(
  queries: Queries,
  { busy, most, claimSeconds }: { busy: ReadonlyMap<string, number>; most: number; claimSeconds: number },
): Promise<Delivery[]> {
  const given = JSON.stringify([...busy].map(([id, calls]) => ({ id, calls })));
  const { rows } = await sql<Omit<Delivery, 'secret'> & { secret: Uint8Array }>`
    WITH room AS (
      SELECT webhooks.id, url, secret, greatest(0, ${most} - coalesce(calls, 0))::integer AS places
      FROM platen.webhooks LEFT JOIN json_to_recordset(${given}::json) AS busy (id uuid, calls integer) ON busy.id = webhooks.id
    ), due AS (
      SELECT seq, url, secret FROM room CROSS JOIN LATERAL (
        SELECT seq FROM platen.events WHERE webhook_id = room.id AND kind = 'webhook' AND state = 'waiting' AND next_at <= now()
        ORDER BY next_at LIMIT room.places FOR UPDATE SKIP LOCKED) AS taken
    )
    UPDATE platen.events AS event SET attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => ${claimSeconds})
    FROM due WHERE event.seq = due.seq
    RETURNING event.seq, event.id, event.type, event.key, event.body, event.attempts, event.webhook_id AS "webhookId", due.url, due.secret,
      extract(epoch FROM clock_timestamp() - event.created_at)::float8 AS "ageSeconds"`.execute(queries);
  return rows.map((row) => ({ ...row, secret: Buffer.from(row.secret) }));
}
