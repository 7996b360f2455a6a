// Secrets and tokens for tests: good ones by default, any others by hand.

import jwt from 'jsonwebtoken';

export const serviceToken = 'test-service-token-with-32-characters';
export const userTokenSecret = 'test-user-token-secret-with-32-characters';
export const reportTokenSecret = 'test-report-token-secret-with-32-characters';

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

/** A user token with exactly these claims (and an `exp` in an hour unless given). */
export function signUserToken(claims: Record<string, unknown>, secret = userTokenSecret): string {
  return jwt.sign({ exp: inAnHour(), ...claims }, secret, { algorithm: 'HS256' });
}

/** A report token with exactly these claims beside issuer, scope and `exp`. */
export function signReportToken(claims: Record<string, unknown>, secret = reportTokenSecret): string {
  const defaults = { exp: inAnHour(), iss: 'inzighted-backend', scope: 'report:read' };
  return jwt.sign({ ...defaults, ...claims }, secret, { algorithm: 'HS256' });
}

export const studentToken = (studentId: string, classId?: string | string[]) =>
  signUserToken({ user_type: 'student', student_id: studentId, class_id: classId });
export const teacherToken = (teacherId: string, classId?: string | string[]) =>
  signUserToken({ user_type: 'teacher', teacher_id: teacherId, class_id: classId });
export const adminToken = () => signUserToken({ role: 'admin', user_id: 'ADM001' });
