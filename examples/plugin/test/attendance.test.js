import assert from 'node:assert/strict';
import { test } from 'node:test';
import plugin from '../index.js';

const [present] = plugin.retrievers;
const context = { kind: 'course', id: 'ALG1', name: 'Algebra I' };

/** The tools that Platen gives, with a service that has these records. */
const toolsWith = (records, asked = []) => ({
  signal: new AbortController().signal,
  log: { info: () => undefined, warn: () => undefined },
  reject: () => undefined,
  async fetch(address) {
    asked.push(String(address));
    return Response.json(records);
  },
});

test('who was there on as many days as are asked for has earned it, and everybody hears why', async () => {
  const asked = [];
  const records = [
    { learner: 'STU001', days: 31, firstName: 'Anjali', lastName: 'Kumar' },
    { learner: 'STU002', days: 29, firstName: 'Ravi', lastName: 'Iyer' },
  ];
  const options = present.options.parse({ service: 'https://school.example' });
  const decisions = await Array.fromAsync(present.retrieve(context, options, toolsWith(records, asked)));
  assert.deepEqual(
    decisions.map(({ studentId, isEligible }) => [studentId, isEligible]),
    [
      ['STU001', true],
      ['STU002', false],
    ],
  );
  assert.deepEqual(decisions[1].criteria, [{ name: 'Days', required: 30, actual: 29, isMet: false }]);
  assert.deepEqual(asked, ['https://school.example/attendance/ALG1']);
});

test('a service that fails fails the run', async () => {
  const tools = { ...toolsWith([]), fetch: async () => new Response('', { status: 500 }) };
  const run = Array.fromAsync(present.retrieve(context, { service: 'https://school.example', minimumDays: 1 }, tools));
  await assert.rejects(run, /answered 500/);
});

test('options are checked', () => {
  assert.equal(present.options.safeParse({ service: 'nowhere' }).success, false);
  assert.equal(present.options.safeParse({ service: 'https://school.example', days: 3 }).success, false);
});
