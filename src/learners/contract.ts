// What is known of a learner, and why nothing may be issued to one.

export interface Learner {
  firstName: string;
  middleName?: string;
  lastName: string;
  email?: string;
  /** As BCP 47 writes it. */
  language?: string;
  isEnabled: boolean;
}

/** What whoever reports an achievement says of its learner. */
export type GivenLearner = { [Name in keyof Omit<Learner, 'isEnabled'>]?: Learner[Name] | undefined };

/** Who gets a certificate. */
export type NamedLearner = Omit<Learner, 'isEnabled'>;

/** Why there is nobody to issue to; all but the last are about the learner. */
export type LearnerProblem =
  | 'learner_not_found'
  | 'learner_disabled'
  | 'name_required'
  | 'name_too_long'
  | 'learner_unavailable';
