// Decides whether a verified token covers what is asked; asked before any record is looked up, so a 403 tells nothing.
import type { Records, SchoolClass } from '../figures/records.ts';
import { Refusal } from './refusal.ts';
import type { Caller } from './tokens.ts';

export interface Asked {
  classId: string;
  testId: string;
  studentId?: string;
  teacherId?: string;
}

export function requireCovered(caller: Caller, asked: Asked, records: Records): void {
  if (!coversTest(caller, asked) || !coversClass(caller, asked, records) || !coversPerson(caller, asked)) {
    throw new Refusal(403, 'not_covered');
  }
}

/** The classes that the token names, else those in which the records have the caller. */
export function classesOf(caller: Caller, records: Records): string[] {
  if (caller.classIds.length > 0) return caller.classIds;
  const recorded = ownClass(caller, records);
  return recorded ? [recorded.classId] : [];
}

function coversTest(caller: Caller, { testId }: Asked): boolean {
  return caller.testId === undefined || caller.testId === testId;
}

function coversClass(caller: Caller, { classId }: Asked, records: Records): boolean {
  if (caller.kind === 'admin' && !caller.isReportToken) return true;
  return classesOf(caller, records).includes(classId);
}

function coversPerson(caller: Caller, { studentId, teacherId }: Asked): boolean {
  if (caller.kind === 'student') return studentId !== undefined && studentId === caller.id;
  if (caller.kind === 'teacher') return teacherId === undefined || teacherId === caller.id;
  return true;
}

function ownClass(caller: Caller, records: Records): SchoolClass | undefined {
  if (caller.id === undefined || caller.kind === 'admin') return undefined;
  return (caller.kind === 'student' ? records.classOfStudent : records.classOfTeacher).get(caller.id);
}
