// Who calls, as proved by a token; and tokens that are given for pages.

import type { JwtPayload } from 'jsonwebtoken';
import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';

/** What a verified token says. */
export type Claims = JwtPayload;

/** Whose data a token opens: one of ours, one that is not ours, or (with several tenants) not said. */
export type CallerTenant = { origin: string } | 'foreign' | 'unnamed';

export interface Caller {
  tenant: CallerTenant;
  type: 'student' | 'teacher' | 'admin';
  id: string;
  /** Classes that the token names; empty when it names none. */
  classes: readonly string[];
  /** The token itself: pages are opened with it. */
  token: string;
}

/** A token for pages as it comes with a request. */
export const givenReportToken = z.string().max(8192);

/** What may be wrong with one. */
export const reportTokenErrors: readonly ErrorCode[] = [
  'report_token_expired',
  'report_token_invalid',
  'report_token_mismatch',
  'identity_unavailable',
];

/** In place of a caller's key: the backend. */
export const serviceOwner = 'service';

/** Tenant, type and id: who owns, and who is limited. */
export function callerKey(caller: Caller): string {
  const tenant = typeof caller.tenant === 'string' ? caller.tenant : caller.tenant.origin;
  return JSON.stringify([tenant, caller.type, caller.id]);
}

/** By which the clocks of those who sign and those who verify tokens may differ. */
export const toleranceSeconds = 30;
