// What is written down of a change.

export interface Change {
  /** Prefix of the keys of the tenant; undefined: of no single one. */
  tenant: string | undefined;
  /** Kind and id, as in its path: `certificates/{id}`. It names no learner. */
  target: string;
  /** Neither names a learner, nor holds names or addresses of people; what is called a secret, token or password is left out. */
  before?: object | null | undefined;
  after?: object | null | undefined;
}
