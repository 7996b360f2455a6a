// The SQL for those who give the documents of many certificates out together.

import { sql } from 'kysely';
import type { Queries } from '../database/database.ts';
import type { CertificateDocument } from './contract.ts';

/** Those of these certificates that are the tenant's, by their ids. */
export async function findDocuments(
  queries: Queries,
  { tenant, ids }: { tenant: string; ids: readonly string[] },
): Promise<Map<string, CertificateDocument>> {
  const { rows } = await sql<CertificateDocument>`
    SELECT id, number, status, s3_key AS key, sha256 FROM platen.certificates
    WHERE id IN (SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::uuid) AND tenant = ${tenant}`.execute(
    queries,
  );
  return new Map(rows.map((row) => [row.id, row]));
}
