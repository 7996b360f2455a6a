// Watches one page from outside: what it says, where it goes, what it asks for, and what it must not do.

import type { CDPEvents, CDPSession, Protocol } from 'puppeteer-core';
import { fail, type ServiceError } from '../errors.ts';
import { redactText } from '../redaction.ts';
import type { Findings, PageSettings } from './contract.ts';
import { NetworkWatch } from './network-watch.ts';
import { textOfConsole, textOfException } from './page-messages.ts';
import { TopDocument } from './top-document.ts';

const mostKept = 10;
const longestMessage = 300;
const longestRead = 20_000;
const mostWindows = 5;

export interface WatchOptions {
  topFrameId: string;
  /** Address that was asked for. */
  url: URL;
  /** Origins that the page may reach. */
  origins: ReadonlySet<string>;
  token: string | undefined;
  settings: PageSettings;
  /** Ends the render with this error. */
  onFatal(error: ServiceError): void;
  /** Told when figures came from the HTTP cache, as they were before the watch began. */
  onStale(): void;
}

export class PageWatch {
  readonly #cdp: CDPSession;
  readonly #options: WatchOptions;
  readonly #consoleErrors: string[] = [];
  readonly pageErrors: string[] = [];
  readonly network: NetworkWatch;
  readonly document: TopDocument;
  readonly #stops: (() => void)[] = [];
  #windows = 0;
  #hasForeignFrames = false;

  /** Attach it before the page is navigated; `cdp` must have its events enabled. */
  constructor(cdp: CDPSession, options: WatchOptions) {
    this.#cdp = cdp;
    this.#options = options;
    const { url, settings, onFatal } = options;
    this.document = new TopDocument({ asked: url, aliases: settings.aliases, onFatal });
    this.network = new NetworkWatch({
      ...options,
      origin: url.origin,
      cookieName: settings.tokenCookieName,
      ignoredRefusals: settings.ignoredRefusals,
      clean: (text) => this.clean(text),
    });
    this.#watchMessages();
    this.#watchDocuments();
    this.#watchNetwork();
  }

  #watchMessages(): void {
    this.#on('Page.javascriptDialogOpening', () => {
      this.#cdp.send('Page.handleJavaScriptDialog', { accept: false }).catch(() => undefined);
    });
    this.#on('Runtime.consoleAPICalled', (event) => {
      if (event.type === 'error') this.#keep(this.#consoleErrors, this.clean(textOfConsole(event.args)));
    });
    this.#on('Log.entryAdded', ({ entry }) => {
      if (entry.level === 'error') this.#keep(this.#consoleErrors, this.clean(entry.text));
    });
    this.#on('Runtime.exceptionThrown', ({ exceptionDetails }) =>
      this.#keep(this.pageErrors, this.clean(textOfException(exceptionDetails))),
    );
  }

  #watchDocuments(): void {
    this.#on('Page.frameNavigated', ({ frame }) => this.#onNavigated(frame));
    this.#on('Page.navigatedWithinDocument', ({ frameId, url }) => {
      if (frameId === this.#options.topFrameId) this.document.moveTo(url);
    });
    this.#on('Page.domContentEventFired', () => this.document.onParsed());
    this.#on('Page.frameStartedLoading', ({ frameId }) => this.network.onFrameLoading(frameId, true));
    this.#on('Page.frameStoppedLoading', ({ frameId }) => this.network.onFrameLoading(frameId, false));
    this.#on('Page.frameDetached', ({ frameId }) => this.network.onFrameLoading(frameId, false));
  }

  #watchNetwork(): void {
    this.#on('Network.requestWillBeSent', (event) => this.network.onRequest(event));
    this.#on('Network.requestWillBeSentExtraInfo', (event) => this.network.onCookies(event));
    this.#on('Network.responseReceived', (event) => {
      const { requestId, loaderId, frameId, type, response } = event;
      this.network.onResponse(event);
      // Of the documents only the top frame's counts.
      const isMain = type === 'Document' && requestId === loaderId && frameId === this.#options.topFrameId;
      if (isMain) this.#onMainResponse(response);
    });
    this.#on('Network.loadingFinished', ({ requestId }) => {
      if (this.network.isTopDocument(requestId)) this.document.onReceived(requestId);
      this.network.onFinished(requestId);
      this.document.notify();
    });
    this.#on('Network.loadingFailed', (event) => this.#onFailed(event));
  }

  #on<Name extends keyof CDPEvents>(name: Name, listener: (event: CDPEvents[Name]) => void): void {
    this.#cdp.on(name, listener);
    this.#stops.push(() => this.#cdp.off(name, listener));
  }

  /** Whether another origin had a frame in the page, of whose session storage nobody else hears. */
  get hasForeignFrames(): boolean {
    return this.#hasForeignFrames;
  }

  /** Where the page is: origin and path, since secrets travel in what follows. */
  get finalUrl(): string {
    return this.clean(/^[^?#]*/.exec(this.document.url)?.[0] ?? '');
  }

  stop(): void {
    this.document.stop();
    for (const stop of this.#stops) stop();
  }

  /** A window that the page opened; it has been closed. */
  onWindow(): void {
    if (++this.#windows > mostWindows)
      this.#options.onFatal(fail('resource_limit', { detail: 'The page opened too many windows.' }));
  }

  /** What has been seen so far, for a diagnosis. */
  findings(): Omit<Findings, 'pending'> {
    const consoleErrors = [...this.#consoleErrors, ...this.pageErrors].slice(-mostKept);
    return { consoleErrors, failedRequests: this.network.failedRequests, finalUrl: this.finalUrl };
  }

  /** Text of the page's as it may be shown: without its token, and not too long. */
  clean(text: string): string {
    const { token } = this.#options;
    // Redacted before it is cut, or half a token would be left.
    return redactText(text.slice(0, longestRead), token === undefined ? [] : [token]).slice(0, longestMessage);
  }

  #keep<T>(list: T[], item: T): void {
    list.push(item);
    if (list.length > mostKept) list.shift();
  }

  #onMainResponse({ url, status }: Protocol.Network.Response): void {
    if (status === 200 || !this.document.isPage(url)) return;
    if (status === 401 || status === 403) {
      const detail = `The report page itself answered ${status} to the token with which it was opened.`;
      this.#options.onFatal(fail('token_rejected', { detail }));
    } else {
      const detail = `The report page answered ${status}.`;
      this.#options.onFatal(fail('page_failed', { detail, mayHeal: status >= 500 }));
    }
  }

  #onFailed(event: Protocol.Network.LoadingFailedEvent): void {
    const isOurs = this.network.onFailed(event);
    if (!isOurs || event.canceled === true || event.requestId !== this.document.id) return;
    const detail = `The report page broke off: ${event.errorText}`;
    this.#options.onFatal(fail('page_failed', { detail, mayHeal: true }));
  }

  #onNavigated({ id, parentId, url, urlFragment = '', loaderId, securityOrigin }: Protocol.Page.Frame): void {
    if (parentId !== undefined) {
      // Frames without an origin of their own store nothing.
      this.#hasForeignFrames ||= securityOrigin.startsWith('http') && securityOrigin !== this.#options.url.origin;
      return;
    }
    if (id !== this.#options.topFrameId) return;
    this.network.onNewDocument();
    this.document.onNavigated(url + urlFragment, loaderId);
  }
}
