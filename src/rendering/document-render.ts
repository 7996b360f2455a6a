// One render of a document that is given whole: nothing runs in it, and nothing is asked of anybody for it.
//
// A content policy holds that, and so does answering every request from what was given; a way out that leads nowhere is for what neither sees.

import { setTimeout as wait } from 'node:timers/promises';
import type { CDPSession, Protocol } from 'puppeteer-core';
import { fail } from '../errors.ts';
import type { GivenDocument, PrintedDocument } from './contract.ts';
import { inspectPrinted, printToPdf } from './print.ts';
import { type RenderEnvironment, TabUse } from './tab-use.ts';

/** Of a name that can't exist (RFC 6761). */
const origin = 'https://template.invalid';
/** Nobody listens there. */
const deadProxy = 'http://127.0.0.1:1';
/** `sandbox` also keeps a document from leading elsewhere by itself, as by a refresh. */
const policy =
  "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; sandbox";
/** Dates and numbers are written already: the same wherever it is printed. */
const view = { language: 'en-US', timeZone: 'UTC', pixelRatio: 2 };
const pollMs = 5;
const mostRefused = 20;

/** @throws {ServiceError} as `Rendering.printDocument`, or a BrowserFault. */
export async function printDocument(document: GivenDocument, environment: RenderEnvironment): Promise<PrintedDocument> {
  await using render = new DocumentRender(document, environment);
  return await render.run();
}

class DocumentRender implements AsyncDisposable {
  readonly #document: GivenDocument;
  readonly #env: RenderEnvironment;
  readonly #use: TabUse;
  readonly #refused = new Set<string>();
  #isServed = false;

  constructor(document: GivenDocument, environment: RenderEnvironment) {
    this.#document = document;
    this.#env = environment;
    this.#use = new TabUse(environment);
  }

  async run(): Promise<PrintedDocument> {
    const use = this.#use;
    const { maxBytes } = this.#env.limits;
    try {
      const cdp = await use.during('open', () => this.#open());
      await use.during('load', () => load(cdp));
      await use.during('assets', () => this.#whenWhole(cdp));
      const bytes = await use.during('print', () => printToPdf(cdp, { maxBytes, scale: 1 }));
      return await this.#inspect(bytes);
    } catch (error) {
      throw await use.explain(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#use.giveBack();
  }

  async #open(): Promise<CDPSession> {
    const owner = { origin, token: undefined, proxyUrl: deadProxy };
    const { cdp } = await this.#use.take(owner, view, () => this.#refuse('a window'));
    cdp.on('Fetch.requestPaused', (paused) => void this.#answer(cdp, paused).catch(() => undefined));
    cdp.on('Log.entryAdded', ({ entry }) => {
      if (entry.source === 'security') this.#refuse(entry.text);
    });
    await Promise.all([
      cdp.send('Emulation.setScriptExecutionDisabled', { value: true }),
      // What only the paper shows is then loaded with the rest.
      cdp.send('Emulation.setEmulatedMedia', { media: 'print' }),
      cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }),
    ]);
    return cdp;
  }

  #refuse(what: string): void {
    if (this.#refused.size < mostRefused) this.#refused.add(what.slice(0, 300));
  }

  async #answer(cdp: CDPSession, { requestId, request, resourceType }: Protocol.Fetch.RequestPausedEvent) {
    const file = this.#find(request.url, resourceType);
    if (file === undefined) {
      this.#refuse(request.url);
      // A document stays what it is when it is kept from going elsewhere.
      const errorReason = resourceType === 'Document' ? 'Aborted' : 'BlockedByClient';
      return cdp.send('Fetch.failRequest', { requestId, errorReason });
    }
    await cdp.send('Fetch.fulfillRequest', {
      requestId,
      responseCode: 200,
      responseHeaders: [
        { name: 'content-type', value: file.type },
        { name: 'content-security-policy', value: policy },
        { name: 'x-content-type-options', value: 'nosniff' },
        // Fonts of a document in a sandbox are asked for by an origin without a name.
        { name: 'access-control-allow-origin', value: '*' },
      ],
      body: Buffer.from(file.bytes).toString('base64'),
    });
  }

  /** The document once, its files as often as they are asked for. */
  #find(address: string, type: Protocol.Network.ResourceType) {
    const url = new URL(address);
    if (url.origin !== origin) return undefined;
    if (type !== 'Document') return this.#document.files.get(url.pathname);
    if (this.#isServed || url.pathname !== '/') return undefined;
    this.#isServed = true;
    return { type: 'text/html; charset=utf-8', bytes: Buffer.from(this.#document.html) };
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

async function load(cdp: CDPSession): Promise<void> {
  const { errorText } = await cdp.send('Page.navigate', { url: `${origin}/` });
  if (errorText !== undefined) throw fail('page_failed', { detail: `The document did not load: ${errorText}.` });
}
