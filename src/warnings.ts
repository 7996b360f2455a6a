// The catalogue of warnings: what was not as it should be on a page that was printed all the same.

/** Each warning is a text that begins with one of these. */
export const warningCodes = [
  'printed_without',
  'printed_while_moving',
  'content_cut_off',
  'refused',
  'page_error',
  'no_token_cookie',
] as const;
export type WarningCode = (typeof warningCodes)[number];

/** The code that a warning begins with. */
export function codeOfWarning(warning: string): WarningCode {
  return warning.split(' ')[0] as WarningCode;
}

const mostOfOneCode = 10;

/** What each code is about, an empty text where it says all; of many only the first are named, and how many more there are. */
export function listWarnings(found: Record<WarningCode, string[]>): string[] {
  return warningCodes.flatMap((code) => {
    const all = found[code];
    const named = all.slice(0, mostOfOneCode).map((about) => `${code} ${about}`.trim());
    return all.length <= mostOfOneCode ? named : [...named, `${code} and ${all.length - mostOfOneCode} more`];
  });
}
