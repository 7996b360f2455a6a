// Report tokens: does one fit what is asked, and what does a minted one say. Pure.

import type { Claims } from '../identity/contract.ts';
import { parseTest, type Report } from './report.ts';

const names = (value: unknown) => (value === undefined || value === null || value === '' ? undefined : String(value));

function fitsStudent(claims: Claims, report: Report): boolean {
  const named = names(claims.student_id) ?? (claims.user_type === 'student' ? names(claims.user_id) : undefined);
  const isStudents = claims.user_type === 'student' || named !== undefined;
  if (!isStudents) return true;
  return report.type === 'student' && (named === undefined || named === report.studentId);
}

function fitsTeacher(claims: Claims, report: Report): boolean {
  if (report.type !== 'teacher') return true;
  const own = [claims.teacher_id, claims.educator_id].map(names).filter((id) => id !== undefined);
  const isTeachers = claims.user_type === 'teacher' || claims.role === 'educator';
  // The tokens that Platen mints for a whole class bear its own name.
  const inPlace = isTeachers && claims.user_id !== 'platen' ? names(claims.user_id) : undefined;
  const named = own.length === 0 && inPlace !== undefined ? [inPlace] : own;
  return named.every((id) => id === report.teacherId);
}

/** Whether everything that the token names is what is asked for. What it does not name fits. */
export function tokenFits(claims: Claims, report: Report): boolean {
  const classes = [claims.class_id]
    .flat()
    .map(names)
    .filter((id) => id !== undefined);
  const fitsClass = classes.length === 0 || classes.some((id) => id === report.classId);
  const test = names(claims.test_id);
  const fitsTest = test === undefined || parseTest(test)?.segment === report.test.segment;
  return fitsClass && fitsTest && fitsStudent(claims, report) && fitsTeacher(claims, report);
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
