// Makes a report anew, whatever is stored, and stores it: at once for a backend that waits, or as a job.

import { abortable } from '../abortable.ts';
import type { Tenant } from '../config.ts';
import { fail } from '../errors.ts';
import type { Priority, Stage } from '../rendering/contract.ts';
import type { AcceptedRenders } from './accepted-render.ts';
import type { KeyedReport } from './contract.ts';
import { keyOf, type PagePatterns, pagePath } from './report.ts';
import type { PageToken, ReportTokens } from './report-tokens.ts';
import type { Tenancy } from './tenancy.ts';

export interface GenerateRequest {
  report: KeyedReport;
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

/** What is to be made, with what is needed for it. */
export interface Order extends Pick<GenerateRequest, 'report' | 'educatorId' | 'dataVersion'> {
  tenant: Tenant;
  token: PageToken;
}

export interface MakeOptions {
  priority: Priority;
  signal: AbortSignal;
  /** `store` follows the stages of the render. */
  onStage?: (stage: Stage | 'store') => void;
}

interface Dependencies {
  tokens: ReportTokens;
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

  /** @throws deadline_exceeded, storage_unavailable, database_unavailable, those of the report token and those of a render. */
  async generate(request: GenerateRequest): Promise<GeneratedReport> {
    const generating = this.#generate(request);
    const settled = generating.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay.add(settled);
    return generating.finally(() => this.#underWay.delete(settled));
  }

  /** Resolves when none is under way: they go on although their callers hang up. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Prints and stores; again where the document was removed meanwhile. @throws storage_unavailable, database_unavailable, those of a render. */
  async make(
    { report, tenant, token, educatorId, dataVersion }: Order,
    options: MakeOptions,
  ): Promise<GeneratedReport> {
    const startedAt = performance.now();
    const { signal, onStage } = options;
    const key = keyOf(tenant.prefix, report);
    const url = tenant.origin + pagePath(report, this.#dependencies.pages, educatorId);
    const page = {
      ...options,
      url,
      token: token.token,
      isTokenShared: token.isShared,
      className: report.classId,
      hurry: undefined,
    };
    for (;;) {
      const accepting = this.#dependencies.renders.accept({ report, key, view: 'canonical', dataVersion });
      const render = await abortable(accepting, signal);
      const pdf = await render.print(page);
      onStage?.('store');
      const kept = render.keep(pdf, { isInsistent: true }).catch((cause) => {
        throw cause.code === 'database_unavailable' ? cause : fail('storage_unavailable', {}, { cause });
      });
      const outcome = await abortable(kept, signal);
      // What was removed under way shows old figures: printed again, it shows the new ones.
      if (outcome === 'invalidated') continue;
      const durationMs = Math.round(performance.now() - startedAt);
      const { pages, sha256, warnings } = pdf;
      return { key, pages, bytes: pdf.bytes.length, sha256, durationMs, warnings };
    }
  }

  async #generate(request: GenerateRequest): Promise<GeneratedReport> {
    const { tenancy, tokens } = this.#dependencies;
    const { report, reportToken } = request;
    const tenant = tenancy.named(request.origin);
    using deadline = createDeadline(triggerDeadlineMs);
    const { signal } = deadline;
    const token =
      reportToken === undefined ? tokens.mint(report) : await abortable(tokens.check(reportToken, report), signal);
    return await this.make({ ...request, tenant, token }, { priority: 'trigger', signal });
  }
}

function createDeadline(timeoutMs: number): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(fail('deadline_exceeded')), timeoutMs);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
