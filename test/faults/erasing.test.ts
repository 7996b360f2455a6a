// A process that dies while it forgets a learner: the next one goes on, and nothing of them is found.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../../src/data-folder.ts';
import { openDatabase } from '../../src/database/database.ts';
import { failpoints } from '../../src/failpoint.ts';
import { configureLog } from '../../src/log.ts';
import { askedCertificate } from '../support/certificates.ts';
import { filesWith, tablesWith } from '../support/everything-of.ts';
import { createTestDatabase, describeDatabases } from '../support/postgres.ts';
import { startServiceProcess } from '../support/process.ts';
import { attemptOf } from '../support/testing-service.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const studentId = 'ZQ_LEARNER';
const words = [studentId, 'Zebulon', 'Quixano'];

let parts: AsyncDisposableStack;
let dataDir: string;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'platen-erasing-'));
  parts.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  dataDir = folder;
});
afterEach(() => parts.disposeAsync());

const start = (url: string | undefined, env: Record<string, string> = {}) => {
  const settings = {
    FRONTEND_ORIGINS: 'http://127.0.0.1:9',
    DATA_DIR: dataDir,
    DATABASE_URL: url,
    ENCRYPTION_KEY: Buffer.alloc(32, 3).toString('base64'),
    STATS_WORKER_PROCESS_INTERVAL: '1',
    STATS_WORKER_GENERATE_INTERVAL: '1',
    ...env,
  };
  return startServiceProcess(settings, undefined, { isOpenAwaited: true });
};

const headers = { 'x-service-auth': `Bearer ${serviceToken}`, 'content-type': 'application/json' };
const post = async (url: string, path: string, body: object) => {
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as { jobId: string };
};

const isErasing = (name: string) => name.startsWith('erasing');

describeDatabases('erasing', (server) => {
  test.each(failpoints.filter(isErasing))('a process that dies at %s', async (name) => {
    const { url } = parts.use(await createTestDatabase(server));
    const mortal = parts.use(await start(url, { PLATEN_FAILPOINT: name }));
    const person = { firstName: 'Zebulon', lastName: 'Quixano' };
    await post(mortal.url, '/certificate/issue', { ...askedCertificate, ...person, userId: studentId });
    await post(mortal.url, '/internal/attempts', { items: [{ ...attemptOf(studentId), ...person }] });
    const { jobId } = await post(mortal.url, `/internal/learners/${studentId}/erase`, { reason: 'asked for it' });
    await until(() => mortal.child.signalCode === 'SIGKILL');

    const service = parts.use(await start(url));
    await until(async () => {
      const response = await fetch(`${service.url}/jobs/${jobId}`, { headers });
      return ((await response.json()) as { state: string }).state === 'completed';
    }, 120_000);
    await service.stop('SIGTERM');
    await using opened = new AsyncDisposableStack();
    if (url === undefined) opened.use(openDataFolder(dataDir));
    const database = opened.use(openDatabase({ url, dataDir }));
    await database.ready;
    expect(await tablesWith(database, words)).toEqual({});
    expect(await filesWith(join(dataDir, 'documents'), words)).toEqual([]);
    const { rows } = await sql`
      SELECT DISTINCT status, (SELECT count(*)::integer FROM platen.audit WHERE action = 'learner.erased') AS ends
      FROM platen.certificates`.execute(database.queries);
    expect(rows).toEqual([{ status: 'revoked', ends: 1 }]);
  });
});
