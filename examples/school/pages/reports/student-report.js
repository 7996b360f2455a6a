// A student's report: the score, and how it compares with the class, the sector, and students of similar background.
// @ts-check
import { get } from '../api.js';
import { distributionChart, distributionInWords } from '../charts/distribution-chart.js';
import { patternChart } from '../charts/pattern-chart.js';
import { spreadChart } from '../charts/spread-chart.js';
import { paragraph, section, tiles } from '../elements.js';
import { aboveOrBelow, count, difference, score } from '../numbers.js';
import { comparisonTable } from '../tables/comparison-table.js';
import { dataTable } from '../tables/table.js';
import { classEntries, comparisonGroups, reportHeader, sourceSection } from './report.js';

/** @typedef {ReturnType<typeof import('../../figures/student-figures.ts').computeStudentFigures>} Figures */

/**
 * @param {{ classId: string, testId: string, studentId: string }} asked
 * @returns {Promise<import('./report.js').Report>}
 */
export async function drawStudentReport({ classId, testId, studentId }) {
  /** @type {Figures} */
  const figures = await get('classes', classId, 'tests', testId, 'students', studentId);
  const { student, test } = figures;
  return {
    title: `Student report: ${student.name.text}, ${test.label}`,
    subject: student.studentId,
    classId: figures.class.classId,
    content: [
      reportHeader('Student report', student.name, [['Student', [student.studentId]], ...classEntries(figures)]),
      drawTiles(figures),
      drawClassSection(figures),
      drawComparison(figures),
      drawBackground(figures),
      drawRanking(figures),
      sourceSection(figures),
    ],
  };
}

/** @param {Figures} figures */
function drawTiles({ student, summary, surveySummary, similar }) {
  const similarMean = similar?.summary.mean ?? student.expected;
  return tiles([
    { label: 'Score', value: score(student.score), note: `class mean ${score(summary.mean)}` },
    { label: 'Place in class', value: String(student.rank), note: `of ${summary.count} students` },
    { label: 'Above', value: `${student.percentile} %`, note: `of ${count(surveySummary.count)} surveyed` },
    {
      label: 'Similar background',
      value: difference(student.score - similarMean),
      note: `their mean ${score(similarMean)}`,
    },
  ]);
}

/** @param {Figures} figures */
function drawClassSection({ student, summary, distribution }) {
  return section(
    'In the class',
    paragraph(
      `The score is ${aboveOrBelow(student.score - summary.mean)} the class mean of ${score(summary.mean)}. ` +
        `Half of the class scored between ${score(summary.lowerQuartile)} and ${score(summary.upperQuartile)}.`,
    ),
    distributionChart(distribution, {
      ownScore: student.score,
      label: `${distributionInWords(distribution)} This student’s score is ${score(student.score)}.`,
      caption: 'Students of the class by score; the marked bar holds this student’s score.',
    }),
  );
}

/** @param {Figures} figures */
function drawComparison(figures) {
  const { student, similar } = figures;
  const groups = [
    ...comparisonGroups(figures),
    ...(similar ? [{ label: 'Similar background', summary: similar.summary }] : []),
  ];
  return section(
    'Compared with others',
    spreadChart(groups, {
      mark: { label: 'This student', score: student.score },
      caption: 'From the lowest score to the highest; the box is the middle half and its line the median.',
    }),
    comparisonTable('Scores of the groups that this student is compared with', groups),
  );
}

/** @param {Figures} figures */
function drawBackground({ student, similar, pattern }) {
  const spoken = `This student scored ${score(student.score)}; ${score(student.expected)} is usual at this scale value.`;
  const words = similar
    ? `${count(similar.summary.count)} students of the survey lie within ${similar.within} of this student on the scale; ` +
      `this score is above ${similar.percentile} % of theirs.`
    : 'No student of the survey has a similar scale value.';
  return section(
    'Score and background',
    paragraph(`${spoken} ${words}`),
    patternChart(pattern, {
      label: `Score against socio-economic scale for all students. ${spoken}`,
      caption: 'Score against socio-economic scale, all surveyed students.',
      points: [[student.ses, student.score]],
      pointsName: 'This student',
      pointSizePx: 15,
    }),
  );
}

/** @param {Figures} figures */
function drawRanking({ ranking }) {
  return section(
    'The class in order',
    dataTable({
      caption: 'All scores of the class, without names; percentiles are among all students surveyed',
      rows: ranking,
      isMarked: ({ own }) => own,
      columns: [
        { label: 'Rank', cell: ({ rank }) => String(rank), numeric: true },
        { label: 'Student', cell: ({ own }) => (own ? 'This student' : 'Classmate'), isRowHeader: true },
        { label: 'Score', cell: (row) => score(row.score), numeric: true },
        { label: 'From class mean', cell: ({ fromMean }) => difference(fromMean), numeric: true },
        { label: 'Percentile', cell: ({ percentile }) => String(percentile), numeric: true },
      ],
    }),
  );
}
