// What can be read of an attempt, and why an item is set aside: with a pointer to each place that is wrong.

import { describe, expect, test } from '@jest/globals';
import { keepItem, mostItemLetters, readItem } from '../../src/attempts/item.ts';
import { attemptOf } from '../support/testing-service.ts';

const good = attemptOf('STU_1');
const reasonsOf = (value: unknown) => {
  const read = readItem(value);
  return 'reasons' in read ? read.reasons.map(({ field }) => field) : 'read';
};

test('one that is right is read whole', () => {
  expect(readItem({ ...good, anything: { else: [1] } })).toEqual({
    attempt: {
      sourceId: 'A-STU_1',
      studentId: 'STU_1',
      courseId: 'ALG1',
      courseName: 'Algebra I',
      testId: 'Test_1',
      score: 45,
      maxScore: 50,
      passingScore: 25,
      percent: 90,
      isPassing: true,
      completedAt: '2026-03-01T09:30:00.000Z',
      updatedAt: '2026-03-01T09:30:00.000Z',
      given: { firstName: 'Learner', lastName: 'Number STU_1' },
    },
  });
});

test.each<[string, object, boolean]>([
  ['the passing score itself', { score: 25 }, true],
  ['a hair below it', { score: 24.999 }, false],
  ['nothing to be reached', { score: 0, passingScore: 0 }, true],
])('%s', (_what, changes, isPassing) => {
  expect(readItem({ ...good, ...changes })).toMatchObject({ attempt: { isPassing } });
});

test('times are compared as instants, whatever their offset', () => {
  const read = readItem({ ...good, completedAt: '2026-03-01T15:00:00+05:30', updatedAt: '2026-03-02' });
  expect(read).toMatchObject({
    attempt: { completedAt: '2026-03-01T09:30:00.000Z', updatedAt: '2026-03-02T00:00:00.000Z' },
  });
});

test.each([{ id: 17 }, { updatedAt: null, testId: null, firstName: null }, { courseId: 'course-v1:Org+Course+Run' }])(
  '%j is read',
  (changes) => {
    expect(reasonsOf({ ...good, ...changes })).toBe('read');
  },
);

describe('set aside, with its place', () => {
  test.each<[unknown, string[]]>([
    [{ score: 51 }, ['/score']],
    [{ score: -1 }, ['/score']],
    [{ score: '45' }, ['/score']],
    [{ score: null }, ['/score']],
    [{ score: 1e300, maxScore: 1e300 }, ['/score', '/maxScore']],
    [{ maxScore: 0, score: 0, passingScore: 0 }, ['/maxScore']],
    [{ passingScore: 60 }, ['/passingScore']],
    [{ passingScore: 'half' }, ['/passingScore']],
    [{ id: '' }, ['/id']],
    [{ id: 1.5 }, ['/id']],
    [{ id: { $gt: 1 } }, ['/id']],
    [{ studentId: 17 }, ['/studentId']],
    [{ studentId: '../x' }, ['/studentId']],
    [{ courseId: 'a/b' }, ['/courseId']],
    [{ courseName: ' ' }, ['/courseName']],
    [{ courseName: 'x'.repeat(201) }, ['/courseName']],
    [{ completedAt: '2026-02-30' }, ['/completedAt']],
    [{ completedAt: '9999-12-31T23:59:59-12:00' }, ['/completedAt']],
    [{ completedAt: 'yesterday' }, ['/completedAt']],
    [{ completedAt: 1_772_357_400 }, ['/completedAt']],
    [{ updatedAt: '2026-03-01T09:30:00' }, ['/updatedAt']],
    [{ firstName: ['A'] }, ['/firstName']],
    [{ lastName: 'A\u0000B' }, ['/lastName']],
    [{ testId: 'half \ud800' }, ['/testId']],
    [{ score: 'x', courseName: undefined, studentId: '' }, ['/studentId', '/courseName', '/score']],
  ])('%j', (changes, fields) => {
    expect(reasonsOf({ ...good, ...(changes as object) })).toEqual(fields);
  });

  test.each([null, 'text', 17, [], [good], true])('%j, which is no attempt at all', (value) => {
    expect(reasonsOf(value)).not.toBe('read');
  });

  test('what is missing is said to be missing', () => {
    const { completedAt: _, ...rest } = good;
    expect(readItem(rest)).toEqual({ reasons: [{ field: '/completedAt', message: 'is missing' }] });
  });
});

test('the same is kept under the same digest; what is too large is not kept, but told', () => {
  expect(keepItem(good)).toEqual(keepItem(structuredClone(good)));
  expect(keepItem({ ...good, score: 44 }).digest).not.toBe(keepItem(good).digest);
  expect(keepItem({ x: 'x'.repeat(mostItemLetters) })).toMatchObject({ raw: null, reasons: [{ field: '' }] });
  const nested = (depth: number, inner: unknown) => {
    let value = inner;
    for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { x: value };
    return value;
  };
  const deep = keepItem(nested(100_000, 1));
  expect(deep).toMatchObject({ raw: null, reasons: [{ field: '', message: 'is nested too deeply' }] });
  expect(keepItem(nested(100_000, 1))).toEqual(deep);
  expect(keepItem(nested(100_000, 2)).digest).not.toBe(deep.digest);
  expect(keepItem(nested(50, 1)).reasons).toBeNull();
});
