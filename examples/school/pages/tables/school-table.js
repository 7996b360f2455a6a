// The table of all surveyed schools.
// @ts-check
import { count, score } from '../numbers.js';
import { dataTable } from './table.js';

/** @typedef {import('../../figures/survey.ts').SchoolMean} SchoolMean */

/**
 * @param {string} caption
 * @param {SchoolMean[]} schools
 * @param {string} ownClassId
 */
export function schoolTable(caption, schools, ownClassId) {
  return dataTable({
    caption,
    rows: schools,
    isMarked: ({ classId }) => classId === ownClassId,
    columns: [
      { label: 'Rank', cell: (row) => String(schools.indexOf(row) + 1), numeric: true },
      { label: 'School', cell: ({ title }) => title, isRowHeader: true },
      { label: 'Sector', cell: ({ sector }) => sector },
      { label: 'Enrolled', cell: ({ size }) => count(size), numeric: true },
      { label: 'Students tested', cell: ({ students }) => count(students), numeric: true },
      { label: 'Mean', cell: ({ mean }) => score(mean), numeric: true },
    ],
  });
}
