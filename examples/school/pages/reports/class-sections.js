// The sections that the class report and the teacher's reports have in common.
// @ts-check

import { distributionChart, distributionInWords } from '../charts/distribution-chart.js';
import { patternChart } from '../charts/pattern-chart.js';
import { schoolsChart } from '../charts/schools-chart.js';
import { spreadChart } from '../charts/spread-chart.js';
import { paragraph, section, tiles } from '../elements.js';
import { aboveOrBelow, score } from '../numbers.js';
import { comparisonTable } from '../tables/comparison-table.js';
import { comparisonGroups } from './report.js';

/** @typedef {ReturnType<typeof import('../../figures/class-figures.ts').computeClassFigures>} Figures */

/** @param {Figures} figures */
export function classTiles({ summary, surveySummary, schoolsBelow, schoolsCompared }) {
  return tiles([
    { label: 'Students', value: String(summary.count), note: 'took the test' },
    { label: 'Class mean', value: score(summary.mean), note: `all students ${score(surveySummary.mean)}` },
    {
      label: 'Middle half',
      value: `${score(summary.lowerQuartile)} to ${score(summary.upperQuartile)}`,
      note: `median ${score(summary.median)}`,
    },
    { label: 'Mean above that of', value: String(schoolsBelow), note: `of ${schoolsCompared} schools surveyed` },
  ]);
}

/** @param {Figures} figures */
export function distributionSection({ distribution, summary }) {
  return section(
    'Scores of the class',
    paragraph(`Scores run from ${score(summary.min)} to ${score(summary.max)}; their mean is ${score(summary.mean)}.`),
    distributionChart(distribution, {
      label: distributionInWords(distribution),
      caption: 'Students of the class by score.',
    }),
  );
}

/** @param {Figures} figures */
export function comparisonSection(figures) {
  const groups = comparisonGroups(figures);
  return section(
    'Compared with other schools',
    spreadChart(groups, {
      caption: 'From the lowest score to the highest; the box is the middle half and its line the median.',
    }),
    comparisonTable('Scores of the class and of the schools surveyed', groups),
  );
}

/** @param {Figures} figures */
export function schoolsSection({ schools, class: { classId }, summary, surveySummary, schoolsBelow, schoolsCompared }) {
  const position = aboveOrBelow(summary.mean - surveySummary.mean);
  return section(
    'Among all schools',
    paragraph(
      `The mean of the class is ${position} the mean of all students, ` +
        `and above the mean of ${schoolsBelow} of ${schoolsCompared} schools.`,
    ),
    schoolsChart(schools, { classId, mean: summary.mean, caption: 'Mean score of each school surveyed.' }),
  );
}

/** @param {Figures} figures */
export function backgroundSection({ pattern, students }) {
  const above = students.filter(({ difference }) => difference > 0).length;
  const { slope } = pattern.classLine;
  const words =
    `${above} of ${students.length} students score above what is usual for their background. In this class a step of 1 on ` +
    `the scale goes with ${score(slope)} points; over all students, with ${score(pattern.line.slope)}.`;
  return section(
    'Score and background',
    paragraph(words),
    patternChart(pattern, {
      label: `Score against socio-economic scale for all students and for the class. ${words}`,
      caption: 'Score against socio-economic scale: the class on top of all surveyed students.',
      points: students.map(({ ses, score: own }) => [ses, own]),
      pointsName: 'The class',
      pointSizePx: 8,
    }),
  );
}
