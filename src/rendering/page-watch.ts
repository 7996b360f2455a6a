// Watches one page from outside: what it asks for, what fails, where it goes, and what it must not do.

import type { CDPSession, ConsoleMessage, Frame, Page, Protocol, Target } from 'puppeteer-core';
import { fail, type ServiceError } from '../errors.ts';
import { redactText } from '../redaction.ts';
import type { Diagnosis } from './contract.ts';

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
  /** Origins whose 401 and 403 count as a rejected token. */
  origins: ReadonlySet<string>;
  token: string | undefined;
  /** Ends the render with this error. */
  onFatal(error: ServiceError): void;
}

const withoutSlash = (path: string) => path.replace(/\/$/, '');

/** Same origin and path, whatever query, hash or final slash. */
export function isSameAddress(url: string, asked: URL): boolean {
  if (!URL.canParse(url)) return false;
  const { origin, pathname } = new URL(url);
  return origin === asked.origin && withoutSlash(pathname) === withoutSlash(asked.pathname);
}

export class PageWatch {
  readonly #page: Page;
  readonly #options: WatchOptions;
  readonly #consoleErrors: string[] = [];
  readonly #failedRequests: Diagnosis['failedRequests'] = [];
  /** Paths that answered 401 or 403 and have not succeeded since. */
  readonly #rejectedPaths = new Set<string>();
  readonly pageErrors: string[] = [];
  #windows = 0;
  #awayTimer: NodeJS.Timeout | undefined;
  /** The requests under way. */
  readonly #requests = new Map<string, { url: string; type: string | undefined }>();
  #onAssetEnd: (() => void) | undefined;
  #mainLoader: string | undefined;

  /** Attach it before the page is navigated; `cdp` must have its Page and Network events enabled. */
  constructor(page: Page, cdp: CDPSession, options: WatchOptions) {
    this.#page = page;
    this.#options = options;
    page.on('dialog', (dialog) => void dialog.dismiss().catch(() => undefined));
    page.browserContext().on('targetcreated', (target) => this.#onTarget(target));
    page.on('console', (message) => this.#onConsole(message));
    page.on('pageerror', (error) => this.#keep(this.pageErrors, this.clean(String(error))));
    page.on('framenavigated', (frame) => this.#onNavigated(frame));
    // From the protocol itself: it tells of a response before the page's own scripts get it, so that what was answered before
    // ready is known at ready.
    cdp.on('Page.frameNavigated', ({ frame }) => {
      if (frame.parentId === undefined) this.#mainLoader = frame.loaderId;
    });
    cdp.on('Network.requestWillBeSent', ({ requestId, request, type }) =>
      this.#requests.set(requestId, { url: request.url, type }),
    );
    cdp.on('Network.responseReceived', (event) => this.#onResponse(event));
    cdp.on('Network.loadingFinished', ({ requestId }) => this.#onRequestEnd(requestId));
    cdp.on('Network.loadingFailed', (event) => this.#onFailed(event));
  }

  /** Changes with every document that the top frame shows. */
  get documentId(): string | undefined {
    return this.#mainLoader;
  }

  get hasRejectedToken(): boolean {
    return this.#rejectedPaths.size > 0;
  }

  /** Where the page is, without its token. */
  get finalUrl(): string {
    return this.clean(this.#page.url());
  }

  get isWhereAsked(): boolean {
    return isSameAddress(this.#page.url(), this.#options.url);
  }

  /** Paths of the images that are still on their way, wherever the page uses them. */
  get lateImages(): string[] {
    return [...this.#requests.values()].filter(({ type }) => type === 'Image').map(({ url }) => this.#pathOf(url));
  }

  /** Kept when no image and no font is on its way. */
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

  #onConsole(message: ConsoleMessage): void {
    if (message.type() === 'error') this.#keep(this.#consoleErrors, this.clean(message.text()));
  }

  /** Windows without an opener are no popups to the driver, but they are new targets of the context. */
  #onTarget(target: Target): void {
    if (target.type() !== 'page') return;
    const close = async () => (await target.page())?.close();
    close().catch(() => undefined);
    if (++this.#windows > mostWindows)
      this.#options.onFatal(fail('resource_limit', { detail: 'The page opened too many windows.' }));
  }

  #onResponse({ requestId, loaderId, frameId, type, response }: Protocol.Network.ResponseReceivedEvent): void {
    const { url, status } = response;
    // A document's request bears the name of its loader; of the documents only the top frame's counts.
    const isMain = type === 'Document' && requestId === loaderId && frameId === this.#options.topFrameId;
    if (isMain) this.#onMainResponse(url, status);
    else if (['XHR', 'Fetch', 'EventSource'].includes(type)) this.#onApiResponse(url, status);
    if (status >= 400) this.#keep(this.#failedRequests, { path: this.#pathOf(url), status });
  }

  #onMainResponse(url: string, status: number): void {
    if (status === 200 || !isSameAddress(url, this.#options.url)) return;
    if (status === 401 || status === 403) this.#options.onFatal(fail('token_rejected'));
    else this.#options.onFatal(fail('page_failed', { detail: `The report page answered ${status}.` }));
  }

  #onApiResponse(url: string, status: number): void {
    const { origin, pathname } = new URL(url);
    if (!this.#options.origins.has(origin)) return;
    if (status === 401 || status === 403) this.#rejectedPaths.add(origin + pathname);
    else if (status < 400) this.#rejectedPaths.delete(origin + pathname);
  }

  #onRequestEnd(requestId: string): void {
    this.#requests.delete(requestId);
    this.#onAssetEnd?.();
  }

  #onFailed({ requestId, errorText, canceled }: Protocol.Network.LoadingFailedEvent): void {
    const url = this.#requests.get(requestId)?.url ?? '';
    this.#onRequestEnd(requestId);
    this.#keep(this.#failedRequests, { path: this.#pathOf(url), error: this.clean(errorText) });
    if (requestId !== this.#mainLoader || canceled === true) return;
    this.#options.onFatal(fail('page_failed', { detail: `The report page broke off: ${errorText}` }));
  }

  /** Path without query, where tokens travel; for a foreign origin with its host. */
  #pathOf(url: string): string {
    if (!URL.canParse(url)) return 'unknown';
    const { origin, pathname, protocol } = new URL(url);
    if (!protocol.startsWith('http')) return protocol;
    return this.clean(origin === this.#options.url.origin ? pathname : origin + pathname);
  }

  #onNavigated(frame: Frame): void {
    if (frame !== this.#page.mainFrame()) return;
    clearTimeout(this.#awayTimer);
    if (this.isWhereAsked || frame.url() === 'about:blank') return;
    this.#awayTimer = setTimeout(() => this.#options.onFatal(fail('page_redirected')), awayGraceMs);
  }
}
