// Requests that have a key of their own (Idempotency-Key): sent again within a week each gets the answer that it got, and nothing is done twice.

import { sql } from 'kysely';
import type { Queries } from './database/database.ts';
import { fail } from './errors.ts';

const keptDays = 7;
const sweptAtOnce = 10;

export interface RepeatedRequest {
  /** Which endpoint: keys of one mean nothing to another. */
  scope: string;
  /** Prefix of the keys of its tenant. */
  tenant: string;
  idempotencyKey: string;
  /** Of what is asked for. */
  digest: string;
}

/**
 * Does it, or gives what was answered when it was done.
 * @param tx that of the work, so that both are there or neither.
 * @throws idempotency_key_reused where the key came with another request.
 */
export async function rememberRequest<T extends object>(
  tx: Queries,
  { scope, tenant, idempotencyKey, digest }: RepeatedRequest,
  work: () => Promise<T>,
): Promise<T> {
  // Of two at once the second waits, and finds what the first was answered.
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${JSON.stringify(['platen request', scope, tenant, idempotencyKey])}, 0))`.execute(
    tx,
  );
  const { rows } = await sql<{ digest: string; answer: T }>`
    SELECT digest, answer FROM platen.repeated_requests
    WHERE scope = ${scope} AND tenant = ${tenant} AND idempotency_key = ${idempotencyKey}
      AND created_at > now() - make_interval(days => ${keptDays})`.execute(tx);
  const [known] = rows;
  if (known !== undefined && known.digest !== digest) throw fail('idempotency_key_reused');
  if (known !== undefined) return known.answer;
  const answer = await work();
  await sql`
    WITH old AS (
      DELETE FROM platen.repeated_requests WHERE (scope, tenant, idempotency_key) IN (
        SELECT scope, tenant, idempotency_key FROM platen.repeated_requests
        WHERE created_at < now() - make_interval(days => ${keptDays}) AND (scope, tenant, idempotency_key) <> (${scope}, ${tenant}, ${idempotencyKey})
        ORDER BY created_at LIMIT ${sweptAtOnce} FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO platen.repeated_requests AS present (scope, tenant, idempotency_key, digest, answer)
    VALUES (${scope}, ${tenant}, ${idempotencyKey}, ${digest}, ${JSON.stringify(answer)}::json)
    ON CONFLICT (scope, tenant, idempotency_key) DO UPDATE SET digest = excluded.digest, answer = excluded.answer, created_at = excluded.created_at`.execute(
    tx,
  );
  return answer;
}
