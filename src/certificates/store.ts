// The SQL of certificates and of their numbers.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { PictureDigests } from '../images/contract.ts';
import { certificateKey, countedYear, formatNumber } from './certificate.ts';
import type { Finding, IssueBody } from './contract.ts';
import type { CertificateStatus } from './status.ts';

type Json = Record<string, unknown>;

/** What a certificate is made from, as it was asked for. */
export type CertificateInput = IssueBody & {
  type: string;
  templateId: string;
  language: string;
  /** The plug-in that makes its PDF; without one it is the template. */
  generator?: { name: string; options: Json };
};

/** Which mails are sent of one, where the learner's address is known. */
export interface MailWishes {
  /** Whether one is sent when it is available. */
  mail?: boolean | undefined;
  /** So many days before it expires one is sent. */
  remindDaysBefore?: number | undefined;
}

export interface FrozenInput extends CertificateInput, MailWishes {
  /** Which pictures it shows, once that is decided. */
  images?: PictureDigests;
}

export interface StoredCertificate {
  id: string;
  tenant: string;
  studentId: string;
  courseId: string;
  number: string;
  code: string;
  status: CertificateStatus;
  input: FrozenInput;
  digest: string;
  key: string;
  statusIndex: number;
  createdAt: Date;
  attempts: number;
  lastError: string | null;
  credential: Json | null;
  badge: Json | null;
  /** Of its document; null until there is one. */
  sha256: string | null;
  generatedAt: Date | null;
  /** Id of the certificate that took its place. */
  replacedBy: string | null;
  /** The run that has issued it. */
  runId: string | null;
  findings: Finding[];
}

const columns = sql`id, tenant, student_id AS "studentId", course_id AS "courseId", number, code, status, input, input_digest AS digest,
  s3_key AS key, status_index::float8 AS "statusIndex", created_at AS "createdAt", attempts, last_error AS "lastError", credential, badge, sha256,
  generated_at AS "generatedAt", replaced_by AS "replacedBy", run_id AS "runId", findings`;

export interface NewCertificate {
  id: string;
  /** Prefix of the keys of its tenant. */
  tenant: string;
  code: string;
  input: FrozenInput;
  digest: string;
  numberPattern: string;
  runId?: string | undefined;
}

/** @returns the certificate that there is for its learner, course and type: this one, with the next number, or the one that was there. */
export async function addCertificate(tx: Queries, asked: NewCertificate): Promise<StoredCertificate> {
  const { id, tenant, code, input, digest, numberPattern, runId = null } = asked;
  const { userId: studentId, courseId, type } = input;
  // One after the other: of two that ask at once the second sees what the first has made, and no number is taken in vain.
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${JSON.stringify(['platen certificate', tenant, studentId, courseId, type])}, 0))`.execute(
    tx,
  );
  const present = await sql<StoredCertificate>`
    SELECT ${columns} FROM platen.certificates
    WHERE tenant = ${tenant} AND student_id = ${studentId} AND course_id = ${courseId} AND type = ${type} AND status <> 'replaced'`.execute(
    tx,
  );
  if (present.rows[0] !== undefined) return present.rows[0];
  const year = countedYear(numberPattern, new Date());
  const counted = await sql<{ last: number }>`
    INSERT INTO platen.certificate_numbers AS numbers (tenant, year, last) VALUES (${tenant}, ${year}, 1)
    ON CONFLICT (tenant, year) DO UPDATE SET last = numbers.last + 1 RETURNING last`.execute(tx);
  const number = formatNumber(numberPattern, { year, count: counted.rows[0]?.last ?? 1 });
  const key = certificateKey(tenant, { courseId, studentId, id });
  const added = await sql<StoredCertificate>`
    INSERT INTO platen.certificates (id, tenant, student_id, course_id, type, number, code, input, input_digest, s3_key, run_id)
    VALUES (${id}, ${tenant}, ${studentId}, ${courseId}, ${type}, ${number}, ${code}, ${JSON.stringify(input)}::jsonb, ${digest}, ${key}, ${runId})
    RETURNING ${columns}`.execute(tx);
  return added.rows[0] as StoredCertificate;
}

export async function findCertificate(queries: Queries, id: string): Promise<StoredCertificate | undefined> {
  const { rows } = await sql<StoredCertificate>`SELECT ${columns} FROM platen.certificates WHERE id = ${id}`.execute(
    queries,
  );
  return rows[0];
}

export const certificatesChannel = 'platen_certificates';

const told = (id: string) => sql`pg_notify(${certificatesChannel}, ${id})`;

/** @returns whether it is this attempt that made it available. */
export async function markAvailable(
  tx: Queries,
  id: string,
  { credential, badge, sha256 }: { credential: Json; badge: Json; sha256: string },
): Promise<boolean> {
  const { rows } = await sql`
    WITH made AS (
      UPDATE platen.certificates SET status = 'available', attempts = attempts + 1, last_error = NULL, credential = ${JSON.stringify(credential)}::json,
        badge = ${JSON.stringify(badge)}::json, sha256 = ${sha256}, generated_at = clock_timestamp()
      WHERE id = ${id} AND status IN ('generating', 'error') RETURNING id
    )
    SELECT ${told(id)} FROM made`.execute(tx);
  return rows.length > 0;
}

/** Once and for all. @returns those that were decided on first. */
export async function freezeImages(queries: Queries, id: string, images: PictureDigests): Promise<PictureDigests> {
  const { rows } = await sql<{ images: PictureDigests }>`
    UPDATE platen.certificates SET input = jsonb_build_object('images', ${JSON.stringify(images)}::jsonb) || input
    WHERE id = ${id} RETURNING input->'images' AS images`.execute(queries);
  return rows[0]?.images ?? images;
}

const retrySeconds = 30;

export async function markFailed(
  queries: Queries,
  id: string,
  { error, mayHeal }: { error: string; mayHeal: boolean },
): Promise<void> {
  await sql`
    WITH failed AS (
      UPDATE platen.certificates SET status = 'error', attempts = attempts + 1, last_error = ${error},
        next_try_at = CASE WHEN ${mayHeal} THEN clock_timestamp() + make_interval(secs => ${retrySeconds}) END
      WHERE id = ${id} AND status IN ('generating', 'error') RETURNING id
    )
    SELECT ${told(id)} FROM failed`.execute(queries);
}

const retriedAtOnce = 20;
/** Longer than a making takes. */
const retryAgainSeconds = 600;

/** Those whose making is to be begun again; by one process each. */
export async function takeUnmade(tx: Queries): Promise<StoredCertificate[]> {
  const { rows } = await sql<StoredCertificate>`
    UPDATE platen.certificates SET next_try_at = clock_timestamp() + make_interval(secs => ${retryAgainSeconds})
    WHERE id IN (
      SELECT id FROM platen.certificates WHERE status IN ('generating', 'error')
        -- None waits for longer: a clock that was put back says so.
        AND (next_try_at < now() OR next_try_at > now() + make_interval(secs => ${retryAgainSeconds}))
      ORDER BY next_try_at LIMIT ${retriedAtOnce} FOR UPDATE SKIP LOCKED)
    RETURNING ${columns}`.execute(tx);
  return rows;
}

/** Those of a learner, the newest first. */
export async function findOfLearner(
  queries: Queries,
  { tenant, studentId }: { tenant: string; studentId: string },
): Promise<StoredCertificate[]> {
  const { rows } = await sql<StoredCertificate>`
    SELECT ${columns} FROM platen.certificates WHERE tenant = ${tenant} AND student_id = ${studentId}
    ORDER BY created_at DESC, id`.execute(queries);
  return rows;
}

/** Those of a learner for a course that are good or still to be made: first those to be made, then the newest. */
export async function findOfCourse(
  queries: Queries,
  { tenant, studentId, courseId }: { tenant: string; studentId: string; courseId: string },
): Promise<StoredCertificate[]> {
  const { rows } = await sql<StoredCertificate>`
    SELECT ${columns} FROM platen.certificates
    WHERE tenant = ${tenant} AND student_id = ${studentId} AND course_id = ${courseId} AND status <> 'replaced' AND status <> 'revoked'
    ORDER BY status = 'available', created_at DESC, id`.execute(queries);
  return rows;
}

export async function findByCode(queries: Queries, code: string): Promise<StoredCertificate | undefined> {
  const { rows } = await sql<StoredCertificate>`
    SELECT ${columns} FROM platen.certificates WHERE code = ${code}`.execute(queries);
  return rows[0];
}

/** The one whose document is this, to the byte. */
export async function findByFile(queries: Queries, sha256: string): Promise<StoredCertificate | undefined> {
  const { rows } = await sql<StoredCertificate>`
    SELECT ${columns} FROM platen.certificates WHERE sha256 = ${sha256} LIMIT 1`.execute(queries);
  return rows[0];
}

export interface NamedRequest {
  /** Prefix of the keys of its tenant. */
  tenant: string;
  idempotencyKey: string;
  digest: string;
  certificateId: string;
}

type RequestName = Pick<NamedRequest, 'tenant' | 'idempotencyKey'>;

export async function findRequest(
  tx: Queries,
  { tenant, idempotencyKey }: RequestName,
): Promise<NamedRequest | undefined> {
  const { rows } = await sql<NamedRequest>`
    SELECT tenant, idempotency_key AS "idempotencyKey", input_digest AS digest, certificate_id AS "certificateId"
    FROM platen.certificate_requests WHERE tenant = ${tenant} AND idempotency_key = ${idempotencyKey}`.execute(tx);
  return rows[0];
}

const requestsKeptDays = 7;
const sweptAtOnce = 10;

/** Remembers it for a week. @returns the digest of the request that has its key: of this one, or of one that came before it. */
export async function rememberRequest(tx: Queries, request: NamedRequest): Promise<string | undefined> {
  const { tenant, idempotencyKey, digest, certificateId } = request;
  const { rows } = await sql<{ digest: string }>`
    WITH old AS (
      DELETE FROM platen.certificate_requests WHERE (tenant, idempotency_key) IN (
        SELECT tenant, idempotency_key FROM platen.certificate_requests
        WHERE created_at < now() - make_interval(days => ${requestsKeptDays})
          AND (tenant, idempotency_key) <> (${tenant}, ${idempotencyKey})
        ORDER BY created_at LIMIT ${sweptAtOnce} FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO platen.certificate_requests AS present (tenant, idempotency_key, input_digest, certificate_id)
    VALUES (${tenant}, ${idempotencyKey}, ${digest}, ${certificateId})
    ON CONFLICT (tenant, idempotency_key) DO UPDATE SET created_at = present.created_at
    RETURNING input_digest AS digest`.execute(tx);
  return rows[0]?.digest;
}

/** As it is, and stays until the transaction has ended. */
export async function holdCertificate(tx: Queries, id: string): Promise<StoredCertificate | undefined> {
  const { rows } = await sql<StoredCertificate>`
    SELECT ${columns} FROM platen.certificates WHERE id = ${id} FOR UPDATE`.execute(tx);
  return rows[0];
}

export async function markRevoked(tx: Queries, id: string, reason: string): Promise<void> {
  await sql`
    WITH revoked AS (
      UPDATE platen.certificates SET status = 'revoked', revoked_at = clock_timestamp(), revoke_reason = ${reason}, next_try_at = NULL
      WHERE id = ${id} RETURNING id
    )
    SELECT ${told(id)} FROM revoked`.execute(tx);
}

/** Makes room for its successor, which is named once it is there. */
export async function markReplaced(tx: Queries, id: string, reason: string): Promise<void> {
  await sql`UPDATE platen.certificates SET status = 'replaced', revoke_reason = ${reason} WHERE id = ${id}`.execute(tx);
}

export async function nameSuccessor(tx: Queries, id: string, successor: string): Promise<void> {
  await sql`UPDATE platen.certificates SET replaced_by = ${successor} WHERE id = ${id}`.execute(tx);
}

/** The places of a status list whose certificates are not good any more; undefined for a list that no certificate names. */
export async function findNotGood(
  queries: Queries,
  { from, size }: { from: number; size: number },
): Promise<number[] | undefined> {
  const { rows } = await sql<{ last: number | null; places: number[] }>`
    SELECT (SELECT max(status_index) FROM platen.certificates)::float8 AS last, ARRAY(
      SELECT status_index::float8 FROM platen.certificates
      WHERE status IN ('revoked', 'replaced') AND status_index >= ${from} AND status_index < ${from + size}
    ) AS places`.execute(queries);
  const { last = null, places = [] } = rows[0] ?? {};
  return from === 0 || (last !== null && last >= from) ? places : undefined;
}

/** What others are told of one when it changes. */
export const toldOf = ({ id, number, studentId, courseId }: StoredCertificate) => ({
  certificateId: id,
  number,
  userId: studentId,
  courseId,
});
