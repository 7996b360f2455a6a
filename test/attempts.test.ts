// Attempts through the front door: fetched or pushed, read, and those who have passed are certified by the names that Keycloak knows.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readPdf } from './support/pdf.ts';
import { type ScriptedKeycloak, startScriptedKeycloak } from './support/scripted-keycloak.ts';
import { startTestService, type TestService } from './support/service.ts';
import { attemptOf, startTestingService, type TestingService } from './support/testing-service.ts';
import { serviceToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const parts = new AsyncDisposableStack();
let testing: TestingService;
let keycloak: ScriptedKeycloak;
let service: TestService;
beforeAll(async () => {
  testing = parts.use(await startTestingService());
  keycloak = parts.use(await startScriptedKeycloak());
  service = parts.use(
    await startTestService({
      env: {
        TESTING_SERVICE_URL: testing.url,
        TESTING_SERVICE_TOKEN: 'testing-token',
        STATS_WORKER_FETCH_INTERVAL: '1',
        STATS_WORKER_PROCESS_INTERVAL: '1',
        STATS_WORKER_GENERATE_INTERVAL: '1',
        KEYCLOAK_SERVER_URL: keycloak.url,
        KEYCLOAK_REALM: 'school',
        KEYCLOAK_CLIENT_ID: 'platen',
        KEYCLOAK_CLIENT_SECRET: 'client-secret',
      },
    }),
  );
});
afterAll(() => parts.disposeAsync());

interface Certificate {
  id: string;
  number: string;
  status: string;
  s3_key: string;
  findings: string[];
  score: number;
}

interface Listed {
  id: string;
  state: string;
  reasons: { field: string; message: string }[];
  raw: { id?: unknown };
  lastError: string | null;
  nextTryAt: string | null;
}

async function asService<T>(path: string): Promise<T> {
  const response = await service.get(path, undefined, { 'x-service-auth': `Bearer ${serviceToken}` });
  return (await response.json()) as T;
}

const certificatesOf = (student: string) => asService<Certificate[]>(`/certificates/${student}`);
const listOf = async (query: string) => (await asService<{ items: Listed[] }>(`/internal/attempts?${query}`)).items;
const known = (id: string, firstName: string) => ({ id, firstName, lastName: 'Of Keycloak', enabled: true });

const availableOf = (student: string) =>
  until(async () => {
    const [certificate, ...others] = await certificatesOf(student);
    return certificate?.status === 'available' && others.length === 0 && certificate;
  });

test('who has passed gets a certificate, with the names that Keycloak knows', async () => {
  keycloak.users.push(known('STU_1', 'Anjali'));
  testing.items.push(attemptOf('STU_1'), attemptOf('STU_2', { score: 24.9 }));
  const certificate = await availableOf('STU_1');
  expect(certificate).toMatchObject({ score: 45, findings: [] });
  const { text } = await readPdf(await readFile(join(service.dataDir, 'documents', certificate.s3_key)));
  expect(text).toContain('Anjali Of Keycloak');
  expect(await certificatesOf('STU_2')).toEqual([]);
  expect(testing.calls[0]).toEqual({ path: '/attempts?limit=500', authorization: 'Bearer testing-token' });
  expect(await listOf('studentId=STU_2')).toMatchObject([{ state: 'processed', reasons: [], raw: { id: 'A-STU_2' } }]);
});
