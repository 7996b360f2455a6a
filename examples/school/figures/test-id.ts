// Reads the forms in which a test is named: `Test 5`, `Test_5` and `5` are one test, `0` and `overall` are all tests.

export const OVERALL = 'overall';

export function normaliseTestId(given: string): string {
  const number = /^(?:Test[ _])?([1-9][0-9]*)$/.exec(given)?.[1];
  if (number) return `Test_${number}`;
  return given === '0' || given.toLowerCase() === OVERALL ? OVERALL : given;
}
