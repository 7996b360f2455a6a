// The SQL that forgets a learner: in one place, so that what is forgotten can be read in one place. It alone writes in the tables of other rooms.
//
// It is asked for seldom, so that tables are read a piece at a time instead of having an index for it that each row would pay for.

import { sql } from 'kysely';
import type { Database, Queries } from '../database/database.ts';
import { isAttemptOf, isCertificateKey, isReportKey, isToldOf, type Person, pseudonymOf } from './person.ts';

const readAtOnce = 2000;
const asJson = (values: readonly string[]) => JSON.stringify(values);

interface Piece<Row> {
  last: string | null;
  rows: Row[];
}

/** Reads a table from end to end, in the order of its key. */
async function* readAll<Row>(
  database: Database,
  readPiece: (queries: Queries, after: string) => Promise<Piece<Row>>,
  first: string,
): AsyncGenerator<Row[]> {
  for (let after: string | null = first; after !== null; ) {
    const piece: Piece<Row> = await readPiece(database.queries, after);
    if (piece.rows.length > 0) yield piece.rows;
    after = piece.last;
  }
}

const zeroUuid = '00000000-0000-0000-0000-000000000000';

/** Those that could not be read too. @returns how many. */
export async function eraseAttempts(database: Database, person: Person): Promise<number> {
  const { tenant, studentId } = person;
  const { rows: read } = await sql`
    DELETE FROM platen.attempts WHERE tenant = ${tenant} AND student_id = ${studentId} RETURNING id`.execute(
    database.queries,
  );
  let erased = read.length;
  const pieces = readAll(
    database,
    async (queries, after) => {
      const { rows } = await sql<Piece<{ id: string; raw: string }>>`
        WITH piece AS (
          SELECT seq, id, raw FROM platen.attempts WHERE tenant = ${tenant} AND seq > ${after}::bigint ORDER BY seq LIMIT ${readAtOnce}
        )
        SELECT (SELECT max(seq) FROM piece)::text AS last, coalesce((
          SELECT json_agg(json_build_object('id', id, 'raw', raw)) FROM piece WHERE strpos(raw, ${studentId}) > 0), '[]') AS rows`.execute(
        queries,
      );
      return rows[0] as Piece<{ id: string; raw: string }>;
    },
    '0',
  );
  for await (const piece of pieces) {
    const ids = piece.filter(({ raw }) => isAttemptOf(person, raw)).map(({ id }) => id);
    if (ids.length === 0) continue;
    await sql`
      DELETE FROM platen.attempts WHERE id IN (SELECT value::uuid FROM json_array_elements_text(${asJson(ids)}::json))`.execute(
      database.queries,
    );
    erased += ids.length;
  }
  return erased;
}

/** What was decided of them, and that they were named among those for whom a run was asked for, or not. Counts of runs stay. @returns how many decisions. */
export async function eraseDecisions(database: Database, { tenant, studentId }: Person): Promise<number> {
  return database.transaction(async (tx) => {
    const { rows } = await sql`
      DELETE FROM platen.run_items AS item USING platen.runs AS run
      WHERE run.tenant = ${tenant} AND item.run_id = run.id AND item.student_id = ${studentId} RETURNING item.run_id`.execute(
      tx,
    );
    const without = (list: 'only' | 'except') => sql`
      UPDATE platen.runs SET plan = jsonb_set(plan, ARRAY[${sql.lit(list)}], (plan -> ${sql.lit(list)}) - ${studentId}::text)
      WHERE tenant = ${tenant} AND plan -> ${sql.lit(list)} ? ${studentId}::text`;
    await without('only').execute(tx);
    await without('except').execute(tx);
    // What plug-ins have written of records and failures is theirs: where it names them it goes whole.
    await sql`
      UPDATE platen.runs SET errors = '[]', detail = NULL
      WHERE tenant = ${tenant} AND (strpos(errors::text, ${studentId}) > 0 OR strpos(detail, ${studentId}) > 0)`.execute(
      tx,
    );
    return rows.length;
  });
}

export interface ErasedCertificate {
  id: string;
  number: string;
  courseId: string;
  /** Whether it was good until now, or still to be made. */
  wasGood: boolean;
}

/**
 * Revokes their certificates and takes out of them whose they were. Number, code, place in the status list and digest of the document stay,
 * so that whoever has the code or the document is told that it was revoked.
 */
export async function eraseCertificates(tx: Queries, { tenant, studentId }: Person): Promise<ErasedCertificate[]> {
  const { rows } = await sql<ErasedCertificate>`
    SELECT id, number, course_id AS "courseId", status NOT IN ('revoked', 'replaced') AS "wasGood"
    FROM platen.certificates WHERE tenant = ${tenant} AND student_id = ${studentId} ORDER BY id FOR UPDATE`.execute(tx);
  for (const { id } of rows) {
    const pseudonym = pseudonymOf(id);
    await sql`
      WITH erased AS (
        UPDATE platen.certificates SET student_id = ${pseudonym}, s3_key = replace(s3_key, ${`/${studentId}/`}, ${`/${pseudonym}/`}),
          input = jsonb_strip_nulls(jsonb_build_object('userId', ${pseudonym}::text, 'firstName', '', 'lastName', '', 'courseId', input -> 'courseId',
            'courseName', input -> 'courseName', 'issuanceDate', input -> 'issuanceDate', 'expirationDate', input -> 'expirationDate',
            'type', input -> 'type', 'templateId', input -> 'templateId', 'language', input -> 'language')),
          input_digest = '', credential = NULL, badge = NULL, last_error = NULL, findings = '{}', next_try_at = NULL,
          status = CASE WHEN status = 'replaced' THEN status ELSE 'revoked' END, revoked_at = coalesce(revoked_at, clock_timestamp()),
          revoke_reason = 'erased'
        WHERE id = ${id} RETURNING id
      )
      SELECT pg_notify('platen_certificates', ${id}::text) FROM erased`.execute(tx);
    await sql`DELETE FROM platen.certificate_requests WHERE certificate_id = ${id}`.execute(tx);
    // With their mails, sent or not.
    await sql`DELETE FROM platen.mail_links WHERE certificate_id = ${id}`.execute(tx);
  }
  return rows;
}

/** Those that have not ended, for them to be cancelled. */
export async function findUnendedJobs(database: Database, { tenant, studentId }: Person): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT jobs.id FROM platen.jobs JOIN platen.tasks ON tasks.id = jobs.task_id
    WHERE jobs.state IN ('queued', 'active') AND jobs.subject ->> 'studentId' = ${studentId} AND tasks.tenant = ${tenant}`.execute(
    database.queries,
  );
  return rows.map(({ id }) => id);
}

/** Jobs that have ended; a class run has so many reports less. @returns how many. */
export async function eraseJobs(database: Database, { tenant, studentId }: Person): Promise<number> {
  let erased = 0;
  const pieces = readAll(
    database,
    async (queries, after) => {
      const { rows } = await sql<Piece<string>>`
        WITH piece AS (
          SELECT id, task_id, state, subject FROM platen.jobs WHERE id > ${after}::uuid ORDER BY id LIMIT ${readAtOnce}
        )
        SELECT (SELECT id FROM piece ORDER BY id DESC LIMIT 1)::text AS last, coalesce((
          SELECT json_agg(piece.id) FROM piece JOIN platen.tasks ON tasks.id = task_id AND tasks.tenant = ${tenant}
          WHERE subject ->> 'studentId' = ${studentId} AND piece.state NOT IN ('queued', 'active')), '[]') AS rows`.execute(
        queries,
      );
      return rows[0] as Piece<string>;
    },
    zeroUuid,
  );
  for await (const ids of pieces) {
    erased += ids.length;
    await sql`
      WITH gone AS (
        DELETE FROM platen.jobs WHERE id IN (SELECT value::uuid FROM json_array_elements_text(${asJson(ids)}::json)) RETURNING group_id
      )
      UPDATE platen.class_runs SET total = total - fewer.count
      FROM (SELECT group_id, count(*)::integer AS count FROM gone WHERE group_id IS NOT NULL GROUP BY group_id) AS fewer
      WHERE class_runs.id = fewer.group_id`.execute(database.queries);
  }
  return erased;
}

/** What was done for them, by its key. @returns how many are still under way, which are to be waited for. */
export async function eraseTasks(database: Database, person: Person): Promise<number> {
  let left = 0;
  const pieces = readAll(
    database,
    async (queries, after) => {
      const { rows } = await sql<Piece<{ id: string; key: string; state: string }>>`
        WITH piece AS (SELECT id, key, state FROM platen.tasks WHERE id > ${after}::uuid ORDER BY id LIMIT ${readAtOnce})
        SELECT (SELECT id FROM piece ORDER BY id DESC LIMIT 1)::text AS last, coalesce((
          SELECT json_agg(piece) FROM piece WHERE strpos(key, ${`/${person.studentId}`}) > 0), '[]') AS rows`.execute(
        queries,
      );
      return rows[0] as Piece<{ id: string; key: string; state: string }>;
    },
    zeroUuid,
  );
  for await (const piece of pieces) {
    const own = piece.filter(({ key }) => isReportKey(person, key) || isCertificateKey(person, key));
    const ended = own.filter(({ state }) => state === 'ended').map(({ id }) => id);
    left += own.length - ended.length;
    await sql`
      DELETE FROM platen.tasks WHERE id IN (SELECT value::uuid FROM json_array_elements_text(${asJson(ended)}::json))
        AND state = 'ended' AND NOT EXISTS (SELECT FROM platen.jobs WHERE task_id = tasks.id)`.execute(
      database.queries,
    );
  }
  return left;
}

/** Those that were sent and those that wait: what was not told so far is told to nobody. @returns how many. */
export async function eraseEvents(database: Database, person: Person): Promise<number> {
  const { tenant, studentId } = person;
  let erased = 0;
  const pieces = readAll(
    database,
    async (queries, after) => {
      const { rows } = await sql<Piece<{ seq: string; body: string }>>`
        WITH piece AS (
          SELECT seq, tenant, body FROM platen.events WHERE seq > ${after}::bigint ORDER BY seq LIMIT ${readAtOnce}
        )
        SELECT (SELECT max(seq) FROM piece)::text AS last, coalesce((
          SELECT json_agg(json_build_object('seq', seq::text, 'body', body)) FROM piece
          WHERE coalesce(tenant, ${tenant}) = ${tenant} AND strpos(body, ${JSON.stringify(studentId)}) > 0), '[]') AS rows`.execute(
        queries,
      );
      return rows[0] as Piece<{ seq: string; body: string }>;
    },
    '0',
  );
  for await (const piece of pieces) {
    const seqs = piece.filter(({ body }) => isToldOf(person, body)).map(({ seq }) => seq);
    erased += seqs.length;
    await sql`
      DELETE FROM platen.events WHERE seq IN (SELECT value::bigint FROM json_array_elements_text(${asJson(seqs)}::json))`.execute(
      database.queries,
    );
  }
  return erased;
}

/** What else is remembered of whoever asks, for seconds. @param owner the key of the caller. */
export async function eraseCaller(queries: Queries, owner: string): Promise<void> {
  await sql`DELETE FROM platen.tickets WHERE owner = ${owner}`.execute(queries);
  await sql`DELETE FROM platen.rate_limits WHERE caller = ${owner}`.execute(queries);
}
