// One render's use of a tab: its stages, and whatever ends it early; however it ends, the tab is given back or closed.

import { abortable } from '../abortable.ts';
import { BrowserFault } from '../browser/contract.ts';
import { type ErrorCode, fail } from '../errors.ts';
import type { Page } from '../page/page.ts';
import type { Stage } from './contract.ts';
import { explainFailure } from './failure.ts';
import type { Tab, TabOwner, TabView } from './tab.ts';
import type { TabPool } from './tab-pool.ts';

export interface RenderLimits {
  timeoutMs: number;
  maxPages: number;
  maxBytes: number;
  diagnosticsDir: string | undefined;
}

export interface RenderEnvironment {
  tabs: TabPool;
  limits: RenderLimits;
  /** The caller's: aborted, it ends the render at once. */
  signal: AbortSignal;
  /** Told when a stage begins. */
  onStage(stage: Stage): void;
}

export class TabUse {
  readonly #env: RenderEnvironment;
  readonly #startedAt = performance.now();
  /** Aborted, with the error to report, by whatever ends the render early. */
  readonly #end = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #stage: Stage = 'open';
  #tab: Tab | undefined;

  /** `codeAtDeadline` says what a render has failed with whose time runs out in a stage. */
  constructor(environment: RenderEnvironment, codeAtDeadline: (stage: Stage) => ErrorCode = () => 'render_timeout') {
    this.#env = environment;
    this.#deadline = setTimeout(() => this.abort(fail(codeAtDeadline(this.#stage))), environment.limits.timeoutMs);
    environment.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (environment.signal.aborted) this.#onAbort();
  }

  /** Aborted when the render is over. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  get tab(): Tab {
    if (this.#tab === undefined) throw new Error('the tab is not open');
    return this.#tab;
  }

  /** Ends the render early. */
  abort(error: Error): void {
    this.#end.abort(error);
  }

  /** A stage inside another. */
  enter(stage: Stage): void {
    this.#stage = stage;
    this.#env.onStage(stage);
  }

  /** Runs one stage; ends it, whatever the page does, when the render ends early. */
  async during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#end;
    signal.throwIfAborted();
    this.enter(stage);
    return abortable(work(), signal);
  }

  /** Takes the tab that the render is to use. */
  async take(owner: TabOwner, view: TabView, onWindow: () => void): Promise<Tab> {
    const tab = await this.#env.tabs.take(owner, view, this.#end.signal);
    this.#tab = tab;
    tab.events = {
      onCrash: () => this.abort(explainCrash(tab)),
      onClosed: () => {
        const { connected } = tab.lease.browser;
        this.abort(
          connected ? fail('page_failed', { detail: 'The page closed itself.' }) : new BrowserFault('browser'),
        );
      },
      onWindow,
    };
    return tab;
  }

  /** What to report of the failure of a stage. */
  explain(error: unknown, shown: { page?: Page | undefined; token?: string | undefined } = {}): Promise<unknown> {
    return explainFailure({
      error,
      caller: this.#env.signal,
      end: this.#end.signal,
      tab: this.#tab,
      page: shown.page,
      stage: this.#stage,
      elapsedMs: Math.round(performance.now() - this.#startedAt),
      diagnosticsDir: this.#env.limits.diagnosticsDir,
      token: shown.token,
    });
  }

  /** Gives the tab back, to be kept for its owner's next render once `clear` has emptied it; without it, it is closed. */
  async giveBack(clear?: () => Promise<void>): Promise<void> {
    this.#env.onStage('close');
    clearTimeout(this.#deadline);
    this.#env.signal.removeEventListener('abort', this.#onAbort);
    this.#end.abort(new Error('render is over'));
    const tab = this.#tab;
    if (tab === undefined) return;
    tab.events = undefined;
    await this.#env.tabs.giveBack(tab, clear);
  }

  readonly #onAbort = () => {
    this.abort(this.#env.signal.reason);
    // At once, not when the stage notices: the page may be busy.
    void this.#tab?.close();
  };
}

function explainCrash(tab: Tab): Error {
  // In a kept tab the pages before have their part in it: this one gets a tab of its own.
  const isMemory = tab.lease.takeMemoryKill() && tab.renders === 1;
  return isMemory
    ? fail('resource_limit', { detail: 'The page used more memory than it may.' })
    : new BrowserFault('renderer');
}
