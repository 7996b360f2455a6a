// Who the learners of a run are: Keycloak's word goes before that of whoever says that they have earned it.

import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Pipeline, pipelineOf, type Run } from './support/pipeline.ts';
import { type ScriptedKeycloak, startScriptedKeycloak } from './support/scripted-keycloak.ts';
import { startTestService, type TestService } from './support/service.ts';

const parts = new AsyncDisposableStack();
let keycloak: ScriptedKeycloak;
let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  keycloak = parts.use(await startScriptedKeycloak());
  const env = {
    KEYCLOAK_SERVER_URL: keycloak.url,
    KEYCLOAK_REALM: 'school',
    KEYCLOAK_CLIENT_ID: 'platen',
    KEYCLOAK_CLIENT_SECRET: 'client-secret',
  };
  service = parts.use(await startTestService({ origin: 'http://127.0.0.1:1', env }));
  pipeline = pipelineOf(service);
});
beforeEach(() => {
  keycloak.users = [];
  keycloak.answerWith = () => undefined;
});
afterAll(() => parts.disposeAsync());

const known = (id: string, changes: object = {}) => ({
  id,
  firstName: id,
  lastName: 'Of Keycloak',
  enabled: true,
  ...changes,
});

async function runOfList(name: string, rows: string[]): Promise<Run> {
  await pipeline.putList(name, ['studentId,firstName,lastName,email', ...rows].join('\n'));
  const type = { name, retriever: 'list', generator: 'template', options: { asset: name } };
  return pipeline.ended(await pipeline.begin(await pipeline.configure({ type }), 'run'));
}

const outcomes = ({ items }: Run) => items.map(({ studentId, outcome, code }) => [studentId, outcome, code].join(' '));

async function nameOf(studentId: string): Promise<string> {
  const [certificate] = await pipeline.json<{ verify_url: string }[]>('GET', `/certificates/${studentId}`);
  const { pathname } = new URL(certificate?.verify_url ?? '');
  const page = await fetch(service.url + pathname, { headers: { accept: 'application/json' } });
  return ((await page.json()) as { name: string }).name;
}

test('names of Keycloak win; who is not known there or is disabled gets nothing', async () => {
  keycloak.users.push(
    known('BOTH'),
    known('BLANK', { firstName: ' ', lastName: '' }),
    known('OFF', { enabled: false }),
  );
  keycloak.users.push(known('NAMELESS', { firstName: '', lastName: '' }), known('MAIL'), known('ODD'));
  keycloak.users.push(known('LONG', { lastName: 'x'.repeat(201) }));
  Object.assign(keycloak.users[5] ?? {}, { firstName: 'turned \u202e around' });
  const run = await runOfList('known', [
    'BLANK,Given,Name,',
    'BOTH,Given,Name,',
    'LONG,Given,Name,',
    'MAIL,Given,Name,no address',
    'NAMELESS,,,',
    'NOBODY,Given,Name,',
    'ODD,Given,Name,',
    'OFF,Given,Name,',
  ]);
  expect(outcomes(run)).toEqual([
    'BLANK issued ',
    'BOTH issued ',
    'LONG failed name_too_long',
    'MAIL issued ',
    'NAMELESS failed name_required',
    'NOBODY failed learner_not_found',
    'ODD failed invalid_request',
    'OFF skipped learner_disabled',
  ]);
  expect(run.counts).toEqual({ checked: 8, eligible: 8, issued: 3, skipped: 1, failed: 4 });
  expect([await nameOf('BLANK'), await nameOf('BOTH')]).toEqual(['Given Name', 'BOTH Of Keycloak']);
  keycloak.users.push(known('NOBODY'));
  expect(await pipeline.json('POST', `/internal/runs/${run.id}/retry`, {})).toEqual({ retried: 4 });
  expect(outcomes(await pipeline.ended(run.id))).toContain('NOBODY issued ');
});

test('while Keycloak is away it is not asked for everybody, nothing is issued, and nobody is lost', async () => {
  const ids = Array.from({ length: 24 }, (_, index) => `AWAY-${index + 10}`);
  keycloak.users.push(...ids.map((id) => known(id)));
  let asked = 0;
  keycloak.answerWith = (path, response) => {
    if (!path.startsWith('/admin/')) return undefined;
    asked++;
    return response.writeHead(503).end();
  };
  const run = await runOfList(
    'away',
    ids.map((id) => `${id},Given,Name,`),
  );
  expect(run).toMatchObject({ state: 'completed', counts: { checked: 24, eligible: 24, issued: 0, failed: 24 } });
  expect(new Set(run.items.map(({ code }) => code))).toEqual(new Set(['learner_unavailable']));
  expect(asked).toBeLessThan(16);
  keycloak.answerWith = () => undefined;
  await pipeline.json('POST', `/internal/runs/${run.id}/retry`, {});
  expect((await pipeline.ended(run.id)).counts).toMatchObject({ issued: 24, failed: 0 });
});
