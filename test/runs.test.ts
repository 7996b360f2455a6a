// Runs through the front door: rehearsed, carried out, once for each learner, whatever a plug-in does.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readPdf } from './support/pdf.ts';
import { type Pipeline, pipelineOf } from './support/pipeline.ts';
import { startTestService, type TestService } from './support/service.ts';
import { studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { PLATEN_PLUGINS: './test/support/plugins/attendance.ts', PLUGIN_TIMEOUT_SECONDS: '3' },
  });
  pipeline = pipelineOf(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const list = { retriever: 'list', generator: 'template' };
const present = { retriever: 'attendance/present', generator: 'attendance/paper' };
const certificatesOf = async (studentId: string) =>
  await pipeline.json<{ id: string; status: string; course_id: string; score: number }[]>(
    'GET',
    `/certificates/${studentId}`,
  );

/** All that somebody could see of a certificate. */
async function traces() {
  const events = await pipeline.json('GET', '/internal/events?limit=500');
  return {
    events,
    keys: await service.storedKeys(),
    issued: await service.metric('platen_certificates_total{outcome="ok"}'),
  };
}

describe('a list', () => {
  const rows = [
    'Number;Given name;Family name;score;maxScore;passingScore',
    'STU1;Anjali;Kumar;9;10;5',
    'STU2;"Ravi; the second";Iyer;4;10;5',
    '../x;No;Id;9;10;5',
    'STU3;Meena;Raman;many;10;5',
    'STU4;=HYPERLINK("x");Das;10;10;5',
    'STU1;Twice;Kumar;1;10;5',
  ];
  let id: string;
  beforeAll(async () => {
    await pipeline.putList('past', `\uFEFF${rows.join('\r\n')}\r\n`);
    id = await pipeline.configure({
      type: { name: 'past-attempts', ...list, options: { asset: 'past' } },
      context: { id: 'course-v1:Algebra+2026' },
      more: { options: { columns: { studentId: 'Number', firstName: 'Given name', lastName: 'Family name' } } },
    });
  });

  test('is rehearsed: all is decided and explained, and nothing is changed, issued or announced', async () => {
    const before = await traces();
    const run = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
    expect(run).toMatchObject({
      state: 'completed',
      isDryRun: true,
      counts: { checked: 3, eligible: 2, issued: 0, skipped: 0, failed: 0 },
      errors: [
        { line: 4, message: 'studentId is no id' },
        { line: 5, message: 'score is no number from 0 up' },
      ],
    });
    expect(run.items).toEqual([
      {
        studentId: 'STU1',
        isEligible: true,
        criteria: [{ name: 'Score', required: 5, actual: 9, isMet: true }],
        outcome: 'would_issue',
      },
      {
        studentId: 'STU2',
        isEligible: false,
        criteria: [{ name: 'Score', required: 5, actual: 4, isMet: false }],
        outcome: 'not_eligible',
      },
      expect.objectContaining({ studentId: 'STU4', outcome: 'would_issue' }),
    ]);
    expect(await traces()).toEqual(before);
    expect(await certificatesOf('STU1')).toEqual([]);
  });

  test('is carried out: who has earned one gets one, once', async () => {
    const run = await pipeline.ended(await pipeline.begin(id, 'run'));
    expect(run).toMatchObject({
      state: 'completed',
      counts: { checked: 3, eligible: 2, issued: 2, skipped: 0, failed: 0 },
    });
    const [certificate] = await certificatesOf('STU1');
    expect(certificate).toMatchObject({ status: 'available', course_id: 'course-v1:Algebra+2026', score: 9 });
    expect(run.items[0]).toMatchObject({ outcome: 'issued', certificateId: certificate?.id });
    const { download_url } = await pipeline.json<{ download_url: string }>(
      'GET',
      `/certificates/${certificate?.id}/download`,
    );
    const file = await fetch(service.url + new URL(download_url).pathname + new URL(download_url).search);
    const { text } = await readPdf(Buffer.from(await file.arrayBuffer()));
    expect(text).toContain('Anjali Kumar');
    const again = await pipeline.ended(await pipeline.begin(id, 'run'));
    expect(again).toMatchObject({ counts: { checked: 3, eligible: 2, issued: 0, skipped: 2, failed: 0 } });
    const rehearsed = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
    expect(rehearsed.items.map(({ outcome }) => outcome)).toEqual(['skipped', 'not_eligible', 'skipped']);
    expect(await certificatesOf('STU1')).toHaveLength(1);
  });

  test('that a configuration names stays, and a type that one has', async () => {
    expect(await pipeline.refusal('DELETE', '/internal/assets/past')).toBe('409 asset_in_use');
    expect(await pipeline.refusal('DELETE', '/internal/certificate-types/past-attempts')).toBe('409 type_in_use');
  });

  test('tells one decision, to whoever looks after it and to the learner it is about', async () => {
    const of = (studentId: string) => `/internal/eligibility?configurationId=${id}&studentId=${studentId}`;
    expect(await pipeline.json('GET', of('STU2'))).toEqual({
      studentId: 'STU2',
      isEligible: false,
      criteria: [{ name: 'Score', required: 5, actual: 4, isMet: false }],
    });
    expect(await pipeline.json('GET', of('STU9'))).toEqual({ studentId: 'STU9', isEligible: false, criteria: [] });
    const path = `/api/eligibility?courseId=${encodeURIComponent('course-v1:Algebra+2026')}`;
    const own = async () => (await service.get(path, studentToken('STU1'))).json();
    const builtIn = {
      type: 'course-completion',
      isEligible: false,
      criteria: [{ name: 'Passed', required: true, actual: false, isMet: false }],
    };
    expect(await own()).toEqual({ items: [builtIn] });
    await pipeline.json('PATCH', `/internal/configurations/${id}`, { isEnabled: true });
    expect(await own()).toMatchObject({ items: [builtIn, { type: 'past-attempts', isEligible: true }] });
  });

  test('is done for those who are named, and not for those who are left out', async () => {
    const other = await pipeline.configure({
      type: {
        name: 'named',
        ...list,
        options: { asset: 'past', columns: { studentId: 'Number', firstName: 'Given name' } },
      },
    });
    const only = await pipeline.ended(await pipeline.begin(other, 'run', { only: ['STU4', 'STU9'] }));
    expect(only.items.map(({ studentId, outcome }) => [studentId, outcome])).toEqual([['STU4', 'issued']]);
    const except = await pipeline.ended(await pipeline.begin(other, 'run', { except: ['STU1'] }));
    expect(except.items.map(({ studentId, outcome }) => [studentId, outcome])).toEqual([
      ['STU2', 'not_eligible'],
      ['STU4', 'skipped'],
    ]);
  });
});

test.each([
  ['semicolons and Latin-1', Buffer.from('studentId;firstName\nS1;Zoë\n', 'latin1'), 'Zoë'],
  ['tabs and UTF-16', Buffer.from('\uFEFFstudentId\tfirstName\nS1\tZoë\n', 'utf16le'), 'Zoë'],
  ['JSON', Buffer.from('{"items": [{"studentId": "S1", "firstName": "Zoë"}]}'), 'Zoë'],
])('a list of %s is read', async (what, bytes, firstName) => {
  const slug = what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  await pipeline.putList(slug, bytes);
  const id = await pipeline.configure({ type: { name: slug, ...list, options: { asset: slug } } });
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(run.items).toMatchObject([{ studentId: 'S1', outcome: 'issued' }]);
  const verified = await pipeline.json<{ verify_url: string }[]>('GET', '/certificates/S1');
  const page = await fetch(service.url + new URL(verified[0]?.verify_url ?? '').pathname, {
    headers: { accept: 'application/json' },
  });
  expect(await page.json()).toMatchObject({ name: firstName });
});

describe('a plug-in that', () => {
  const runOf = async (name: string, options: object) => {
    const id = await pipeline.configure({ type: { name, ...present, options: { gives: 'template', ...options } } });
    return pipeline.ended(await pipeline.begin(id, 'run'));
  };

  test.each([
    ['throws', 'the register is lost'],
    ['rubbish', 'studentId is no id'],
    ['hangs', 'PLUGIN_TIMEOUT_SECONDS'],
  ])('%s fails its run, and issues nothing', async (fault, detail) => {
    const run = await runOf(fault, { fault, minimum: 0 });
    expect(run).toMatchObject({ state: 'failed', code: 'retriever_failed', counts: { issued: 0 } });
    expect(run.detail).toContain(detail);
  });

  test('reaches what PLUGIN_ORIGINS does not name fails its run', async () => {
    expect(await runOf('outside', { address: `${service.url}/health` })).toMatchObject({
      state: 'failed',
      code: 'retriever_failed',
      detail: expect.stringContaining('PLUGIN_ORIGINS does not name'),
    });
  });

  test('gives a learner twice is believed the first time', async () => {
    const run = await runOf('twice', { fault: 'twice', learners: 1, minimum: 100 });
    expect(run.items).toMatchObject([{ isEligible: true, outcome: 'issued' }]);
  });

  test.each(['error', 'text', 'nothing'])(
    'gives %s for a PDF fails that certificate only, and it can be tried again',
    async (gives) => {
      const type = { name: `gives-${gives}`, ...present, options: { learners: 1, minimum: 0, gives } };
      const id = await pipeline.configure({ type });
      const run = await pipeline.ended(await pipeline.begin(id, 'run'));
      expect(run).toMatchObject({ state: 'completed', counts: { checked: 1, eligible: 1, issued: 0, failed: 1 } });
      expect(run.items).toMatchObject([{ outcome: 'failed', code: 'generator_failed' }]);
      expect(await pipeline.json('POST', `/internal/runs/${run.id}/retry`, {})).toEqual({ retried: 1 });
      expect(await pipeline.ended(run.id)).toMatchObject({ counts: { failed: 1 } });
    },
  );
});

test('a pathway wants every step, and explains each', async () => {
  await pipeline.putList('first-course', 'studentId,firstName\nP1,Anjali\nP2,Ravi\n');
  await pipeline.putList(
    'second-course',
    'studentId,lastName,score,passingScore\nP1,Kumar,5,5\nP2,Iyer,4,5\nP3,Das,9,5\n',
  );
  const step = (slug: string) => ({ id: slug, name: slug, options: { asset: slug } });
  const id = await pipeline.configure({
    type: { name: 'pathway', ...list },
    context: { kind: 'pathway', id: 'PATH1', steps: [step('first-course'), step('second-course')] } as never,
    more: { options: { asset: 'first-course' } },
  });
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(run.counts).toEqual({ checked: 3, eligible: 1, issued: 1, skipped: 0, failed: 0 });
  expect(
    run.items.map(({ studentId, outcome, steps = [] }) => [
      studentId,
      outcome,
      ...steps.map((each) => each.isEligible),
    ]),
  ).toEqual([
    ['P1', 'issued', true, true],
    ['P2', 'not_eligible', true, false],
    ['P3', 'not_eligible', false, true],
  ]);
  expect(await certificatesOf('P1')).toMatchObject([{ course_id: 'PATH1' }]);
  expect(await pipeline.refusal('DELETE', '/internal/assets/second-course')).toBe('409 asset_in_use');
  expect(await pipeline.json('GET', `/internal/eligibility?configurationId=${id}&studentId=P2`)).toMatchObject({
    isEligible: false,
    steps: [{ isEligible: true }, { id: 'second-course', isEligible: false, criteria: [{ actual: 4 }] }],
  });
});

test('a run that was begun is carried out as it was configured then, whatever is changed or switched off', async () => {
  const options = { learners: 2, minimum: 0, gives: 'template' };
  const id = await pipeline.configure({ type: { name: 'changed', ...present, options } });
  await pipeline.json('PATCH', `/internal/configurations/${id}`, { isEnabled: true });
  const runId = await pipeline.begin(id, 'run');
  const change = { options: { learners: 9, minimum: 100 }, validForDays: 1, isEnabled: false };
  await pipeline.json('PATCH', `/internal/configurations/${id}`, change);
  expect((await pipeline.ended(runId)).counts).toMatchObject({ checked: 2, eligible: 2, issued: 2 });
  const later = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
  expect(later.counts).toMatchObject({ checked: 9, eligible: 0 });
});

test('of one configuration one run is under way; it can be cancelled, and ends with its configuration', async () => {
  const type = { name: 'slow', ...present, options: { fault: 'hangs', gives: 'template' } };
  const id = await pipeline.configure({ type });
  const first = await pipeline.begin(id, 'run');
  expect(await pipeline.refusal('POST', `/internal/configurations/${id}/run`, {})).toBe('409 run_active');
  expect((await pipeline.call('DELETE', `/internal/runs/${first}`)).status).toBe(204);
  expect(await pipeline.ended(first)).toMatchObject({ state: 'cancelled' });
  expect(await pipeline.refusal('DELETE', `/internal/runs/${first}`)).toBe('409 already_ended');
  const second = await pipeline.begin(id, 'run');
  await until(async () => (await pipeline.find(second)).state === 'active');
  expect((await pipeline.call('DELETE', `/internal/configurations/${id}`)).status).toBe(204);
  expect(await pipeline.ended(second)).toMatchObject({ state: 'cancelled', configurationId: id });
  expect(await pipeline.refusal('GET', `/internal/configurations/${id}`)).toBe('404 not_found');
  const { items } = await pipeline.json<{ items: { id: string }[] }>('GET', `/internal/runs?configurationId=${id}`);
  expect(items.map((run) => run.id)).toEqual([second, first]);
});

test('what is due is run once, and a time at which another run is under way is written down as skipped', async () => {
  const type = { name: 'due', ...present, options: { learners: 1, minimum: 0, gives: 'template' } };
  const id = await pipeline.configure({ type });
  const at = new Date(Date.now() + 1000).toISOString();
  await pipeline.json('PATCH', `/internal/configurations/${id}`, { schedule: { at }, isEnabled: true });
  const runsOf = async (of: string) =>
    (await pipeline.json<{ items: { state: string; code?: string }[] }>('GET', `/internal/runs?configurationId=${of}`))
      .items;
  await until(async () => (await runsOf(id))[0]?.state === 'completed');
  expect(await pipeline.json('GET', `/internal/configurations/${id}`)).toMatchObject({
    isEnabled: false,
    nextRuns: [],
    lastRun: { state: 'completed' },
  });
  expect(await runsOf(id)).toMatchObject([{ counts: { issued: 1 } }]);
  const busy = await pipeline.configure({
    type: { name: 'busy', ...present, options: { fault: 'hangs', gives: 'template' } },
  });
  const soon = new Date(Date.now() + 500).toISOString();
  await pipeline.json('PATCH', `/internal/configurations/${busy}`, { schedule: { at: soon }, isEnabled: true });
  await until(async () => {
    // It ends by its time-out before the schedule is looked at.
    await pipeline.call('POST', `/internal/configurations/${busy}/run`, {});
    return (await runsOf(busy)).some(({ state, code }) => state === 'skipped' && code === 'run_active');
  });
});

test('what closes is run for the last time, and is off from then on', async () => {
  const type = { name: 'closing', ...present, options: { learners: 1, minimum: 0, gives: 'template' } };
  const id = await pipeline.configure({ type });
  const path = `/internal/configurations/${id}`;
  const closesAt = new Date(Date.now() + 2000).toISOString();
  expect(await pipeline.json('PATCH', path, { closesAt, isEnabled: true })).toMatchObject({ nextRuns: [closesAt] });
  const off = await until(async () => {
    const found = await pipeline.json<{ isEnabled: boolean; lastRun: { state: string } | null }>('GET', path);
    return !found.isEnabled && found.lastRun?.state === 'completed' && found;
  });
  expect(off).toMatchObject({ closesAt, nextRuns: [] });
  const { items } = await pipeline.json<{ items: { counts: object }[] }>('GET', `/internal/runs?configurationId=${id}`);
  expect(items).toMatchObject([{ counts: { issued: 1 } }]);
});

test('runs are listed by state, their decisions page by page; where nothing has failed there is nothing to try again', async () => {
  const type = { name: 'paged', ...present, options: { learners: 3, minimum: 100, gives: 'template' } };
  const id = await pipeline.configure({ type });
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  const of = async (state: string) =>
    (
      await pipeline.json<{ items: { id: string }[] }>('GET', `/internal/runs?configurationId=${id}&state=${state}`)
    ).items.map((each) => each.id);
  expect([await of('completed'), await of('failed')]).toEqual([[run.id], []]);
  expect(await pipeline.refusal('GET', '/internal/runs?state=lost')).toBe('422 invalid_request state');
  expect(await pipeline.refusal('GET', `/internal/runs/${run.id}?limit=501`)).toBe('422 invalid_request limit');
  const first = await pipeline.find(run.id, 2);
  const second = await pipeline.json<typeof first>('GET', `/internal/runs/${run.id}?limit=2&cursor=${first.next}`);
  expect([first.items.length, second.items.length, second.next]).toEqual([2, 1, null]);
  expect([...first.items, ...second.items]).toEqual(run.items);
  expect(await pipeline.refusal('POST', `/internal/runs/${run.id}/retry`, {})).toBe('409 not_failed');
});
