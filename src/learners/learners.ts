// Who a learner is: as Keycloak knows them, else as whoever reports the achievement says.

import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { countLetters, mostNameLetters } from '../letters.ts';
import type { GivenLearner, Learner, LearnerProblem, NamedLearner } from './contract.ts';
import { Keycloak } from './keycloak.ts';
import type { KeycloakSecrets, KeycloakSettings } from './keycloak-token.ts';

export interface Learners {
  /**
   * @returns undefined where nobody has this id.
   * @throws learner_unavailable where it can't be found out now.
   */
  find(studentId: string, options: { signal: AbortSignal }): Promise<Learner | undefined>;
}

/** Undefined where no Keycloak is set: then what is given is all that is known. */
export function createLearners(
  settings: KeycloakSettings | undefined,
  secrets: KeycloakSecrets,
  timeoutMs?: number,
): Learners | undefined {
  if (settings === undefined) return undefined;
  const keycloak = new Keycloak(settings, secrets, timeoutMs);
  return { find: (studentId, { signal }) => keycloak.find(studentId, signal) };
}

type Named = { learner: NamedLearner } | { problem: LearnerProblem };

const address = z.email().max(254);

const isBlank = (name: string | undefined) => name === undefined || name.trim() === '';

/** Names belong together: they are all Keycloak's or all of those that were given. */
function namesOf(known: GivenLearner, given: GivenLearner) {
  const {
    firstName = '',
    middleName,
    lastName = '',
  } = isBlank(known.firstName) && isBlank(known.lastName) ? given : known;
  return { firstName, ...(isBlank(middleName) ? {} : { middleName }), lastName };
}

function nameLearner(known: GivenLearner, given: GivenLearner): Named {
  const names = namesOf(known, given);
  if (isBlank(names.firstName) && isBlank(names.lastName)) return { problem: 'name_required' };
  const isTooLong = Object.values(names).some((name) => countLetters(name ?? '') > mostNameLetters);
  if (isTooLong) return { problem: 'name_too_long' };
  // Nobody is kept from a certificate by an address that is none.
  const email = [known.email, given.email].find((each) => address.safeParse(each).success);
  const language = known.language ?? given.language;
  return { learner: { ...names, ...(email && { email }), ...(language && { language }) } as NamedLearner };
}

/**
 * Who it is that something is issued to, as it is known now.
 * @param given what was said with the achievement; it counts where Keycloak says nothing.
 */
export async function identifyLearner(
  learners: Learners | undefined,
  { studentId, given }: { studentId: string; given: GivenLearner },
  { signal }: { signal: AbortSignal },
): Promise<Named> {
  if (learners === undefined) return nameLearner({}, given);
  try {
    const known = await learners.find(studentId, { signal });
    if (known === undefined) return { problem: 'learner_not_found' };
    return known.isEnabled ? nameLearner(known, given) : { problem: 'learner_disabled' };
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'learner_unavailable') return { problem: error.code };
    throw error;
  }
}
