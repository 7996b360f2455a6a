// The SQL of assets.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { Asset } from './contract.ts';

const columns = sql`slug, type, bytes, sha256, created_at AS "createdAt"`;

/** Takes the place of the one of this name. @returns the digest of that one. */
export async function putAsset(
  tx: Queries,
  { tenant, slug, type, bytes, sha256 }: Omit<Asset, 'createdAt'> & { tenant: string },
): Promise<{ asset: Asset; former: string | undefined }> {
  const { rows: former } = await sql<{ sha256: string }>`
    SELECT sha256 FROM platen.assets WHERE tenant = ${tenant} AND slug = ${slug} FOR UPDATE`.execute(tx);
  const { rows } = await sql<Asset>`
    INSERT INTO platen.assets (tenant, slug, type, bytes, sha256) VALUES (${tenant}, ${slug}, ${type}, ${bytes}, ${sha256})
    ON CONFLICT (tenant, slug) DO UPDATE SET type = excluded.type, bytes = excluded.bytes, sha256 = excluded.sha256, created_at = clock_timestamp()
    RETURNING ${columns}`.execute(tx);
  return { asset: rows[0] as Asset, former: former[0]?.sha256 };
}

export async function findAsset(queries: Queries, tenant: string, slug: string): Promise<Asset | undefined> {
  const { rows } = await sql<Asset>`
    SELECT ${columns} FROM platen.assets WHERE tenant = ${tenant} AND slug = ${slug}`.execute(queries);
  return rows[0];
}

/** By their names, from behind the cursor on. */
export async function findAssets(
  queries: Queries,
  { tenant, cursor, most }: { tenant: string; cursor: string; most: number },
): Promise<Asset[]> {
  const { rows } = await sql<Asset>`
    SELECT ${columns} FROM platen.assets WHERE tenant = ${tenant} AND slug > ${cursor} ORDER BY slug LIMIT ${most}`.execute(
    queries,
  );
  return rows;
}

/** @returns the one that there was. */
export async function removeAsset(tx: Queries, tenant: string, slug: string): Promise<Asset | undefined> {
  const { rows } = await sql<Asset>`
    DELETE FROM platen.assets WHERE tenant = ${tenant} AND slug = ${slug} RETURNING ${columns}`.execute(tx);
  return rows[0];
}
