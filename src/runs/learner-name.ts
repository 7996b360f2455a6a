// Whether the name of a learner can stand on a certificate. Pure.

import type { Learner } from '../plugins/contract.ts';

const mostLetters = 200;

/** The code of what is wrong with it. */
export function nameFault({ firstName = '', middleName = '', lastName = '' }: Learner): string | undefined {
  const names = [firstName, middleName, lastName];
  if (names.every((name) => name.trim() === '')) return 'name_required';
  const segments = new Intl.Segmenter('und');
  return names.some((name) => [...segments.segment(name)].length > mostLetters) ? 'name_too_long' : undefined;
}
