// Runs outlive the death of their process at every point: each learner gets one certificate, one number, one event, and the run says so.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { failpoints } from '../../src/failpoint.ts';
import { configureLog } from '../../src/log.ts';
import { pipelineOf } from '../support/pipeline.ts';
import { startServiceProcess } from '../support/process.ts';
import { startScriptedKeycloak } from '../support/scripted-keycloak.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
let dataDir: string;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  dataDir = await mkdtemp(join(tmpdir(), 'platen-runs-'));
  parts.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
});
afterEach(() => parts.disposeAsync());

const start = (env: Record<string, string> = {}) =>
  startServiceProcess({ DATA_DIR: dataDir, FRONTEND_ORIGINS: 'http://127.0.0.1:1', RENDER_CONCURRENCY: '1', ...env });

const learners = ['S1', 'S2', 'S3'];
const list = `studentId,firstName,score,passingScore\n${learners.map((id) => `${id},Learner,9,5`).join('\n')}\nS4,Other,4,5\n`;

const points = [...failpoints.filter((name) => name.startsWith('run-')), 'certificate-begun', 'certificate-available'];

test.each(points)('a process that dies at %s', async (name) => {
  const mortal = parts.use(await start({ PLATEN_FAILPOINT: name }));
  const before = pipelineOf(mortal);
  await before.putList('passed', list);
  const type = { name: 'passed', retriever: 'list', generator: 'template', options: { asset: 'passed' } };
  const id = await before.configure({ type });
  const runId = await before.begin(id, 'run');
  await until(() => mortal.child.signalCode === 'SIGKILL');
  const service = parts.use(await start());
  const pipeline = pipelineOf(service);
  const run = await pipeline.ended(runId);
  expect(run).toMatchObject({
    state: 'completed',
    counts: { checked: 4, eligible: 3, issued: 3, skipped: 0, failed: 0 },
  });
  const rows = await Promise.all(
    learners.map((learner) => pipeline.json<{ status: string; number: string }[]>('GET', `/certificates/${learner}`)),
  );
  expect(rows.map((all) => all.map(({ status }) => status))).toEqual(learners.map(() => ['available']));
  const numbers = rows.flat().map(({ number }) => Number(number.split('-')[1]));
  expect(numbers.sort()).toEqual([1, 2, 3]);
  const { items } = await pipeline.json<{ items: { type: string }[] }>('GET', '/internal/events');
  expect(items.map((event) => event.type)).toEqual(learners.map(() => 'certificate.issued'));
});

test('what was issued before a death is told as issued, though Keycloak is away then', async () => {
  const keycloak = parts.use(await startScriptedKeycloak());
  keycloak.users.push(...learners.map((id) => ({ id, firstName: id, lastName: 'Of Keycloak', enabled: true })));
  const env = {
    KEYCLOAK_SERVER_URL: keycloak.url,
    KEYCLOAK_REALM: 'school',
    KEYCLOAK_CLIENT_ID: 'platen',
    KEYCLOAK_CLIENT_SECRET: 'client-secret',
  };
  const mortal = parts.use(await start({ ...env, PLATEN_FAILPOINT: 'run-awarded' }));
  const before = pipelineOf(mortal);
  await before.putList('passed', list);
  const type = { name: 'passed', retriever: 'list', generator: 'template', options: { asset: 'passed' } };
  const runId = await before.begin(await before.configure({ type }), 'run');
  await until(() => mortal.child.signalCode === 'SIGKILL');
  keycloak.answerWith = (_path, response) => response.writeHead(503).end();
  const pipeline = pipelineOf(parts.use(await start(env)));
  const { counts, items } = await pipeline.ended(runId);
  expect(counts.issued).toBeGreaterThan(0);
  expect(Number(counts.issued) + Number(counts.failed)).toBe(3);
  expect(items.filter(({ outcome }) => outcome === 'issued').every(({ certificateId }) => certificateId)).toBe(true);
  keycloak.answerWith = () => undefined;
  await pipeline.json('POST', `/internal/runs/${runId}/retry`, {});
  expect((await pipeline.ended(runId)).counts).toEqual({ checked: 4, eligible: 3, issued: 3, skipped: 0, failed: 0 });
  const { items: events } = await pipeline.json<{ items: object[] }>('GET', '/internal/events');
  expect(events).toHaveLength(3);
});
