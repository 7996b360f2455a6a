// A teacher's report: one test with who stands out, or all tests with every school surveyed.
// @ts-check
import { get } from '../api.js';
import { differenceChart } from '../charts/difference-chart.js';
import { paragraph, section } from '../elements.js';
import { comparisonTable } from '../tables/comparison-table.js';
import { schoolTable } from '../tables/school-table.js';
import { studentTable } from '../tables/student-table.js';
import {
  backgroundSection,
  classTiles,
  comparisonSection,
  distributionSection,
  schoolsSection,
} from './class-sections.js';
import { classEntries, reportHeader, sourceSection } from './report.js';

/** @typedef {ReturnType<typeof import('../../figures/teacher-figures.ts').computeTeacherFigures>} Figures */
/** @typedef {ReturnType<typeof import('../../figures/teacher-figures.ts').computeOverallFigures>} OverallFigures */

/**
 * @param {{ classId: string, testId: string, teacherId: string }} asked
 * @returns {Promise<import('./report.js').Report>}
 */
export async function drawTeacherReport({ classId, testId, teacherId }) {
  /** @type {Figures | OverallFigures} */
  const figures = await get('classes', classId, 'tests', testId, 'teachers', teacherId);
  const { teacher, test } = figures;
  return {
    title: `Teacher report: ${teacher.name.text}, ${test.label}`,
    subject: teacher.teacherId,
    classId: figures.class.classId,
    content: [
      reportHeader('Teacher report', teacher.name, classEntries(figures)),
      classTiles(figures),
      ...('tests' in figures ? overallSections(figures) : testSections(figures)),
      sourceSection(figures),
    ],
  };
}

/** @param {Figures} figures */
function testSections(figures) {
  return [
    distributionSection(figures),
    section(
      'Who stands out',
      paragraph('The longest bars are the students furthest above or below what is usual for their background.'),
      differenceChart(figures.students, 'Points above or below what is usual for the background, each student.'),
    ),
    backgroundSection(figures),
    section('All students', studentTable(figures.students)),
  ];
}

/** @param {OverallFigures} figures */
function overallSections(figures) {
  const tests = figures.tests.map(({ label, subject, summary }) => ({ label: `${label}: ${subject}`, summary }));
  return [
    section(
      'Tests',
      paragraph(`The class has taken ${tests.length === 1 ? 'one test' : `${tests.length} tests`} so far.`),
      comparisonTable('Tests of the class', tests),
    ),
    schoolsSection(figures),
    comparisonSection(figures),
    backgroundSection(figures),
    section('All schools', schoolTable('Schools surveyed, highest mean first', figures.schools, figures.class.classId)),
  ];
}
