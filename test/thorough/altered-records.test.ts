// A file of ours whose record or credential was altered in the database is known, and not called valid.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type RawBuilder, sql } from 'kysely';
import { openDatabase } from '../../src/database/database.ts';
import { issueCertificate } from '../support/certificates.ts';
import { startTestService } from '../support/service.ts';

test('the checks tell what was altered, and the page does not call it valid', async () => {
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-altered-'));
  parts.defer(() => rm(dataDir, { recursive: true, force: true }));
  const start = () => startTestService({ origin: 'http://127.0.0.1:1', env: { DATA_DIR: dataDir } });
  let id = '';
  {
    await using first = await start();
    id = (await issueCertificate(first, { courseId: 'ALG1' })).certificate.id;
  }
  const file = await readFile(join(dataDir, 'documents/certificates/ALG1/STU_1', `${id}.pdf`));

  /** What is told of the file after the record was changed so. */
  async function verifyAfter(change: RawBuilder<unknown>) {
    {
      await using database = openDatabase({ url: undefined, dataDir });
      await sql`UPDATE platen.certificates SET ${change}`.execute(database.queries);
    }
    await using service = await start();
    const send = (accept: string) =>
      fetch(`${service.url}/verify`, {
        method: 'POST',
        headers: { 'content-type': 'application/pdf', accept },
        body: file as BodyInit,
      });
    const { valid, checks } = (await (await send('application/json')).json()) as {
      valid: boolean;
      checks: { name: string; passed: boolean }[];
    };
    const heading = /<h1>([^<]*)</.exec(await (await send('text/html')).text())?.[1];
    return { valid, failed: checks.filter(({ passed }) => !passed).map(({ name }) => name), heading };
  }

  const unconfirmed = { valid: false, heading: 'This certificate could not be confirmed' };
  expect(await verifyAfter(sql`input = jsonb_set(input, '{lastName}', '"Rao"')`)).toEqual({
    ...unconfirmed,
    failed: ['consistent'],
  });
  expect(
    await verifyAfter(sql`credential = jsonb_set(credential::jsonb, '{credentialSubject,lastName}', '"Rao"')::json`),
  ).toEqual({ ...unconfirmed, failed: ['credential'] });
  expect(await verifyAfter(sql`badge = jsonb_set(badge::jsonb, '{name}', '"Algebra II"')::json`)).toEqual({
    ...unconfirmed,
    failed: ['credential'],
  });
});
