// Asks the example school who is in a class and how they did, as a backend would.

import type { School } from './school/school.ts';

export interface Student {
  studentId: string;
  /** As the student writes it, and in which language. */
  name: { text: string; lang: string };
  score: number;
}

/** The students of a class with their scores in its test. */
export async function readClass(school: School, classId: string): Promise<Student[]> {
  const token = school.issueUserToken({ user_type: 'admin', user_id: 'admin' });
  const response = await fetch(`${school.origin}/api/classes/${classId}/tests/Test_1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`the school answered ${response.status}`);
  return ((await response.json()) as { students: Student[] }).students;
}
