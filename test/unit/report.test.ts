// Keys, page addresses and file names of reports: two different reports never share a key, and no id leads out of its folder.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  classPrefix,
  fileName,
  isId,
  pagePath,
  parseTest,
  type Report,
  reportKey,
  selfPagePath,
  subjectOf,
  type Test,
} from '../../src/reports/report.ts';

const defaultPages = {
  student: '/report?studentId={studentId}&testId={testId}',
  studentSelf: '/student-report?testId={testId}',
  teacher: '/teacher-report?testId={testId}',
  class: '/report?studentId=overall&testId={testId}',
};

const letters = 'ABCZabcz0159'.split('');
const marks = '._@+-'.split('');

/** Ids that look like parts of a key. */
const adversarialIds = [
  'overall',
  'overall.pdf',
  'students',
  'reports',
  'certificates',
  'images',
  'teacher',
  'teacher_x',
  'teacher_x.pdf',
  'x',
  'x.pdf',
  'x.pdf.json',
  'Test_5',
  '5',
  '05',
  '0',
  'tenant-a',
  'a',
  'A',
];
const plainId = fc
  .tuple(
    fc.constantFrom(...letters),
    fc.array(fc.constantFrom(...letters, ...marks), { maxLength: 99 }).map((rest) => rest.join('')),
  )
  .map(([first, rest]) => first + rest)
  .filter((text) => !text.includes('..'));
const id = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...adversarialIds) }, { weight: 1, arbitrary: plainId });

const testName = fc.oneof(
  id,
  fc.constantFrom('5', 'Test 5', 'Test_5', '05', 'Test_05', '0', 'overall', 'Overall', 'OVERALL', 'Final', 'test_5'),
  fc.integer({ min: 1, max: 12 }).chain((n) => fc.constantFrom(`${n}`, `Test ${n}`, `Test_${n}`)),
);
const testOf = (text: string) => parseTest(text) as Test;

const report = fc
  .record({ kind: fc.constantFrom('student', 'teacher', 'overall'), id, classId: id, test: testName })
  .map(({ kind, id, classId, test }): Report => {
    const common = { classId, test: testOf(test) };
    if (kind === 'student') return { type: 'student', studentId: id, ...common };
    return kind === 'teacher' ? { type: 'teacher', teacherId: id, ...common } : { type: 'overall', ...common };
  });
const tenantPrefix = fc.oneof(
  fc.constantFrom('', 'a', 'tenant-a', 'students', 'overall', '0', 'x'),
  fc.stringMatching(/^[a-z0-9-]{1,30}$/).filter((text) => !['reports', 'certificates', 'images'].includes(text)),
);
const placed = fc.record({ prefix: tenantPrefix, report });
const keyOf = ({ prefix, report }: { prefix: string; report: Report }) => reportKey(prefix, report) as string;

/** What makes a report this one and no other. */
const identityOf = ({ prefix, report }: { prefix: string; report: Report }) =>
  JSON.stringify([
    prefix,
    report.type,
    report.classId,
    report.test.segment,
    report.type === 'overall' ? null : subjectOf(report),
  ]);

const runs = { numRuns: 2000 };

describe('keys', () => {
  test.each<[string, string, Report, string]>([
    [
      'student',
      '',
      { type: 'student', studentId: 'STU001', classId: 'CLASS_123', test: testOf('5') },
      'reports/CLASS_123/Test_5/students/STU001.pdf',
    ],
    [
      'teacher, one test',
      '',
      { type: 'teacher', teacherId: 'TCH001', classId: 'CLASS_123', test: testOf('Test 5') },
      'reports/CLASS_123/Test_5/teacher_TCH001.pdf',
    ],
    [
      'teacher, all tests',
      '',
      { type: 'teacher', teacherId: 'TCH001', classId: 'CLASS_123', test: testOf('0') },
      'reports/CLASS_123/overall/teacher_TCH001.pdf',
    ],
    [
      'class',
      '',
      { type: 'overall', classId: 'CLASS_123', test: testOf('Test_5') },
      'reports/CLASS_123/Test_5/overall.pdf',
    ],
    [
      'class of a tenant with a prefix',
      'b',
      { type: 'overall', classId: 'CLASS_123', test: testOf('Test_5') },
      'b/reports/CLASS_123/Test_5/overall.pdf',
    ],
  ])('%s', (_name, prefix, of, key) => {
    expect(reportKey(prefix, of)).toBe(key);
  });

  test('a report of an unknown class has no key', () => {
    expect(reportKey('', { type: 'overall', classId: undefined, test: testOf('5') })).toBeUndefined();
  });

  test('two different reports never share a key, and one report has one key', () => {
    fc.assert(
      fc.property(placed, placed, (one, other) => {
        expect(keyOf(one) === keyOf(other)).toBe(identityOf(one) === identityOf(other));
      }),
      runs,
    );
  });

  test('reports of one class and test never share a key, whatever their kinds and ids', () => {
    fc.assert(
      fc.property(placed, report, fc.constantFrom(...adversarialIds), (one, { type }, subject) => {
        const { classId, test } = one.report;
        const subjects = { studentId: subject, teacherId: subject };
        const other = { prefix: one.prefix, report: { type, classId, test, ...subjects } as Report };
        expect(keyOf(one) === keyOf(other)).toBe(identityOf(one) === identityOf(other));
      }),
      runs,
    );
  });

  test('reports that differ in one thing only never share a key', () => {
    const change = fc.oneof(
      fc.record({ prefix: tenantPrefix }),
      fc.record({ classId: id }),
      fc.record({ test: testName.map(testOf) }),
      fc.record({ subject: id }),
    );
    fc.assert(
      fc.property(placed, change, (one, { prefix, subject, ...fields }: Record<string, unknown>) => {
        const subjects = subject === undefined ? {} : { studentId: subject, teacherId: subject };
        const other = {
          prefix: (prefix as string | undefined) ?? one.prefix,
          report: { ...one.report, ...fields, ...subjects } as Report,
        };
        expect(keyOf(one) === keyOf(other)).toBe(identityOf(one) === identityOf(other));
      }),
      runs,
    );
  });

  test('every key lies below the folder of its tenant and class, and in no other', () => {
    fc.assert(
      fc.property(placed, id, ({ prefix, report }, otherClass) => {
        const key = keyOf({ prefix, report });
        const root = prefix === '' ? 'reports/' : `${prefix}/reports/`;
        expect(key.startsWith(root)).toBe(true);
        expect(key.startsWith(classPrefix(prefix, report.classId as string))).toBe(true);
        expect(key.startsWith(classPrefix(prefix, otherClass))).toBe(otherClass === report.classId);
      }),
      runs,
    );
  });

  test('no key has a . or .. segment, //, a backslash, a leading slash or anything but plain characters', () => {
    fc.assert(
      fc.property(placed, (one) => {
        const key = keyOf(one);
        expect(key).not.toMatch(/(^|\/)\.{1,2}(\/|$)|\/\/|\\|^\//);
        expect(key).toMatch(/^[A-Za-z0-9._@+/-]+\.pdf$/);
        for (const segment of key.split('/')) expect(segment).toMatch(/^[A-Za-z0-9-]/);
      }),
      runs,
    );
  });
});

describe('tests', () => {
  test.each([
    ['5', 'Test_5', 'Test 5', '5'],
    ['Test 5', 'Test_5', 'Test 5', '5'],
    ['Test_5', 'Test_5', 'Test 5', '5'],
    ['120', 'Test_120', 'Test 120', '120'],
    ['overall', 'overall', '0', '0'],
    ['Overall', 'overall', '0', '0'],
    ['OVERALL', 'overall', '0', '0'],
    ['oVeRaLl', 'overall', '0', '0'],
    ['0', 'overall', '0', '0'],
    ['Final', 'Final', 'Final', 'Final'],
    ['05', '05', '05', '05'],
    ['Test_05', 'Test_05', 'Test_05', 'Test_05'],
    ['Test_0', 'Test_0', 'Test_0', 'Test_0'],
    ['00', '00', '00', '00'],
    ['test_5', 'test_5', 'test_5', 'test_5'],
    ['TEST_5', 'TEST_5', 'TEST_5', 'TEST_5'],
    ['Test5', 'Test5', 'Test5', 'Test5'],
    ['Test-5', 'Test-5', 'Test-5', 'Test-5'],
    ['5a', '5a', '5a', '5a'],
    ['overall_5', 'overall_5', 'overall_5', 'overall_5'],
  ])('%j has the key segment %j, on pages %j, on self pages %j', (given, segment, page, selfPage) => {
    expect(parseTest(given)).toEqual({ segment, page, selfPage });
  });

  test.each([
    '',
    ' ',
    ' 5',
    '5 ',
    '5\n',
    'Test  5',
    'Test 05',
    'Test 0',
    'test 5',
    'Test 5 ',
    'Test\t5',
    'Test\u00a05',
    'Mid term',
    '-5',
    '+5',
    '.5',
    '5/6',
    '../5',
    'a..b',
    '5\u0000',
    '\u0665',
    '\uff15',
    'o\u200bverall',
    'overall ',
    '%35',
    '1'.repeat(101),
  ])('%j is no test', (given) => {
    expect(parseTest(given)).toBeUndefined();
  });

  test('two tests of different key segments differ on every page too, and the other way round', () => {
    fc.assert(
      fc.property(testName.map(testOf), testName.map(testOf), (one, other) => {
        const isSame = one.segment === other.segment;
        expect(one.page === other.page).toBe(isSame);
        expect(one.selfPage === other.selfPage).toBe(isSame);
      }),
      runs,
    );
  });

  test('a key segment names its own test again', () => {
    fc.assert(
      fc.property(testName.map(testOf), (one) => {
        expect(parseTest(one.segment)).toEqual(one);
      }),
      runs,
    );
  });
});

describe('ids', () => {
  test.each(['a', '9', 'STU001', 'a.b', 'a_b', 'a@b.example', 'a+b', 'a-b', 'a.', 'constructor', 'a'.repeat(100)])(
    '%j is an id',
    (text) => {
      expect(isId(text)).toBe(true);
    },
  );

  test.each([
    '',
    '.',
    '..',
    '.a',
    '_a',
    '-a',
    '@a',
    '+a',
    '__proto__',
    'a..b',
    'a..',
    '../x',
    '%2e%2e%2f',
    'a/b',
    'a\\b',
    'a b',
    ' a',
    'a ',
    'a\n',
    '\na',
    'a\u0000',
    'a\u007f',
    'a\u202eb',
    'a\u200bb',
    'a\ufeff',
    '\uff0e\uff0e',
    '\u00e9',
    '\u212a',
    'a'.repeat(101),
  ])('%j is no id', (text) => {
    expect(isId(text)).toBe(false);
  });

  test('whatever text is taken for an id or a test is harmless in a key', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 120 }), fc.string({ maxLength: 120 }), id);
    fc.assert(
      fc.property(text, (given) => {
        for (const taken of [isId(given) ? given : 'x', parseTest(given)?.segment ?? 'x']) {
          expect(taken).toMatch(/^[!-~]+$/);
          expect(taken).not.toMatch(/^\.|\.\.|[/\\%"'`;&|<>(){}$*?#\s]/);
          expect(taken.length).toBeLessThanOrEqual(105);
        }
      }),
      runs,
    );
  });
});

describe('page addresses', () => {
  const on = (path: string) => {
    const { origin, pathname, searchParams, hash } = new URL(path, 'https://school.example');
    return { origin, pathname, hash, values: [...searchParams] };
  };

  test.each<[string, string, string]>([
    ['student', pagePath(studentReport('Test_5'), defaultPages), '/report?studentId=STU001&testId=Test%205'],
    [
      'student with an educator',
      pagePath(studentReport('5'), defaultPages, 'TCH001'),
      '/report?studentId=STU001&testId=Test%205&educatorId=TCH001',
    ],
    ['student, all tests', pagePath(studentReport('overall'), defaultPages), '/report?studentId=STU001&testId=0'],
    ["a student's own", selfPagePath(studentReport('Test 5'), defaultPages), '/student-report?testId=5'],
    ["a student's own, all tests", selfPagePath(studentReport('Overall'), defaultPages), '/student-report?testId=0'],
    ['teacher', pagePath(teacherReport('Test_5'), defaultPages), '/teacher-report?testId=5'],
    ['teacher, all tests', pagePath(teacherReport('overall'), defaultPages), '/teacher-report?testId=0'],
    ['class', pagePath(classReport('5'), defaultPages), '/report?studentId=overall&testId=Test%205'],
    [
      'class, a test with a name',
      pagePath(classReport('Final'), defaultPages),
      '/report?studentId=overall&testId=Final',
    ],
  ])('%s', (_name, path, expected) => {
    expect(path).toBe(expected);
  });

  test('stay on the origin and carry the exact values, whatever the ids', () => {
    fc.assert(
      fc.property(report, fc.option(id, { nil: undefined }), (asked, educatorId) => {
        const educator = educatorId === undefined ? [] : [['educatorId', educatorId]];
        const expected = {
          student: {
            pathname: '/report',
            values: [['studentId', subjectOf(asked)], ['testId', asked.test.page], ...educator],
          },
          teacher: { pathname: '/teacher-report', values: [['testId', asked.test.selfPage]] },
          overall: {
            pathname: '/report',
            values: [
              ['studentId', 'overall'],
              ['testId', asked.test.page],
            ],
          },
        }[asked.type];
        const address = on(pagePath(asked, defaultPages, educatorId));
        expect(address).toEqual({ origin: 'https://school.example', hash: '', ...expected });
      }),
      runs,
    );
  });

  test("stay on the origin and carry the exact values on a student's own page", () => {
    fc.assert(
      fc.property(report, (asked) => {
        const values = [['testId', asked.test.selfPage]];
        const expected = { origin: 'https://school.example', pathname: '/student-report', hash: '', values };
        expect(on(selfPagePath(asked, defaultPages))).toEqual(expected);
      }),
      runs,
    );
  });

  test('carry the exact values in the path too, where the configured pattern wants them there', () => {
    const pages = { ...defaultPages, student: '/students/{studentId}/tests/{testId}' };
    fc.assert(
      fc.property(id, testName.map(testOf), id, (studentId, asked, educatorId) => {
        const path = pagePath({ type: 'student', studentId, test: asked, classId: 'C' }, pages, educatorId);
        const { origin, pathname, searchParams } = new URL(path, 'https://school.example');
        expect(origin).toBe('https://school.example');
        expect(pathname.split('/').map(decodeURIComponent)).toEqual(['', 'students', studentId, 'tests', asked.page]);
        expect([...searchParams]).toEqual([['educatorId', educatorId]]);
      }),
      runs,
    );
  });
});

describe('file names', () => {
  test.each<[string, Report, string]>([
    ['student', studentReport('5'), 'report_STU001_Test_5.pdf'],
    ['student, all tests', studentReport('0'), 'report_STU001_overall.pdf'],
    ['teacher', teacherReport('Test 5'), 'report_teacher_TCH001_Test_5.pdf'],
    ['class', classReport('Test_5'), 'report_CLASS_123_Test_5.pdf'],
  ])('%s', (_name, of, name) => {
    expect(fileName(of)).toBe(name);
  });

  test('are plain names without folders, whatever the ids', () => {
    fc.assert(
      fc.property(report, (asked) => {
        expect(fileName(asked)).toMatch(/^report_[A-Za-z0-9._@+-]+\.pdf$/);
      }),
      runs,
    );
  });
});

function studentReport(name: string): Report {
  return { type: 'student', studentId: 'STU001', classId: 'CLASS_123', test: testOf(name) };
}
function teacherReport(name: string): Report {
  return { type: 'teacher', teacherId: 'TCH001', classId: 'CLASS_123', test: testOf(name) };
}
function classReport(name: string): Report {
  return { type: 'overall', classId: 'CLASS_123', test: testOf(name) };
}
