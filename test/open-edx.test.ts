// Who has earned a certificate by Open edX: grades by category and in all, completion, both; and an Open edX that expires, limits, fails or answers nonsense.

import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Context, Decision } from '../src/plugins/contract.ts';
import { createOpenEdxRetrievers } from '../src/plugins/openedx-retrievers.ts';
import { createOutwardFetch } from '../src/plugins/outward-fetch.ts';
import { assignmentOf, type EdxLearner, edxClient, type OpenEdx, startOpenEdx } from './support/open-edx.ts';

const courseId = 'course-v1:Org+ALG+2026';
const context: Context = { kind: 'course', id: courseId, name: 'Algebra I' };

const learner = (username: string, parts: Partial<EdxLearner>): EdxLearner => ({
  username,
  name: 'Anjali Devi Kumar',
  email: `${username}@school.example`,
  percent: 0,
  section_breakdown: [],
  completion: 0,
  ...parts,
});

const learners = [
  learner('good', {
    percent: 0.91,
    completion: 0.95,
    // The worst is dropped: 0.9 of the others.
    section_breakdown: [
      assignmentOf('Homework', 1, 0.8),
      assignmentOf('Homework', 2, 1),
      assignmentOf('Homework', 3, 0.1),
      assignmentOf('EXAM', 1, 0.9),
    ],
    sequential: [
      { block_key: assignmentOf('Homework', 1, 0).module_id, completion: { earned: 4, possible: 4, percent: 1 } },
    ],
  }),
  learner('weak', {
    percent: 0.5,
    completion: 0.89,
    section_breakdown: [
      assignmentOf('Homework', 1, 0.3),
      assignmentOf('Homework', 2, 0.4),
      assignmentOf('Homework', 3, 0.2),
      assignmentOf('EXAM', 1, 0.9),
    ],
  }),
  learner('enrolled-only', {
    section_breakdown: [
      assignmentOf('Homework', 1, 0, false),
      assignmentOf('Homework', 2, 0, false),
      assignmentOf('Homework', 3, 0, false),
      assignmentOf('EXAM', 1, 0, false),
    ],
  }),
];

let edx: OpenEdx;
let retrievers: ReturnType<typeof createOpenEdxRetrievers>;

beforeAll(async () => {
  // The weights don't add up to 1, and are taken as they are.
  const policy = [
    { assignment_type: 'Homework', count: 3, dropped: 1, weight: 0.3 },
    { assignment_type: 'Exam', count: 1, dropped: 0, weight: 0.6 },
  ];
  edx = await startOpenEdx({ [courseId]: { policy, learners } });
});
afterAll(async () => {
  await edx[Symbol.asyncDispose]();
});
beforeEach(() => {
  edx.asked.length = 0;
  edx.interfere = undefined;
  retrievers = createOpenEdxRetrievers({ url: edx.url, ...edxClient });
});

async function retrieve(
  name: string,
  options: Record<string, unknown>,
  asked: { context?: Context; studentId?: string; signal?: AbortSignal; rejected?: string[] } = {},
): Promise<Decision[]> {
  const { signal = new AbortController().signal, studentId } = asked;
  const retriever = retrievers.find((each) => each.name === name);
  const tools = {
    signal,
    studentId,
    fetch: createOutwardFetch([edx.url], signal),
    log: { info: () => undefined, warn: () => undefined },
    assets: { read: () => Promise.reject(new Error('none')) },
    reject: ({ message }: { message: string }) => void asked.rejected?.push(message),
  };
  const decisions: Decision[] = [];
  for await (const each of retriever?.retrieve(asked.context ?? context, options, tools) ?? []) decisions.push(each);
  return decisions;
}

const required_grades = { homework: 0.4, exam: 0.9, total: 0.8 };
const actualOf = (decisions: Decision[]) =>
  decisions.map(({ studentId, isEligible, criteria }) => [studentId, isEligible, criteria.map(({ actual }) => actual)]);

test('grades: the mean of each category after drops, the total by the weights as they are, nothing for what was never attempted', async () => {
  const decisions = await retrieve('openedx-grades', { required_grades });
  expect(actualOf(decisions)).toEqual([
    ['good', true, [0.9, 0.9, 0.81]],
    ['weak', false, [0.35, 0.9, 0.645]],
    ['enrolled-only', false, [null, null, 0]],
  ]);
  expect(decisions[0]).toMatchObject({
    criteria: [{ name: 'homework', required: 0.4, actual: 0.9, isMet: true }, { isMet: true }, { isMet: true }],
    learner: { firstName: 'Anjali Devi', lastName: 'Kumar', email: 'good@school.example', language: 'en' },
    score: 91,
    maxScore: 100,
  });
  expect(decisions[1]?.learner).toBeUndefined();
  // Names of nobody else were asked for.
  expect(edx.asked.filter((each) => each.includes('accounts'))).toEqual(['GET /api/user/v1/accounts?username=good']);
  expect(edx.asked.filter((each) => each.startsWith('POST'))).toHaveLength(1);
});

test('a category that the course does not have is not met', async () => {
  const [first] = await retrieve('openedx-grades', { required_grades: { Essay: 0 } });
  expect(first).toMatchObject({ isEligible: false, criteria: [{ name: 'Essay', actual: null, isMet: false }] });
});

test('completion, and both together', async () => {
  expect(actualOf(await retrieve('openedx-completions', { required_completion: 0.9 }))).toEqual([
    ['good', true, [0.95]],
    ['weak', false, [0.89]],
    ['enrolled-only', false, [0]],
  ]);
  const options = { required_grades: { exam: 0.9 }, required_completion: 0.9 };
  expect(actualOf(await retrieve('openedx-grades-and-completions', options))).toEqual([
    ['good', true, [0.9, 0.95]],
    ['weak', false, [0.9, 0.89]],
    ['enrolled-only', false, [null, 0]],
  ]);
});

test('a lesson is a subsection of its course', async () => {
  const lesson: Context = {
    kind: 'lesson',
    id: assignmentOf('Homework', 1, 0).module_id,
    name: 'First steps',
    course: courseId,
  };
  const grades = await retrieve('openedx-grades', { required_grades: { total: 0.7 } }, { context: lesson });
  expect(actualOf(grades)).toEqual([
    ['good', true, [0.8]],
    ['weak', false, [0.3]],
    ['enrolled-only', false, [null]],
  ]);
  const completions = await retrieve('openedx-completions', { required_completion: 0.9 }, { context: lesson });
  expect(actualOf(completions)).toEqual([
    ['good', true, [1]],
    ['weak', false, [null]],
    ['enrolled-only', false, [null]],
  ]);
});

test('one learner is asked for alone; of one who is not enrolled nothing is known', async () => {
  const options = { required_grades, required_completion: 0.9 };
  const [only, ...more] = await retrieve('openedx-grades-and-completions', options, { studentId: 'good' });
  expect([only?.studentId, only?.isEligible, more]).toEqual(['good', true, []]);
  expect(edx.asked.every((each) => !each.includes('page_size'))).toBe(true);
  expect(await retrieve('openedx-grades', options, { studentId: 'nobody' })).toEqual([]);
});

test('steps say what differs in one course of several', async () => {
  const options = { required_grades, steps: { [courseId]: { required_grades: { exam: 0.95 } } } };
  expect(actualOf(await retrieve('openedx-grades', options))[0]).toEqual(['good', false, [0.9]]);
});

describe('a course with learners of whom not all can be taken as it is', () => {
  const odd: Context = { kind: 'course', id: 'course-v1:Org+ODD+2026', name: 'Oddities' };
  const exam = (percent: number) => [assignmentOf('Exam', 1, percent)];
  const part = (username: string, percent: number, more: Partial<EdxLearner> = {}) =>
    learner(username, { percent, completion: percent, section_breakdown: exam(percent), ...more });
  let own: OpenEdx;
  let main: OpenEdx;
  beforeAll(async () => {
    const policy = [{ assignment_type: 'Exam', count: 1, dropped: 0, weight: 1 }];
    const odds = [
      part('extra-credit', 1.05),
      part('_underscore', 1),
      part('below-none', -0.25),
      part('-dash', 1),
      part('two..dots', 0.1),
      part('endless', 1.7e308),
      part('unkept', 1, { name: 'Anj\0ali' }),
      part('last', 1),
    ];
    own = await startOpenEdx({ [odd.id]: { policy, learners: odds } });
  });
  beforeEach(() => {
    main = edx;
    edx = own;
    retrievers = createOpenEdxRetrievers({ url: own.url, ...edxClient });
  });
  afterEach(() => {
    edx = main;
  });
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
  });

  const notIds = ['_underscore: studentId is no id', '-dash: studentId is no id', 'two..dots: studentId is no id'];
  const unkept = 'unkept: learner.firstName has half a character or U+0000, which can not be kept';

  test.each([
    [
      'openedx-grades',
      { required_grades: { exam: 0.9 } },
      'endless: criteria.0.actual is neither a text nor a finite number, true, false or null',
    ],
    ['openedx-completions', { required_completion: 0.9 }, undefined],
    [
      'openedx-grades-and-completions',
      { required_grades: { exam: 0.9 }, required_completion: 0.9 },
      'endless: criteria.0.actual is neither a text nor a finite number, true, false or null',
    ],
  ])(
    'by %s the others get theirs, nobody a score above the maximum, and it is told of whom not',
    async (name, options, endless) => {
      const rejected: string[] = [];
      const decisions = await retrieve(name, options, { context: odd, rejected });
      const known = ['extra-credit', 'below-none', ...(endless === undefined ? ['endless'] : []), 'last'];
      expect(decisions.map(({ studentId }) => studentId)).toEqual(known);
      expect(rejected).toEqual([...notIds, ...(endless === undefined ? [] : [endless]), unkept]);
      expect(decisions[0]?.isEligible).toBe(true);
      expect(decisions[0]?.criteria[0]).toMatchObject({ required: 0.9, actual: 1.05, isMet: true });
      if (name !== 'openedx-completions')
        expect(decisions.map(({ score, maxScore }) => [score, maxScore])).toEqual([
          [100, 100],
          [0, 100],
          [100, 100],
        ]);
      expect([decisions[1]?.isEligible, decisions[1]?.criteria[0]?.actual]).toEqual([false, -0.25]);
    },
  );
});

const refuse = (status: number, times: number, headers: Record<string, string> = {}) => {
  let left = times;
  edx.interfere = (_req, res: ServerResponse) => {
    if (left-- <= 0) return false;
    res.writeHead(status, headers).end('{}');
    return true;
  };
};

test('a token that runs out under way is renewed', async () => {
  await retrieve('openedx-completions', { required_completion: 0.9 });
  let pages = 0;
  edx.interfere = (req) => {
    if (req.url?.includes('cursor') === true && ++pages === 1) edx.expireTokens();
    return false;
  };
  expect(await retrieve('openedx-grades', { required_grades })).toHaveLength(3);
  expect(edx.asked.filter((each) => each.startsWith('POST'))).toHaveLength(2);
});

test('one that limits or fails is asked again, as late as it says; one that goes on so fails the run', async () => {
  refuse(429, 2, { 'retry-after': '0' });
  expect(await retrieve('openedx-completions', { required_completion: 0.9 })).toHaveLength(3);
  refuse(503, 1, { 'retry-after': '0' });
  expect(await retrieve('openedx-completions', { required_completion: 0.9 })).toHaveLength(3);
  refuse(503, 100, { 'retry-after': '0' });
  await expect(retrieve('openedx-completions', { required_completion: 0.9 })).rejects.toThrow('answered 503');
  refuse(403, 100);
  await expect(retrieve('openedx-completions', { required_completion: 0.9 })).rejects.toThrow('answered 403');
});

test('nonsense, a page that comes again for ever, and a next page elsewhere end the run, and say no name', async () => {
  const answer = (body: string) => {
    edx.interfere = (_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end(body);
      return true;
    };
  };
  const run = () => retrieve('openedx-completions', { required_completion: 0.9 });
  answer('<html>Anjali</html>');
  await expect(run()).rejects.toThrow(/^Open edX gave no JSON at \/api\/completion-aggregator/);
  answer('{"results": "Anjali"}');
  await expect(run()).rejects.toThrow('gave no page');
  answer(JSON.stringify({ next: `/api/completion-aggregator/v1/course/x/?page_size=100`, results: [] }));
  await expect(run()).rejects.toThrow('the same page again');
  answer(JSON.stringify({ next: 'http://elsewhere.example/steal', results: [] }));
  await expect(run()).rejects.toThrow('another host');
});

test('an entry that can not be read holds nothing up', async () => {
  edx.interfere = (req, res) => {
    if (req.url?.includes('completion-aggregator') !== true) return false;
    const results = [{ username: 7 }, { username: 'good', completion: { percent: 1 } }, null];
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ next: null, results }));
    return true;
  };
  expect(actualOf(await retrieve('openedx-completions', { required_completion: 0.9 }))).toEqual([['good', true, [1]]]);
});

test('a wrong secret is told without it, and an end of the run ends what is under way', async () => {
  retrievers = createOpenEdxRetrievers({ url: edx.url, clientId: 'platen', clientSecret: 'wrong-secret' });
  const refused = await retrieve('openedx-completions', { required_completion: 0.9 }).catch((error: Error) => error);
  expect(String(refused)).toContain('/oauth2/access_token');
  expect(String(refused)).not.toContain('wrong-secret');
  retrievers = createOpenEdxRetrievers({ url: edx.url, ...edxClient });
  const ending = new AbortController();
  edx.interfere = () => {
    ending.abort(new Error('not wanted any more'));
    return true;
  };
  const running = retrieve('openedx-completions', { required_completion: 0.9 }, { signal: ending.signal });
  await expect(running).rejects.toThrow('not wanted any more');
});
