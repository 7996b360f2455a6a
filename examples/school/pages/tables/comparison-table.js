// The table of groups: how many students, their mean, and their middle half.
// @ts-check
import { count, score } from '../numbers.js';
import { dataTable } from './table.js';

/** @typedef {import('../charts/spread-chart.js').Group} Group */

/**
 * @param {string} caption
 * @param {Group[]} groups
 */
export function comparisonTable(caption, groups) {
  const table = dataTable({
    caption,
    rows: groups,
    columns: [
      { label: 'Group', cell: ({ label }) => label, isRowHeader: true },
      { label: 'Students', cell: ({ summary }) => count(summary.count), numeric: true },
      { label: 'Mean', cell: ({ summary }) => score(summary.mean), numeric: true },
      { label: 'Lower quartile', cell: ({ summary }) => score(summary.lowerQuartile), numeric: true },
      { label: 'Median', cell: ({ summary }) => score(summary.median), numeric: true },
      { label: 'Upper quartile', cell: ({ summary }) => score(summary.upperQuartile), numeric: true },
    ],
  });
  table.className = 'short';
  return table;
}
