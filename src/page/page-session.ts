// Our own line into a page: its script goes in before the page's own, and by it we hear when the page is ready and drive its clock.

import { randomUUID } from 'node:crypto';
import type { CDPSession, Protocol } from 'puppeteer-core';
import { fail } from '../errors.ts';
import { type DocumentControl, pageSource } from './page-source.ts';
import type { PageMessage, SessionScript } from './session-script.ts';
import type { Settled, SettleOptions } from './settle-script.ts';
import {
  fingerprintExpression,
  type Look,
  lookExpression,
  pendingExpression,
  waitExpression,
} from './snapshot-script.ts';

const pendingTimeoutMs = 300;

type Settings = Pick<SessionScript, 'origin' | 'token' | 'storageKey' | 'cookieName'>;

/** What a page says of its failure; each may be empty. */
export interface SaidFailure {
  code: string;
  message: string;
}

interface SessionOptions {
  frameId: string;
  settings: Settings;
  /** Told what the page says of its own failure. */
  onFailed(said: SaidFailure): void;
  /** Told when the page says that it is ready, takes that back, or begins anew. */
  onChange(): void;
}

/** A document of the page, by its execution context. */
interface Steered {
  objectId: string;
  isTop: boolean;
}

export class PageSession {
  readonly #cdp: CDPSession;
  readonly #options: SessionOptions;
  readonly #nonce = randomUUID();
  readonly #binding = `platen${randomUUID().replaceAll('-', '')}`;
  readonly #documents = new Map<number, Steered>();
  #script = '';
  /** The document of the top frame that was the last to say something, and whether it was that it is ready. */
  #document: string | undefined;
  #isReady = false;
  #losses = 0;

  private constructor(cdp: CDPSession, options: SessionOptions) {
    this.#cdp = cdp;
    this.#options = options;
  }

  static async open(cdp: CDPSession, options: SessionOptions): Promise<PageSession> {
    const session = new PageSession(cdp, options);
    await session.#install();
    return session;
  }

  /** What the page has said last; `askReady` asks it now. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** How often a document of the top frame has gone: what it was asked then has failed. */
  get losses(): number {
    return this.#losses;
  }

  async askReady(): Promise<boolean> {
    const top = [...this.#documents.values()].find(({ isTop }) => isTop);
    return top !== undefined && (await this.#call<boolean>(top, 'isReady'));
  }

  /** Lets the page and the frames whose clocks can be driven come to rest. */
  async settle(options: SettleOptions): Promise<Settled> {
    const frames = [...this.#documents.values()].filter(({ isTop }) => !isTop);
    const top = [...this.#documents.values()].filter(({ isTop }) => isTop);
    // Frames come and go: what one of them does not answer is no fault of the page's.
    const ofFrames = frames.map((frame) => this.#call<Settled>(frame, 'settle', options).catch(() => undefined));
    const all = await Promise.all([...top.map((each) => this.#call<Settled>(each, 'settle', options)), ...ofFrames]);
    const settled = all.filter((each) => each !== undefined);
    return {
      usedMs: Math.max(0, ...settled.map(({ usedMs }) => usedMs)),
      isAsking: settled.some(({ isAsking }) => isAsking),
    };
  }

  /** Scrolls through the page. */
  async scroll(): Promise<void> {
    const top = [...this.#documents.values()].find(({ isTop }) => isTop);
    if (top !== undefined) await this.#call(top, 'scroll');
  }

  /** Describes what the page shows; its own scripts can't touch the answer. */
  async look(): Promise<Look> {
    return (await this.#evaluateApart(lookExpression(this.#options.settings.token))) as Look;
  }

  /** Resolves when the images and fonts that are late have come, or after `graceMs`. */
  async waitForLate(graceMs: number): Promise<void> {
    await this.#evaluateApart(waitExpression(graceMs));
  }

  /** The same as before when nothing on the page has changed. */
  async fingerprint(): Promise<string> {
    return String(await this.#evaluateApart(fingerprintExpression));
  }

  /** What the page says that it waits for; nothing when it does not answer at once. */
  async askPending(): Promise<string[]> {
    const answer = this.#cdp
      .send('Runtime.evaluate', { expression: pendingExpression, returnByValue: true })
      .then(({ result, exceptionDetails }) => (exceptionDetails === undefined ? parseNames(String(result.value)) : []))
      .catch(() => []);
    const giveUp = new Promise<string[]>((resolve) => setTimeout(resolve, pendingTimeoutMs, []));
    return Promise.race([answer, giveUp]);
  }

  /** Takes script and binding out again, so that the next page of the tab gets its own. */
  async remove(): Promise<void> {
    const cdp = this.#cdp;
    cdp.off('Runtime.bindingCalled', this.#onBinding);
    cdp.off('Runtime.consoleAPICalled', this.#onConsole);
    cdp.off('Runtime.executionContextDestroyed', this.#onContextGone);
    cdp.off('Runtime.executionContextsCleared', this.#onContextsGone);
    await Promise.all([
      cdp.send('Page.removeScriptToEvaluateOnNewDocument', { identifier: this.#script }),
      cdp.send('Runtime.removeBinding', { name: this.#binding }),
    ]);
  }

  async #install(): Promise<void> {
    const cdp = this.#cdp;
    const binding = this.#binding;
    cdp.on('Runtime.bindingCalled', this.#onBinding);
    cdp.on('Runtime.consoleAPICalled', this.#onConsole);
    cdp.on('Runtime.executionContextDestroyed', this.#onContextGone);
    cdp.on('Runtime.executionContextsCleared', this.#onContextsGone);
    const source = pageSource({ ...this.#options.settings, binding, nonce: this.#nonce });
    const [{ identifier }] = await Promise.all([
      cdp.send('Page.addScriptToEvaluateOnNewDocument', { source }),
      cdp.send('Runtime.addBinding', { name: binding }),
    ]);
    this.#script = identifier;
  }

  async #call<T>({ objectId }: Steered, name: keyof DocumentControl, options?: SettleOptions): Promise<T> {
    const { result, exceptionDetails } = await this.#cdp.send('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration: `function (options) { return this.${name}(options); }`,
      arguments: [{ value: options }],
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw fail('page_failed', { detail: 'The page could not be brought to rest.' });
    return result.value as T;
  }

  async #evaluateApart(expression: string): Promise<unknown> {
    const { frameId } = this.#options;
    const world = await this.#cdp.send('Page.createIsolatedWorld', { frameId, worldName: 'platen' });
    const { result, exceptionDetails } = await this.#cdp.send('Runtime.evaluate', {
      contextId: world.executionContextId,
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw fail('page_failed', { detail: 'The page could not be looked at.' });
    return result.value;
  }

  readonly #onConsole = ({ type, args, executionContextId }: Protocol.Runtime.ConsoleAPICalledEvent) => {
    const [nonce, control, document, isTop] = args;
    if (type !== 'debug' || nonce?.value !== this.#nonce || control?.objectId === undefined) return;
    this.#documents.set(executionContextId, { objectId: control.objectId, isTop: isTop?.value === true });
    if (isTop?.value === true && this.#document !== document?.value) this.#begin(String(document?.value), false);
  };

  readonly #onContextGone = ({ executionContextId }: Protocol.Runtime.ExecutionContextDestroyedEvent) => {
    if (this.#documents.get(executionContextId)?.isTop === true) this.#losses++;
    this.#documents.delete(executionContextId);
  };

  readonly #onContextsGone = () => {
    this.#losses++;
    this.#documents.clear();
  };

  readonly #onBinding = ({ name, payload }: Protocol.Runtime.BindingCalledEvent) => {
    if (name === this.#binding) this.#onMessage(payload);
  };

  #onMessage(payload: string): void {
    const message = parseMessage(payload);
    // Frames can call the binding too, but only the top frame's script knows the word.
    if (message?.nonce !== this.#nonce) return;
    if (message.kind === 'error') this.#options.onFailed({ code: message.code ?? '', message: message.message ?? '' });
    // One that is ready from the start says so before it is handed over.
    else this.#begin(message.document, message.isReady === true);
  }

  #begin(document: string, isReady: boolean): void {
    this.#document = document;
    this.#isReady = isReady;
    this.#options.onChange();
  }
}

/** The page's list, as far as it is one: its scripts may have made anything of it. */
function parseNames(text: string): string[] {
  const names = JSON.parse(text) as unknown;
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

function parseMessage(payload: string): PageMessage | undefined {
  try {
    return JSON.parse(payload) as PageMessage;
  } catch {
    return undefined;
  }
}
