// Who gets which tab: one's own that was kept, or a new one. A kept tab saves the browser a process and the page's scripts their compilation.

import { abortable } from '../abortable.ts';
import type { BrowserLease, BrowserSupervisor } from '../browser/browser.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Tab, type TabOwner, type TabView } from './tab.ts';

const log = createLog('tabs');

const mostRenders = 50;
const longestLifeMs = 300_000;
const idleMs = 10_000;
const clearTimeoutMs = 2000;

interface TabPoolOptions {
  browser: BrowserSupervisor;
  /** Tabs that may be open, kept ones included. */
  limit: number;
  metrics: Metrics;
}

interface Kept {
  tab: Tab;
  /** Resolves when the tab is ready for its next page; fails when it is not. */
  cleared: Promise<void>;
  idle: NodeJS.Timeout;
  stopListening: () => void;
}

const isSame = (a: TabOwner, b: TabOwner) => a.origin === b.origin && a.token === b.token && a.proxyUrl === b.proxyUrl;

export class TabPool implements AsyncDisposable {
  readonly #options: TabPoolOptions;
  /** Longest kept first. */
  #kept: Kept[] = [];
  /** Tabs in use, and those being opened. */
  #used = 0;
  readonly #distrusted = new Set<string>();

  constructor(options: TabPoolOptions) {
    this.#options = options;
  }

  /** A tab for one render. When `signal` ends the waiting, what comes late is closed. */
  async take(owner: TabOwner, view: TabView, signal: AbortSignal): Promise<Tab> {
    this.#used++;
    try {
      const tab = (await this.#reuse(owner)) ?? (await this.#open(owner, view, signal));
      tab.renders++;
      tab.lease.count();
      this.#options.metrics.tabs.inc({ tab: tab.renders === 1 ? 'new' : 'kept' });
      return tab;
    } catch (error) {
      this.#used--;
      throw error;
    }
  }

  /** Takes it back, to be kept for its owner's next render where that is possible, as soon as `clear` has emptied it; without it, it is closed. */
  async giveBack(tab: Tab, clear: (() => Promise<void>) | undefined): Promise<void> {
    this.#used--;
    if (clear !== undefined && this.#isWorthKeeping(tab))
      this.#keep(tab, abortable(clear(), AbortSignal.timeout(clearTimeoutMs)));
    else await tab.close();
  }

  /** Says that tabs of the origin can't be kept: its pages get old answers from the HTTP cache. */
  distrust(origin: string): void {
    if (this.#distrusted.has(origin)) return;
    this.#distrusted.add(origin);
    log.warn(
      'Tabs of this origin are not kept: it lets the answers of its API be cached. Send Cache-Control: no-store',
      {
        origin,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#kept.map((kept) => this.#drop(kept)));
  }

  #isWorthKeeping(tab: Tab): boolean {
    const isYoung = tab.renders < mostRenders && performance.now() - tab.openedAt < longestLifeMs;
    const hasPlace = this.#kept.length + this.#used < this.#options.limit;
    const isAllowed = !this.#distrusted.has(tab.owner.origin) && !tab.lease.retired.aborted;
    return isYoung && hasPlace && isAllowed && !tab.isClosed;
  }

  #keep(tab: Tab, cleared: Promise<void>): void {
    const drop = () => void this.#drop(kept);
    const kept: Kept = {
      tab,
      cleared,
      idle: setTimeout(drop, idleMs).unref(),
      stopListening: () => tab.lease.retired.removeEventListener('abort', drop),
    };
    tab.lease.retired.addEventListener('abort', drop, { once: true });
    tab.events = { onCrash: drop, onClosed: drop, onWindow: drop };
    cleared.catch((error) => {
      log.debug('A tab could not be kept', { error });
      drop();
    });
    this.#kept.push(kept);
  }

  /** Takes it from the list; false when somebody else has. */
  #remove(kept: Kept): boolean {
    if (!this.#kept.includes(kept)) return false;
    this.#kept = this.#kept.filter((each) => each !== kept);
    clearTimeout(kept.idle);
    kept.stopListening();
    kept.tab.events = undefined;
    return true;
  }

  async #drop(kept: Kept): Promise<void> {
    if (this.#remove(kept)) await kept.tab.close();
  }

  async #reuse(owner: TabOwner): Promise<Tab | undefined> {
    if (this.#distrusted.has(owner.origin)) return undefined;
    const own = this.#kept.findLast(({ tab }) => isSame(tab.owner, owner));
    if (own === undefined || !this.#remove(own)) return undefined;
    try {
      await own.cleared;
      return own.tab;
    } catch {
      await own.tab.close();
      return undefined;
    }
  }

  async #open(owner: TabOwner, view: TabView, signal: AbortSignal): Promise<Tab> {
    // Another's tab is closed before this one is opened, not beside it.
    const excess = this.#kept.length + this.#used - this.#options.limit;
    await Promise.all(this.#kept.slice(0, Math.max(0, excess)).map((kept) => this.#drop(kept)));
    const lease = await this.#lease(signal);
    const opening = Tab.open(owner, view, lease);
    return abortable(opening, signal).catch((error) => {
      opening.then(
        (late) => late.close(),
        () => undefined,
      );
      throw error;
    });
  }

  /** A lease, unless the render ends while the browser is still starting; then it is given back when it comes. */
  async #lease(signal: AbortSignal): Promise<BrowserLease> {
    const lease = this.#options.browser.lease();
    return abortable(lease, signal).catch((error) => {
      lease.then(
        (late) => late[Symbol.dispose](),
        () => undefined,
      );
      throw error;
    });
  }
}
