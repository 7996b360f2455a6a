// The SQL of the audit: lines are added and read, and never changed.

import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Author } from '../http/contract.ts';
import { redactFields } from '../redaction.ts';
import type { Change } from './contract.ts';

const asJson = (value: object | null | undefined) => (value == null ? null : JSON.stringify(value, redactFields));

export async function addLine(tx: Queries, line: Change & Author): Promise<void> {
  const { tenant = null, who, action, target, before, after } = line;
  await sql`
    INSERT INTO platen.audit (tenant, who_kind, who_id, action, target, before, after)
    VALUES (${tenant}, ${who.kind}, ${who.id}, ${action}, ${target}, ${asJson(before)}::jsonb, ${asJson(after)}::jsonb)`.execute(
    tx,
  );
}

export interface AuditLine {
  id: string;
  at: Date;
  who: Author['who'];
  action: string;
  target: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  /** Where in the list it stands: what comes behind it is the next page. */
  place: string;
}

interface AuditFilter {
  /** Undefined: of all tenants. */
  tenant: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  target?: string | undefined;
}

const timeOf = (microseconds: string) => sql`'epoch'::timestamptz + ${microseconds}::float8 * interval '1 microsecond'`;

/** The newest first, from behind the place of the cursor on. */
export async function findLines(
  queries: Queries,
  { tenant, from, to, target, cursor, most }: AuditFilter & { cursor?: string | undefined; most: number },
): Promise<AuditLine[]> {
  const [time = '', seq = ''] = cursor?.split('-') ?? [];
  const conditions: (RawBuilder<unknown> | undefined)[] = [
    tenant === undefined ? undefined : sql`tenant = ${tenant}`,
    target === undefined ? undefined : sql`target = ${target}`,
    from === undefined ? undefined : sql`at >= ${from.toISOString()}::timestamptz`,
    to === undefined ? undefined : sql`at < ${to.toISOString()}::timestamptz`,
    cursor === undefined ? undefined : sql`(at, seq) < (${timeOf(time)}, ${seq}::bigint)`,
  ];
  const named = conditions.filter((condition) => condition !== undefined);
  const { rows } = await sql<AuditLine>`
    SELECT id, at, json_build_object('kind', who_kind, 'id', who_id) AS who, action, target, before, after,
      (extract(epoch FROM at) * 1000000)::bigint || '-' || seq AS place
    FROM platen.audit WHERE ${named.length === 0 ? sql`true` : sql.join(named, sql` AND `)}
    ORDER BY at DESC, seq DESC LIMIT ${most}`.execute(queries);
  return rows;
}
