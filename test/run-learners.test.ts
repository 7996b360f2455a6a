// Who the learners of a run are: Keycloak's word goes before that of whoever says that they have earned it; and those who have passed their tests.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assignmentOf, edxClient, startOpenEdx } from './support/open-edx.ts';
import { type Pipeline, pipelineOf, type Run } from './support/pipeline.ts';
import { type ScriptedKeycloak, startScriptedKeycloak } from './support/scripted-keycloak.ts';
import { startTestService, type TestService } from './support/service.ts';
import { attemptOf } from './support/testing-service.ts';
import { until } from './support/until.ts';

const otherOrigin = 'http://127.0.0.1:2';
const edxCourse = 'course-v1:Org+ALG+2026';
const policy = [{ assignment_type: 'Exam', count: 1, dropped: 0, weight: 1 }];
const edxLearners = [
  { username: 'Good', percent: 0.9, completion: 1 },
  { username: 'Hasty', percent: 0.9, completion: 0.5 },
  { username: 'Weak', percent: 0.3, completion: 1 },
].map((each) => ({
  ...each,
  name: 'Anjali Devi Kumar',
  email: 'anjali@school.example',
  section_breakdown: [assignmentOf('EXAM', 1, each.percent)],
}));
const parts = new AsyncDisposableStack();
let keycloak: ScriptedKeycloak;
let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  keycloak = parts.use(await startScriptedKeycloak());
  const edx = parts.use(await startOpenEdx({ [edxCourse]: { policy, learners: edxLearners } }));
  const env = {
    OPENEDX_URL: edx.url,
    OPENEDX_CLIENT_ID: edxClient.clientId,
    OPENEDX_CLIENT_SECRET: edxClient.clientSecret,
    KEYCLOAK_SERVER_URL: keycloak.url,
    KEYCLOAK_REALM: 'school',
    KEYCLOAK_CLIENT_ID: 'platen',
    KEYCLOAK_CLIENT_SECRET: 'client-secret',
    STATS_WORKER_PROCESS_INTERVAL: '1',
    STATS_WORKER_GENERATE_INTERVAL: '604800',
  };
  service = parts.use(await startTestService({ origin: `http://127.0.0.1:1 ${otherOrigin}=other`, env }));
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

test('of Open edX: the user name is the id, and names are its own where Keycloak has none', async () => {
  keycloak.users.push(known('Good', { firstName: '', lastName: '' }));
  const id = await pipeline.configure({
    type: {
      name: 'edx',
      retriever: 'openedx-grades-and-completions',
      generator: 'template',
      options: { required_grades: { Exam: 0.8, Total: 0.5 }, required_completion: 0.9 },
    },
    context: { id: edxCourse },
  });
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(outcomes(run)).toEqual(['Good issued ', 'Hasty not_eligible ', 'Weak not_eligible ']);
  expect(run.items[2]?.criteria).toEqual([
    { name: 'Exam', required: 0.8, actual: 0.3, isMet: false },
    { name: 'Total', required: 0.5, actual: 0.3, isMet: false },
    { name: 'Completion', required: 0.9, actual: 1, isMet: true },
  ]);
  expect(await nameOf('Good')).toBe('Anjali Devi Kumar');
});

describe('passing-attempts', () => {
  const push = async (items: object[], origin?: string) => {
    await pipeline.json('POST', '/internal/attempts', { items, origin });
    await until(async () => {
      const { items: left } = await pipeline.json<{ items: unknown[] }>(
        'GET',
        `/internal/attempts?state=new${origin === undefined ? '' : `&origin=${origin}`}`,
      );
      return left.length === 0;
    });
  };
  const exam = (
    student: string,
    score: number,
    changes: { testId?: string; courseId?: string; firstName?: string } = {},
  ) =>
    attemptOf(student, {
      id: [student, score, changes.testId, changes.courseId].join(' '),
      courseId: 'EXAM',
      score,
      ...changes,
    });
  const type = { retriever: 'passing-attempts', generator: 'template' };

  beforeAll(async () => {
    await push([
      exam('PASS-1', 30),
      exam('PASS-1', 45),
      exam('PASS-1', 50, { testId: 'Test_2', firstName: 'x'.repeat(1500) }),
      exam('PASS-2', 25),
      exam('PASS-3', 24),
      exam('PASS-4', 50, { testId: 'Test_2' }),
      exam('PASS-5', 45, { courseId: 'EXAM-2' }),
    ]);
    await push([exam('PASS-6', 45)], otherOrigin);
  });

  test('of a course: the best attempt at the tests that count, and why', async () => {
    keycloak.users.push(known('PASS-1'), known('PASS-2'));
    const options = { minimumPercent: 60, testIds: ['Test_1'] };
    const id = await pipeline.configure({ type: { name: 'exam', ...type, options }, context: { id: 'EXAM' } });
    const run = await pipeline.ended(await pipeline.begin(id, 'run'));
    expect(outcomes(run)).toEqual(['PASS-1 issued ', 'PASS-2 not_eligible ', 'PASS-3 not_eligible ']);
    expect(run.items[1]?.criteria).toEqual([
      { name: 'Passed', required: 25, actual: 25, isMet: true },
      { name: 'Percent', required: 60, actual: 50, isMet: false },
    ]);
    expect(await nameOf('PASS-1')).toBe('PASS-1 Of Keycloak');
    expect(await pipeline.json('GET', '/certificates/PASS-1')).toMatchObject([{ course_id: 'EXAM', score: 45 }]);
    const one = `/internal/eligibility?configurationId=${id}&studentId=PASS-3`;
    const criteria = [
      { name: 'Passed', required: 25, actual: 24, isMet: false },
      { name: 'Percent', required: 60, actual: 48, isMet: false },
    ];
    expect(await pipeline.json('GET', one)).toEqual({ studentId: 'PASS-3', isEligible: false, criteria });
  });

  test('of a lesson: its own test; of a pathway: every course; of each tenant: its own', async () => {
    const rehearse = async (name: string, context: object & { id: string }) => {
      const id = await pipeline.configure({ type: { name, ...type }, context });
      const { items } = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
      return items.map(({ studentId, outcome }) => `${studentId} ${outcome}`);
    };
    expect(await rehearse('lesson', { kind: 'lesson', id: 'Test_2', course: 'EXAM' } as never)).toEqual([
      'PASS-1 would_issue',
      'PASS-4 would_issue',
    ]);
    await push([exam('PASS-4', 30, { courseId: 'EXAM-2' })]);
    const steps = ['EXAM', 'EXAM-2'].map((id) => ({ id, name: id }));
    expect(await rehearse('path', { kind: 'pathway', id: 'PATH', steps } as never)).toEqual([
      'PASS-1 not_eligible',
      'PASS-2 not_eligible',
      'PASS-3 not_eligible',
      'PASS-4 would_issue',
      'PASS-5 not_eligible',
    ]);
    expect(await rehearse('whole', { id: 'EXAM' })).toEqual([
      'PASS-1 would_issue',
      'PASS-2 would_issue',
      'PASS-3 not_eligible',
      'PASS-4 would_issue',
    ]);
  });

  test.each([
    ['more than all', { minimumPercent: 101 }, '/options/minimumPercent'],
    ['no test', { testIds: [] }, '/options/testIds'],
  ])('%s is refused', async (_what, options, field) => {
    const body = { name: 'refused', ...type, options };
    expect(await pipeline.refusal('POST', '/internal/certificate-types', body)).toBe(`422 invalid_request ${field}`);
  });
});
