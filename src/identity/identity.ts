// Who may do what: the service token, user tokens, and the report tokens with which pages are opened.

import { createHash, timingSafeEqual } from 'node:crypto';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import { createBearerVerifier, secondsLeftOf, signToken } from './bearer.ts';
import { hasReportScope, readCaller, type TenantDirectory } from './caller.ts';
import type { Caller, Claims } from './contract.ts';

const log = createLog('identity');

export interface Identity {
  /** Whether `authorization` is `Bearer` and one of the service tokens. */
  isService(authorization: string | undefined): boolean;
  /** @throws unauthorized, the same for every reason; identity_unavailable. */
  authenticate(authorization: string | undefined): Promise<Caller>;
  /**
   * The claims of a report token, or undefined when no key is configured to verify it with.
   * @throws report_token_expired, report_token_invalid, identity_unavailable.
   */
  verifyReportToken(token: string): Promise<Claims | undefined>;
  /** Seconds for which a token is good by its own word: below 0 when its time is over, without end when it names none. */
  secondsLeftOf(token: string): number;
  /** A report token for 10 minutes, or undefined when no secret is configured. */
  mintReportToken(claims: Record<string, unknown>): string | undefined;
}

interface Rules {
  jwksUrl: string | undefined;
  issuers: string[];
  audience: string | undefined;
}

interface Options {
  serviceTokens: readonly string[];
  userTokens: Rules & { secret: string | undefined };
  reportTokens: Rules & { secret: string | undefined };
  tenants: TenantDirectory;
}

const reportTokenSeconds = 600;
/** What can stand in a cookie and in localStorage unharmed. */
const tokenPattern = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,8192}$/;

function readBearer(authorization: string | undefined): string | undefined {
  return /^bearer +([^\s,]+)$/i.exec(authorization ?? '')?.[1];
}

/** A scope is optional; one that is there must be that of reports. */
const mayReadReports = ({ scope }: Claims) => scope === undefined || hasReportScope(scope);

/** Whether what one key verifies for people it verifies for pages too. */
const isOneKey = ({ userTokens, reportTokens }: Options) =>
  (userTokens.secret !== undefined && userTokens.secret === reportTokens.secret) ||
  (userTokens.jwksUrl !== undefined && userTokens.jwksUrl === reportTokens.jwksUrl);

function explainRefusal(authorization: string | undefined, token: string | undefined): string {
  if (authorization === undefined) return 'X-Service-Auth is missing';
  if (token === undefined) return 'X-Service-Auth is not of the form: Bearer <token>';
  return 'X-Service-Auth has another token than PDF_SERVICE_INTERNAL_TOKEN';
}

const digest = (text: string) => createHash('sha256').update(text).digest();

export function createIdentity(options: Options): Identity {
  const { serviceTokens, userTokens, reportTokens, tenants } = options;
  // The educator's form of a report token may have no scope; what tells it from a person's is the one test that it is for.
  const mayBeForPages = isOneKey(options);
  const users = createBearerVerifier(userTokens);
  const reports = createBearerVerifier(reportTokens);
  const serviceDigests = serviceTokens.map(digest);

  return {
    isService(authorization) {
      const token = readBearer(authorization);
      const given = digest(token ?? '');
      // Each one is compared, and in constant time, so that time tells nothing.
      const isOurs = serviceDigests.map((expected) => timingSafeEqual(given, expected)).includes(true);
      if (!isOurs) log.info('Service token refused', { reason: explainRefusal(authorization, token) });
      return isOurs;
    },

    async authenticate(authorization) {
      const token = readBearer(authorization);
      if (token === undefined || users === undefined) throw fail('unauthorized');
      const verdict = await users.verify(token);
      const isForPages = mayBeForPages && 'claims' in verdict && verdict.claims.test_id !== undefined;
      const caller = 'claims' in verdict && !isForPages ? readCaller(verdict.claims, token, tenants) : undefined;
      if (caller !== undefined) return caller;
      log.info('User token refused', { reason: 'refused' in verdict ? String(verdict.cause) : 'claims' });
      throw fail('unauthorized');
    },

    async verifyReportToken(token) {
      if (!tokenPattern.test(token)) throw fail('report_token_invalid');
      const verdict = await reports?.verify(token);
      if (verdict === undefined) return undefined;
      if ('claims' in verdict && mayReadReports(verdict.claims)) return verdict.claims;
      if ('claims' in verdict) throw fail('report_token_invalid', {}, { cause: 'scope' });
      throw fail(
        verdict.refused === 'expired' ? 'report_token_expired' : 'report_token_invalid',
        {},
        { cause: verdict.cause },
      );
    },

    secondsLeftOf,

    mintReportToken(claims) {
      if (reportTokens.secret === undefined) return undefined;
      const iss = reportTokens.issuers[0];
      return signToken({ ...claims, scope: 'report:read', iss }, reportTokens.secret, reportTokenSeconds);
    },
  };
}
