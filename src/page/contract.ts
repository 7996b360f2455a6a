// What goes into a page and what it tells of itself: the settings of its contract, what it shows, what a failure looked like.

import type { WarningCode } from '../warnings.ts';

/** The page's contract as the settings of its origin have it. */
export interface PageSettings {
  tokenStorageKey: string;
  tokenCookieName: string;
  isSubjectRequired: boolean;
  failOnPageErrors: boolean;
  /** Codes of warnings that fail a render. */
  strictWarnings: readonly WarningCode[];
  /** For what is still on its way when the page says that it is ready, of our time. */
  assetGraceMs: number;
  /** For what still moves then, of the page's own time. */
  settleMs: number;
  /** Patterns of further paths that are the page. */
  aliases: readonly string[];
  /** Patterns of paths whose 401 and 403 say nothing of the token. */
  ignoredRefusals: readonly string[];
  /** As `de-DE`: of the page's numbers and dates, and what it asks servers for. */
  language: string;
  timeZone: string;
  pixelRatio: number;
  printScale: number;
  /** PEM of authorities that the browser trusts beside the public ones. */
  authorities: string | undefined;
}

/** What a failed page was doing; quoted in the problem that the caller gets. */
export interface Findings {
  /** The code that the page gave its own failure (`__PDF_ERROR__`). */
  pageCode?: string;
  pending: string[];
  consoleErrors: string[];
  failedRequests: { path: string; status?: number; error?: string }[];
  finalUrl: string | undefined;
}

/** What a page shows, seen from a world that its own scripts can't touch. */
export interface PageSnapshot {
  /** What its `pdf-subject` and `pdf-class` markers say; none, one, or several that contradict each other. */
  subjects: string[];
  classNames: string[];
  heightPx: number;
  /** Whether it writes the token where everybody can read it. */
  showsToken: boolean;
  /** Elements whose content does not all come onto paper. */
  cutOff: string[];
}
