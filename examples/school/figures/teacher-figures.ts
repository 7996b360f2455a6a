// The figures of a teacher's report: one test, or all tests with every surveyed school beside the class.
import { computeClassFigures } from './class-figures.ts';
import type { SchoolClass } from './records.ts';
import type { Survey } from './survey.ts';
import { OVERALL } from './test-id.ts';
import { describeTest } from './tests.ts';

export function computeTeacherFigures(schoolClass: SchoolClass, survey: Survey) {
  return { ...computeClassFigures(schoolClass, survey), teacher: schoolClass.teacher };
}

export function computeOverallFigures(schoolClass: SchoolClass, survey: Survey) {
  const figures = computeTeacherFigures(schoolClass, survey);
  const tests = [{ ...describeTest(), summary: figures.summary }];
  return { ...figures, test: { testId: OVERALL, label: 'All tests', subject: figures.test.subject }, tests };
}
