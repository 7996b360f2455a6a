// The tokens with which report pages are opened: given ones are checked, others are minted, one for a whole class where it serves.

import { fail } from '../errors.ts';
import { toleranceSeconds } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import type { Report } from './report.ts';
import { claimsFor, claimsForClass, mismatchOf } from './report-token-claims.ts';

export interface PageToken {
  /** Undefined: the page is opened without. */
  token: string | undefined;
  /** False for one that was made for this report alone. */
  isShared: boolean;
}

/** A minted one is used for so long; it is good for 10 minutes, and a render must end before it does. */
const classTokenUseMs = 300_000;
/** A page that is begun with a token asks with it for so long, as a rule; the platform tolerates no difference of clocks. */
const renderSeconds = 30;

const mismatch = (claim: string) =>
  fail('report_token_mismatch', {
    detail: `The claim ${claim} of the report token is for another report than the one asked for.`,
  });

export class ReportTokens {
  readonly #identity: Identity;
  readonly #ofClasses = new Map<string, { token: string | undefined; madeAt: number }>();

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** A token that the caller has given. @throws report_token_expired, report_token_invalid, report_token_mismatch. */
  async check(token: string, report: Report): Promise<PageToken> {
    const claims = await this.#identity.verifyReportToken(token);
    const claim = claims === undefined ? undefined : mismatchOf(claims, report);
    if (claim !== undefined) throw mismatch(claim);
    return { token, isShared: true };
  }

  /**
   * Whether a token that was given for all reports of a class opens this one. It does not open a teacher's page, which asks who the teacher is, but may
   * be for the class; then one can be minted.
   * @throws report_token_expired, report_token_invalid; report_token_mismatch where it is for another class, or none can be minted.
   */
  async opens(token: string, report: Report): Promise<boolean> {
    const claims = await this.#identity.verifyReportToken(token);
    const claim = claims === undefined ? undefined : mismatchOf(claims, report);
    if (claims === undefined || claim === undefined) return true;
    const { type, classId, test } = report;
    const isOfClass = type === 'teacher' && mismatchOf(claims, { type: 'overall', classId, test }) === undefined;
    if (!isOfClass || this.mint(report).token === undefined) throw mismatch(claim);
    return false;
  }

  /** One for this report alone. */
  mint(report: Report): PageToken {
    return { token: this.#identity.mintReportToken(claimsFor(report)), isShared: false };
  }

  /** The one for all reports of the class and test, but a teacher's, whose page asks who the teacher is. */
  mintForClass(origin: string, report: Report): PageToken {
    if (report.type === 'teacher') return this.mint(report);
    const key = JSON.stringify([origin, report.classId, report.test.segment]);
    const now = performance.now();
    const present = this.#ofClasses.get(key);
    if (present !== undefined && now - present.madeAt < classTokenUseMs)
      return { token: present.token, isShared: true };
    for (const [each, { madeAt }] of this.#ofClasses) if (now - madeAt >= classTokenUseMs) this.#ofClasses.delete(each);
    const token = this.#identity.mintReportToken(claimsForClass(report));
    this.#ofClasses.set(key, { token, madeAt: now });
    return { token, isShared: true };
  }

  /** Whether a token, checked before, opens a page that is begun now; for want of another it is tried as long as it would be accepted. */
  isGood(token: string, { hasOther }: { hasOther: boolean }): boolean {
    return this.#identity.secondsLeftOf(token) > (hasOther ? renderSeconds : -toleranceSeconds);
  }
}
