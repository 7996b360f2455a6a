// One tab of the browser: a page in a context of its own, driven by the browser's protocol, for one owner only.

import { randomUUID } from 'node:crypto';
import type { BrowserContext, CDPSession, Protocol, Target } from 'puppeteer-core';
import type { BrowserLease } from '../browser/browser.ts';

/** Whom a tab serves; nothing that one owner leaves behind ever meets another. */
export interface TabOwner {
  origin: string;
  token: string | undefined;
  /** The only way out. */
  proxyUrl: string;
}

/** As whom and on what the page is shown: the same for all pages of an origin. */
export interface TabView {
  /** As `de-DE`. */
  language: string;
  timeZone: string;
  pixelRatio: number;
}

/** What can happen to a tab from outside its page. */
export interface TabEvents {
  /** Its process is gone. */
  onCrash(): void;
  /** The page, or the browser, closed it. */
  onClosed(): void;
  /** The page opened a window, which is closed at once. */
  onWindow(): void;
}

const openTimeoutMs = 15_000;
/** A browser that hangs is noticed by its supervisor; one that is only busy is not to be replaced, with all its pages, for one that closes late. */
const closeTimeoutMs = 8000;
const screen = { width: 1200, height: 800, mobile: false };

export class Tab {
  readonly owner: TabOwner;
  readonly lease: BrowserLease;
  readonly cdp: CDPSession;
  /** Its top frame. */
  readonly frameId: string;
  readonly openedAt = performance.now();
  /** Renders that it has begun. */
  renders = 0;
  readonly #context: BrowserContext;
  /** Headers of its last document that decide which others may share its process. */
  #isolation: Protocol.Fetch.HeaderEntry[] = [];
  #events: TabEvents | undefined;
  #closing: Promise<boolean> | undefined;
  #stopListening: () => void = () => undefined;

  private constructor(owner: TabOwner, lease: BrowserLease, parts: Parts) {
    this.owner = owner;
    this.lease = lease;
    this.cdp = parts.cdp;
    this.frameId = parts.targetId;
    this.#context = parts.context;
    this.#listen(parts);
  }

  /** Opens an empty tab; takes over the lease, which ends with it. A browser that doesn't open it in 15 s is given up. */
  static async open(owner: TabOwner, view: TabView, lease: BrowserLease): Promise<Tab> {
    const tooLong = setTimeout(() => lease.giveUp('a page could not be opened'), openTimeoutMs);
    try {
      return new Tab(owner, lease, await openParts(owner.proxyUrl, view, lease));
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    } finally {
      clearTimeout(tooLong);
    }
  }

  /** Tells whoever uses the tab now; undefined for nobody. */
  set events(events: TabEvents | undefined) {
    this.#events = events;
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Ends the document and forgets what it has stored in the origins: everything but the HTTP cache. The renderer process stays. */
  async clear(origins: Iterable<string>): Promise<void> {
    await this.#showNothing();
    const { cdp } = this;
    await Promise.all([
      cdp.send('Runtime.evaluate', { expression: 'sessionStorage.clear(); name = ""' }),
      ...[...origins].map((origin) => cdp.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })),
      cdp.send('Network.clearBrowserCookies'),
      cdp.send('Page.resetNavigationHistory'),
      cdp.send('Fetch.disable'),
      cdp.send('Network.setBypassServiceWorker', { bypass: false }),
    ]);
  }

  /** From outside, which works on a hung page too. False when the browser does not do it in time, and is given up. */
  close(): Promise<boolean> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Shows an empty document of the owner's origin, which nobody is asked for: the one before is gone, with its timers and sockets, and
   * none of its scripts can write again what is taken away. It has the isolation of the one before, or the browser would start a process.
   */
  async #showNothing(): Promise<void> {
    const { cdp } = this;
    const url = `${this.owner.origin}/${randomUUID()}`;
    const responseHeaders = [{ name: 'content-type', value: 'text/html' }, ...this.#isolation];
    const onPaused = ({ requestId }: Protocol.Fetch.RequestPausedEvent) => {
      cdp.send('Fetch.fulfillRequest', { requestId, responseCode: 200, responseHeaders }).catch(() => undefined);
    };
    const shown = Promise.withResolvers<void>();
    // From the browser itself: the page's own session tells of a document before the browser has it in its history.
    const onChanged = ({ targetInfo }: Protocol.Target.TargetInfoChangedEvent) => {
      if (targetInfo.targetId === this.frameId && targetInfo.url === url) shown.resolve();
    };
    const connection = cdp.connection();
    cdp.once('Fetch.requestPaused', onPaused);
    connection?.on('Target.targetInfoChanged', onChanged);
    try {
      await Promise.all([
        cdp.send('Network.setBypassServiceWorker', { bypass: true }),
        cdp.send('Fetch.enable', { patterns: [{ urlPattern: url }] }),
      ]);
      const { errorText } = await cdp.send('Page.navigate', { url });
      if (errorText !== undefined) throw new Error(`the tab could not be emptied: ${errorText}`);
      // The answer comes before the document is there.
      await shown.promise;
    } finally {
      cdp.off('Fetch.requestPaused', onPaused);
      connection?.off('Target.targetInfoChanged', onChanged);
    }
  }

  async #close(): Promise<boolean> {
    this.#stopListening();
    const isDone = await this.#closeContext();
    if (!isDone) this.lease.giveUp('a page could not be closed');
    this.lease[Symbol.dispose]();
    return isDone;
  }

  #closeContext(): Promise<boolean> {
    if (!this.lease.browser.connected) return Promise.resolve(true);
    const closed = this.#context.close().then(
      () => true,
      () => true,
    );
    return Promise.race([
      closed,
      new Promise<boolean>((resolve) => setTimeout(resolve, closeTimeoutMs, false).unref()),
    ]);
  }

  /** Closes windows that the page opens, those without an opener among them. */
  async #onTarget(target: Target): Promise<void> {
    if (target.type() !== 'page') return;
    const session = await target.createCDPSession();
    const { targetInfo } = await session.send('Target.getTargetInfo');
    if (targetInfo.targetId === this.frameId) return session.detach();
    this.#events?.onWindow();
    await session.send('Page.close');
  }

  #listen({ root, targetId, context, cdp }: Parts): void {
    const onDetached = ({ sessionId }: Protocol.Target.DetachedFromTargetEvent) => {
      if (sessionId === cdp.id()) this.#events?.onClosed();
    };
    const onGone = () => this.#events?.onClosed();
    cdp.on('Network.responseReceived', ({ type, frameId, response }) => {
      if (type === 'Document' && frameId === targetId) this.#isolation = isolationOf(response.headers);
    });
    cdp.on('Inspector.targetCrashed', () => this.#events?.onCrash());
    context.on('targetcreated', (target) => void this.#onTarget(target).catch(() => undefined));
    root.on('Target.detachedFromTarget', onDetached);
    this.lease.browser.on('disconnected', onGone);
    this.#stopListening = () => {
      root.off('Target.detachedFromTarget', onDetached);
      this.lease.browser.off('disconnected', onGone);
    };
  }
}

const isolationHeaders = ['cross-origin-opener-policy', 'cross-origin-embedder-policy', 'origin-agent-cluster'];

const isolationOf = (headers: Record<string, string>) =>
  Object.entries(headers)
    .filter(([name]) => isolationHeaders.includes(name.toLowerCase()))
    .map(([name, value]) => ({ name, value }));

interface Parts {
  /** The line to the browser itself. */
  root: CDPSession;
  context: BrowserContext;
  targetId: string;
  cdp: CDPSession;
}

async function openParts(proxyUrl: string, view: TabView, { browser, session }: BrowserLease): Promise<Parts> {
  const root = await session;
  const context = await browser.createBrowserContext({
    proxyServer: proxyUrl,
    proxyBypassList: ['<-loopback>'],
    downloadBehavior: { policy: 'deny' },
  });
  try {
    const browserContextId = context.id;
    if (browserContextId === undefined) throw new Error('the browser gave no context');
    // Not the driver's own pages: they would listen to every request a second time.
    const { targetId } = await root.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await root.send('Target.attachToTarget', { targetId, flatten: true });
    const cdp = root.connection()?.session(sessionId);
    if (cdp === null || cdp === undefined) throw new Error('the browser gave no session');
    await Promise.all([enable(cdp), dress(cdp, view, await browser.userAgent())]);
    return { root, context, targetId, cdp };
  } catch (error) {
    void context.close().catch(() => undefined);
    throw error;
  }
}

/** What a session must have said before it tells anything, and before it runs scripts and bindings. */
async function enable(cdp: CDPSession): Promise<void> {
  await Promise.all([
    cdp.send('Page.enable'),
    cdp.send('Runtime.enable'),
    // Bodies are never asked for: none is held back.
    cdp.send('Network.enable', { maxTotalBufferSize: 0, maxResourceBufferSize: 0 }),
    cdp.send('Log.enable'),
  ]);
}

/** The language on its own comes second: `de-DE,de`. */
const acceptedLanguages = (language: string) => [...new Set([language, language.split('-')[0]])].join(',');

async function dress(cdp: CDPSession, { language, timeZone, pixelRatio }: TabView, userAgent: string): Promise<void> {
  await Promise.all([
    cdp.send('Emulation.setDeviceMetricsOverride', { ...screen, deviceScaleFactor: pixelRatio }),
    cdp.send('Emulation.setLocaleOverride', { locale: language }),
    cdp.send('Emulation.setTimezoneOverride', { timezoneId: timeZone }),
    cdp.send('Emulation.setUserAgentOverride', { userAgent, acceptLanguage: acceptedLanguages(language) }),
  ]);
}
