// May this caller read this report? Decided from the token alone, before storage is asked. Pure.

import type { Caller } from '../identity/contract.ts';
import type { Report } from './report.ts';

/**
 * proven: served from storage or rendered.
 * denied: 403, the same whether the report exists or not.
 * unproven: rendered with the caller's own token, so that the platform decides; storage is neither read nor written.
 */
export type Access = 'proven' | 'denied' | 'unproven';

export function decideAccess(caller: Caller, report: Report): Access {
  if (caller.tenant === 'foreign' || namesOtherClass(caller, report) || isAnotherPersons(caller, report))
    return 'denied';
  if (caller.tenant === 'unnamed') return 'unproven';
  if (caller.type === 'admin' || isOwn(caller, report)) return 'proven';
  // A teacher, about a student or a class: it must be a class that the token names.
  const isOfNamedClass = report.classId !== undefined && caller.classes.includes(report.classId);
  return isOfNamedClass ? 'proven' : 'unproven';
}

function namesOtherClass({ classes }: Caller, { classId }: Report): boolean {
  return classId !== undefined && classes.length > 0 && !classes.includes(classId);
}

function isOwn(caller: Caller, report: Report): boolean {
  if (report.type === 'student') return caller.type === 'student' && report.studentId === caller.id;
  return report.type === 'teacher' && caller.type === 'teacher' && report.teacherId === caller.id;
}

function isAnotherPersons(caller: Caller, report: Report): boolean {
  if (caller.type === 'student') return !isOwn(caller, report);
  return caller.type === 'teacher' && report.type === 'teacher' && !isOwn(caller, report);
}

/** Whether the token names exactly the report's one class, so that what it renders is surely that key's. */
export function namesExactly({ classes }: Caller, { classId }: Report): boolean {
  return classes.length === 1 && classes[0] === classId;
}
