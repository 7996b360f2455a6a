// Texts of people: what can be stored and printed, and how long it is for those who read it.

const segmenter = new Intl.Segmenter('und');

/** Letters as people see them, whatever they are made of. */
export const countLetters = (text: string): number => [...segmenter.segment(text)].length;

/** Of one name on a certificate. */
export const mostNameLetters = 200;

/** No halves of characters, and not the one letter that no database takes. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** What it says as far as it can be stored, and no longer than that. */
export const makeStorable = (text: string, most: number): string =>
  text.replaceAll('\0', '\uFFFD').slice(0, most).toWellFormed();

/** No halves of characters, nothing that steers a terminal or turns the letters after it around. */
export const isPlainText = (text: string): boolean =>
  text.isWellFormed() && !/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(text.replaceAll(/[\t\n\r]/g, ' '));
