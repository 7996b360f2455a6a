// Builds a data table whose head is repeated on each printed page and whose rows each say what they are about.
// @ts-check
import { element } from '../elements.js';

/**
 * @template Row
 * @typedef {{ label: string, cell: (row: Row) => Node | string, numeric?: boolean, isRowHeader?: boolean }} Column
 */

/**
 * @template Row
 * @param {{ caption: string, columns: Column<Row>[], rows: Row[], isMarked?: (row: Row) => boolean }} parts
 */
export function dataTable({ caption, columns, rows, isMarked = () => false }) {
  const head = columns.map(({ label, numeric }) => element('th', { scope: 'col', ...align(numeric) }, label));
  const body = rows.map((row) => {
    const cells = columns.map(({ cell, numeric, isRowHeader }) =>
      element(isRowHeader ? 'th' : 'td', { ...(isRowHeader && { scope: 'row' }), ...align(numeric) }, cell(row)),
    );
    return element('tr', isMarked(row) ? { class: 'marked' } : {}, ...cells);
  });
  return element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...body),
  );
}

/**
 * @param {boolean | undefined} numeric
 * @returns {Record<string, string>}
 */
function align(numeric) {
  return numeric ? { class: 'numeric' } : {};
}
