// What a certificate says, and what is made of it: credentials, by the built-in issuer or by a registry.

/** What a certificate says. The same facts always give the same credential, to the byte. */
export interface CertificateFacts {
  /** UUID. */
  id: string;
  /** Prefix of the tenant's keys: learners and courses of two tenants may have the same ids. Empty or left out: the one without a prefix. */
  tenant?: string;
  userId: string;
  courseId: string;
  courseName: string;
  firstName: string;
  middleName?: string;
  lastName: string;
  /** Dates exactly as they were given, ISO 8601. */
  issuanceDate: string;
  expirationDate?: string;
  /** When the certificate was recorded, and so when the proofs say that they were made. */
  recordedAt: Date;
  verifyUrl: string;
  /** Its place over all status lists, from 0. */
  statusIndex: number;
  score?: number;
  maxScore?: number;
}

/** A credential as JSON. */
export type Credential = Record<string, unknown>;

/** Who makes the credential of a certificate: Platen itself, or a registry. */
export interface CredentialIssuer {
  /** @throws issuer_unavailable when a registry doesn't give one. */
  issue(facts: CertificateFacts): Promise<Credential>;
}

/** Why a credential is not genuine. */
export type Fault =
  /** It is no credential of a form that we give out: a field too many, too few, or of another kind. */
  | 'unknown_form'
  /** It names another issuer. */
  | 'other_issuer'
  /** Its proof names a key that is not, and was not, ours. */
  | 'unknown_key'
  /** It was changed after it was signed, or was signed by somebody else. */
  | 'wrong_proof';

export interface Verdict {
  isGenuine: boolean;
  /** Why not. */
  reason?: Fault;
}

export interface Credentials extends CredentialIssuer {
  /** The certificate as a Verifiable Credential 1.1 with one proof, eddsa-rdfc-2022. */
  issue(facts: CertificateFacts): Promise<Credential>;
  /** The certificate as an Open Badge 3.0 with two proofs, eddsa-rdfc-2022 and eddsa-jcs-2022. */
  badge(facts: CertificateFacts): Promise<Credential>;
  /** Whether we signed it and it still says what it said. Says nothing of revocation or expiry. Never throws, whatever it is given. */
  check(credential: unknown): Promise<Verdict>;
  /** For `/.well-known/did.json`; where PUBLIC_URL has a path, for `{PUBLIC_URL}/did.json`. */
  didDocument(): Credential;
  /** For `/contexts/certificate/v1`. */
  certificateContext(): Credential;
  /**
   * The signed Bitstring status list for `/credentials/status/{list}`.
   * @param list - From 0.
   * @param revoked - The `statusIndex` of every certificate of this list that isn't good any more.
   */
  statusList(list: number, revoked: Iterable<number>): Promise<Credential>;
}

/** How many certificates one status list tells of: the least that the standard allows, so that nobody learns much from which list is read. */
export const statusListSize = 131_072;
