// The class report: the class among all schools, and a row for every student.
// @ts-check
import { get } from '../api.js';
import { section } from '../elements.js';
import { studentTable } from '../tables/student-table.js';
import {
  backgroundSection,
  classTiles,
  comparisonSection,
  distributionSection,
  schoolsSection,
} from './class-sections.js';
import { classEntries, reportHeader, sourceSection } from './report.js';

/**
 * @param {{ classId: string, testId: string }} asked
 * @returns {Promise<import('./report.js').Report>}
 */
export async function drawClassReport({ classId, testId }) {
  /** @type {import('./class-sections.js').Figures} */
  const figures = await get('classes', classId, 'tests', testId);
  const { class: schoolClass, test } = figures;
  return {
    title: `Class report: ${schoolClass.title} (${schoolClass.classId}), ${test.label}`,
    subject: schoolClass.classId,
    classId: schoolClass.classId,
    content: [
      reportHeader('Class report', schoolClass.title, classEntries(figures)),
      classTiles(figures),
      distributionSection(figures),
      comparisonSection(figures),
      schoolsSection(figures),
      backgroundSection(figures),
      section('All students', studentTable(figures.students)),
      sourceSection(figures),
    ],
  };
}
