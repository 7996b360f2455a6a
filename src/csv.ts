// Lines of CSV (RFC 4180) that are safe to open in a spreadsheet. Pure.

/** Spreadsheets take what begins so for a formula, also in the letters of full width; and some cut lines at semicolons or tabs, whatever the quotes say. */
const formula = /(^|[;\t\r\n])([^\S\t\r\n]*)(?=[=+\-@＝＋－＠])/g;
const control = /^[\t\r\n]/;

/** As it was, but with an apostrophe before what would be taken for a formula: spreadsheets show it as text. */
const toText = (value: string) => `${control.test(value) ? "'" : ''}${value.replaceAll(formula, "$1$2'")}`;

function toCell(value: string): string {
  const text = toText(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csvLine = (cells: readonly string[]): string => `${cells.map(toCell).join(',')}\r\n`;

/** Without it spreadsheets take UTF-8 for something else. */
export const byteOrderMark = '\uFEFF';
