// The configuration that each tenant has by itself, through the front door: who has passed is certified by its runs, as it says.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { passingAttempts } from '../src/configurations/built-in.ts';
import { changeConfiguration, findConfigurations, keepBuiltIn } from '../src/configurations/configuration-store.ts';
import { addType } from '../src/configurations/type-store.ts';
import { openDatabase } from '../src/database/database.ts';
import { type Pipeline, pipelineOf, type Run } from './support/pipeline.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { startTestService, type TestService } from './support/service.ts';
import { attemptOf } from './support/testing-service.ts';
import { until } from './support/until.ts';
import { readZip } from './support/zip.ts';

let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  const [origin, other] = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];
  service = await startTestService({
    origin,
    env: {
      FRONTEND_ORIGINS: `${origin} ${other}=other`,
      STATS_WORKER_PROCESS_INTERVAL: '1',
      STATS_WORKER_GENERATE_INTERVAL: '1',
    },
  });
  pipeline = pipelineOf(service);
});
afterAll(() => service[Symbol.asyncDispose]());

interface Configuration {
  id: string;
  type: string;
  context: { kind: string; id: string };
  isEnabled: boolean;
  schedule: object;
  lastRun: { id: string } | null;
}

const path = '/internal/configurations';
const builtIn = async () => {
  const { items } = await pipeline.json<{ items: Configuration[] }>('GET', path);
  return items.find(({ context }) => context.id === '*') as Configuration;
};
const change = async (changes: object) =>
  pipeline.json<Configuration>('PATCH', `${path}/${(await builtIn()).id}`, changes);
const push = (...items: object[]) => pipeline.json('POST', '/internal/attempts', { items });
const runs = async () => (await pipeline.json<{ items: Run[] }>('GET', '/internal/runs?limit=500')).items;
const certificatesOf = (student: string) =>
  pipeline.json<{ id: string; course_id: string; course_name: string; status: string; score: number }[]>(
    'GET',
    `/certificates/${student}`,
  );
const availableOf = (student: string, count = 1) =>
  until(async () => {
    const all = await certificatesOf(student);
    return all.length === count && all.every(({ status }) => status === 'available') && all;
  });
const stateOf = async (student: string) => {
  const { items } = await pipeline.json<{ items: { state: string; lastError: string | null }[] }>(
    'GET',
    `/internal/attempts?studentId=${student}`,
  );
  return items[0]?.state;
};
/** Of the last run that was about this learner. */
const runOf = (student: string) =>
  until(async () => {
    for (const { id, state } of await runs()) {
      const run = state === 'completed' ? await pipeline.find(id) : undefined;
      if (run?.items.some(({ studentId }) => studentId === student)) return run;
    }
    return undefined;
  });
const passing = { name: 'Passed', required: 25, actual: 45, isMet: true };

test('is listed and read like others, of each tenant, and can not be deleted', async () => {
  const found = await builtIn();
  expect(found).toMatchObject({
    type: 'course-completion',
    context: { kind: 'course', id: '*', name: 'All courses' },
    options: {},
    schedule: { everySeconds: 1 },
    isEnabled: true,
  });
  expect(await pipeline.json('GET', `${path}/${found.id}`)).toMatchObject({ id: found.id, type: found.type });
  const others = await pipeline.json<{ items: Configuration[] }>('GET', `${path}?origin=http://127.0.0.1:2`);
  expect(others.items.map(({ id, context }) => [id === found.id, context.id])).toEqual([[false, '*']]);
  const type = '/internal/certificate-types/course-completion';
  expect(await pipeline.json('GET', type)).toEqual({
    name: 'course-completion',
    retriever: 'passing-attempts',
    generator: 'template',
    options: {},
  });
  expect(await pipeline.refusal('DELETE', `${path}/${found.id}`)).toBe('409 built_in');
  expect(await pipeline.refusal('DELETE', type)).toBe('409 built_in');
  const list = { retriever: 'list', generator: 'template', options: { asset: 'x' } };
  expect(await pipeline.refusal('PUT', type, list)).toBe('422 invalid_request /retriever');
  const another = { type: found.type, context: { kind: 'course', id: '*', name: 'All' } };
  expect(await pipeline.refusal('POST', path, another)).toBe('422 invalid_request /context/id');
  expect((await builtIn()).id).toBe(found.id);
});

test('one learner with two courses gets two certificates, and the run says so', async () => {
  await push(
    attemptOf('TWO', { id: 1 }),
    attemptOf('TWO', { id: 2, courseId: 'ALG2', courseName: 'Algebra II', score: 30 }),
  );
  const all = await availableOf('TWO', 2);
  expect(all.map(({ course_id, score }) => [course_id, score]).sort()).toEqual([
    ['ALG1', 45],
    ['ALG2', 30],
  ]);
  const run = await runOf('TWO');
  expect(run).toMatchObject({ counts: { checked: 2, eligible: 2, issued: 2, skipped: 0, failed: 0 } });
  const certificateId = (course: string) => all.find(({ course_id }) => course_id === course)?.id;
  expect(run.items).toEqual([
    {
      studentId: 'TWO',
      courseId: 'ALG1',
      courseName: 'Algebra I',
      isEligible: true,
      criteria: [passing],
      outcome: 'issued',
      certificateId: certificateId('ALG1'),
    },
    expect.objectContaining({ courseId: 'ALG2', courseName: 'Algebra II', certificateId: certificateId('ALG2') }),
  ]);
  const first = await pipeline.find(run.id, 1);
  const second = await pipeline.json<Run>('GET', `/internal/runs/${run.id}?limit=1&cursor=${first.next}`);
  expect([...first.items, ...second.items]).toEqual(run.items);
  expect(second.next).toBeNull();
});

test('report and archive of a run say which course', async () => {
  const { id, items } = await runOf('TWO');
  const text = async (output: string) => (await pipeline.call('GET', `/internal/runs/${id}/${output}`)).text();
  const lines = (await text('report.csv')).trim().split('\r\n');
  expect(lines[0]).toMatch(/criteria,steps,courseId,courseName$/);
  expect(lines[2]).toMatch(/^TWO,true,issued,,.*,ALG2,Algebra II$/);
  const archive = await pipeline.call('GET', `/internal/runs/${id}/archive`);
  const files = await readZip(Buffer.from(await archive.arrayBuffer()));
  expect([...files.keys()]).toEqual(['ALG1/TWO.pdf', 'ALG2/TWO.pdf', 'manifest.json', 'manifest.csv']);
  const { items: entries } = JSON.parse(files.get('manifest.json')?.toString() ?? '');
  expect(entries).toMatchObject(
    items.map(({ courseId, certificateId }) => ({ courseId, certificateId, file: `${courseId}/TWO.pdf` })),
  );
});

test('one decision is told for one course', async () => {
  const { id } = await builtIn();
  const of = `/internal/eligibility?configurationId=${id}&studentId=TWO`;
  expect(await pipeline.json('GET', `${of}&courseId=ALG2`)).toEqual({
    studentId: 'TWO',
    isEligible: true,
    criteria: [{ ...passing, actual: 30 }],
  });
  expect(await pipeline.refusal('GET', of)).toBe('422 invalid_request courseId');
});

test('a rehearsal explains all who have passed, and issues and changes nothing', async () => {
  await change({ isEnabled: false });
  await push(attemptOf('DRY'));
  await until(async () => (await stateOf('DRY')) === 'processed');
  const { id } = await builtIn();
  const rehearsed = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
  const outcomes = rehearsed.items.map((item) => [item.studentId, item.courseId, item.outcome]);
  expect(outcomes).toEqual([
    ['DRY', 'ALG1', 'would_issue'],
    ['TWO', 'ALG1', 'skipped'],
    ['TWO', 'ALG2', 'skipped'],
  ]);
  expect(await certificatesOf('DRY')).toEqual([]);
  expect(await stateOf('DRY')).toBe('processed');
});

test('switched off it issues nothing, and by hand all the same; a quiet service writes down no runs', async () => {
  const { id } = await builtIn();
  const before = (await runs()).length;
  // Another configuration is due meanwhile, so that it is known to have been looked.
  await pipeline.putList('clock', 'studentId\n');
  const other = await pipeline.configure({
    type: { name: 'clock', retriever: 'list', generator: 'template', options: { asset: 'clock' } },
    more: { isEnabled: true, schedule: { at: new Date(Date.now() + 3000).toISOString() } },
  });
  await until(async () => (await runs()).some(({ configurationId }) => configurationId === other));
  expect(await runs()).toHaveLength(before + 1);
  expect(await certificatesOf('DRY')).toEqual([]);
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(run.counts).toEqual({ checked: 3, eligible: 3, issued: 1, skipped: 2, failed: 0 });
  await change({ isEnabled: true });
  const again = { at: new Date(Date.now() + 3000).toISOString() };
  await pipeline.json('PATCH', `${path}/${other}`, { isEnabled: true, schedule: again });
  await until(async () => (await runs()).filter(({ configurationId }) => configurationId === other).length === 2);
  // Those of before, the run by hand, and the two of the other: what was done by hand is not to be decided any more.
  expect(await runs()).toHaveLength(before + 3);
});

test('below minimumPercent nobody is eligible, until it is lowered or the attempt is corrected', async () => {
  await change({ options: { minimumPercent: 80 } });
  await push(attemptOf('LOW', { score: 30 }), attemptOf('MIDDLE', { score: 35 }), attemptOf('HIGH', { score: 40 }));
  await availableOf('HIGH');
  const run = await runOf('LOW');
  expect(run.items.find(({ studentId }) => studentId === 'LOW')).toMatchObject({
    courseId: 'ALG1',
    isEligible: false,
    outcome: 'not_eligible',
    criteria: [
      { ...passing, actual: 30 },
      { name: 'Percent', required: 80, actual: 60, isMet: false },
    ],
  });
  const count = (await runs()).length;
  await push(attemptOf('LOW', { score: 41, updatedAt: '2026-03-03T09:30:00Z' }));
  await availableOf('LOW');
  expect(await certificatesOf('MIDDLE')).toEqual([]);
  // Who is not eligible is not decided again and again.
  expect(await runs()).toHaveLength(count + 1);
  await change({ options: { minimumPercent: 70 } });
  expect(await availableOf('MIDDLE')).toMatchObject([{ score: 35 }]);
  await change({ options: {} });
});

test('only attempts at the tests that are named count, until others are', async () => {
  await change({ options: { testIds: ['Final'] } });
  await push(
    attemptOf('FINAL', { id: 'F1', score: 50 }),
    attemptOf('FINAL', { id: 'F2', testId: 'Final', score: 30 }),
    attemptOf('QUIZ'),
  );
  expect(await availableOf('FINAL')).toMatchObject([{ score: 30 }]);
  const run = await runOf('QUIZ');
  expect(run.items.find(({ studentId }) => studentId === 'QUIZ')).toMatchObject({
    outcome: 'not_eligible',
    criteria: [{ name: 'Passed', required: true, actual: false, isMet: false }],
  });
  expect(await certificatesOf('QUIZ')).toEqual([]);
  await change({ options: {} });
  await availableOf('QUIZ');
});

test('who has a certificate of the type for the course by another configuration is skipped, and the other way round', async () => {
  await change({ isEnabled: false });
  await push(attemptOf('SHARED', { courseId: 'GEO' }), attemptOf('SHARED', { id: 'second', courseId: 'BIO' }));
  await until(async () => (await stateOf('SHARED')) === 'processed');
  const context = { kind: 'course', id: 'GEO', name: 'Geometry' };
  const { id } = await pipeline.json<{ id: string }>('POST', path, { type: 'course-completion', context });
  const only = { only: ['SHARED'] };
  expect((await pipeline.ended(await pipeline.begin(id, 'run', only))).counts).toMatchObject({ issued: 1 });
  const all = await pipeline.ended(await pipeline.begin((await builtIn()).id, 'run', only));
  expect(all.items.map(({ courseId, outcome }) => [courseId, outcome])).toEqual([
    ['BIO', 'issued'],
    ['GEO', 'skipped'],
  ]);
  expect((await pipeline.ended(await pipeline.begin(id, 'run', only))).counts).toMatchObject({ skipped: 1 });
  await availableOf('SHARED', 2);
});

describeDatabases('what is built in', (server) => {
  test('is there once for each tenant, and keeps the interval of the settings until it has a schedule of its own', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    const { queries } = database;
    const keep = (seconds: number, tenants = ['', 'b']) =>
      database.transaction((tx) => keepBuiltIn(tx, tenants, passingAttempts(seconds)));
    expect(await Promise.all([keep(60), keep(60), keep(60)])).toEqual([[], [], []]);
    const found = async (tenant: string) => {
      const all = await findConfigurations(queries, { tenant, cursor: undefined, most: 10 });
      expect(all.map(({ context }) => context.id)).toEqual(['*']);
      return all[0] as (typeof all)[0];
    };
    expect((await found('')).schedule).toEqual({ everySeconds: 60 });
    // Changed in something else it still keeps it.
    await changeConfiguration(queries, { ...(await found('')), options: { minimumPercent: 50 } });
    await changeConfiguration(queries, { ...(await found('b')), schedule: { cron: '0 3 * * *' } });
    await keep(300);
    expect(await found('')).toMatchObject({ schedule: { everySeconds: 300 }, options: { minimumPercent: 50 } });
    expect((await found('b')).schedule).toEqual({ cron: '0 3 * * *' });
    const own = { name: 'course-completion', retriever: 'list', generator: 'template', options: { asset: 'x' } };
    await addType(queries, { tenant: 'c', ...own });
    expect(await keep(300, ['', 'b', 'c'])).toEqual(['c']);
    expect(await findConfigurations(queries, { tenant: 'c', cursor: undefined, most: 10 })).toEqual([]);
  });
});
