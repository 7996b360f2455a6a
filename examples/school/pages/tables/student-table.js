// The table of all students of a class, as teachers see it.
// @ts-check
import { nameElement } from '../elements.js';
import { difference, score } from '../numbers.js';
import { dataTable } from './table.js';

/** @typedef {ReturnType<typeof import('../../figures/class-figures.ts').computeStudentRows>[number]} StudentRow */

/** @param {StudentRow[]} rows */
export function studentTable(rows) {
  return dataTable({
    caption: 'Students of the class, highest score first; percentiles are among all students surveyed',
    rows,
    columns: [
      { label: 'Rank', cell: ({ rank }) => String(rank), numeric: true },
      { label: 'Name', cell: ({ name }) => nameElement(name), isRowHeader: true },
      { label: 'Student', cell: ({ studentId }) => studentId },
      { label: 'Score', cell: (row) => score(row.score), numeric: true },
      { label: 'Usual for background', cell: ({ expected }) => score(expected), numeric: true },
      { label: 'Difference', cell: (row) => difference(row.difference), numeric: true },
      { label: 'Percentile', cell: ({ percentile }) => String(percentile), numeric: true },
    ],
  });
}
