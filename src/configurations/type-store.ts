// The SQL of certificate types.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';

export interface CertificateType {
  name: string;
  retriever: string;
  generator: string;
  options: Record<string, unknown>;
}

type OfTenant = CertificateType & { tenant: string };

const columns = sql`name, retriever, generator, options`;

/** @returns whether there was none of its name. */
export async function addType(
  tx: Queries,
  { tenant, name, retriever, generator, options }: OfTenant,
): Promise<boolean> {
  const { rows } = await sql`
    INSERT INTO platen.certificate_types (tenant, name, retriever, generator, options)
    VALUES (${tenant}, ${name}, ${retriever}, ${generator}, ${JSON.stringify(options)}::jsonb)
    ON CONFLICT (tenant, name) DO NOTHING RETURNING name`.execute(tx);
  return rows.length > 0;
}

/** @returns whether there is one of its name. */
export async function changeType(
  tx: Queries,
  { tenant, name, retriever, generator, options }: OfTenant,
): Promise<boolean> {
  const { rows } = await sql`
    UPDATE platen.certificate_types SET retriever = ${retriever}, generator = ${generator}, options = ${JSON.stringify(options)}::jsonb
    WHERE tenant = ${tenant} AND name = ${name} RETURNING name`.execute(tx);
  return rows.length > 0;
}

export async function findType(queries: Queries, tenant: string, name: string): Promise<CertificateType | undefined> {
  const { rows } = await sql<CertificateType>`
    SELECT ${columns} FROM platen.certificate_types WHERE tenant = ${tenant} AND name = ${name}`.execute(queries);
  return rows[0];
}

/** By their names, from behind the cursor on. */
export async function findTypes(
  queries: Queries,
  { tenant, cursor, most }: { tenant: string; cursor: string; most: number },
): Promise<CertificateType[]> {
  const { rows } = await sql<CertificateType>`
    SELECT ${columns} FROM platen.certificate_types WHERE tenant = ${tenant} AND name > ${cursor} ORDER BY name LIMIT ${most}`.execute(
    queries,
  );
  return rows;
}

export async function removeType(tx: Queries, tenant: string, name: string): Promise<'removed' | 'unknown' | 'in_use'> {
  // Held, so that no configuration of it is made meanwhile.
  const held = await sql`
    SELECT name FROM platen.certificate_types WHERE tenant = ${tenant} AND name = ${name} FOR UPDATE`.execute(tx);
  if (held.rows.length === 0) return 'unknown';
  const used = await sql`
    SELECT id FROM platen.configurations WHERE tenant = ${tenant} AND type = ${name} LIMIT 1`.execute(tx);
  if (used.rows.length > 0) return 'in_use';
  await sql`DELETE FROM platen.certificate_types WHERE tenant = ${tenant} AND name = ${name}`.execute(tx);
  return 'removed';
}

/** Whether an asset is named anywhere in what is configured for a tenant. */
export async function isAssetNamed(tx: Queries, tenant: string, slug: string): Promise<boolean> {
  const vars = JSON.stringify({ slug });
  const { rows } = await sql<{ isNamed: boolean }>`
    SELECT EXISTS (SELECT FROM platen.certificate_types WHERE tenant = ${tenant} AND jsonb_path_exists(options, '$.** ? (@ == $slug)', ${vars}::jsonb))
        OR EXISTS (SELECT FROM platen.configurations WHERE tenant = ${tenant} AND (
          jsonb_path_exists(options, '$.** ? (@ == $slug)', ${vars}::jsonb) OR jsonb_path_exists(context, '$.** ? (@ == $slug)', ${vars}::jsonb)))
      AS "isNamed"`.execute(tx);
  return rows[0]?.isNamed === true;
}
