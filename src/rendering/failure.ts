// Why a render failed, as it is reported: what ended it, what is only a consequence, and what the page was doing.

import { BrowserFault } from '../browser/contract.ts';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import type { Page } from '../page/page.ts';
import type { Diagnosis, Stage } from './contract.ts';
import { saveDiagnostics } from './diagnostics.ts';
import type { Tab } from './tab.ts';

export interface FailedRender {
  /** What the stage threw. */
  error: unknown;
  /** The caller's; what aborted it comes before all else. */
  caller: AbortSignal;
  /** Aborted by whatever ended the render early. */
  end: AbortSignal;
  tab: Tab | undefined;
  page: Page | undefined;
  stage: Stage;
  elapsedMs: number;
  diagnosticsDir: string | undefined;
  token: string | undefined;
}

/** What a page comes to that was refused its figures: it waits, it fails, it goes to where people sign in. */
const consequencesOfRejection: readonly ErrorCode[] = [
  'page_failed',
  'page_not_ready',
  'page_redirected',
  'render_timeout',
  'report_not_found',
  'wrong_subject',
];

/** What a page may say of itself. */
const saidByPage: readonly ErrorCode[] = ['page_failed', 'report_not_found'];

/** The error to report, with a diagnosis where it is the page's failure. */
export async function explainFailure(failed: FailedRender): Promise<unknown> {
  const { tab, page } = failed;
  const reason = reasonOf(failed);
  if (reason instanceof BrowserFault) {
    reason.diagnosis = await diagnose(failed);
    if (reason.kind === 'print') tab?.lease.retire('printing failed');
  }
  if (!(reason instanceof ServiceError)) return reason;
  const rejection = consequencesOfRejection.includes(reason.code) ? page?.rejection : undefined;
  const { code, details } = rejection ?? reason;
  const diagnosis = await diagnose(failed);
  if (tab !== undefined) await saveDiagnostics(tab.cdp, failed.diagnosticsDir, failed.token);
  // What the page says of itself stays, unless something was broken that it needs.
  const mayHeal = details.mayHeal ?? (saidByPage.includes(code) && page?.hasBrokenRequest === true);
  return fail(code, { ...details, mayHeal, diagnosis }, { cause: reason.cause });
}

function reasonOf({ error, caller, end, tab }: FailedRender): unknown {
  if (caller.aborted) return caller.reason;
  if (end.aborted) return end.reason;
  if (error instanceof ServiceError) return error;
  if (tab?.lease.browser.connected !== true) return new BrowserFault('browser', { cause: error });
  return error instanceof BrowserFault ? error : new BrowserFault('renderer', { cause: error });
}

async function diagnose({ page, stage, elapsedMs }: FailedRender): Promise<Diagnosis> {
  const nothing = { pending: [], consoleErrors: [], failedRequests: [], finalUrl: undefined };
  return { stage, elapsedMs, ...((await page?.findings()) ?? nothing) };
}
