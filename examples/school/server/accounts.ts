// Who can sign in: everyone in the records, with one password for development.
import type { Records } from '../figures/records.ts';
import type { UserClaims } from './tokens.ts';

/** For development only: a real platform has a password, or an identity provider, for each person. */
const DEVELOPMENT_PASSWORD = 'school';

export function findAccount(username: string, password: string, records: Records): UserClaims | undefined {
  if (password !== DEVELOPMENT_PASSWORD) return undefined;
  if (username === 'admin') return { sub: username, user_type: 'admin' };
  const taught = records.classOfTeacher.get(username);
  if (taught) return { sub: username, user_type: 'teacher', teacher_id: username, class_id: taught.classId };
  const attended = records.classOfStudent.get(username);
  if (attended) return { sub: username, user_type: 'student', student_id: username, class_id: attended.classId };
  return undefined;
}
