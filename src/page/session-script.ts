// Runs inside a page before its own scripts: puts the token in, and tells when the page says that it is ready or has failed.
/// <reference lib="dom" />

export interface SessionScript {
  origin: string;
  token: string | undefined;
  storageKey: string;
  cookieName: string;
  /** Name of the function by which the page's state is told, and the word that proves who calls it. */
  binding: string;
  nonce: string;
}

/** What the page told through the binding. */
export interface PageMessage {
  nonce: string;
  /** Differs for each document. */
  document: string;
  kind: 'ready' | 'error';
  /** With `ready`: whether it is. */
  isReady?: boolean;
  code?: string;
  message?: string;
}

type PageWindow = Window & typeof globalThis & Record<string, unknown>;

/** Where the page has no cookie of that name: one that came with the request, or that the server has renewed, stays. */
function putToken(w: PageWindow, { token, storageKey, cookieName }: SessionScript): void {
  if (token === undefined) return;
  w.localStorage.setItem(storageKey, token);
  const { document } = w;
  if (`; ${document.cookie}`.includes(`; ${cookieName}=`)) return;
  const secure = w.location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${cookieName}=${token}; path=/; SameSite=Strict${secure}`;
}

/**
 * Watches a variable of the page by a setter. A page may delete it, or define it anew as a value or a function of its own: it is looked
 * at again and again, and taken back where that is possible.
 * @returns a function that reads it now.
 */
function watchVariable(w: PageWindow, name: string, onValue: (value: unknown) => void): () => unknown {
  const pollMs = 50;
  let current: unknown;
  const set = (value: unknown) => {
    current = value;
    onValue(value);
  };
  const get = () => current;
  const define = () => Object.defineProperty(w, name, { configurable: true, enumerable: true, get, set });
  const look = () => {
    const now = Object.getOwnPropertyDescriptor(w, name);
    // Who defines a getter only leaves the setter as it was.
    if (now?.get === get) return;
    const value = w[name];
    const isPlain = now === undefined || (now.configurable === true && 'value' in now);
    if (isPlain) define();
    // What it was before is no news.
    if (value !== current || !isPlain) set(value);
  };
  define();
  w.setInterval(look, pollMs);
  return () => w[name];
}

/** Tells of `data-pdf-ready` on the root element, whichever element that is. @returns a function that reads it now. */
function watchRoot(w: PageWindow, onChange: () => void): () => boolean {
  const attribute = 'data-pdf-ready';
  const seen = new WeakSet<Element>();
  const observer = new w.MutationObserver(onChange);
  const findRoot = () => {
    const root = w.document.documentElement;
    if (root === null || seen.has(root)) return;
    seen.add(root);
    observer.observe(root, { attributes: true, attributeFilter: [attribute] });
    onChange();
  };
  new w.MutationObserver(findRoot).observe(w.document, { childList: true });
  findRoot();
  return () => {
    const value = w.document.documentElement?.getAttribute(attribute) ?? null;
    return value !== null && value !== 'false';
  };
}

/** Code and message of what the page says of its failure, which may be anything: an object that can't be read included. */
function describeError(value: unknown): { code: string; message: string } | undefined {
  if (value === undefined || value === null || value === false || value === '') return undefined;
  const error = value as { code?: unknown; message?: unknown };
  const isObject = typeof value === 'object';
  const textOf = (read: () => unknown) => {
    try {
      return String(read() ?? '');
    } catch {
      return '';
    }
  };
  return { code: isObject ? textOf(() => error.code) : '', message: textOf(() => (isObject ? error.message : value)) };
}

/**
 * The browser runs this in every frame and again after every redirect, so it looks where it is before it does anything:
 * another host must never see the token. `top` and `location` can't be forged by a page.
 * @returns a function that says whether the page is ready now.
 */
function prepareSession(
  w: PageWindow,
  s: SessionScript,
  parts: Omit<typeof sessionParts, 'prepareSession'> & { document: string },
) {
  const send = w[s.binding] as (text: string) => void;
  delete w[s.binding];
  if (w.top !== w || w.location.origin !== s.origin) return () => false;
  parts.putToken(w, s);
  const { stringify } = JSON;
  const tell = (message: object) => send(stringify({ nonce: s.nonce, document: parts.document, ...message }));
  let told = false;
  let isFlagged = () => false;
  let isMarked = () => false;
  const isReady = () => isFlagged() || isMarked();
  const look = () => {
    if (isReady() === told) return;
    told = !told;
    tell({ kind: 'ready', isReady: told });
  };
  const read = parts.watchVariable(w, '__PDF_READY__', look);
  isFlagged = () => read() === true;
  isMarked = parts.watchRoot(w, look);
  look();
  parts.watchVariable(w, '__PDF_ERROR__', (value) => {
    const error = parts.describeError(value);
    if (error !== undefined) tell({ kind: 'error', ...error });
  });
  return isReady;
}

export const sessionParts = { putToken, watchVariable, watchRoot, describeError, prepareSession };
