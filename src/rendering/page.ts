// One document: a tab, a session, load, ready, print; and whatever happens, the tab is given back or closed.

import { setTimeout as delay } from 'node:timers/promises';
import { abortable } from '../abortable.ts';
import { BrowserFault } from '../browser/contract.ts';
import { fail, ServiceError } from '../errors.ts';
import type { Diagnosis, RenderedPdf, RenderRequest, Stage } from './contract.ts';
import { saveDiagnostics } from './diagnostics.ts';
import { countPages, isWholePdf } from './inspection.ts';
import type { PageSnapshot } from './page-scripts.ts';
import { PageSession } from './page-session.ts';
import { PageWatch } from './page-watch.ts';
import { printToPdf } from './print.ts';
import type { Tab, TabOwner } from './tab.ts';
import type { Tabs } from './tabs.ts';

export interface PageSettings {
  timeoutMs: number;
  assetGraceMs: number;
  failOnPageErrors: boolean;
  maxPages: number;
  maxBytes: number;
  tokenStorageKey: string;
  tokenCookieName: string;
  diagnosticsDir: string | undefined;
}

export interface PageEnvironment {
  tabs: Tabs;
  proxyUrl: string;
  /** Origins whose 401 and 403 count as a rejected token. */
  origins: ReadonlySet<string>;
  settings: PageSettings;
  signal: AbortSignal;
  /** Told when a stage begins. */
  onStage(stage: Stage): void;
}

const a4HeightPx = 1123;

/** A kept tab showed figures of an earlier render: another tab is wanted. */
export class StaleTab extends Error {}

/**
 * Loads and prints one page.
 * @throws {StaleTab} when it must be done again; otherwise as `Rendering.render`, or a BrowserFault.
 */
export async function printPage(request: RenderRequest, environment: PageEnvironment): Promise<RenderedPdf> {
  await using render = new PageRender(request, environment);
  return await render.run();
}

class PageRender implements AsyncDisposable {
  readonly #request: RenderRequest;
  readonly #env: PageEnvironment;
  readonly #startedAt = performance.now();
  /** Aborted, with the error to report, by whatever ends the render early. */
  readonly #end = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #stage: Stage = 'open';
  #tab: Tab | undefined;
  #isPrinted = false;
  #watch: PageWatch | undefined;
  #session: PageSession | undefined;

  constructor(request: RenderRequest, environment: PageEnvironment) {
    this.#request = request;
    this.#env = environment;
    this.#deadline = setTimeout(() => this.#onDeadline(), environment.settings.timeoutMs);
    environment.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (environment.signal.aborted) this.#onAbort();
  }

  async run(): Promise<RenderedPdf> {
    try {
      await this.#during('open', () => this.#open());
      await this.#during('load', () => this.#load());
      await this.#during('ready', () => this.#live.ready);
      this.#checkToken();
      const document = this.#watched.documentId;
      const snapshot = await this.#during('assets', () => this.#look());
      this.#checkSnapshot(snapshot);
      // The browser would wait for late assets for another 2 s before it prints.
      if (snapshot.lateAssets.length > 0) await this.#live.cdp.send('Page.stopLoading');
      const bytes = await this.#during('print', () => printToPdf(this.#live.cdp, this.#env.settings.maxBytes));
      if (!this.#watched.isWhereAsked || this.#watched.documentId !== document) throw fail('page_redirected');
      const pdf = this.#inspect(bytes, snapshot);
      this.#isPrinted = true;
      return pdf;
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#env.onStage('close');
    clearTimeout(this.#deadline);
    this.#watch?.stop();
    this.#env.signal.removeEventListener('abort', this.#onAbort);
    const isSound = this.#isPrinted && !this.#end.signal.aborted && this.#watch?.hasForeignFrames === false;
    const isReusable = isSound && this.#request.isTokenShared === true;
    this.#end.abort(new Error('render is over'));
    if (this.#tab === undefined) return;
    this.#tab.events = undefined;
    if (isReusable) await this.#session?.remove().catch(() => this.#tab?.close());
    await this.#env.tabs.giveBack(this.#tab, { isReusable });
  }

  readonly #onAbort = () => {
    this.#end.abort(this.#env.signal.reason);
    // At once, not when the stage notices: the page may be busy.
    void this.#tab?.close();
  };

  #onDeadline(): void {
    this.#end.abort(fail(this.#stage === 'ready' ? 'page_not_ready' : 'render_timeout'));
  }

  /** Runs one stage; ends it, whatever the page does, when the render ends early. */
  async #during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#end;
    signal.throwIfAborted();
    this.#stage = stage;
    this.#env.onStage(stage);
    return abortable(work(), signal);
  }

  get #watched(): PageWatch {
    if (this.#watch === undefined) throw new Error('the page is not open');
    return this.#watch;
  }

  get #live(): PageSession {
    if (this.#session === undefined) throw new Error('the page is not open');
    return this.#session;
  }

  async #open(): Promise<void> {
    const { tabs, proxyUrl } = this.#env;
    const { token, url } = this.#request;
    const owner: TabOwner = { origin: new URL(url).origin, token, proxyUrl };
    const tab = await tabs.take(owner, this.#end.signal);
    this.#tab = tab;
    const end = (error: Error) => this.#end.abort(error);
    this.#watch = new PageWatch(tab.cdp, {
      topFrameId: tab.frameId,
      url: new URL(url),
      origins: this.#env.origins,
      token,
      onFatal: end,
      onStale: () => tab.renders > 1 && end(new StaleTab()),
    });
    tab.events = {
      onCrash: () => end(this.#explainCrash(tab)),
      onClosed: () => {
        const { connected } = tab.lease.browser;
        end(connected ? fail('page_failed', { detail: 'The page closed itself.' }) : new BrowserFault('browser'));
      },
      onWindow: () => this.#watched.onWindow(),
    };
    this.#session = await this.#openSession(tab);
  }

  #explainCrash(tab: Tab): Error {
    // In a kept tab the pages before have their part in it: this one gets a tab of its own.
    const isMemory = tab.lease.takeMemoryKill() && tab.renders === 1;
    return isMemory
      ? fail('resource_limit', { detail: 'The page used more memory than it may.' })
      : new BrowserFault('renderer');
  }

  #openSession(tab: Tab): Promise<PageSession> {
    const { settings } = this.#env;
    const { token, url } = this.#request;
    const script = {
      origin: new URL(url).origin,
      token,
      storageKey: settings.tokenStorageKey,
      cookieName: settings.tokenCookieName,
    };
    return PageSession.open(tab, script, (said) => {
      // Where the platform refuses the token, the page's own complaint is a consequence.
      if (this.#watched.hasRejectedToken) this.#end.abort(fail('token_rejected'));
      else
        this.#end.abort(fail('page_failed', { detail: `The page said that it failed: ${this.#watched.clean(said)}` }));
    });
  }

  async #load(): Promise<void> {
    const { errorText } = await this.#live.cdp.send('Page.navigate', { url: this.#request.url });
    if (errorText !== undefined)
      throw fail('page_failed', { detail: `The report page could not be loaded: ${errorText}`, mayHeal: true });
    await Promise.race([this.#watched.loaded, this.#live.ready]);
  }

  /** Late parts of the page get their time; then what it shows is what is printed. */
  async #look(): Promise<PageSnapshot> {
    const deadline = performance.now() + this.#env.settings.assetGraceMs;
    const leftMs = () => Math.max(0, deadline - performance.now());
    const inTime = (promise: Promise<void>) => Promise.race([promise, delay(leftMs(), undefined, { ref: false })]);
    await inTime(this.#watched.loaded);
    const snapshot = await this.#live.look(leftMs());
    // Looking lays the page out, and only then does it ask for what its styles name.
    await inTime(this.#watched.assetsSettled());
    const seen = snapshot.lateAssets.map((asset) => this.#watched.clean(asset));
    return { ...snapshot, lateAssets: [...new Set([...seen, ...this.#watched.lateImages])] };
  }

  #checkToken(): void {
    if (this.#watched.hasRejectedToken) throw fail('token_rejected');
  }

  #checkSnapshot({ subjects, classNames, hasContent, heightPx }: PageSnapshot): void {
    const { subject, isSubjectRequired, className } = this.#request;
    if (!this.#watched.isWhereAsked) throw fail('page_redirected');
    if (!hasContent) throw fail('page_failed', { detail: 'The page shows neither text nor labelled graphics.' });
    const isOther = subject !== undefined && subjects.some((each) => each !== subject);
    const isMissing = isSubjectRequired === true && subjects.length === 0;
    const isOtherClass = className !== undefined && classNames.some((each) => each !== className);
    if (isOther || isMissing || isOtherClass) throw fail('wrong_subject');
    // A sheet holds about half of what the wide view shows: beyond twice the limit there is no doubt.
    if (heightPx > this.#env.settings.maxPages * a4HeightPx * 2) throw fail('document_too_large');
  }

  #inspect(bytes: Buffer, snapshot: PageSnapshot): RenderedPdf {
    const { maxPages, failOnPageErrors } = this.#env.settings;
    const pages = isWholePdf(bytes) ? countPages(bytes) : undefined;
    if (pages === undefined || pages === 0)
      throw fail('page_failed', { detail: 'The browser did not give a whole PDF.', mayHeal: true });
    if (pages > maxPages) throw fail('document_too_large');
    const { pageErrors } = this.#watched;
    if (failOnPageErrors && pageErrors.length > 0)
      throw fail('page_failed', { detail: 'The page had an uncaught error.' });
    const warnings = [
      ...snapshot.lateAssets.map((asset) => `printed without ${asset}`),
      ...pageErrors.map((error) => `uncaught error: ${error}`),
    ];
    return { bytes, pages, classNames: snapshot.classNames, warnings };
  }

  /** The error to report: what ended the render, with a diagnosis where it is the page's failure. */
  async #explain(error: unknown): Promise<unknown> {
    const reason = this.#env.signal.aborted
      ? this.#env.signal.reason
      : this.#end.signal.aborted
        ? this.#end.signal.reason
        : this.#classify(error as Error);
    if (reason instanceof BrowserFault) {
      reason.diagnosis = await this.#diagnose();
      if (reason.kind === 'print') this.#tab?.lease.retire('printing failed');
    }
    if (!(reason instanceof ServiceError)) return reason;
    // Where the platform refuses the token, whatever the page did next is a consequence.
    const isRefused = reason.code === 'page_not_ready' && this.#watch?.hasRejectedToken === true;
    const code = isRefused ? 'token_rejected' : reason.code;
    const diagnosis = await this.#diagnose();
    if (this.#tab !== undefined)
      await saveDiagnostics(this.#tab.cdp, this.#env.settings.diagnosticsDir, this.#request.token);
    // What the page says of itself stays, unless something was broken that it needs.
    const mayHeal = reason.details.mayHeal ?? (code === 'page_failed' && this.#watch?.hasBrokenRequest === true);
    return fail(code, { ...reason.details, mayHeal, diagnosis }, { cause: reason.cause });
  }

  #classify(error: Error): Error {
    if (error instanceof ServiceError || error instanceof BrowserFault) return error;
    if (this.#tab?.lease.browser.connected !== true) return new BrowserFault('browser', { cause: error });
    if (/context was destroyed|navigated|Cannot find context|No frame/i.test(error.message))
      return fail('page_redirected');
    return new BrowserFault('renderer', { cause: error });
  }

  async #diagnose(): Promise<Diagnosis> {
    const elapsedMs = Math.round(performance.now() - this.#startedAt);
    const names = (await this.#session?.askPending()) ?? [];
    const pending = names.map((name) => this.#watch?.clean(name) ?? '');
    const findings = this.#watch?.findings() ?? { consoleErrors: [], failedRequests: [], finalUrl: undefined };
    return { stage: this.#stage, elapsedMs, pending, ...findings };
  }
}
