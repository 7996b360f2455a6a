// The backend's trigger: renders a report whatever is stored, and stores it, within the time that the backend waits.

import { abortable } from '../abortable.ts';
import { fail } from '../errors.ts';
import type { Identity } from '../identity/identity.ts';
import type { AcceptedRenders } from './accepted-render.ts';
import { keyOf, type PagePatterns, pagePath, type Report } from './report.ts';
import { claimsFor, tokenFits } from './report-token.ts';
import type { Tenancy } from './tenancy.ts';

export interface GenerateRequest {
  report: Report & { classId: string };
  /** Undefined: the default tenant. */
  origin: string | undefined;
  reportToken: string | undefined;
  educatorId: string | undefined;
  dataVersion: string | undefined;
}

export interface GeneratedReport {
  key: string;
  pages: number;
  bytes: number;
  sha256: string;
  durationMs: number;
  warnings: string[];
}

interface Dependencies {
  identity: Identity;
  tenancy: Tenancy;
  renders: AcceptedRenders;
  pages: PagePatterns;
}

/** The existing caller waits for 150 s. */
const triggerDeadlineMs = 140_000;

export class Generations {
  readonly #dependencies: Dependencies;
  readonly #underWay = new Set<Promise<void>>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** @throws deadline_exceeded, storage_unavailable, those of the report token and those of a render. */
  async generate(request: GenerateRequest): Promise<GeneratedReport> {
    const generating = this.#generate(request);
    const settled = generating.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay.add(settled);
    return generating.finally(() => this.#underWay.delete(settled));
  }

  /** Kept when none is under way: they go on although their callers hang up. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #generate(request: GenerateRequest): Promise<GeneratedReport> {
    const startedAt = performance.now();
    const { report, dataVersion, educatorId } = request;
    const tenant = this.#dependencies.tenancy.named(request.origin);
    const key = keyOf(tenant.prefix, report);
    using deadline = createDeadline(triggerDeadlineMs);
    const token = await abortable(this.#reportToken(request), deadline.signal);
    const url = tenant.origin + pagePath(report, this.#dependencies.pages, educatorId);
    const page = {
      url,
      token,
      isTokenShared: request.reportToken !== undefined,
      className: report.classId,
      priority: 'trigger',
      signal: deadline.signal,
      hurry: undefined,
    } as const;
    await abortable(this.#dependencies.renders.goBeyondStored(key), deadline.signal);
    for (;;) {
      using render = this.#dependencies.renders.accept({ report, key, view: 'canonical', dataVersion });
      const pdf = await render.print(page);
      const kept = render.keep(pdf, { isInsistent: true }).catch((cause) => {
        throw fail('storage_unavailable', {}, { cause });
      });
      const outcome = await abortable(kept, deadline.signal);
      // What was invalidated under way shows old figures: printed again, it shows the new ones.
      if (outcome === 'invalidated') continue;
      const durationMs = Math.round(performance.now() - startedAt);
      const { pages, sha256, warnings } = pdf;
      return { key, pages, bytes: pdf.bytes.length, sha256, durationMs, warnings };
    }
  }

  async #reportToken({ report, reportToken }: GenerateRequest): Promise<string | undefined> {
    const { identity } = this.#dependencies;
    if (reportToken === undefined) return identity.mintReportToken(claimsFor(report));
    const claims = await identity.verifyReportToken(reportToken);
    if (claims !== undefined && !tokenFits(claims, report)) throw fail('report_token_mismatch');
    return reportToken;
  }
}

function createDeadline(timeoutMs: number): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(fail('deadline_exceeded')), timeoutMs);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
