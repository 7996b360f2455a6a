// Where the top frame of a page is, which document it shows, and how far that one has come.

import { fail, type ServiceError } from '../errors.ts';
import { isSamePage } from './address.ts';

/** A page may pass through another address, for instance to sign in silently, when it comes back within this time. */
const awayGraceMs = 2000;

interface TopDocumentOptions {
  asked: URL;
  aliases: readonly string[];
  onFatal(error: ServiceError): void;
}

export class TopDocument {
  readonly #options: TopDocumentOptions;
  #awayTimer: NodeJS.Timeout | undefined;
  #url = 'about:blank';
  #loader: string | undefined;
  #received: string | undefined;
  #isParsed = false;
  #onProgress: (() => void)[] = [];

  constructor(options: TopDocumentOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#url;
  }

  /** Changes with every document; undefined before the first. */
  get id(): string | undefined {
    return this.#loader;
  }

  /** Whether all of the answer that holds the document has come. */
  get isReceived(): boolean {
    return this.#loader !== undefined && this.#received === this.#loader;
  }

  /** Whether it has been read to its end, with the scripts that wait for that. */
  get isParsed(): boolean {
    return this.#isParsed;
  }

  get isWhereAsked(): boolean {
    return this.isPage(this.#url);
  }

  isPage(url: string): boolean {
    return isSamePage(url, this.#options.asked, this.#options.aliases);
  }

  /** Resolves when `condition` is true; it is looked at whenever something here has changed. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#onProgress.push(resolve));
  }

  /** Says that something has changed on which somebody may wait. */
  notify(): void {
    const waiting = this.#onProgress;
    this.#onProgress = [];
    for (const resolve of waiting) resolve();
  }

  onNavigated(url: string, loader: string): void {
    this.#loader = loader;
    this.#isParsed = false;
    this.moveTo(url);
  }

  moveTo(url: string): void {
    this.#url = url;
    clearTimeout(this.#awayTimer);
    if (!this.isWhereAsked && url !== 'about:blank')
      this.#awayTimer = setTimeout(() => this.#options.onFatal(fail('page_redirected')), awayGraceMs);
    this.notify();
  }

  /** A document's request bears the name of its loader; its end may be heard of before the document is there. */
  onReceived(requestId: string): void {
    this.#received = requestId;
  }

  onParsed(): void {
    // What comes before the first document belongs to the empty page before it.
    if (this.#loader === undefined) return;
    this.#isParsed = true;
    this.notify();
  }

  stop(): void {
    clearTimeout(this.#awayTimer);
  }
}
