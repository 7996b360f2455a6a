// What retrievers give that no database takes: told with its place, or rejected with its line, before anything is written down.

import { expect, test } from '@jest/globals';
import type { Retriever } from '../../src/plugins/contract.ts';
import { openPlugins } from '../../src/plugins/plugins.ts';

const { signal } = new AbortController();
const part = { name: 'given', title: 'Given', description: '', options: { type: 'object' } };
const context = { kind: 'course', id: 'course', name: 'Course' } as const;

type Fault = Parameters<Parameters<Retriever['retrieve']>[2]['reject']>[0];

/** What comes of a retriever, by its decisions and what it rejects. */
async function outcomeOf(
  retrieve: Retriever['retrieve'] | undefined,
  { list = '', type = 'application/json', ...more }: { list?: string; type?: string; mostDecisions?: number } = {},
) {
  const rejected: Fault[] = [];
  const ids: string[] = [];
  const plugins = await openPlugins({
    packages: [],
    origins: [],
    timeoutMs: 30_000,
    mostBytes: 1,
    templates: [],
    assetsOf: () => ({ read: async () => ({ type, bytes: Buffer.from(list) }) }),
    ...more,
    builtIn: retrieve === undefined ? [] : [{ retriever: { ...part, retrieve } }],
  });
  const options = retrieve === undefined ? { asset: 'list', columns: {} } : {};
  const reject = (fault: Fault) => rejected.push(fault);
  const decisions = plugins.retrieve(retrieve === undefined ? 'list' : 'given', {
    ...{ tenant: '', context, options, signal },
    reject,
  });
  let detail: string | undefined;
  try {
    for await (const { studentId } of decisions) ids.push(studentId);
  } catch (error) {
    detail = (error as { details: { detail: string } }).details.detail;
  }
  return { ids, rejected, detail };
}

const good = { studentId: 'S1', isEligible: true, criteria: [] };
const criterion = { name: 'Days', required: 1, actual: 2, isMet: true };
const unfit = 'has half a character or U+0000, which can not be kept';

test.each([
  ['criteria.0.name', { criteria: [{ ...criterion, name: 'Da\0ys' }] }],
  ['criteria.0.required', { criteria: [{ ...criterion, required: 'half \uD83D' }] }],
  ['criteria.0.actual', { criteria: [{ ...criterion, actual: '\uDE00 half' }] }],
  ['steps.0.id', { steps: [{ id: 'a\0', isEligible: true, criteria: [] }] }],
  ['steps.0.criteria.0.name', { steps: [{ id: 'a', isEligible: true, criteria: [{ ...criterion, name: '\0' }] }] }],
  ['learner.firstName', { learner: { firstName: 'Anj\0ali' } }],
  ['learner.middleName', { learner: { middleName: '\uD83D' } }],
  ['learner.lastName', { learner: { lastName: '\uD83D' } }],
  ['learner.email', { learner: { email: 'a\0@school.example' } }],
  ['learner.language', { learner: { language: '\0' } }],
  ['course.id', { course: { id: 'a\0', name: 'A' } }],
  ['course.name', { course: { id: 'a', name: '\uD83D' } }],
])('%s with half a character or U+0000 fails the run with its place', async (place, more) => {
  const { detail } = await outcomeOf(async function* () {
    yield { ...good, ...more };
  });
  expect(detail).toBe(`The retriever has failed: a decision can't be read: ${place} ${unfit}.`);
});

test('letters of two halves, and line breaks, are taken', async () => {
  const { ids, detail } = await outcomeOf(async function* () {
    yield { ...good, criteria: [{ ...criterion, name: 'two\nlines \u{1F600}' }] };
  });
  expect([ids, detail]).toEqual([['S1'], undefined]);
});

test('what is told of a record, or thrown, can be written down, whatever it is', async () => {
  // biome-ignore lint/correctness/useYield: it tells, and fails.
  const { rejected, detail } = await outcomeOf(async function* (_context, _options, { reject }) {
    reject({ line: Number.NaN, message: 'no\0 name' });
    reject({ line: 7, message: `${'x'.repeat(499)}\u{1F600}` });
    reject({ message: Object.create(null) });
    throw new Error('lost\0 \uD83D');
  });
  expect(rejected).toEqual([
    { line: undefined, message: 'no\uFFFD name' },
    { line: 7, message: `${'x'.repeat(499)}\uFFFD` },
    { line: undefined, message: '[Object: null prototype] {}' },
  ]);
  expect(detail).toBe('The retriever has failed: lost\uFFFD \uFFFD.');
});

test.each([
  ['nothing that can be read', Object.create(null)],
  ['an error without words', Object.assign(new Error('x'), { message: { of: 'another kind' } })],
])('a retriever that throws %s, and again when it is ended, has failed and nothing else', async (_what, thrown) => {
  const { detail } = await outcomeOf(() => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(thrown),
      return: () => {
        throw new Error('not ended either');
      },
    }),
  }));
  expect(detail).toMatch(/^The retriever has failed: (\[Object|\{ of)/);
});

test('a list: each row that can not be used is told with its line, and the others count', async () => {
  const rows = [
    { studentId: 'S1', firstName: 'Anjali' },
    { studentId: 'S2', firstName: 'half \uD83D' },
    { studentId: 'S3', lastName: 'a\0b' },
    { studentId: 'S4', firstName: 'x'.repeat(10_001) },
    { studentId: 'S5', score: 1e9 + 1 },
    { studentId: 'S6', score: 1, maxScore: 1e10 },
    { studentId: 'S7', score: 1, maxScore: 0 },
    { studentId: 'S8', score: 2, maxScore: 1 },
    { studentId: '_9' },
    { studentId: 'S10', score: 1e9, maxScore: 1e9 },
  ];
  expect(await outcomeOf(undefined, { list: JSON.stringify(rows) })).toEqual({
    ids: ['S1', 'S10'],
    rejected: [
      { line: 2, message: `learner.firstName ${unfit}` },
      { line: 3, message: `learner.lastName ${unfit}` },
      { line: 4, message: 'learner.firstName is longer than 10000 letters' },
      { line: 5, message: 'score is not from 0 to 1000000000' },
      { line: 6, message: 'maxScore is not from 0 to 1000000000' },
      { line: 7, message: 'maxScore is not above 0' },
      { line: 8, message: 'score is above maxScore' },
      { line: 9, message: 'studentId is no id' },
    ],
    detail: undefined,
  });
  const csv = `studentId,firstName,score\nS1,${'x'.repeat(10_001)},1\nS2,Ravi,1e10\nS3,Meena,3\n`;
  expect(await outcomeOf(undefined, { list: csv, type: 'text/csv' })).toEqual({
    ids: ['S3'],
    rejected: [
      { line: 2, message: 'learner.firstName is longer than 10000 letters' },
      { line: 3, message: 'score is not from 0 to 1000000000' },
    ],
    detail: undefined,
  });
});

test('a retriever that gives decisions without end has failed when it has given more than a school has learners', async () => {
  let isEnded = false;
  async function* flood(most: number) {
    try {
      for (let number = 1; number <= most; number++) yield { ...good, studentId: `S${number}` };
    } finally {
      isEnded = true;
    }
  }
  expect(await outcomeOf(() => flood(3), { mostDecisions: 3 })).toMatchObject({
    ids: ['S1', 'S2', 'S3'],
    detail: undefined,
  });
  isEnded = false;
  expect(await outcomeOf(() => flood(1000), { mostDecisions: 3 })).toMatchObject({
    ids: ['S1', 'S2', 'S3'],
    detail: 'The retriever has failed: it gave more than 3 decisions.',
  });
  expect(isEnded).toBe(true);
});
