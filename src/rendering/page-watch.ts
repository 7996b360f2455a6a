// Watches one page from outside: what it asks for, what fails, where it goes, and what it must not do.

import type { CDPEvents, CDPSession, Protocol } from 'puppeteer-core';
import { fail, type ServiceError } from '../errors.ts';
import { redactText } from '../redaction.ts';
import type { Diagnosis } from './contract.ts';
import { textOfConsole, textOfException } from './page-messages.ts';

const mostKept = 10;
const longestMessage = 300;
const longestRead = 20_000;
const mostWindows = 5;
/** A page may pass through another address, for instance to sign in silently, when it comes back within this time. */
const awayGraceMs = 2000;

interface WatchOptions {
  topFrameId: string;
  /** Address that was asked for. */
  url: URL;
  /** Origins that the page may reach: their 401 and 403 count as a rejected token, their 5xx and broken connections as a fault that may pass. */
  origins: ReadonlySet<string>;
  token: string | undefined;
  /** Ends the render with this error. */
  onFatal(error: ServiceError): void;
  /** Told when figures came from the HTTP cache, as they were before the watch began. */
  onStale(): void;
}

const withoutSlash = (path: string) => path.replace(/\/$/, '');

/** Same origin and path, whatever query, hash or final slash. */
export function isSameAddress(url: string, asked: URL): boolean {
  if (!URL.canParse(url)) return false;
  const { origin, pathname } = new URL(url);
  return origin === asked.origin && withoutSlash(pathname) === withoutSlash(asked.pathname);
}

/** Types of request by which a page gets its figures: what they answer must be of now. */
const dataTypes = ['Document', 'XHR', 'Fetch', 'EventSource'];

/** And those by which it gets what shows them. */
const neededTypes = [...dataTypes, 'Script', 'Stylesheet'];

export class PageWatch {
  readonly #cdp: CDPSession;
  readonly #options: WatchOptions;
  readonly #consoleErrors: string[] = [];
  readonly #failedRequests: Diagnosis['failedRequests'] = [];
  /** Paths that answered 401 or 403 and have not succeeded since. */
  readonly #rejectedPaths = new Set<string>();
  /** Paths that answered 5xx, or whose connection broke, and that have not succeeded since. */
  readonly #brokenPaths = new Set<string>();
  readonly pageErrors: string[] = [];
  readonly #stops: (() => void)[] = [];
  /** The requests under way. */
  readonly #requests = new Map<string, { url: string; type: string | undefined }>();
  /** Addresses that were answered over the network since the watch began. */
  readonly #fetched = new Set<string>();
  #windows = 0;
  #awayTimer: NodeJS.Timeout | undefined;
  #onAssetEnd: (() => void) | undefined;
  #mainLoader: string | undefined;
  #url = 'about:blank';
  #hasForeignFrames = false;
  readonly #loaded = Promise.withResolvers<void>();

  /** Attach it before the page is navigated; `cdp` must have its events enabled. */
  constructor(cdp: CDPSession, options: WatchOptions) {
    this.#cdp = cdp;
    this.#options = options;
    this.#on('Page.javascriptDialogOpening', () => {
      cdp.send('Page.handleJavaScriptDialog', { accept: false }).catch(() => undefined);
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
    this.#on('Page.frameNavigated', ({ frame }) => this.#onNavigated(frame));
    this.#on('Page.navigatedWithinDocument', ({ frameId, url }) => {
      if (frameId === this.#options.topFrameId) this.#moveTo(url);
    });
    // What comes before the first document of this watch belongs to the empty page before it.
    this.#on('Page.domContentEventFired', () => {
      if (this.#mainLoader !== undefined) this.#loaded.resolve();
    });
    this.#watchNetwork();
  }

  #watchNetwork(): void {
    this.#on('Network.requestWillBeSent', ({ requestId, request, type, redirectResponse }) => {
      if (redirectResponse !== undefined) this.#checkAge(type, redirectResponse);
      this.#requests.set(requestId, { url: request.url, type });
    });
    this.#on('Network.responseReceived', (event) => this.#onResponse(event));
    this.#on('Network.loadingFinished', ({ requestId }) => this.#onRequestEnd(requestId));
    this.#on('Network.loadingFailed', (event) => this.#onFailed(event));
  }

  #on<Name extends keyof CDPEvents>(name: Name, listener: (event: CDPEvents[Name]) => void): void {
    this.#cdp.on(name, listener);
    this.#stops.push(() => this.#cdp.off(name, listener));
  }

  /** Resolves when the top frame's document has been read. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  /** Whether another origin had a frame in the page, of whose session storage nobody else hears. */
  get hasForeignFrames(): boolean {
    return this.#hasForeignFrames;
  }

  /** Changes with every document that the top frame shows. */
  get documentId(): string | undefined {
    return this.#mainLoader;
  }

  get hasRejectedToken(): boolean {
    return this.#rejectedPaths.size > 0;
  }

  /** Whether something that the page may reach was broken: what the page says then may be gone the next time. */
  get hasBrokenRequest(): boolean {
    return this.#brokenPaths.size > 0;
  }

  /** Where the page is, without its token. */
  get finalUrl(): string {
    return this.clean(this.#url);
  }

  get isWhereAsked(): boolean {
    return isSameAddress(this.#url, this.#options.url);
  }

  /** Paths of the images that are still on their way, wherever the page uses them. */
  get lateImages(): string[] {
    return [...this.#requests.values()].filter(({ type }) => type === 'Image').map(({ url }) => this.#pathOf(url));
  }

  /** Resolves when no image and no font is on its way. */
  assetsSettled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAssetEnd = () => {
      const isLoading = [...this.#requests.values()].some(({ type }) => type === 'Image' || type === 'Font');
      if (!isLoading) resolve();
    };
    this.#onAssetEnd();
    return promise;
  }

  stop(): void {
    clearTimeout(this.#awayTimer);
    for (const stop of this.#stops) stop();
  }

  /** A window that the page opened; it has been closed. */
  onWindow(): void {
    if (++this.#windows > mostWindows)
      this.#options.onFatal(fail('resource_limit', { detail: 'The page opened too many windows.' }));
  }

  /** What has been seen so far, for a diagnosis. */
  findings(): Pick<Diagnosis, 'consoleErrors' | 'failedRequests' | 'finalUrl'> {
    const consoleErrors = [...this.#consoleErrors, ...this.pageErrors].slice(-mostKept);
    return { consoleErrors, failedRequests: [...this.#failedRequests], finalUrl: this.finalUrl };
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

  #onResponse({ requestId, loaderId, frameId, type, response }: Protocol.Network.ResponseReceivedEvent): void {
    const { url, status } = response;
    this.#checkAge(type, response);
    // A document's request bears the name of its loader; of the documents only the top frame's counts.
    const isMain = type === 'Document' && requestId === loaderId && frameId === this.#options.topFrameId;
    if (isMain) this.#onMainResponse(url, status);
    else if (['XHR', 'Fetch', 'EventSource'].includes(type)) this.#onApiResponse(url, status);
    this.#noteHealth(url, type, status < 500);
    if (status >= 400) this.#keep(this.#failedRequests, { path: this.#pathOf(url), status });
  }

  /** What was asked of the network by this page may come from the cache; what an earlier page of the tab asked for may not. */
  #checkAge(type: string | undefined, { url, fromDiskCache }: Protocol.Network.Response): void {
    if (fromDiskCache !== true) this.#fetched.add(url);
    else if (type !== undefined && dataTypes.includes(type) && !this.#fetched.has(url)) this.#options.onStale();
  }

  #onMainResponse(url: string, status: number): void {
    if (status === 200 || !isSameAddress(url, this.#options.url)) return;
    if (status === 401 || status === 403) this.#options.onFatal(fail('token_rejected'));
    else {
      const detail = `The report page answered ${status}.`;
      this.#options.onFatal(fail('page_failed', { detail, mayHeal: status >= 500 }));
    }
  }

  #onApiResponse(url: string, status: number): void {
    const { origin, pathname } = new URL(url);
    if (!this.#options.origins.has(origin)) return;
    if (status === 401 || status === 403) this.#rejectedPaths.add(origin + pathname);
    else if (status < 400) this.#rejectedPaths.delete(origin + pathname);
  }

  /** Of what the page needs from where it may go. */
  #noteHealth(url: string, type: string | undefined, isHealthy: boolean): void {
    if (type === undefined || !neededTypes.includes(type) || !URL.canParse(url)) return;
    const { origin, pathname } = new URL(url);
    if (!this.#options.origins.has(origin)) return;
    if (isHealthy) this.#brokenPaths.delete(origin + pathname);
    else this.#brokenPaths.add(origin + pathname);
  }

  #onRequestEnd(requestId: string): void {
    this.#requests.delete(requestId);
    this.#onAssetEnd?.();
  }

  #onFailed({ requestId, type, errorText, canceled, blockedReason }: Protocol.Network.LoadingFailedEvent): void {
    const url = this.#requests.get(requestId)?.url;
    this.#onRequestEnd(requestId);
    // Of the page before.
    if (url === undefined) return;
    this.#keep(this.#failedRequests, { path: this.#pathOf(url), error: this.clean(errorText) });
    if (canceled === true) return;
    if (blockedReason === undefined) this.#noteHealth(url, type, false);
    if (requestId !== this.#mainLoader) return;
    this.#options.onFatal(fail('page_failed', { detail: `The report page broke off: ${errorText}`, mayHeal: true }));
  }

  /** Path without query, where tokens travel; for a foreign origin with its host. */
  #pathOf(url: string): string {
    if (!URL.canParse(url)) return 'unknown';
    const { origin, pathname, protocol } = new URL(url);
    if (!protocol.startsWith('http')) return protocol;
    return this.clean(origin === this.#options.url.origin ? pathname : origin + pathname);
  }

  #onNavigated({ id, parentId, url, urlFragment = '', loaderId, securityOrigin }: Protocol.Page.Frame): void {
    if (parentId !== undefined) {
      // Frames without an origin of their own store nothing.
      this.#hasForeignFrames ||= securityOrigin.startsWith('http') && securityOrigin !== this.#options.url.origin;
      return;
    }
    if (id !== this.#options.topFrameId) return;
    this.#mainLoader = loaderId;
    this.#moveTo(url + urlFragment);
  }

  #moveTo(url: string): void {
    this.#url = url;
    clearTimeout(this.#awayTimer);
    if (this.isWhereAsked || url === 'about:blank') return;
    this.#awayTimer = setTimeout(() => this.#options.onFatal(fail('page_redirected')), awayGraceMs);
  }
}
