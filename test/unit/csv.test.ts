import { expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { csvLine } from '../../src/csv.ts';

const read = (cell: string) => (parse(csvLine(['first', cell])) as string[][])[0]?.[1];

test.each([
  ['a comma', 'a,b'],
  ['quotes', 'say "yes"'],
  ['a line break', 'one\r\ntwo'],
  ['letters', 'Zoë மாணவர் 🎓'],
  ['signs within', '3 - 4 = -1 @home+'],
  ['nothing', ''],
])('a cell with %s is read as it was', (_what, cell) => {
  expect(read(cell)).toBe(cell);
});

test.each([
  ['=HYPERLINK("http://x")', `'=HYPERLINK("http://x")`],
  ['+1', "'+1"],
  ['-1+1', "'-1+1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', "'\t'=1"],
  ['\rx', "'\rx"],
  [' \u00a0=1', " \u00a0'=1"],
  ['＝1', "'＝1"],
  ['a; =1;b', "a; '=1;b"],
  ['a\n=1', "a\n'=1"],
])('%j is no formula in any spreadsheet', (cell, harmless) => {
  expect(read(cell)).toBe(harmless);
});

test('lines end as RFC 4180 says', () => {
  expect(csvLine(['a', 'b"', 'c'])).toBe('a,"b""",c\r\n');
});

test('many blanks are no work', () => {
  const blanks = `;${' '.repeat(200_000)}`.repeat(5);
  expect(read(blanks)).toBe(blanks);
});
