// Verifies bearer tokens: one fixed algorithm list each, issuer, audience, and an expiry that must be there.

import { createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { createRemoteJWKSet, decodeProtectedHeader, errors } from 'jose';
import jwt, { type Algorithm, type JwtPayload } from 'jsonwebtoken';
import { fail } from '../errors.ts';
import { type Claims, toleranceSeconds } from './contract.ts';

export interface BearerRules {
  /** HS256 secret; exactly one of secret and key set is given, or neither: then nothing is verified. */
  secret: string | undefined;
  jwksUrl: string | undefined;
  /** Any of these; empty: any at all. */
  issuers: readonly string[];
  audience: string | undefined;
}

export type Verdict = { claims: Claims } | { refused: 'expired' | 'invalid'; cause: unknown };

export interface BearerVerifier {
  /** Never throws for a bad token. @throws identity_unavailable when the key set can't be fetched. */
  verify(token: string): Promise<Verdict>;
}

const longestToken = 8192;
const keySetTimeoutMs = 5000;
const keySetAlgorithms: Algorithm[] = ['RS256', 'ES256'];

type FindKey = (token: string) => Promise<{ key: KeyObject; algorithms: Algorithm[] }>;

/** What the library would find out for every token: a secret that is a public key must not verify anything by HS256. */
function readSecret(secret: string): KeyObject {
  try {
    return createPublicKey(secret);
  } catch {
    return createSecretKey(secret, 'utf8');
  }
}

function useSecret(secret: string): FindKey {
  const key = readSecret(secret);
  return async () => ({ key, algorithms: ['HS256'] });
}

function findKeyInSet(jwksUrl: string): FindKey {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: keySetTimeoutMs });
  return async (token) => {
    const header = decodeProtectedHeader(token);
    // Checked before anything is fetched: the header is the caller's word.
    if (!keySetAlgorithms.some((algorithm) => algorithm === header.alg))
      throw new errors.JOSEAlgNotAllowed('algorithm');
    try {
      const key = await keys({ ...header, alg: header.alg as string });
      return { key: KeyObject.from(key), algorithms: [header.alg as Algorithm] };
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause;
      throw fail('identity_unavailable', {}, { cause });
    }
  };
}

/** Claims that say who, of which class, or for which test. */
const idClaims = ['user_id', 'student_id', 'teacher_id', 'educator_id', 'class_id', 'test_id'];

/** A number that another one is read as too: beyond 2^53 two people would be one. */
const isUnsafe = (value: unknown) => typeof value === 'number' && !Number.isSafeInteger(value);

/** What is wrong with the claims of a token that is signed well. */
function faultOf(claims: JwtPayload | string): string | undefined {
  if (typeof claims === 'string' || claims.exp === undefined) return 'no expiry';
  return idClaims.flatMap((name) => claims[name]).some(isUnsafe) ? 'an id that is no safe integer' : undefined;
}

/** A verifier for one kind of token, or undefined when no key is configured. */
export function createBearerVerifier(rules: BearerRules): BearerVerifier | undefined {
  const { secret, jwksUrl, issuers, audience } = rules;
  if (secret === undefined && jwksUrl === undefined) return undefined;
  const findKey = jwksUrl === undefined ? useSecret(secret ?? '') : findKeyInSet(jwksUrl);
  const [firstIssuer, ...otherIssuers] = issuers;
  const expected = {
    clockTolerance: toleranceSeconds,
    ...(firstIssuer === undefined ? {} : { issuer: [firstIssuer, ...otherIssuers] as [string, ...string[]] }),
    ...(audience === undefined ? {} : { audience }),
  };
  return {
    async verify(token) {
      if (token.length > longestToken) return { refused: 'invalid', cause: 'too long' };
      try {
        // Extensions that must be understood (RFC 7515, 4.1.11): none is.
        if (decodeProtectedHeader(token).crit !== undefined)
          return { refused: 'invalid', cause: 'critical extensions' };
        const { key, algorithms } = await findKey(token);
        const claims = jwt.verify(token, key, { ...expected, algorithms });
        const fault = faultOf(claims);
        return fault === undefined ? { claims: claims as Claims } : { refused: 'invalid', cause: fault };
      } catch (cause) {
        if (cause instanceof Error && cause.name === 'ServiceError') throw cause;
        return { refused: cause instanceof jwt.TokenExpiredError ? 'expired' : 'invalid', cause };
      }
    },
  };
}

/** Seconds for which a token is good by its own word: below 0 when its time is over, without end when it names none. */
export function secondsLeftOf(token: string): number {
  const claims = jwt.decode(token);
  const expiry = typeof claims === 'object' ? claims?.exp : undefined;
  return typeof expiry === 'number' ? expiry - Date.now() / 1000 : Number.POSITIVE_INFINITY;
}

/** Signs with HS256. */
export function signToken(claims: object, secret: string, expiresInSeconds: number): string {
  return jwt.sign(claims, secret, { algorithm: 'HS256', expiresIn: expiresInSeconds });
}
