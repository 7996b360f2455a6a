// The access table of the product page, cell by cell: who may read which report, decided from the token alone.

import { describe, expect, test } from '@jest/globals';
import type { Caller, CallerTenant } from '../../src/identity/contract.ts';
import { decideAccess, namesExactly } from '../../src/reports/access.ts';
import type { Report } from '../../src/reports/report.ts';

const tests = { segment: 'Test_5', page: 'Test 5', selfPage: '5' };

/** The reports asked for; their class is filled in by each table. */
const reports = {
  'own student report': { type: 'student', studentId: 'STU001' },
  "a student's report": { type: 'student', studentId: 'STU001' },
  "another student's": { type: 'student', studentId: 'STU002' },
  'own teacher report': { type: 'teacher', teacherId: 'TCH001' },
  "a teacher's report": { type: 'teacher', teacherId: 'TCH001' },
  "another teacher's": { type: 'teacher', teacherId: 'TCH002' },
  'class report': { type: 'overall' },
} as const;
type ReportName = keyof typeof reports;

const reportOf = (name: ReportName, classId: string | undefined): Report => ({
  ...reports[name],
  test: tests,
  classId,
});

const ids = { student: 'STU001', teacher: 'TCH001', admin: 'ADM001' };
const callerOf = (type: Caller['type'], tenant: CallerTenant, classes: string[]): Caller => ({
  tenant,
  type,
  id: ids[type],
  classes,
  token: 'the token',
});

/** One row of a table holds: what each set of named classes leads to. */
function expectRow(
  row: Record<string, string>,
  asked: { type: Caller['type']; tenant: CallerTenant; classId?: string },
) {
  const report = reportOf(row.report as ReportName, asked.classId);
  const decide = (classes: string[]) => decideAccess(callerOf(asked.type, asked.tenant, classes), report);
  expect({
    none: decide([]),
    this: decide(['CLASS_A']),
    other: decide(['CLASS_B']),
    severalWith: decide(['CLASS_B', 'CLASS_A', 'CLASS_C']),
    severalWithout: decide(['CLASS_B', 'CLASS_C']),
  }).toEqual({
    none: row.none,
    this: row.this,
    other: row.other,
    severalWith: row.severalWith,
    severalWithout: row.severalWithout,
  });
}

const ownTenant = { origin: 'https://school.example' };
const p = 'proven';
const d = 'denied';
const u = 'unproven';

describe('a token of the tenant itself, a report of a known class', () => {
  test.each`
    report                  | none | this | other | severalWith | severalWithout
    ${'own student report'} | ${p} | ${p} | ${d}  | ${p}        | ${d}
    ${"another student's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${"a teacher's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
  `('student: $report', (row) => {
    expectRow(row, { type: 'student', tenant: ownTenant, classId: 'CLASS_A' });
  });

  test.each`
    report                  | none | this | other | severalWith | severalWithout
    ${"a student's report"} | ${u} | ${p} | ${d}  | ${p}        | ${d}
    ${"another student's"}  | ${u} | ${p} | ${d}  | ${p}        | ${d}
    ${'own teacher report'} | ${p} | ${p} | ${d}  | ${p}        | ${d}
    ${"another teacher's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'class report'}       | ${u} | ${p} | ${d}  | ${p}        | ${d}
  `('teacher: $report', (row) => {
    expectRow(row, { type: 'teacher', tenant: ownTenant, classId: 'CLASS_A' });
  });

  test.each`
    report                  | none | this | other | severalWith | severalWithout
    ${"a student's report"} | ${p} | ${p} | ${d}  | ${p}        | ${d}
    ${"a teacher's report"} | ${p} | ${p} | ${d}  | ${p}        | ${d}
    ${'class report'}       | ${p} | ${p} | ${d}  | ${p}        | ${d}
  `('admin: $report', (row) => {
    expectRow(row, { type: 'admin', tenant: ownTenant, classId: 'CLASS_A' });
  });
});

describe('a token of the tenant itself, a report whose class is not known', () => {
  test.each`
    report                  | none | this | other | severalWith | severalWithout
    ${'own student report'} | ${p} | ${p} | ${p}  | ${p}        | ${p}
    ${"another student's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${"a teacher's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
  `('student: $report', (row) => {
    expectRow(row, { type: 'student', tenant: ownTenant });
  });

  test.each`
    report                  | none | this | other | severalWith | severalWithout
    ${"a student's report"} | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'own teacher report'} | ${p} | ${p} | ${p}  | ${p}        | ${p}
    ${"another teacher's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'class report'}       | ${u} | ${u} | ${u}  | ${u}        | ${u}
  `('teacher: $report', (row) => {
    expectRow(row, { type: 'teacher', tenant: ownTenant });
  });

  test.each`
    report                  | none | this | other | severalWith | severalWithout
    ${"a student's report"} | ${p} | ${p} | ${p}  | ${p}        | ${p}
    ${"a teacher's report"} | ${p} | ${p} | ${p}  | ${p}        | ${p}
    ${'class report'}       | ${p} | ${p} | ${p}  | ${p}        | ${p}
  `('admin: $report', (row) => {
    expectRow(row, { type: 'admin', tenant: ownTenant });
  });
});

describe('a token that names no tenant, where there are several', () => {
  test.each`
    type         | report                  | none | this | other | severalWith | severalWithout
    ${'student'} | ${'own student report'} | ${u} | ${u} | ${d}  | ${u}        | ${d}
    ${'student'} | ${"another student's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${"a teacher's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${"a student's report"} | ${u} | ${u} | ${d}  | ${u}        | ${d}
    ${'teacher'} | ${'own teacher report'} | ${u} | ${u} | ${d}  | ${u}        | ${d}
    ${'teacher'} | ${"another teacher's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${'class report'}       | ${u} | ${u} | ${d}  | ${u}        | ${d}
    ${'admin'}   | ${"a student's report"} | ${u} | ${u} | ${d}  | ${u}        | ${d}
    ${'admin'}   | ${"a teacher's report"} | ${u} | ${u} | ${d}  | ${u}        | ${d}
    ${'admin'}   | ${'class report'}       | ${u} | ${u} | ${d}  | ${u}        | ${d}
  `('$type: $report of a known class', (row) => {
    expectRow(row, { type: row.type as Caller['type'], tenant: 'unnamed', classId: 'CLASS_A' });
  });

  test.each`
    type         | report                  | none | this | other | severalWith | severalWithout
    ${'student'} | ${'own student report'} | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'student'} | ${"another student's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${"a teacher's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${"a student's report"} | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'teacher'} | ${'own teacher report'} | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'teacher'} | ${"another teacher's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${'class report'}       | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'admin'}   | ${"a student's report"} | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'admin'}   | ${"a teacher's report"} | ${u} | ${u} | ${u}  | ${u}        | ${u}
    ${'admin'}   | ${'class report'}       | ${u} | ${u} | ${u}  | ${u}        | ${u}
  `('$type: $report of an unknown class', (row) => {
    expectRow(row, { type: row.type as Caller['type'], tenant: 'unnamed' });
  });
});

describe('a token of a tenant that is not ours', () => {
  test.each`
    type         | report                  | none | this | other | severalWith | severalWithout
    ${'student'} | ${'own student report'} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${"another student's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${"a teacher's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'student'} | ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${"a student's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${'own teacher report'} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${"another teacher's"}  | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'teacher'} | ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'admin'}   | ${"a student's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'admin'}   | ${"a teacher's report"} | ${d} | ${d} | ${d}  | ${d}        | ${d}
    ${'admin'}   | ${'class report'}       | ${d} | ${d} | ${d}  | ${d}        | ${d}
  `('$type: $report, of whatever class', (row) => {
    expectRow(row, { type: row.type as Caller['type'], tenant: 'foreign', classId: 'CLASS_A' });
    expectRow(row, { type: row.type as Caller['type'], tenant: 'foreign' });
  });
});

describe('ids are compared whole', () => {
  test.each([
    ['a longer id', 'STU0011'],
    ['a shorter id', 'STU00'],
    ['another case', 'stu001'],
    ["a teacher's id", 'TCH001'],
  ])('a student is denied the report of %s', (_name, studentId) => {
    const report: Report = { type: 'student', studentId, test: tests, classId: 'CLASS_A' };
    expect(decideAccess(callerOf('student', ownTenant, ['CLASS_A']), report)).toBe('denied');
  });

  test.each([
    ['a longer class', 'CLASS_AB'],
    ['a shorter class', 'CLASS_'],
    ['another case', 'class_a'],
    ['two classes in one text', 'CLASS_A,CLASS_B'],
  ])('a teacher of CLASS_A is denied %s', (_name, classId) => {
    expect(decideAccess(callerOf('teacher', ownTenant, ['CLASS_A']), reportOf('class report', classId))).toBe('denied');
  });

  test('a teacher with the same id as a student does not own the report of that student', () => {
    const teacher = { ...callerOf('teacher', ownTenant, []), id: 'STU001' };
    expect(decideAccess(teacher, reportOf("a student's report", 'CLASS_A'))).toBe('unproven');
  });

  test('a student with the same id as a teacher does not own the report of that teacher', () => {
    const student = { ...callerOf('student', ownTenant, ['CLASS_A']), id: 'TCH001' };
    expect(decideAccess(student, reportOf("a teacher's report", 'CLASS_A'))).toBe('denied');
  });
});

describe("whether the token names exactly the report's one class", () => {
  test.each([
    ['no class', [], 'CLASS_A', false],
    ['this class', ['CLASS_A'], 'CLASS_A', true],
    ['another class', ['CLASS_B'], 'CLASS_A', false],
    ['several, this one among them', ['CLASS_A', 'CLASS_B'], 'CLASS_A', false],
    ['several others', ['CLASS_B', 'CLASS_C'], 'CLASS_A', false],
    ['no class, the class of the report being unknown', [], undefined, false],
    ['one class, the class of the report being unknown', ['CLASS_A'], undefined, false],
  ])('naming %s', (_name, classes, classId, expected) => {
    for (const type of ['student', 'teacher', 'admin'] as const) {
      expect(namesExactly(callerOf(type, ownTenant, classes), reportOf('class report', classId))).toBe(expected);
    }
  });
});
