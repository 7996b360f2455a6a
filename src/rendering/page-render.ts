// One render of a page: opened, ready and at rest, printed, and looked at before anyone gets it.

import { abortable } from '../abortable.ts';
import { fail } from '../errors.ts';
import type { PageSettings } from '../page/contract.ts';
import { Page, type Rest } from '../page/page.ts';
import { holdsText } from '../pdf/pdf.ts';
import { codeOfWarning } from '../warnings.ts';
import type { RenderedPdf, RenderRequest } from './contract.ts';
import { inspectPrinted, printToPdf } from './print.ts';
import { type RenderEnvironment, TabUse } from './tab-use.ts';

export interface PageEnvironment extends RenderEnvironment {
  proxyUrl: string;
  /** Origins that the page may reach. */
  origins: ReadonlySet<string>;
  /** The page's contract at its origin. */
  settings: PageSettings;
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
export async function printPage(request: RenderRequest, environment: PageEnvironment): Promise<RenderedPdf> {
  await using render = new PageRender(request, environment);
  return await render.run();
}

class PageRender implements AsyncDisposable {
  readonly #request: RenderRequest;
  readonly #env: PageEnvironment;
  readonly #use: TabUse;
  #isPrinted = false;
  #page: Page | undefined;

  constructor(request: RenderRequest, environment: PageEnvironment) {
    this.#request = request;
    this.#env = environment;
    this.#use = new TabUse(environment, (stage) => (stage === 'ready' ? 'page_not_ready' : 'render_timeout'));
  }

  async run(): Promise<RenderedPdf> {
    const use = this.#use;
    try {
      await use.during('open', () => this.#open());
      await use.during('load', () => this.#live.load());
      // A page that begins anew, or takes back that it is ready, is waited for anew; at the latest the deadline ends that.
      for (;;) {
        await use.during('ready', () => this.#live.whenReady());
        this.#checkToken();
        const rest = await use.during('assets', () => this.#live.comeToRest((stage) => use.enter(stage)));
        if (rest === undefined) continue;
        this.#checkRest(rest);
        const bytes = await use.during('print', () => this.#print(rest));
        if (!(await abortable(this.#live.holds(rest), use.signal))) continue;
        if (!this.#live.isWhereAsked) throw fail('page_redirected');
        const pdf = await this.#inspect(bytes, rest);
        this.#isPrinted = true;
        return pdf;
      }
    } catch (error) {
      throw await use.explain(error, { page: this.#page, token: this.#request.token });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const page = this.#page;
    page?.stop();
    const isSound = this.#isPrinted && !this.#use.signal.aborted && page?.hasForeignFrames === false;
    const { token, isTokenShared } = this.#request;
    const isReusable = isSound && token !== undefined && isTokenShared === true;
    await this.#use.giveBack(isReusable ? () => this.#clear(page) : undefined);
  }

  async #clear(page: Page): Promise<void> {
    await page.remove();
    await this.#use.tab.clear(this.#env.origins);
  }

  get #live(): Page {
    if (this.#page === undefined) throw new Error('the page is not open');
    return this.#page;
  }

  async #open(): Promise<void> {
    const { proxyUrl, settings, origins } = this.#env;
    const { token, url } = this.#request;
    const use = this.#use;
    const owner = { origin: new URL(url).origin, token, proxyUrl };
    const tab = await use.take(owner, settings, () => this.#page?.onWindow());
    const { page, prepared } = Page.prepare(tab.cdp, tab.frameId, {
      url: new URL(url),
      origins,
      token,
      settings,
      bindsCookies: tab.lease.bindsCookies,
      onFatal: (error) => {
        use.abort(error);
        // At once: what takes more than its share is not asked for a diagnosis first.
        if (error.code === 'resource_limit') void tab.close();
      },
      onStale: () => tab.renders > 1 && use.abort(new StaleTab()),
    });
    this.#page = page;
    await prepared;
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
    const { cdp } = this.#use.tab;
    // The browser would wait for late assets for another 2 s before it prints.
    if (late.length > 0) await cdp.send('Page.stopLoading');
    return printToPdf(cdp, { maxBytes: this.#env.limits.maxBytes, scale: this.#env.settings.printScale });
  }

  async #inspect(printed: Buffer, rest: Rest): Promise<RenderedPdf> {
    const { limits, settings } = this.#env;
    const whyEmpty = 'The sheets are empty: what the page shows on screen is not printed.';
    const { bytes, pages } = await inspectPrinted(printed, { maxPages: limits.maxPages, whyEmpty });
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
