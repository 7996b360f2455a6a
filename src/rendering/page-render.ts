// One render: a tab, its page opened, ready and at rest, printed; and whatever happens, the tab is given back or closed.

import { abortable } from '../abortable.ts';
import { BrowserFault } from '../browser/contract.ts';
import { fail } from '../errors.ts';
import type { PageSettings } from '../page/contract.ts';
import { Page, type Rest } from '../page/page.ts';
import { holdsText, inspectPdf } from '../pdf/pdf.ts';
import { codeOfWarning } from '../warnings.ts';
import type { RenderedPdf, RenderRequest, Stage } from './contract.ts';
import { explainFailure } from './failure.ts';
import { printToPdf } from './print.ts';
import type { Tab, TabOwner } from './tab.ts';
import type { TabPool } from './tab-pool.ts';

export interface RenderLimits {
  timeoutMs: number;
  maxPages: number;
  maxBytes: number;
  diagnosticsDir: string | undefined;
}

export interface RenderEnvironment {
  tabs: TabPool;
  proxyUrl: string;
  /** Origins that the page may reach. */
  origins: ReadonlySet<string>;
  limits: RenderLimits;
  /** The page's contract at its origin. */
  settings: PageSettings;
  signal: AbortSignal;
  /** Told when a stage begins. */
  onStage(stage: Stage): void;
}

const a4HeightPx = 1123;
/** A shorter token than this may be in a file by chance. */
const leastSecret = 16;

/** A kept tab showed figures of an earlier render: another tab is wanted. */
export class StaleTab extends Error {}

/**
 * Loads and prints one page.
 * @throws {StaleTab} when it must be done again; otherwise as `Rendering.render`, or a BrowserFault.
 */
export async function printPage(request: RenderRequest, environment: RenderEnvironment): Promise<RenderedPdf> {
  await using render = new PageRender(request, environment);
  return await render.run();
}

class PageRender implements AsyncDisposable {
  readonly #request: RenderRequest;
  readonly #env: RenderEnvironment;
  readonly #startedAt = performance.now();
  /** Aborted, with the error to report, by whatever ends the render early. */
  readonly #end = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #stage: Stage = 'open';
  #tab: Tab | undefined;
  #isPrinted = false;
  #page: Page | undefined;

  constructor(request: RenderRequest, environment: RenderEnvironment) {
    this.#request = request;
    this.#env = environment;
    this.#deadline = setTimeout(() => this.#onDeadline(), environment.limits.timeoutMs);
    environment.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (environment.signal.aborted) this.#onAbort();
  }

  async run(): Promise<RenderedPdf> {
    try {
      await this.#during('open', () => this.#open());
      await this.#during('load', () => this.#live.load());
      // A page that begins anew, or takes back that it is ready, is waited for anew; at the latest the deadline ends that.
      for (;;) {
        await this.#during('ready', () => this.#live.whenReady());
        this.#checkToken();
        const rest = await this.#during('assets', () => this.#live.comeToRest((stage) => this.#enter(stage)));
        if (rest === undefined) continue;
        this.#checkRest(rest);
        const bytes = await this.#during('print', () => this.#print(rest));
        if (!(await abortable(this.#live.holds(rest), this.#end.signal))) continue;
        if (!this.#live.isWhereAsked) throw fail('page_redirected');
        const pdf = await this.#inspect(bytes, rest);
        this.#isPrinted = true;
        return pdf;
      }
    } catch (error) {
      throw await explainFailure({
        error,
        caller: this.#env.signal,
        end: this.#end.signal,
        tab: this.#tab,
        page: this.#page,
        stage: this.#stage,
        elapsedMs: Math.round(performance.now() - this.#startedAt),
        diagnosticsDir: this.#env.limits.diagnosticsDir,
        token: this.#request.token,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#env.onStage('close');
    clearTimeout(this.#deadline);
    this.#page?.stop();
    this.#env.signal.removeEventListener('abort', this.#onAbort);
    const isSound = this.#isPrinted && !this.#end.signal.aborted && this.#page?.hasForeignFrames === false;
    const isReusable = isSound && this.#request.isTokenShared === true;
    this.#end.abort(new Error('render is over'));
    if (this.#tab === undefined) return;
    this.#tab.events = undefined;
    if (isReusable) await this.#page?.remove().catch(() => this.#tab?.close());
    await this.#env.tabs.giveBack(this.#tab, { isReusable });
  }

  readonly #onAbort = () => {
    this.#end.abort(this.#env.signal.reason);
    // At once, not when the stage notices: the page may be busy.
    void this.#tab?.close();
  };

  /** A stage inside another. */
  #enter(stage: Stage): void {
    this.#stage = stage;
    this.#env.onStage(stage);
  }

  #onDeadline(): void {
    this.#end.abort(fail(this.#stage === 'ready' ? 'page_not_ready' : 'render_timeout'));
  }

  /** Runs one stage; ends it, whatever the page does, when the render ends early. */
  async #during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#end;
    signal.throwIfAborted();
    this.#enter(stage);
    return abortable(work(), signal);
  }

  get #live(): Page {
    if (this.#page === undefined) throw new Error('the page is not open');
    return this.#page;
  }

  async #open(): Promise<void> {
    const { tabs, proxyUrl, settings, origins } = this.#env;
    const { token, url } = this.#request;
    const owner: TabOwner = { origin: new URL(url).origin, token, proxyUrl };
    const tab = await tabs.take(owner, settings, this.#end.signal);
    this.#tab = tab;
    const end = (error: Error) => this.#end.abort(error);
    const { page, prepared } = Page.prepare(tab.cdp, tab.frameId, {
      url: new URL(url),
      origins,
      token,
      settings,
      bindsCookies: tab.lease.bindsCookies,
      onFatal: (error) => {
        end(error);
        // At once: what takes more than its share is not asked for a diagnosis first.
        if (error.code === 'resource_limit') void tab.close();
      },
      onStale: () => tab.renders > 1 && end(new StaleTab()),
    });
    this.#page = page;
    tab.events = {
      onCrash: () => end(this.#explainCrash(tab)),
      onClosed: () => {
        const { connected } = tab.lease.browser;
        end(connected ? fail('page_failed', { detail: 'The page closed itself.' }) : new BrowserFault('browser'));
      },
      onWindow: () => page.onWindow(),
    };
    await prepared;
  }

  #explainCrash(tab: Tab): Error {
    // In a kept tab the pages before have their part in it: this one gets a tab of its own.
    const isMemory = tab.lease.takeMemoryKill() && tab.renders === 1;
    return isMemory
      ? fail('resource_limit', { detail: 'The page used more memory than it may.' })
      : new BrowserFault('renderer');
  }

  #checkToken(): void {
    const { rejection } = this.#live;
    if (rejection !== undefined) throw rejection;
  }

  #checkRest({ snapshot }: Rest): void {
    const { subjects, classNames, heightPx, showsToken } = snapshot;
    const { subject, className } = this.#request;
    const { settings, limits } = this.#env;
    if (!this.#live.isWhereAsked) throw fail('page_redirected');
    this.#checkToken();
    if (showsToken && (this.#request.token?.length ?? 0) >= leastSecret)
      throw fail('page_failed', { detail: 'The page shows its own token.' });
    const isOther = subject !== undefined && subjects.some((each) => each !== subject);
    const isMissing = settings.isSubjectRequired && this.#request.hasSubject === true && subjects.length === 0;
    const isOtherClass = className !== undefined && classNames.some((each) => each !== className);
    if (isOther || isMissing || isOtherClass) throw fail('wrong_subject');
    // A sheet holds about half of what the wide view shows: beyond twice the limit there is no doubt.
    if (heightPx > limits.maxPages * a4HeightPx * 2) throw fail('document_too_large');
  }

  async #print({ late }: Rest): Promise<Buffer> {
    const { cdp } = this.#opened;
    // The browser would wait for late assets for another 2 s before it prints.
    if (late.length > 0) await cdp.send('Page.stopLoading');
    return printToPdf(cdp, { maxBytes: this.#env.limits.maxBytes, scale: this.#env.settings.printScale });
  }

  get #opened(): Tab {
    if (this.#tab === undefined) throw new Error('the tab is not open');
    return this.#tab;
  }

  async #inspect(printed: Buffer, rest: Rest): Promise<RenderedPdf> {
    const { limits, settings } = this.#env;
    const pdf = await inspectPdf(printed);
    if (pdf === undefined || pdf.pages === 0)
      throw fail('page_failed', { detail: 'The browser did not give a whole PDF.', mayHeal: true });
    const { bytes, pages } = pdf;
    if (pages > limits.maxPages) throw fail('document_too_large');
    if (!pdf.showsSomething)
      throw fail('page_failed', { detail: 'The sheets are empty: what the page shows on screen is not printed.' });
    const { token } = this.#request;
    if (token !== undefined && token.length >= leastSecret && holdsText(bytes, token))
      throw fail('page_failed', {
        detail: 'The printed page holds its own token, in a link, its title or its address.',
      });
    const warnings = this.#live.warnings(rest);
    if (settings.failOnPageErrors && this.#live.hasUncaughtErrors)
      throw fail('page_failed', { detail: 'The page had an uncaught error.' });
    const strict = warnings.filter((warning) => settings.strictWarnings.includes(codeOfWarning(warning)));
    if (strict.length > 0) throw fail('page_failed', { detail: `STRICT_WARNINGS refuses: ${strict.join('; ')}` });
    return { bytes, pages, classNames: rest.snapshot.classNames, warnings };
  }
}
