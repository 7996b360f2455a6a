// One document: a fresh context, a session, load, ready, print; and whatever happens, the page is closed.

import { setTimeout as delay } from 'node:timers/promises';
import type { BrowserContext, CDPSession, Page } from 'puppeteer-core';
import { abortable } from '../abortable.ts';
import type { BrowserLease } from '../browser/browser.ts';
import { BrowserFault } from '../browser/contract.ts';
import { fail, ServiceError } from '../errors.ts';
import type { Diagnosis, RenderedPdf, RenderRequest, Stage } from './contract.ts';
import { saveDiagnostics } from './diagnostics.ts';
import { countPages, isWholePdf } from './inspection.ts';
import type { PageSnapshot } from './page-scripts.ts';
import { PageSession } from './page-session.ts';
import { PageWatch } from './page-watch.ts';
import { printToPdf } from './print.ts';

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
  lease: BrowserLease;
  proxyUrl: string;
  /** Origins whose 401 and 403 count as a rejected token. */
  origins: ReadonlySet<string>;
  settings: PageSettings;
  signal: AbortSignal;
  /** Told when a stage begins. */
  onStage(stage: Stage): void;
}

const openTimeoutMs = 15_000;
const closeTimeoutMs = 2000;
const a4HeightPx = 1123;

/** Opens, prints and closes one page. */
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
  readonly #loaded = Promise.withResolvers<void>();
  readonly #deadline: NodeJS.Timeout;
  #stage: Stage = 'open';
  #context: BrowserContext | undefined;
  #watch: PageWatch | undefined;
  #page: Page | undefined;
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
      const frameId = await this.#during('load', () => this.#load());
      await this.#during('ready', () => this.#live.ready);
      this.#checkToken();
      const document = this.#watched.documentId;
      const snapshot = await this.#during('assets', () => this.#look(frameId));
      this.#checkSnapshot(snapshot);
      // The browser would wait for late assets for another 2 s before it prints.
      if (snapshot.lateAssets.length > 0) await this.#live.cdp.send('Page.stopLoading');
      const bytes = await this.#during('print', () => printToPdf(this.#live.cdp, this.#env.settings.maxBytes));
      if (!this.#watched.isWhereAsked || this.#watched.documentId !== document) throw fail('page_redirected');
      return this.#inspect(bytes, snapshot);
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#env.onStage('close');
    clearTimeout(this.#deadline);
    this.#watch?.stop();
    this.#env.signal.removeEventListener('abort', this.#onAbort);
    this.#end.abort(new Error('render is over'));
    if (!(await this.#close())) this.#env.lease.giveUp('a page could not be closed');
  }

  readonly #onAbort = () => {
    this.#end.abort(this.#env.signal.reason);
    // At once, not when the stage notices: the page may be busy.
    void this.#close();
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
    const { lease, proxyUrl } = this.#env;
    const tooLong = setTimeout(() => {
      lease.giveUp('a page could not be opened');
      this.#end.abort(new BrowserFault('browser'));
    }, openTimeoutMs);
    try {
      this.#context = await lease.browser.createBrowserContext({
        proxyServer: proxyUrl,
        proxyBypassList: ['<-loopback>'],
        downloadBehavior: { policy: 'deny' },
      });
      // Nobody waits any more: the one who ended the render had no context to close yet.
      if (this.#end.signal.aborted) return void (await this.#close());
      this.#page = await this.#context.newPage();
      const cdp = await this.#page.createCDPSession();
      const { frameTree } = await cdp.send('Page.getFrameTree');
      this.#observe(this.#page, cdp, frameTree.frame.id);
      this.#session = await this.#openSession(cdp);
    } finally {
      clearTimeout(tooLong);
    }
  }

  #observe(page: Page, cdp: CDPSession, topFrameId: string): void {
    const end = (error: Error) => this.#end.abort(error);
    this.#watch = new PageWatch(page, cdp, {
      topFrameId,
      url: new URL(this.#request.url),
      origins: this.#env.origins,
      token: this.#request.token,
      onFatal: end,
    });
    page.once('domcontentloaded', () => this.#loaded.resolve());
    page.once('error', (cause) => {
      const isMemory = this.#env.lease.takeMemoryKill();
      end(
        isMemory
          ? fail('resource_limit', { detail: 'The page used more memory than it may.' })
          : new BrowserFault('renderer', { cause }),
      );
    });
    page.once('close', () => {
      const { connected } = this.#env.lease.browser;
      end(connected ? fail('page_failed', { detail: 'The page closed itself.' }) : new BrowserFault('browser'));
    });
  }

  #openSession(cdp: CDPSession): Promise<PageSession> {
    const { settings } = this.#env;
    const { token, url } = this.#request;
    const script = {
      origin: new URL(url).origin,
      token,
      storageKey: settings.tokenStorageKey,
      cookieName: settings.tokenCookieName,
    };
    return PageSession.open(cdp, script, (said) => {
      // Where the platform refuses the token, the page's own complaint is a consequence.
      if (this.#watched.hasRejectedToken) this.#end.abort(fail('token_rejected'));
      else
        this.#end.abort(fail('page_failed', { detail: `The page said that it failed: ${this.#watched.clean(said)}` }));
    });
  }

  async #load(): Promise<string> {
    const { frameId, errorText } = await this.#live.cdp.send('Page.navigate', { url: this.#request.url });
    if (errorText !== undefined)
      throw fail('page_failed', { detail: `The report page could not be loaded: ${errorText}` });
    await Promise.race([this.#loaded.promise, this.#live.ready]);
    return frameId;
  }

  /** Late parts of the page get their time; then what it shows is what is printed. */
  async #look(frameId: string): Promise<PageSnapshot> {
    const deadline = performance.now() + this.#env.settings.assetGraceMs;
    const leftMs = () => Math.max(0, deadline - performance.now());
    const inTime = (promise: Promise<void>) => Promise.race([promise, delay(leftMs(), undefined, { ref: false })]);
    await inTime(this.#loaded.promise);
    const snapshot = await this.#live.look(frameId, leftMs());
    // Looking lays the page out, and only then does it ask for what its styles name.
    await inTime(this.#watched.assetsSettled());
    return { ...snapshot, lateAssets: [...new Set([...snapshot.lateAssets, ...this.#watched.lateImages])] };
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
      throw fail('page_failed', { detail: 'The browser did not give a whole PDF.' });
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
    if (reason instanceof BrowserFault) reason.diagnosis = await this.#diagnose();
    if (!(reason instanceof ServiceError)) return reason;
    // Where the platform refuses the token, whatever the page did next is a consequence.
    const isRefused = reason.code === 'page_not_ready' && this.#watch?.hasRejectedToken === true;
    const code = isRefused ? 'token_rejected' : reason.code;
    const diagnosis = await this.#diagnose();
    if (this.#page !== undefined)
      await saveDiagnostics(this.#page, this.#env.settings.diagnosticsDir, this.#request.token);
    return fail(code, { ...reason.details, diagnosis }, { cause: reason.cause });
  }

  #classify(error: Error): Error {
    if (error instanceof ServiceError || error instanceof BrowserFault) return error;
    if (!this.#env.lease.browser.connected) return new BrowserFault('browser', { cause: error });
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

  /** Closes the target from outside, which works on a hung page too. False when the browser doesn't do it in time. */
  #close(): Promise<boolean> {
    const context = this.#context;
    if (context === undefined || !this.#env.lease.browser.connected) return Promise.resolve(true);
    const closed = context.close().then(
      () => true,
      () => true,
    );
    return Promise.race([
      closed,
      new Promise<boolean>((resolve) => setTimeout(resolve, closeTimeoutMs, false).unref()),
    ]);
  }
}
