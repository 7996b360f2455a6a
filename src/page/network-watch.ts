// What a page asks the network for: what is on its way, what failed, what was refused, and whether its figures are of now.

import { setTimeout as delay } from 'node:timers/promises';
import type { Protocol } from 'puppeteer-core';
import type { Findings } from './contract.ts';
import { explainNetworkError } from './network-errors.ts';
import { type Call, Refusals } from './refusals.ts';

export interface NetworkWatchOptions {
  topFrameId: string;
  /** Origin of the page. */
  origin: string;
  /** Origins that the page may reach: what they refuse or break counts. */
  origins: ReadonlySet<string>;
  token: string | undefined;
  cookieName: string;
  ignoredRefusals: readonly string[];
  /** Told when figures came from the HTTP cache, as they were before the watch began. */
  onStale(): void;
  clean(text: string): string;
}

interface Request {
  url: string;
  type: string | undefined;
  frameId: string | undefined;
  call: Call;
}

const mostKept = 10;
/** The page's process tells of a request, the network of what it sends: mostly in this order. */
const tellMs = 500;
const tellPollMs = 5;
/** Types of request by which a page gets its figures: what they answer must be of now. */
const dataTypes = ['Document', 'XHR', 'Fetch', 'EventSource'];
/** And those by which it gets what shows them. */
const neededTypes = [...dataTypes, 'Script', 'Stylesheet'];
const callTypes = ['XHR', 'Fetch', 'EventSource'];
/** What a page is not whole without. */
const assetTypes = ['Image', 'Font', 'Stylesheet', 'Script'];

export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  readonly #refusals: Refusals;
  readonly #failedRequests: Findings['failedRequests'] = [];
  /** Addresses that answered 5xx, or whose connection broke, and that have not succeeded since. */
  readonly #broken = new Set<string>();
  /** Paths of assets that did not come, of origins that may be reached. */
  readonly #missing = new Set<string>();
  readonly #requests = new Map<string, Request>();
  /** Addresses that were answered over the network since the watch began. */
  readonly #fetched = new Set<string>();
  /** Frames below the top one that are still loading, with where they were last known to go. */
  readonly #loadingFrames = new Set<string>();
  /** Where the document of the top frame was last asked for, redirected or not. */
  #topUrl = '';
  #onAssetEnd: (() => void) | undefined;

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options.ignoredRefusals);
  }

  get refusals(): Refusals {
    return this.#refusals;
  }

  get failedRequests(): Findings['failedRequests'] {
    return [...this.#failedRequests];
  }

  /** Whether something that the page may reach was broken: what the page says then may be gone the next time. */
  get hasBroken(): boolean {
    return this.#broken.size > 0;
  }

  get missingAssets(): string[] {
    return [...this.#missing];
  }

  get hasLateFonts(): boolean {
    return this.#hasUnderWay(['Font']);
  }

  /** Paths of assets and frames that are on their way. */
  get lateAssets(): string[] {
    return [...this.#requests.values()].filter((request) => this.#isAsset(request)).map(({ call }) => call.path);
  }

  get hasLateAssets(): boolean {
    return this.#loadingFrames.size > 0 || [...this.#requests.values()].some((request) => this.#isAsset(request));
  }

  get hasCallsUnderWay(): boolean {
    return this.#hasUnderWay(['XHR', 'Fetch']);
  }

  get hasScriptsUnderWay(): boolean {
    return this.#hasUnderWay(['Script']);
  }

  /** Resolves when no asset and no frame is on its way. */
  assetsEnded(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAssetEnd = () => this.hasLateAssets || resolve();
    this.#onAssetEnd();
    return promise;
  }

  onRequest({ requestId, request, type, frameId, redirectResponse }: Protocol.Network.RequestWillBeSentEvent): void {
    if (redirectResponse !== undefined) this.#checkAge(type, redirectResponse);
    const { url, method, headers } = request;
    const { token } = this.#options;
    const bearsToken = token !== undefined && Object.values(headers).some((value) => value.includes(token));
    const call = { method, address: addressOf(url), path: this.#pathOf(url), bearsToken };
    this.#requests.set(requestId, { url, type, frameId, call });
    if (this.isTopDocument(requestId)) this.#topUrl = url;
    if (this.#mayReach(url)) this.#refusals.onSent(call);
  }

  isTopDocument(requestId: string): boolean {
    const request = this.#requests.get(requestId);
    return request?.type === 'Document' && request.frameId === this.#options.topFrameId;
  }

  /** Once it is known; what is not heard of within a while is not. */
  async isOfTopFrame(requestId: string): Promise<boolean> {
    const endsAt = performance.now() + tellMs;
    while (!this.#requests.has(requestId) && performance.now() < endsAt) await delay(tellPollMs);
    return this.#requests.get(requestId)?.frameId === this.#options.topFrameId;
  }

  onCookies({ requestId, associatedCookies }: Protocol.Network.RequestWillBeSentExtraInfoEvent): void {
    const { token, cookieName } = this.#options;
    const isSent = associatedCookies.some(
      ({ cookie, blockedReasons }) =>
        blockedReasons.length === 0 && cookie.name === cookieName && cookie.value === token,
    );
    if (isSent) this.#refusals.onCookie(requestId);
  }

  onResponse({ requestId, type, response }: Protocol.Network.ResponseReceivedEvent): void {
    const { url, status } = response;
    this.#checkAge(type, response);
    const request = this.#requests.get(requestId);
    if (callTypes.includes(type) && request !== undefined && this.#mayReach(url)) {
      const call = { ...request.call, address: addressOf(url), path: this.#pathOf(url) };
      this.#refusals.onAnswer(requestId, call, status);
    }
    this.#noteHealth(url, type, status < 500);
    if (status < 400) return;
    this.#keepFailed({ path: this.#pathOf(url), status });
    if (request !== undefined && this.#isAsset(request)) this.#noteMissing(url);
  }

  onFinished(requestId: string): void {
    this.#requests.delete(requestId);
    this.#onAssetEnd?.();
  }

  /** @returns false when the request was the page before's. */
  onFailed({ requestId, type, errorText, canceled, blockedReason }: Protocol.Network.LoadingFailedEvent): boolean {
    const request = this.#requests.get(requestId);
    this.onFinished(requestId);
    if (request === undefined) return false;
    const { url, call } = request;
    this.#keepFailed({ path: call.path, error: this.explain(errorText, url) });
    if (canceled === true || blockedReason !== undefined) return true;
    this.#noteHealth(url, type, false);
    if (this.#isAsset(request)) this.#noteMissing(url);
    return true;
  }

  /** An error of the browser's about a request of `url`, of the page itself without one, in words. */
  explain(errorText: string, url = this.#topUrl): string {
    return this.#options.clean(explainNetworkError(errorText, url, this.#mayReach(url)));
  }

  onFrameLoading(frameId: string, isLoading: boolean): void {
    if (frameId === this.#options.topFrameId) return;
    if (isLoading) this.#loadingFrames.add(frameId);
    else this.#loadingFrames.delete(frameId);
    this.#onAssetEnd?.();
  }

  /** A document of the top frame has begun: what the one before asked for is nothing to it. */
  onNewDocument(): void {
    this.#loadingFrames.clear();
    this.#missing.clear();
  }

  #hasUnderWay(types: string[]): boolean {
    return [...this.#requests.values()].some(({ type }) => type !== undefined && types.includes(type));
  }

  #isAsset({ url, type = '', frameId }: Request): boolean {
    if (!url.startsWith('http')) return false;
    return assetTypes.includes(type) || (type === 'Document' && frameId !== this.#options.topFrameId);
  }

  #mayReach(url: string): boolean {
    return URL.canParse(url) && this.#options.origins.has(new URL(url).origin);
  }

  #noteMissing(url: string): void {
    if (this.#mayReach(url)) this.#missing.add(this.#pathOf(url));
  }

  #keepFailed(failed: Findings['failedRequests'][number]): void {
    this.#failedRequests.push(failed);
    if (this.#failedRequests.length > mostKept) this.#failedRequests.shift();
  }

  /** What was asked of the network by this page may come from the cache; what an earlier page of the tab asked for may not. */
  #checkAge(type: string | undefined, { url, fromDiskCache }: Protocol.Network.Response): void {
    if (fromDiskCache !== true) this.#fetched.add(url);
    else if (type !== undefined && dataTypes.includes(type) && !this.#fetched.has(url)) this.#options.onStale();
  }

  /** Of what the page needs from where it may go. */
  #noteHealth(url: string, type: string | undefined, isHealthy: boolean): void {
    if (type === undefined || !neededTypes.includes(type) || !this.#mayReach(url)) return;
    if (isHealthy) this.#broken.delete(addressOf(url));
    else this.#broken.add(addressOf(url));
  }

  /** Path without query, where tokens travel; for a foreign origin with its host. */
  #pathOf(url: string): string {
    if (!URL.canParse(url)) return 'unknown';
    const { origin, pathname, protocol } = new URL(url);
    if (!protocol.startsWith('http')) return protocol;
    return this.#options.clean(origin === this.#options.origin ? pathname : origin + pathname);
  }
}

function addressOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
