// One supervised browser: started when needed, watched, replaced when it dies, hangs or has served long enough.

import type { Browser, CDPSession } from 'puppeteer-core';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { BrowserStatus } from './contract.ts';
import { bindsCookies, unboundCookies } from './cookie-binding.ts';
import { hasSystemFonts } from './fonts.ts';
import { isAlive } from './health.ts';
import { watchMemory } from './memory.ts';
import { type BrowserProcess, startBrowserProcess, sweepLeftovers } from './process.ts';

const log = createLog('browser');

/** The right to use the browser for one tab, for as long as the tab is open. */
export interface BrowserLease extends Disposable {
  browser: Browser;
  /** The line to the browser itself, not to a page. */
  session: Promise<CDPSession>;
  /** Whether it keeps cookies of one port and scheme from the others of their host. */
  bindsCookies: boolean;
  /** Aborted when nothing new must begin here: another browser serves the next lease. */
  retired: AbortSignal;
  /** Says that a render begins. */
  count(): void;
  /** Says that the browser does not do as it is told: it is killed, and the next lease gets another. */
  giveUp(reason: string): void;
  /** Says that the browser serves badly: those who use it may finish, the next lease gets another. */
  retire(why: string): void;
  /** Whether a renderer was just killed for its memory; true once per kill. */
  takeMemoryKill(): boolean;
}

export interface BrowserOptions {
  browserPath: string | undefined;
  hasSandbox: boolean;
  recycleAfter: number;
  rendererMemoryLimitMb: number;
  /** Of all its processes together. */
  browserMemoryLimitMb: number;
  /** PEM of certificate authorities that it trusts beside the public ones. */
  authorities: string | undefined;
  metrics: Metrics;
}

const healthIntervalMs = 1000;
const missesToReplace = 2;
const longestRetryMs = 30_000;
const bytesPerMegabyte = 1024 * 1024;

/** A browser process with what the supervisor knows of it. */
interface Running {
  process: BrowserProcess;
  /** Our own line to the browser, not to a page. */
  session: Promise<CDPSession>;
  bindsCookies: boolean;
  leases: number;
  served: number;
  misses: number;
  memoryKills: number;
  /** Aborted when the next lease must get another browser. */
  spent: AbortController;
  /** Its successor is there: it ends with its last lease. */
  isRetiring: boolean;
  stopWatching: () => void;
}

/** Supervises from the moment it is made, while the first browser is still starting. */
export class BrowserSupervisor implements AsyncDisposable {
  readonly #options: BrowserOptions;
  /** Every process that still lives: the one in use, and old ones that drain. */
  readonly #all = new Set<Running>();
  readonly #health: NodeJS.Timeout;
  readonly #swept: Promise<void>;
  #current: Running | undefined;
  /** One start at a time, whoever asks. */
  #starting: Promise<Running> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #isChecking = false;
  #isWaitingToRetry = false;
  #isDisposed = false;
  /** Why there is no browser, while there is none. */
  #reason = 'the browser is starting';

  constructor(options: BrowserOptions) {
    this.#options = options;
    this.#swept = sweepLeftovers().catch((error) => {
      log.warn('Leftovers of an earlier browser could not be removed', { error });
    });
    void warnWithoutFonts();
    this.#health = setInterval(() => void this.#checkHealth(), healthIntervalMs).unref();
    this.#ensureInBackground();
  }

  /** @throws browser_unavailable when none can be started. */
  async lease(): Promise<BrowserLease> {
    const running = await this.#ensure().catch((cause) => {
      throw fail('browser_unavailable', {}, { cause });
    });
    running.leases++;
    return {
      browser: running.process.browser,
      session: running.session,
      bindsCookies: running.bindsCookies,
      retired: running.spent.signal,
      count: () => {
        if (++running.served >= this.#options.recycleAfter) this.#recycle(running);
      },
      giveUp: (why) => this.#giveUp(running, why),
      retire: (why) => {
        log.warn('Browser is retired', { pid: running.process.pid, why });
        running.spent.abort();
      },
      takeMemoryKill: () => running.memoryKills > 0 && running.memoryKills-- > 0,
      [Symbol.dispose]: () => {
        running.leases--;
        if (running.isRetiring && running.leases === 0) void this.#end(running);
      },
    };
  }

  status(): BrowserStatus {
    if (this.#current?.bindsCookies === false) return { state: 'up', reason: unboundCookies };
    if (this.#current !== undefined) return { state: 'up' };
    return { state: this.#starting === undefined ? 'down' : 'starting', reason: this.#reason };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearInterval(this.#health);
    clearTimeout(this.#retry);
    await this.#starting?.catch(() => undefined);
    await Promise.all([...this.#all].map((running) => this.#end(running)));
  }

  async #ensure(): Promise<Running> {
    const current = this.#current;
    if (current?.spent.signal.aborted === false) return current;
    return this.#startNext().catch((error) => {
      // One that serves badly is better than none.
      if (this.#current === undefined) throw error;
      return this.#current;
    });
  }

  #ensureInBackground(): void {
    // A failure is logged and tried again where it happens.
    this.#ensure().catch(() => undefined);
  }

  #startNext(): Promise<Running> {
    this.#starting ??= this.#start()
      .catch((error) => {
        this.#onStartFailed(error);
        throw error;
      })
      .finally(() => {
        this.#starting = undefined;
      });
    return this.#starting;
  }

  async #start(): Promise<Running> {
    await this.#swept;
    const { browserPath, hasSandbox, authorities, metrics } = this.#options;
    const startedAt = performance.now();
    const process = await startBrowserProcess({ browserPath, hasSandbox, authorities });
    const running = await this.#adopt(process);
    metrics.browserStarts.inc();
    metrics.browserUp.set(1);
    log.info('Browser started', { pid: process.pid, durationMs: Math.round(performance.now() - startedAt) });
    return running;
  }

  async #adopt(process: BrowserProcess): Promise<Running> {
    const session = process.browser.target().createCDPSession();
    const isBinding = await session.then(bindsCookies).catch(async (error) => {
      await process.end();
      throw error;
    });
    const running: Running = {
      process,
      session,
      bindsCookies: isBinding,
      leases: 0,
      served: 0,
      misses: 0,
      memoryKills: 0,
      spent: new AbortController(),
      isRetiring: false,
      stopWatching: watchMemory(session, {
        rendererLimitMb: this.#options.rendererMemoryLimitMb,
        isAtWork: () => running.leases > 0,
        onKill: () => running.memoryKills++,
        onMeasured: (megabytes) => this.#onMemory(running, megabytes),
      }),
    };
    process.browser.once('disconnected', () => this.#onGone(running));
    this.#all.add(running);
    const old = this.#current;
    this.#current = running;
    this.#failures = 0;
    if (old !== undefined) this.#retire(old);
    return running;
  }

  #onStartFailed(error: Error): void {
    this.#failures++;
    this.#reason = 'the browser could not be started';
    if (this.#isDisposed) return;
    const retryInMs = Math.min(1000 * 2 ** (this.#failures - 1), longestRetryMs);
    log.error('Browser could not be started', { error, retryInMs });
    clearTimeout(this.#retry);
    this.#isWaitingToRetry = true;
    this.#retry = setTimeout(() => {
      this.#isWaitingToRetry = false;
      this.#ensureInBackground();
    }, retryInMs).unref();
  }

  /** The next browser is started before the old one is drained. */
  #recycle(running: Running): void {
    if (running === this.#current && !this.#isWaitingToRetry) this.#startNext().catch(() => undefined);
  }

  #onMemory(running: Running, megabytes: number): void {
    if (running !== this.#current) return;
    const { metrics, browserMemoryLimitMb: limitMb } = this.#options;
    metrics.browserMemory.set(megabytes * bytesPerMegabyte);
    // One that has not rendered yet would only be replaced by its like.
    if (megabytes <= limitMb || running.served === 0 || this.#starting !== undefined) return;
    log.warn('Browser is replaced for its memory', {
      pid: running.process.pid,
      megabytes: Math.round(megabytes),
      limitMb,
    });
    this.#recycle(running);
  }

  #retire(running: Running): void {
    running.isRetiring = true;
    running.spent.abort();
    if (running.leases === 0) void this.#end(running);
  }

  async #end(running: Running): Promise<void> {
    if (!this.#all.delete(running)) return;
    running.spent.abort();
    running.stopWatching();
    await running.process.end().catch((error) => log.warn('Browser folder could not be removed', { error }));
  }

  #onGone(running: Running): void {
    void this.#end(running);
    if (running === this.#current && !this.#isDisposed)
      this.#replace(running, 'the browser died and is being replaced');
  }

  #giveUp(running: Running, why: string): void {
    if (running === this.#current) this.#replace(running, why);
    running.process.kill();
  }

  #replace(running: Running, why: string): void {
    log.warn('Browser is replaced', { pid: running.process.pid, why });
    this.#current = undefined;
    this.#reason = why;
    this.#options.metrics.browserUp.set(0);
    this.#ensureInBackground();
  }

  async #checkHealth(): Promise<void> {
    const running = this.#current;
    if (running === undefined || this.#isChecking) return;
    this.#isChecking = true;
    const isAnswering = await isAlive(running);
    if (!isAnswering) log.debug('The browser has not answered in time', { pid: running.process.pid });
    else if (running.misses > 0) log.debug('The browser answers again', { pid: running.process.pid });
    running.misses = isAnswering ? 0 : running.misses + 1;
    if (running.misses >= missesToReplace) this.#giveUp(running, 'the browser does not answer');
    this.#isChecking = false;
  }
}

async function warnWithoutFonts(): Promise<void> {
  if (await hasSystemFonts()) return;
  log.warn(
    'This machine has no fonts: pages are drawn with those that Platen ships, which have no Chinese, Japanese or Korean',
  );
}
