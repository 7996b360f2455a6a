// Certificate types and configurations through the front door: what may be configured, and what is refused.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Pipeline, pipelineOf } from './support/pipeline.ts';
import { startTestService, type TestService } from './support/service.ts';
import { adminToken, studentToken } from './support/tokens.ts';

let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { PLATEN_PLUGINS: './test/support/plugins/attendance.ts' },
  });
  pipeline = pipelineOf(service);
  await pipeline.json('POST', types, present);
});
afterAll(() => service[Symbol.asyncDispose]());

const types = '/internal/certificate-types';
const configurations = '/internal/configurations';
const present = {
  name: 'present',
  retriever: 'attendance/present',
  generator: 'attendance/paper',
  options: { minimum: 60 },
};
const asked = {
  type: 'present',
  context: { kind: 'course', id: 'C1', name: 'Algebra I' },
  options: { gives: 'template' },
};
let courses = 0;
const inNewCourse = (more: object = {}) => ({
  ...asked,
  context: { ...asked.context, id: `COURSE${++courses}` },
  ...more,
});

test('a type asks only for what is right so far; its configuration must have all', async () => {
  expect(await pipeline.refusal('POST', types, present)).toBe('409 type_exists');
  const unknown = { ...present, name: 'unknown', retriever: 'attendance/absent', generator: 'none' };
  expect(await pipeline.refusal('POST', types, unknown)).toBe('422 invalid_request /retriever /generator');
  const wrong = { ...present, name: 'wrong', options: { minimum: 'much', gives: 'money', colour: 'red' } };
  expect(await pipeline.refusal('POST', types, wrong)).toBe(
    '422 invalid_request /options/colour /options/minimum /options/gives',
  );
  expect(await pipeline.refusal('POST', configurations, inNewCourse({ options: {} }))).toBe(
    '422 invalid_request /options/gives',
  );
  expect(
    await pipeline.refusal('POST', configurations, inNewCourse({ options: { gives: 'template', minimum: 101 } })),
  ).toBe('422 invalid_request /options/minimum');
});

test('a configuration has what was asked, is off until it is switched on, and then says when it is due', async () => {
  const added = await pipeline.json<{ id: string }>('POST', configurations, asked);
  const usual = { mail: false, schedule: { everySeconds: 864_000 }, timeZone: 'UTC', isEnabled: false };
  expect(added).toEqual({ ...asked, ...usual, id: expect.any(String), nextRuns: [], lastRun: null });
  expect(await pipeline.refusal('POST', configurations, asked)).toBe('409 configuration_exists');
  const path = `${configurations}/${added.id}`;
  const before = Date.now();
  const on = await pipeline.json<{ nextRuns: string[] }>('PATCH', path, { isEnabled: true });
  expect(on.nextRuns).toHaveLength(3);
  expect(Date.parse(on.nextRuns[0] ?? '')).toBeGreaterThanOrEqual(before + 864_000_000 - 5000);
  const changed = await pipeline.json('PATCH', path, {
    schedule: { cron: '30 5 * * *' },
    timeZone: 'Asia/Kolkata',
    validForDays: 365,
    remindDaysBefore: 30,
    opensAt: '2030-01-01T00:00:00Z',
    closesAt: '2030-01-03T00:00:00Z',
  });
  expect(changed).toMatchObject({
    validForDays: 365,
    nextRuns: ['2030-01-01T00:00:00.000Z', '2030-01-02T00:00:00.000Z', '2030-01-03T00:00:00.000Z'],
  });
  expect(await pipeline.json('PATCH', path, { opensAt: null, closesAt: null, isEnabled: false })).not.toHaveProperty(
    'opensAt',
  );
  expect(await pipeline.refusal('PATCH', path, { type: 'other' })).toBe('400 unknown_field /type');
  expect(await pipeline.refusal('PATCH', path, { validForDays: null })).toBe('422 invalid_request /remindDaysBefore');
});

test.each<[string, object, string]>([
  ['of a type that is none', { type: 'absent' }, '/type'],
  ['with a pattern of six fields', { schedule: { cron: '0 0 3 * * 1' } }, '/schedule/cron'],
  ['in the past', { schedule: { at: '2020-01-01T00:00:00Z' } }, '/schedule/at'],
  ['too often', { schedule: { everySeconds: 59 } }, '/schedule/everySeconds'],
  ['in no time zone', { timeZone: 'Mars/Olympus' }, '/timeZone'],
  ['that closes before it opens', { opensAt: '2030-01-02T00:00:00Z', closesAt: '2030-01-01T00:00:00Z' }, '/closesAt'],
  ['that is switched on and over', { closesAt: '2020-01-01T00:00:00Z', isEnabled: true }, '/closesAt'],
  ['that reminds before it is issued', { validForDays: 30, remindDaysBefore: 30 }, '/remindDaysBefore'],
  ['that reminds of what never ends', { remindDaysBefore: 3 }, '/remindDaysBefore'],
  ['of a lesson of no course', { context: { kind: 'lesson', id: 'L1', name: 'One' } }, '/context/course'],
  ['of a pathway without steps', { context: { kind: 'pathway', id: 'P1', name: 'One', steps: [] } }, '/context/steps'],
  [
    'of a pathway with options that are none',
    {
      context: {
        kind: 'pathway',
        id: 'P1',
        name: 'One',
        steps: [
          { id: 'C1', name: 'C' },
          { id: 'C2', name: 'C', options: { minimum: -1 } },
        ],
      },
    },
    '/context/steps/1/options/minimum',
  ],
])('a configuration %s is refused', async (_what, more, field) => {
  expect(await pipeline.refusal('POST', configurations, inNewCourse(more))).toBe(`422 invalid_request ${field}`);
});

test('a type can not be changed so that one of its configurations is wrong', async () => {
  const added = inNewCourse();
  await pipeline.json('POST', configurations, added);
  const { name: _, ...type } = present;
  const renamed = { ...type, name: 'other' };
  expect(await pipeline.refusal('PUT', `${types}/present`, renamed)).toBe('422 invalid_request /name');
  const changed = { ...type, generator: 'template' };
  expect(await pipeline.refusal('PUT', `${types}/present`, changed)).toBe('422 invalid_request /options/gives');
  expect(await pipeline.json('GET', `${types}/present`)).toEqual(present);
  expect(await pipeline.json('PUT', `${types}/present`, { ...type, options: { minimum: 70 } })).toMatchObject({
    options: { minimum: 70 },
  });
});

test('lists come page by page', async () => {
  await pipeline.json('POST', types, { ...present, name: 'another' });
  const first = await pipeline.json<{ items: { name: string }[]; next: string }>('GET', `${types}?limit=1`);
  const second = await pipeline.json<typeof first>('GET', `${types}?limit=1&cursor=${first.next}`);
  expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['another', 'course-completion']);
  await pipeline.json('POST', configurations, inNewCourse());
  const page = await pipeline.json<{ items: { id: string }[]; next: string }>('GET', `${configurations}?limit=1`);
  const next = await pipeline.json<typeof page>('GET', `${configurations}?limit=1&cursor=${page.next}`);
  expect(next.items[0]?.id).not.toBe(page.items[0]?.id);
});

test('all of it is for the backend and for administrators', async () => {
  expect((await service.get(types, adminToken())).status).toBe(200);
  for (const path of [types, configurations, '/internal/runs'])
    expect((await service.get(path, studentToken('S1'))).status).toBe(403);
});
