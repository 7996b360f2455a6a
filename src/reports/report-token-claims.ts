// Report tokens: does one fit what is asked, and what does a minted one say. Pure.

import type { Claims } from '../identity/contract.ts';
import { parseTest, type Report } from './report.ts';

const names = (value: unknown) => (value === undefined || value === null || value === '' ? undefined : String(value));

const isGiven = (value: unknown) => names(value) !== undefined;

/** The claim by which a student's token is for somebody else, or for no report of this kind. */
function otherStudent(claims: Claims, report: Report): string | undefined {
  const isStudents = claims.user_type === 'student';
  const claim = isGiven(claims.student_id) ? 'student_id' : 'user_id';
  const named = claim === 'student_id' || isStudents ? names(claims[claim]) : undefined;
  if (named === undefined && !isStudents) return undefined;
  if (report.type !== 'student') return isStudents ? 'user_type' : claim;
  return named === undefined || named === report.studentId ? undefined : claim;
}

/** The claim by which a token is another teacher's. */
function otherTeacher(claims: Claims, report: Report): string | undefined {
  if (report.type !== 'teacher') return undefined;
  const own = ['teacher_id', 'educator_id'].filter((claim) => isGiven(claims[claim]));
  const isTeachers = claims.user_type === 'teacher' || claims.role === 'educator';
  // The tokens that Platen mints for a whole class bear its own name.
  const inPlace = isTeachers && claims.user_id !== 'platen' && isGiven(claims.user_id) ? ['user_id'] : [];
  return (own.length === 0 ? inPlace : own).find((claim) => names(claims[claim]) !== report.teacherId);
}

/** The claim by which the token is for something else than what is asked for; undefined where all that it names fits. What it does not name fits. */
export function mismatchOf(claims: Claims, report: Report): string | undefined {
  const classes = [claims.class_id].flat().filter(isGiven).map(names);
  if (classes.length > 0 && !classes.includes(report.classId)) return 'class_id';
  const test = names(claims.test_id);
  if (test !== undefined && parseTest(test)?.segment !== report.test.segment) return 'test_id';
  return otherStudent(claims, report) ?? otherTeacher(claims, report);
}

/** Claims of the token that Platen mints for a report. */
export function claimsFor(report: Report): Record<string, unknown> {
  const scope = { class_id: report.classId, test_id: report.test.segment };
  if (report.type === 'student') {
    return { user_type: 'student', user_id: report.studentId, student_id: report.studentId, ...scope };
  }
  if (report.type === 'teacher') {
    const id = report.teacherId;
    return { user_type: 'teacher', user_id: id, teacher_id: id, educator_id: id, ...scope };
  }
  return claimsForClass(report);
}

/** Claims of the token for all reports of the report's class and test. */
export function claimsForClass({ classId, test }: Report): Record<string, unknown> {
  return { role: 'educator', user_id: 'platen', class_id: classId, test_id: test.segment };
}
