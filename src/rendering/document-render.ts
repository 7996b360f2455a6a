// One render of a document that is given whole: nothing runs in it, and nothing is asked of anybody for it.
//
// A content policy holds that, and so does answering every request from what was given; a way out that leads nowhere is for what neither sees.
// Its tab is kept for the next document with the same files: nothing of a document outlives it, and the fonts are read already.

import { setTimeout as wait } from 'node:timers/promises';
import type { CDPSession, Protocol } from 'puppeteer-core';
import { fail } from '../errors.ts';
import type { GivenDocument, GivenFile, PrintedDocument } from './contract.ts';
import { inspectPrinted, printToPdf } from './print.ts';
import { type RenderEnvironment, TabUse } from './tab-use.ts';

/** Nobody listens there. */
const deadProxy = 'http://127.0.0.1:1';
/**
 * `sandbox` also keeps a document from leading elsewhere by itself, as by a refresh. It keeps its origin there: a browser takes fonts that it
 * has read for another document only where both are of one origin, and nothing runs that could make more of it.
 */
const policy =
  "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; sandbox allow-same-origin";
/** Dates and numbers are written already: the same wherever it is printed. */
const view = { language: 'en-US', timeZone: 'UTC', pixelRatio: 2 };
const pollMs = 5;
const mostRefused = 20;

const origins = new WeakMap<GivenDocument['files'], string>();
let lastOrigin = 0;

/** Of a name that can't exist (RFC 6761), one for each set of files: what a tab remembers of one is never taken for another's. */
function originOf(files: GivenDocument['files']): string {
  const known = origins.get(files) ?? `https://${++lastOrigin}.template.invalid`;
  origins.set(files, known);
  return known;
}

/** @throws {ServiceError} as `Rendering.printDocument`, or a BrowserFault. */
export async function printDocument(document: GivenDocument, environment: RenderEnvironment): Promise<PrintedDocument> {
  await using render = new DocumentRender(document, environment);
  return await render.run();
}

class DocumentRender implements AsyncDisposable {
  readonly #document: GivenDocument;
  readonly #env: RenderEnvironment;
  readonly #use: TabUse;
  readonly #origin: string;
  readonly #refused = new Set<string>();
  #isServed = false;
  #isPrinted = false;

  constructor(document: GivenDocument, environment: RenderEnvironment) {
    this.#document = document;
    this.#env = environment;
    this.#use = new TabUse(environment);
    this.#origin = originOf(document.files);
  }

  async run(): Promise<PrintedDocument> {
    const use = this.#use;
    const { maxBytes } = this.#env.limits;
    try {
      const cdp = await use.during('open', () => this.#open());
      await use.during('load', () => this.#load(cdp));
      await use.during('assets', () => this.#whenWhole(cdp));
      const bytes = await use.during('print', () => printToPdf(cdp, { maxBytes, scale: 1 }));
      const printed = await this.#inspect(bytes);
      this.#isPrinted = true;
      return printed;
    } catch (error) {
      throw await use.explain(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isReusable = this.#isPrinted && this.#refused.size === 0 && !this.#use.signal.aborted;
    await this.#use.giveBack(isReusable ? () => this.#leave() : undefined);
  }

  async #open(): Promise<CDPSession> {
    const owner = { origin: this.#origin, token: undefined, proxyUrl: deadProxy };
    const { cdp, renders } = await this.#use.take(owner, view, () => this.#refuse('a window'));
    cdp.on('Fetch.requestPaused', this.#onRequest);
    cdp.on('Log.entryAdded', this.#onEntry);
    if (renders > 1) return cdp;
    await Promise.all([
      cdp.send('Emulation.setScriptExecutionDisabled', { value: true }),
      // What only the paper shows is then loaded with the rest.
      cdp.send('Emulation.setEmulatedMedia', { media: 'print' }),
      cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }),
    ]);
    return cdp;
  }

  async #leave(): Promise<void> {
    const { cdp } = this.#use.tab;
    cdp.off('Fetch.requestPaused', this.#onRequest);
    cdp.off('Log.entryAdded', this.#onEntry);
  }

  readonly #onRequest = (paused: Protocol.Fetch.RequestPausedEvent) => {
    this.#answer(this.#use.tab.cdp, paused).catch(() => undefined);
  };

  readonly #onEntry = ({ entry }: Protocol.Log.EntryAddedEvent) => {
    if (entry.source === 'security') this.#refuse(entry.text);
  };

  #refuse(what: string): void {
    if (this.#refused.size < mostRefused) this.#refused.add(what.slice(0, 300));
  }

  async #answer(cdp: CDPSession, { requestId, request, resourceType }: Protocol.Fetch.RequestPausedEvent) {
    const found = this.#find(request.url, resourceType);
    if (found === undefined) {
      this.#refuse(request.url.replace(`${this.#origin}/`, '/'));
      // A document stays what it is when it is kept from going elsewhere.
      const errorReason = resourceType === 'Document' ? 'Aborted' : 'BlockedByClient';
      return cdp.send('Fetch.failRequest', { requestId, errorReason });
    }
    await cdp.send('Fetch.fulfillRequest', {
      requestId,
      responseCode: 200,
      responseHeaders: [
        { name: 'content-type', value: found.file.type },
        { name: 'content-security-policy', value: policy },
        { name: 'x-content-type-options', value: 'nosniff' },
        { name: 'cache-control', value: found.isOwn ? 'no-store' : 'max-age=86400, immutable' },
      ],
      body: Buffer.from(found.file.bytes).toString('base64'),
    });
  }

  /** The document once, its files as often as they are asked for. */
  #find(address: string, type: Protocol.Network.ResourceType): { file: GivenFile; isOwn: boolean } | undefined {
    const { html, files, ownFiles } = this.#document;
    const url = new URL(address);
    if (url.origin !== this.#origin) return undefined;
    if (type !== 'Document') {
      const own = ownFiles?.get(url.pathname);
      const file = own ?? files.get(url.pathname);
      return file === undefined ? undefined : { file, isOwn: own !== undefined };
    }
    if (this.#isServed || url.pathname !== '/') return undefined;
    this.#isServed = true;
    return { file: { type: 'text/html; charset=utf-8', bytes: Buffer.from(html) }, isOwn: true };
  }

  async #load(cdp: CDPSession): Promise<void> {
    const { errorText } = await cdp.send('Page.navigate', { url: `${this.#origin}/` });
    if (errorText !== undefined) throw fail('page_failed', { detail: `The document did not load: ${errorText}.` });
  }

  /** Until all is there or has failed: fonts too, which only the layout asks for. */
  async #whenWhole(cdp: CDPSession): Promise<void> {
    const expression =
      'document.readyState === "complete" && (document.body.offsetHeight, document.fonts.status === "loaded") && [...document.images].every((image) => image.complete)';
    for (;;) {
      const { result } = await cdp.send('Runtime.evaluate', { expression });
      if (result.value === true) return;
      await wait(pollMs, undefined, { signal: this.#use.signal });
    }
  }

  async #inspect(printed: Buffer): Promise<PrintedDocument> {
    const { maxPages } = this.#env.limits;
    const pdf = await inspectPrinted(printed, { maxPages, whyEmpty: 'The sheets are empty.' });
    return { ...pdf, refused: [...this.#refused] };
  }
}
