// Reads the address: which report it names, and for which student, teacher, class and test.
// @ts-check
import { get, ReportError } from './api.js';
import { drawClassReport } from './reports/class-report.js';
import { drawStudentReport } from './reports/student-report.js';
import { drawTeacherReport } from './reports/teacher-report.js';

/**
 * Who the token says the caller is; the class is read from here, as no address names one.
 * @typedef {{ userType: string, studentId?: string, teacherId?: string, classId?: string, classIds: string[] }} Me
 */

/**
 * @param {string} path
 * @param {URLSearchParams} query
 */
export async function drawReport(path, query) {
  const testId = named(query.get('testId'), 'The address names no test.');
  /** @type {Me} */
  const me = await get('me');
  if (path === '/student-report') {
    const studentId = named(me.studentId, 'The token is no student’s.');
    return drawStudentReport({ classId: classOf(me), testId, studentId });
  }
  if (path === '/teacher-report') {
    const teacherId = named(me.teacherId, 'The token is no teacher’s.');
    return drawTeacherReport({ classId: classOf(me), testId, teacherId });
  }
  const studentId = named(query.get('studentId'), 'The address names no student.');
  if (studentId === 'overall') return drawClassReport({ classId: classOf(me), testId });
  return drawStudentReport({ classId: await classOfStudent(me, studentId), testId, studentId });
}

/** @param {Me} me */
function classOf({ classId }) {
  return named(classId, 'The token names no class.');
}

/**
 * A token that names no class, or several, leaves open which one the student is in.
 * @param {Me} me
 * @param {string} studentId
 * @returns {Promise<string>}
 */
async function classOfStudent({ classIds: [classId, ...others] }, studentId) {
  if (classId !== undefined && others.length === 0) return classId;
  return (await get('students', studentId)).classId;
}

/**
 * @param {string | null | undefined} value
 * @param {string} message
 */
function named(value, message) {
  if (!value) throw new ReportError('bad_request', message);
  return value;
}
