// One page as its contract has it: opened with its token, waited for until it is ready, whole and still, and seen from outside.

import { setTimeout as delay } from 'node:timers/promises';
import type { CDPSession } from 'puppeteer-core';
import { fail, type ServiceError } from '../errors.ts';
import { listWarnings } from '../warnings.ts';
import type { Findings, PageSettings, PageSnapshot } from './contract.ts';
import { PageSession, type SaidFailure } from './page-session.ts';
import { PageWatch, type WatchOptions } from './page-watch.ts';
import type { Look } from './snapshot-script.ts';
import { setTokenCookie } from './token-cookie.ts';

export interface PageOptions extends Pick<WatchOptions, 'url' | 'origins' | 'token' | 'onFatal' | 'onStale'> {
  settings: PageSettings;
  /** Whether the browser keeps cookies of one port from the others of its host. */
  bindsCookies: boolean;
}

/** What a page rests in: what is to be printed, and what was not reached. */
export interface Rest {
  /** Of the document that it is about. */
  document: string | undefined;
  snapshot: PageSnapshot;
  /** Paths of what was still on its way when the time for it was up. */
  late: string[];
  /** Whether what the page shows still changed. */
  isMoving: boolean;
}

export type RestStage = 'assets' | 'settle';

/** Of the page's time for coming to rest, the end: what changes in it is moving. */
const tailMs = 1000;
const askAgainMs = 50;
const reducedMotion = { features: [{ name: 'prefers-reduced-motion', value: 'reduce' }] };

export class Page {
  readonly #cdp: CDPSession;
  readonly #options: PageOptions;
  readonly #watch: PageWatch;
  #session: PageSession | undefined;
  #stopCookie: () => void = () => undefined;
  #hasCookie = true;
  /** The code that the page gave its own failure. */
  #pageCode: string | undefined;

  private constructor(cdp: CDPSession, frameId: string, options: PageOptions) {
    this.#cdp = cdp;
    this.#options = options;
    this.#watch = new PageWatch(cdp, { ...options, topFrameId: frameId });
  }

  /** Prepares the tab whose top frame that is; nothing is asked of the network yet. */
  static prepare(cdp: CDPSession, frameId: string, options: PageOptions): { page: Page; prepared: Promise<void> } {
    const page = new Page(cdp, frameId, options);
    return { page, prepared: page.#prepare(frameId) };
  }

  /** @throws page_failed when the address can't be loaded. */
  async load(): Promise<void> {
    const { errorText } = await this.#cdp.send('Page.navigate', { url: this.#options.url.href });
    const { document, network } = this.#watch;
    if (errorText !== undefined) {
      const detail = `The report page could not be loaded: ${network.explain(errorText)}.`;
      throw fail('page_failed', { detail, mayHeal: true });
    }
    await document.until(() => document.isParsed || this.#live.isReady);
  }

  /** Resolves when the document has come to its end and the page says that it is ready. */
  async whenReady(): Promise<void> {
    const { document } = this.#watch;
    await document.until(() => document.isReceived && this.#live.isReady);
  }

  /**
   * Gives a ready page what it needs to be printed: as paper will show it, whole, and still.
   * @returns undefined when it begins anew meanwhile, or takes back that it is ready.
   */
  async comeToRest(onStage: (stage: RestStage) => void): Promise<Rest | undefined> {
    const isLost = this.#watchForLoss();
    try {
      const rest = await this.#rest(onStage);
      if (await this.holds(rest)) return rest;
    } catch (error) {
      if (!(await isLost())) throw error;
    }
    await this.#showOnScreen();
    // One that computes the flag may say no and yes again before that is heard of.
    await delay(askAgainMs);
    return undefined;
  }

  /** Whether what was true at rest is true now: the same document, ready. */
  async holds({ document }: Rest): Promise<boolean> {
    return this.#watch.document.id === document && (await this.#isReadyNow());
  }

  get isWhereAsked(): boolean {
    return this.#watch.document.isWhereAsked;
  }

  get hasForeignFrames(): boolean {
    return this.#watch.hasForeignFrames;
  }

  /** Whether something that the page may reach was broken. */
  get hasBrokenRequest(): boolean {
    return this.#watch.network.hasBroken;
  }

  get hasUncaughtErrors(): boolean {
    return this.#watch.pageErrors.length > 0;
  }

  /** The failure to report when a call that carried the token was refused. */
  get rejection(): ServiceError | undefined {
    const path = this.#watch.network.refusals.rejected;
    if (path === undefined) return undefined;
    const detail = `The platform answered 401 or 403 to the page's token at ${path}. Where that is no sign of a bad token, name the path in IGNORED_REFUSALS.`;
    return fail('token_rejected', { detail });
  }

  /** Texts that begin with the code of a warning each. */
  warnings({ late, isMoving, snapshot }: Rest): string[] {
    const { network, pageErrors } = this.#watch;
    const clean = (text: string) => this.#watch.clean(text);
    return listWarnings({
      printed_without: [...new Set([...late.map(clean), ...network.missingAssets])],
      printed_while_moving: isMoving ? [''] : [],
      content_cut_off: snapshot.cutOff.map(clean),
      refused: network.refusals.others,
      page_error: pageErrors,
      no_token_cookie: this.#hasCookie ? [] : [''],
    });
  }

  onWindow(): void {
    this.#watch.onWindow();
  }

  async findings(): Promise<Findings> {
    const names = (await this.#session?.askPending()) ?? [];
    const pending = names.map((name) => this.#watch.clean(name));
    const code = this.#pageCode === undefined ? {} : { pageCode: this.#pageCode };
    return { ...code, pending, ...this.#watch.findings() };
  }

  /** Hears nothing more of the tab. */
  stop(): void {
    this.#stopCookie();
    this.#watch.stop();
  }

  /** Takes what was put into the tab out again, for the next page in it. */
  async remove(): Promise<void> {
    await this.#session?.remove();
  }

  get #live(): PageSession {
    if (this.#session === undefined) throw new Error('the page is not prepared');
    return this.#session;
  }

  async #prepare(frameId: string): Promise<void> {
    const { url, token, settings, onFatal, bindsCookies, origins } = this.#options;
    const { tokenStorageKey: storageKey, tokenCookieName: cookieName } = settings;
    const opening = PageSession.open(this.#cdp, {
      frameId,
      settings: { origin: url.origin, token, storageKey, cookieName },
      onChange: () => this.#watch.document.notify(),
      // Where the platform refuses the token, the page's own complaint is a consequence.
      onFailed: (said) => onFatal(this.rejection ?? this.#failureOf(said)),
    });
    const { network } = this.#watch;
    const cookie = {
      url,
      name: cookieName,
      allowedOrigins: [...origins],
      isBound: bindsCookies,
      isOfTopFrame: (requestId: string) => network.isOfTopFrame(requestId),
      onAdded: (requestId: string) => network.refusals.onCookie(requestId),
    };
    const setting = token === undefined ? undefined : setTokenCookie(this.#cdp, { ...cookie, token });
    const [session, set] = await Promise.all([opening, setting, this.#showOnScreen()]);
    this.#session = session;
    this.#hasCookie = set?.isSet !== false;
    this.#stopCookie = set?.stop ?? this.#stopCookie;
  }

  /** What the page says of itself, as an error; one that has nothing to show is no fault of anybody's. */
  #failureOf({ code, message }: SaidFailure): ServiceError {
    if (code !== '') this.#pageCode = this.#watch.clean(code);
    const said = this.#watch.clean([code, message].filter(Boolean).join(': '));
    const isAboutNothing = /(not_found|no_data)$/i.test(code);
    return fail(isAboutNothing ? 'report_not_found' : 'page_failed', {
      detail: `The page said that it failed: ${said}`,
    });
  }

  async #isReadyNow(): Promise<boolean> {
    const isLost = this.#watchForLoss();
    return this.#live.askReady().catch(async (error) => {
      if (!(await isLost())) throw error;
      return false;
    });
  }

  /** @returns whether the document that is there now has gone meanwhile, so that what it was asked has failed. */
  #watchForLoss(): () => Promise<boolean> {
    const { document } = this.#watch;
    const { id } = document;
    const { losses } = this.#live;
    const isLost = () => document.id !== id || this.#live.losses !== losses;
    return async () => {
      // What was asked may fail before the browser says why; it has said so before it answers again.
      if (!isLost()) await this.#cdp.send('Page.getFrameTree').catch(() => undefined);
      return isLost();
    };
  }

  async #showOnScreen(): Promise<void> {
    await this.#cdp.send('Emulation.setEmulatedMedia', { media: '', ...reducedMotion });
  }

  async #rest(onStage: (stage: RestStage) => void): Promise<Rest> {
    const { settings } = this.#options;
    const { document, network } = this.#watch;
    const graceEndsAt = performance.now() + settings.assetGraceMs;
    const graceMs = () => Math.max(0, graceEndsAt - performance.now());
    const inTime = (promise: Promise<unknown>) => Promise.race([promise, delay(graceMs(), undefined, { ref: false })]);
    onStage('assets');
    const { id } = document;
    if (!document.isParsed) await inTime(document.until(() => document.isParsed));
    await this.#cdp.send('Emulation.setEmulatedMedia', { media: 'print', ...reducedMotion });
    let leftMs = settings.settleMs;
    let isScrolled = false;
    for (let isMoving = false; ; ) {
      onStage('settle');
      const settled = await this.#settle(leftMs);
      leftMs -= settled.usedMs;
      isMoving = settled.isMoving;
      onStage('assets');
      const look = await this.#live.look();
      const isReading = look.isParsing && network.hasScriptsUnderWay;
      const isLate = look.late.length > 0 || network.hasLateAssets || look.isParsing;
      if (look.unseen.length > 0 && !isScrolled) {
        isScrolled = true;
        await this.#live.scroll();
        continue;
      }
      if (!isReading && (!isLate || graceMs() === 0)) return { document: id, isMoving, ...this.#sum(look) };
      // Behind a script that has not come the rest of the document is not there.
      if (isReading) await document.until(() => !network.hasScriptsUnderWay || document.isParsed);
      else await inTime(Promise.all([network.assetsEnded(), this.#live.waitForLate(graceMs())]));
    }
  }

  #sum({ late, isParsing, unseen, ...snapshot }: Look): Pick<Rest, 'snapshot' | 'late'> {
    const { lateAssets, hasLateFonts } = this.#watch.network;
    const known = hasLateFonts ? late.filter((each) => each !== 'fonts') : late;
    const cutOff = [...snapshot.cutOff, ...unseen];
    return { snapshot: { ...snapshot, cutOff }, late: [...known, ...lateAssets] };
  }

  /** `isMoving` when the page asks for more at the end of its time, and looks different than it did a moment before. */
  async #settle(budgetMs: number): Promise<{ usedMs: number; isMoving: boolean }> {
    const hasRequests = this.#watch.network.hasCallsUnderWay;
    const lastMs = Math.max(0, Math.min(tailMs, budgetMs / 3));
    const first = await this.#live.settle({ budgetMs: Math.max(0, budgetMs - lastMs), hasRequests });
    if (!first.isAsking || budgetMs <= 0) return { usedMs: first.usedMs, isMoving: false };
    const before = await this.#live.fingerprint();
    const last = await this.#live.settle({ budgetMs: lastMs, hasRequests });
    const isMoving = last.isAsking && before !== (await this.#live.fingerprint());
    return { usedMs: first.usedMs + last.usedMs, isMoving };
  }
}
