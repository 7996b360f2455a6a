// Our own line to a page: puts the token in before its scripts run, hears when it is ready, and looks at it from an isolated world.

import { randomUUID } from 'node:crypto';
import type { CDPSession, Protocol } from 'puppeteer-core';
import { fail } from '../errors.ts';
import {
  type PageMessage,
  type PageSnapshot,
  pendingExpression,
  type SessionScript,
  sessionSource,
  snapshotExpression,
} from './page-scripts.ts';
import type { Tab } from './tab.ts';

const pendingTimeoutMs = 300;

type Settings = Pick<SessionScript, 'origin' | 'token' | 'storageKey' | 'cookieName'>;

export class PageSession {
  readonly cdp: CDPSession;
  readonly #frameId: string;
  readonly #nonce = randomUUID();
  readonly #binding = `platen${randomUUID().replaceAll('-', '')}`;
  #script = '';
  readonly #ready = Promise.withResolvers<void>();
  readonly #onFailed: (said: string) => void;

  private constructor({ cdp, frameId }: Tab, onFailed: (said: string) => void) {
    this.cdp = cdp;
    this.#frameId = frameId;
    this.#onFailed = onFailed;
  }

  /** `onFailed` is told what the page says of its own failure. */
  static async open(tab: Tab, settings: Settings, onFailed: (said: string) => void): Promise<PageSession> {
    const session = new PageSession(tab, onFailed);
    await session.#install(settings);
    return session;
  }

  /** Resolves when the page says that it is ready. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Gives late assets their time, then describes what the page shows; its own scripts can't touch the answer. */
  async look(graceMs: number): Promise<PageSnapshot> {
    const world = await this.cdp.send('Page.createIsolatedWorld', { frameId: this.#frameId, worldName: 'platen' });
    const { result, exceptionDetails } = await this.cdp.send('Runtime.evaluate', {
      contextId: world.executionContextId,
      expression: snapshotExpression(graceMs),
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw fail('page_failed', { detail: 'The page could not be looked at.' });
    return result.value as PageSnapshot;
  }

  /** What the page says that it waits for; nothing when it does not answer at once. */
  async askPending(): Promise<string[]> {
    const answer = this.cdp
      .send('Runtime.evaluate', { expression: pendingExpression, returnByValue: true })
      .then(({ result, exceptionDetails }) => (exceptionDetails === undefined ? parseNames(String(result.value)) : []))
      .catch(() => []);
    const giveUp = new Promise<string[]>((resolve) => setTimeout(resolve, pendingTimeoutMs, []));
    return Promise.race([answer, giveUp]);
  }

  async #install(settings: Settings): Promise<void> {
    const { cdp } = this;
    const binding = this.#binding;
    cdp.on('Runtime.bindingCalled', this.#onBinding);
    const source = sessionSource({ ...settings, binding, nonce: this.#nonce });
    const [{ identifier }] = await Promise.all([
      cdp.send('Page.addScriptToEvaluateOnNewDocument', { source }),
      cdp.send('Runtime.addBinding', { name: binding }),
    ]);
    this.#script = identifier;
  }

  /** Takes script and binding out again, so that the next page of the tab gets its own. */
  async remove(): Promise<void> {
    const { cdp } = this;
    const name = this.#binding;
    cdp.off('Runtime.bindingCalled', this.#onBinding);
    await Promise.all([
      cdp.send('Page.removeScriptToEvaluateOnNewDocument', { identifier: this.#script }),
      cdp.send('Runtime.removeBinding', { name }),
    ]);
  }

  readonly #onBinding = ({ name, payload }: Protocol.Runtime.BindingCalledEvent) => {
    if (name === this.#binding) this.#onMessage(payload);
  };

  #onMessage(payload: string): void {
    const message = parseMessage(payload);
    // Frames can call the binding too, but only the top frame's script knows the word.
    if (message?.nonce !== this.#nonce) return;
    if (message.kind === 'ready') this.#ready.resolve();
    else this.#onFailed([message.code, message.message].filter(Boolean).join(': '));
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
