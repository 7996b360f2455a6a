// Asks the example school who is in a class, as a backend would.

import type { School } from './school/school.ts';

/** Ids of the students of a class. */
export async function readClass(school: School, classId: string): Promise<string[]> {
  const token = school.issueUserToken({ user_type: 'admin', user_id: 'admin' });
  const response = await fetch(`${school.origin}/api/classes/${classId}/tests/Test_1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`the school answered ${response.status}`);
  const { students } = (await response.json()) as { students: { studentId: string }[] };
  return students.map((student) => student.studentId);
}
