// Signs and verifies the school's two kinds of token: a person's, and the short-lived one that opens a single report.
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { normaliseTestId } from '../figures/test-id.ts';
import { Refusal } from './refusal.ts';

const USER_ISSUER = 'school';
const REPORT_ISSUER = 'inzighted-backend';
const REPORT_SCOPE = 'report:read';

export interface UserClaims {
  user_type: 'student' | 'teacher' | 'admin';
  student_id?: string;
  teacher_id?: string;
  class_id?: string | string[];
  [claim: string]: unknown;
}

export interface TokenSecrets {
  userTokenSecret: string;
  reportTokenSecret: string;
}

/** Who calls, as a token proves it. */
export interface Caller {
  kind: 'student' | 'teacher' | 'admin';
  id: string | undefined;
  /** Empty when the token names no class: the school's own records decide then. */
  classIds: string[];
  /** Set for a report token only: the one test that it opens. */
  testId: string | undefined;
  isReportToken: boolean;
}

const claimsSchema = z.object({
  iss: z.string().optional(),
  scope: z.string().optional(),
  user_type: z.string().optional(),
  role: z.string().optional(),
  user_id: z.union([z.string(), z.number()]).optional(),
  student_id: z.string().optional(),
  teacher_id: z.string().optional(),
  educator_id: z.string().optional(),
  class_id: z.union([z.string(), z.array(z.string())]).optional(),
  test_id: z.union([z.string(), z.number()]).optional(),
});
type Claims = z.infer<typeof claimsSchema>;

const kinds: Record<string, Caller['kind']> = {
  student: 'student',
  teacher: 'teacher',
  educator: 'teacher',
  admin: 'admin',
};

export function createTokens({ userTokenSecret, reportTokenSecret }: TokenSecrets) {
  return {
    issueUserToken: (who: UserClaims, { expiresInSeconds = 8 * 3600 } = {}) =>
      sign({ iss: USER_ISSUER, ...who }, userTokenSecret, expiresInSeconds),

    issueReportToken: (claims: Record<string, unknown>, { expiresInSeconds = 600 } = {}) =>
      sign({ iss: REPORT_ISSUER, scope: REPORT_SCOPE, ...claims }, reportTokenSecret, expiresInSeconds),

    /** Throws a 401 refusal unless the token is one of the two kinds, rightly signed and not expired. */
    verify(token: string): Caller {
      // Only says which secret to try: nothing of an unverified payload is used.
      const isReportToken = Object(jwt.decode(token)).iss === REPORT_ISSUER;
      const claims = isReportToken ? check(token, reportTokenSecret, REPORT_ISSUER) : check(token, userTokenSecret);
      return isReportToken ? readReportToken(claims) : readUserToken(claims);
    },
  };
}

export type Tokens = ReturnType<typeof createTokens>;

function sign(claims: Record<string, unknown>, secret: string, expiresInSeconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  return jwt.sign({ iat: now, exp: now + expiresInSeconds, ...claims }, secret, { algorithm: 'HS256' });
}

function check(token: string, secret: string, issuer?: string): Claims {
  try {
    const payload = jwt.verify(token, secret, { algorithms: ['HS256'], ...(issuer && { issuer }) });
    if (typeof payload === 'string' || payload.exp === undefined) throw new Refusal(401, 'token_invalid');
    return claimsSchema.parse(payload);
  } catch (cause) {
    throw new Refusal(401, cause instanceof jwt.TokenExpiredError ? 'token_expired' : 'token_invalid', { cause });
  }
}

function readUserToken(claims: Claims): Caller {
  // Where both secrets were equal by mistake, a report token would otherwise pass as a person's.
  if (claims.scope === REPORT_SCOPE) throw new Refusal(401, 'token_invalid');
  return { ...readIdentity(claims), testId: undefined, isReportToken: false };
}

function readReportToken(claims: Claims): Caller {
  const identity = readIdentity(claims);
  const hasScope = claims.scope === undefined || claims.scope.split(' ').includes(REPORT_SCOPE);
  if (!hasScope || claims.test_id === undefined || identity.classIds.length !== 1) {
    throw new Refusal(401, 'token_invalid');
  }
  return { ...identity, testId: normaliseTestId(String(claims.test_id)), isReportToken: true };
}

function readIdentity(claims: Claims): Pick<Caller, 'kind' | 'id' | 'classIds'> {
  const kind = agreed([claims.user_type, claims.role].map((name) => name && (kinds[name] ?? 'unknown')));
  const teacherId = agreed([claims.teacher_id, claims.educator_id]);
  if (kind !== 'student' && kind !== 'teacher' && kind !== 'admin') throw new Refusal(401, 'token_invalid');
  const ownId = { student: claims.student_id, teacher: teacherId, admin: undefined }[kind];
  const userId = claims.user_id === undefined ? undefined : String(claims.user_id);
  return { kind, id: ownId ?? userId, classIds: [claims.class_id ?? []].flat() };
}

/** Two claims for one thing may both be there, but must not contradict each other. */
function agreed(values: (string | undefined)[]): string | undefined {
  const distinct = new Set(values.filter((value) => value !== undefined));
  if (distinct.size > 1) throw new Refusal(401, 'token_invalid');
  return [...distinct][0];
}
