// Page to PDF: a queue with priorities before one supervised browser. Knows nothing of reports or storage.

import { randomUUID } from 'node:crypto';
import PQueue from 'p-queue';
import { followSignals } from '../abortable.ts';
import { BrowserSupervisor } from '../browser/browser.ts';
import { BrowserFault } from '../browser/contract.ts';
import { fail, ServiceError } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { PageSettings } from '../page/contract.ts';
import type {
  GivenDocument,
  PrintedDocument,
  Priority,
  RenderedPdf,
  RenderingStatus,
  RenderOptions,
  RenderRequest,
} from './contract.ts';
import { countRender } from './counted-render.ts';
import { printDocument } from './document-render.ts';
import { type EgressProxy, startEgressProxy } from './egress.ts';
import { printPage, StaleTab } from './page-render.ts';
import { RefusedTargets } from './refused-targets.ts';
import { StageClock } from './stage-clock.ts';
import { TabPool } from './tab-pool.ts';
import type { RenderEnvironment, RenderLimits } from './tab-use.ts';

const log = createLog('rendering');

export interface RenderingConfig extends RenderLimits {
  browserPath: string | undefined;
  hasSandbox: boolean;
  recycleAfter: number;
  rendererMemoryLimitMb: number;
  browserMemoryLimitMb: number;
  concurrency: number;
  /** Interactive renders that may wait. */
  queueLimit: number;
  /** Origins that every page may reach beside its own. */
  allowedOrigins: readonly string[];
  /** The page's contract, by origin. */
  pages: ReadonlyMap<string, PageSettings>;
}

export interface Rendering extends AsyncDisposable {
  /**
   * Prints one page.
   * @throws {ServiceError} with a code of the catalogue and, for the page's own failures, a diagnosis;
   *   the signal's reason when it was aborted.
   */
  render(request: RenderRequest, options: RenderOptions): Promise<RenderedPdf>;
  /**
   * Prints a document that is given whole: nothing runs in it, and what it was not given does not exist for it.
   * @throws as `render`.
   */
  printDocument(document: GivenDocument, options: RenderOptions): Promise<PrintedDocument>;
  status(): RenderingStatus;
}

interface Dependencies {
  config: RenderingConfig;
  /** Origins that may be opened. */
  origins: readonly string[];
  metrics: Metrics;
  /** Told of each target, as host and port, that a page was kept from. */
  onRefused?(target: string): void;
}

interface Waiting extends Pick<RenderOptions, 'priority' | 'hurry'> {
  signal: AbortSignal;
}

const ranks: Record<Priority, number> = { interactive: 2, trigger: 1, background: 0 };
const attempts = 2;

/** What an attempt has to keep to. */
interface Turn {
  signal: AbortSignal;
  clock: StageClock;
  /** On the monotonic clock. */
  deadline: number;
}

class BrowserRendering implements Rendering {
  readonly #config: RenderingConfig;
  readonly #metrics: Metrics;
  readonly #browsers: readonly BrowserSupervisor[];
  /** By origin: tabs of origins that trust the same authorities are of one browser. */
  readonly #tabs: ReadonlyMap<string, TabPool>;
  /** One way out per tenant, so that tenants don't reach each other. */
  readonly #proxies: ReadonlyMap<string, EgressProxy>;
  readonly #queue: PQueue;
  readonly #stopping = new AbortController();

  constructor({ config, metrics }: Dependencies, proxies: ReadonlyMap<string, EgressProxy>) {
    this.#config = config;
    this.#metrics = metrics;
    this.#proxies = proxies;
    this.#queue = new PQueue({ concurrency: config.concurrency });
    const trusted = new Set([...config.pages.values()].map(({ authorities }) => authorities));
    const { concurrency: limit } = config;
    const byTrust = new Map(
      [...trusted].map((authorities) => {
        const browser = new BrowserSupervisor({ ...config, authorities, metrics });
        return [authorities, { browser, tabs: new TabPool({ browser, limit, metrics }) }] as const;
      }),
    );
    this.#browsers = [...byTrust.values()].map(({ browser }) => browser);
    this.#tabs = new Map(
      [...config.pages].map(([origin, { authorities }]) => [origin, byTrust.get(authorities)?.tabs as TabPool]),
    );
  }

  render(request: RenderRequest, options: RenderOptions): Promise<RenderedPdf> {
    return countRender(this.#metrics, request.url, (onBegin) =>
      this.#inTurn(options, (turn) => {
        onBegin();
        return this.#printFresh(request, turn);
      }),
    );
  }

  printDocument(document: GivenDocument, options: RenderOptions): Promise<PrintedDocument> {
    return this.#inTurn(options, (turn) => printDocument(document, this.#environmentOf(this.#anyTabs, turn)));
  }

  status(): RenderingStatus {
    const all = this.#browsers.map((browser) => browser.status());
    const worst = all.find(({ state }) => state !== 'up') ?? all.find(({ reason }) => reason !== undefined) ?? all[0];
    return { browser: worst ?? { state: 'down' }, active: this.#queue.pending, waiting: this.#queue.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(fail('shutting_down'));
    await this.#queue.onIdle();
    await Promise.all([...new Set(this.#tabs.values())].map((tabs) => tabs[Symbol.asyncDispose]()));
    await Promise.all(this.#browsers.map((browser) => browser[Symbol.asyncDispose]()));
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy[Symbol.asyncDispose]()));
  }

  #checkQueue(priority: Priority): void {
    const isBusy = this.#queue.pending >= this.#config.concurrency;
    const waiting = this.#queue.sizeBy({ priority: ranks.interactive });
    if (priority === 'interactive' && isBusy && waiting >= this.#config.queueLimit) throw fail('queue_full');
  }

  /** Waits for a place. An abort ends the waiting; work that has begun keeps its place until it has really ended. */
  async #enqueue<T>({ priority, signal, hurry }: Waiting, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const id = randomUUID();
    const waiting = new AbortController();
    const onAbort = () => waiting.abort(signal.reason);
    const onHurry = () => {
      this.#queue.setPriority(id, ranks.interactive);
      this.#reportQueue();
    };
    const stopListening = () => {
      signal.removeEventListener('abort', onAbort);
      hurry?.removeEventListener('abort', onHurry);
    };
    const begin = () => {
      stopListening();
      this.#reportQueue();
      return work();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    hurry?.addEventListener('abort', onHurry, { once: true });
    try {
      const rank = ranks[hurry?.aborted === true ? 'interactive' : priority];
      const run = this.#queue.add(begin, { id, priority: rank, signal: waiting.signal });
      this.#reportQueue();
      return await run;
    } finally {
      stopListening();
    }
  }

  /** When there is a place, and again when the browser was at fault. */
  async #inTurn<T>(options: RenderOptions, print: (turn: Turn) => Promise<T>): Promise<T> {
    this.#checkQueue(options.priority);
    const signals = options.signal === undefined ? [] : [options.signal];
    using ending = followSignals([this.#stopping.signal, ...signals]);
    const { signal } = ending;
    const clock = new StageClock(this.#metrics, options.onStage);
    try {
      const pdf = await this.#enqueue({ ...options, signal }, () => this.#attempt(print, signal, clock));
      this.#metrics.renders.inc({ outcome: 'ok' });
      return pdf;
    } catch (error) {
      const outcome = error instanceof ServiceError ? error.code : signal.aborted ? 'cancelled' : 'internal_error';
      this.#metrics.renders.inc({ outcome });
      throw error;
    } finally {
      clock.end();
      this.#reportQueue();
    }
  }

  #reportQueue(): void {
    this.#metrics.rendersActive.set(this.#queue.pending);
    for (const [priority, rank] of Object.entries(ranks)) {
      this.#metrics.rendersWaiting.set({ priority }, this.#queue.sizeBy({ priority: rank }));
    }
  }

  async #attempt<T>(print: (turn: Turn) => Promise<T>, signal: AbortSignal, clock: StageClock): Promise<T> {
    const deadline = performance.now() + this.#config.timeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await print({ signal, clock, deadline });
      } catch (error) {
        if (!(error instanceof BrowserFault)) throw error;
        signal.throwIfAborted();
        log.warn('Render hit a browser fault', { kind: error.kind, attempt, error });
        if (attempt === attempts || performance.now() > deadline) throw giveUp(error);
        this.#metrics.renderRetries.inc();
      }
    }
  }

  /** In another tab when a kept one showed figures of an earlier render. */
  async #printFresh(request: RenderRequest, turn: Turn): Promise<RenderedPdf> {
    try {
      return await this.#printOnce(request, turn);
    } catch (error) {
      if (!(error instanceof StaleTab)) throw error;
      const { origin } = new URL(request.url);
      this.#tabs.get(origin)?.distrust(origin);
      return await this.#printOnce(request, turn);
    }
  }

  async #printOnce(request: RenderRequest, turn: Turn): Promise<RenderedPdf> {
    const { origin } = new URL(request.url);
    const tabs = this.#tabs.get(origin);
    const proxy = this.#proxies.get(origin);
    const settings = this.#config.pages.get(origin);
    if (tabs === undefined || proxy === undefined || settings === undefined)
      throw new Error('the origin of the page is not allowed');
    return await printPage(request, {
      ...this.#environmentOf(tabs, turn),
      proxyUrl: proxy.url,
      origins: new Set([origin, ...this.#config.allowedOrigins]),
      settings,
    });
  }

  #environmentOf(tabs: TabPool, { signal, clock, deadline }: Turn): RenderEnvironment {
    const limits = { ...this.#config, timeoutMs: deadline - performance.now() };
    return { tabs, limits, signal, onStage: (stage) => clock.begin(stage) };
  }

  /** For what needs no origin. */
  get #anyTabs(): TabPool {
    const [tabs] = this.#tabs.values();
    if (tabs === undefined) throw new Error('there is no browser: no origin is known');
    return tabs;
  }
}

function giveUp(fault: BrowserFault): ServiceError {
  const { diagnosis } = fault;
  const details = diagnosis === undefined ? {} : { diagnosis };
  if (fault.kind === 'browser') return fail('browser_unavailable', details, { cause: fault });
  const detail = fault.kind === 'print' ? 'The browser could not print the page.' : "The page's process died twice.";
  return fail('page_failed', { ...details, detail, mayHeal: true }, { cause: fault });
}

/** Starts the proxies; the browser starts meanwhile and is waited for by the first render. */
export async function startRendering(dependencies: Dependencies): Promise<Rendering> {
  const { config, origins, metrics } = dependencies;
  const proxies = await Promise.all(
    origins.map(async (origin) => {
      const refused = new RefusedTargets(origin);
      const onRefused = (target: string) => {
        metrics.egressRefused.inc();
        refused.add(target);
        dependencies.onRefused?.(target);
      };
      const proxy = await startEgressProxy({ origins: [origin, ...config.allowedOrigins], onRefused });
      return [origin, proxy] as const;
    }),
  );
  return new BrowserRendering(dependencies, new Map(proxies));
}
