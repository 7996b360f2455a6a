// The SQL of mails, and of the links that stand in them: written with what they tell of, claimed for one attempt at a time.

import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { MailLink, MailType, WaitingEvent } from './contract.ts';
import { eventsChannel } from './outbox.ts';

/** For which the link of a mail is good, from when the mail is to be sent. */
const linkDays = 30;

const digestOf = (code: string) => createHash('sha256').update(code).digest('hex');

interface NewMail {
  type: MailType;
  tenant: string;
  /** As in the other events of what it tells of. */
  key: string;
  certificateId: string;
  linkId: string;
  /** Of its link. */
  code: string;
  sealed: Buffer;
  /** Before which it is not sent; undefined: at once. */
  dueAt: Date | undefined;
}

/** Belongs to the transaction: it is sent when that has committed, or never. */
export async function addMail(tx: Queries, mail: NewMail): Promise<void> {
  const { type, tenant, key, certificateId, linkId, code, sealed, dueAt } = mail;
  const due = sql`${dueAt?.toISOString() ?? null}::timestamptz`;
  const from = sql`greatest(clock_timestamp(), ${due})`;
  await sql`
    WITH link AS (
      INSERT INTO platen.mail_links (id, digest, certificate_id, tenant, expires_at)
      VALUES (${linkId}, ${digestOf(code)}, ${certificateId}, ${tenant}, ${from} + make_interval(days => ${linkDays})) RETURNING id
    ), added AS (
      INSERT INTO platen.events (id, kind, type, tenant, key, body, link_id, sealed, due_at, next_at)
      SELECT gen_random_uuid(), 'mail', ${type}, ${tenant}, ${key}, ${JSON.stringify({ certificateId, linkId })}, id, ${sealed}, ${due}, ${from} FROM link
      RETURNING id
    )
    SELECT pg_notify(${eventsChannel}, '') FROM added`.execute(tx);
}

/** A mail, claimed for one attempt. */
export interface ClaimedMail extends WaitingEvent {
  /** Prefix of the keys of its tenant. */
  tenant: string;
  type: MailType;
  linkId: string;
  /** Encrypted. */
  sealed: Buffer;
  linkExpiresAt: Date;
  /** Whether its link opens nothing any more. */
  isOver: boolean;
}

/** Claims what is due, as many as there is room for; nobody else does so until the claim has run out. */
export async function claimMails(
  queries: Queries,
  { places, claimSeconds }: { places: number; claimSeconds: number },
): Promise<ClaimedMail[]> {
  if (places <= 0) return [];
  const { rows } = await sql<Omit<ClaimedMail, 'sealed'> & { sealed: Uint8Array }>`
    WITH due AS (
      SELECT seq FROM platen.events WHERE kind = 'mail' AND state = 'waiting' AND next_at <= now()
      ORDER BY next_at LIMIT ${places} FOR UPDATE SKIP LOCKED
    )
    UPDATE platen.events AS event SET attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => ${claimSeconds})
    FROM due, platen.mail_links AS link WHERE event.seq = due.seq AND link.id = event.link_id
    RETURNING event.seq, event.id, event.type, event.key, event.body, event.attempts, event.link_id AS "linkId", link.tenant, event.sealed,
      link.expires_at AS "linkExpiresAt", link.ended_at IS NOT NULL OR link.expires_at <= clock_timestamp() AS "isOver",
      extract(epoch FROM clock_timestamp() - coalesce(event.due_at, event.created_at))::float8 AS "ageSeconds"`.execute(
    queries,
  );
  return rows.map((row) => ({ ...row, sealed: Buffer.from(row.sealed) }));
}

/** Undefined where no mail has this code. */
export async function findLink(queries: Queries, code: string): Promise<MailLink | undefined> {
  const { rows } = await sql<MailLink>`
    SELECT certificate_id AS "certificateId", ended_at IS NOT NULL OR expires_at <= clock_timestamp() AS "isOver"
    FROM platen.mail_links WHERE digest = ${digestOf(code)}`.execute(queries);
  return rows[0];
}

/** Takes links away for good, and with them the mails that were still to be sent. @returns how many. */
async function endLinks(queries: Queries, which: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql`
    WITH ended AS (
      UPDATE platen.mail_links SET ended_at = clock_timestamp() WHERE ${which} AND ended_at IS NULL RETURNING id
    ), withdrawn AS (
      DELETE FROM platen.events USING ended WHERE link_id = ended.id AND state = 'waiting'
    )
    SELECT id FROM ended`.execute(queries);
  return rows.length;
}

export async function endLinksOf(tx: Queries, certificateId: string): Promise<void> {
  await endLinks(tx, sql`certificate_id = ${certificateId}`);
}

/** @param tenant undefined: of all. @returns whether there was one. */
export async function endLink(
  queries: Queries,
  { tenant, id }: { tenant: string | undefined; id: string },
): Promise<boolean> {
  const ofTenant = tenant === undefined ? sql`true` : sql`tenant = ${tenant}`;
  return (await endLinks(queries, sql`id = ${id} AND ${ofTenant}`)) > 0;
}

const forgottenAtOnce = 1000;

/** Some of those that were over long ago, with their mails. @returns whether there may be more. */
export async function forgetLinks(queries: Queries, days: number): Promise<boolean> {
  const { rows } = await sql`
    DELETE FROM platen.mail_links WHERE id IN (
      SELECT id FROM platen.mail_links WHERE expires_at < now() - make_interval(days => ${days})
      ORDER BY expires_at LIMIT ${forgottenAtOnce} FOR UPDATE SKIP LOCKED)
    RETURNING id`.execute(queries);
  return rows.length === forgottenAtOnce;
}
