// The few lines of JavaScript that run inside a page: before its own scripts, and once it is ready.
/// <reference lib="dom" />

export interface SessionScript {
  origin: string;
  token: string | undefined;
  storageKey: string;
  cookieName: string;
  /** Name of the function by which the page's readiness is told, and the word that proves who calls it. */
  binding: string;
  nonce: string;
}

/** What the page told through the binding. */
export interface PageMessage {
  nonce: string;
  kind: 'ready' | 'error';
  code?: string;
  message?: string;
}

// The browser runs this in every frame and again after every redirect, so it looks where it is before it does anything:
// another host must never see the token. `top` and `location` can't be forged by a page.
function prepareSession(this: unknown, s: SessionScript): void {
  const w = globalThis as unknown as Window & typeof globalThis & Record<string, unknown>;
  const send = w[s.binding] as (text: string) => void;
  delete w[s.binding];
  if (w.top !== w || w.location.origin !== s.origin) return;
  if (s.token !== undefined) {
    w.localStorage.setItem(s.storageKey, s.token);
    const secure = w.location.protocol === 'https:' ? '; Secure' : '';
    w.document.cookie = `${s.cookieName}=${s.token}; path=/; SameSite=Strict${secure}`;
  }
  const { stringify } = JSON;
  const tell = (message: object) => send(stringify({ nonce: s.nonce, ...message }));
  const watch = (name: string, onSet: (value: unknown) => void) => {
    let current: unknown;
    const set = (value: unknown) => {
      current = value;
      onSet(value);
    };
    Object.defineProperty(w, name, { configurable: true, enumerable: true, get: () => current, set });
  };
  watch('__PDF_READY__', (value) => value === true && tell({ kind: 'ready' }));
  // What is to be said may be anything, an object that can't be read included: that it failed is told in any case.
  const textOf = (read: () => unknown) => {
    try {
      return String(read() ?? '');
    } catch {
      return '';
    }
  };
  watch('__PDF_ERROR__', (value) => {
    if (value === undefined || value === null || value === false || value === '') return;
    const error = value as { code?: unknown; message?: unknown };
    const isObject = typeof value === 'object';
    const code = isObject ? textOf(() => error.code) : '';
    tell({ kind: 'error', code, message: textOf(() => (isObject ? error.message : value)) });
  });
  const watchRoot = (root: Element) => {
    const look = () => {
      const value = root.getAttribute('data-pdf-ready');
      if (value !== null && value !== 'false') tell({ kind: 'ready' });
    };
    new w.MutationObserver(look).observe(root, { attributes: true, attributeFilter: ['data-pdf-ready'] });
    look();
  };
  const seen = new WeakSet<Element>();
  const findRoot = () => {
    const root = w.document.documentElement;
    if (root === null || seen.has(root)) return;
    seen.add(root);
    watchRoot(root);
  };
  new w.MutationObserver(findRoot).observe(w.document, { childList: true });
  findRoot();
}

/** Source of the script to run before a page's own scripts. */
export function sessionSource(script: SessionScript): string {
  // Strict, so that nothing that is called from here can look back at its caller.
  return `'use strict';(${prepareSession.toString()})(${JSON.stringify(script)})`;
}

/** What a ready page shows, seen from a world that its own scripts can't touch. */
export interface PageSnapshot {
  /** What its `pdf-subject` and `pdf-class` markers say; none, one, or several that contradict each other. */
  subjects: string[];
  classNames: string[];
  hasContent: boolean;
  heightPx: number;
  lateAssets: string[];
}

async function takeSnapshot(graceMs: number): Promise<PageSnapshot> {
  const { document } = globalThis as unknown as Window;
  const images = [...document.images];
  for (const image of images) image.loading = 'eager';
  const pending = () => images.filter((image) => !image.complete);
  const settled = (image: HTMLImageElement) =>
    new Promise((resolve) => {
      image.addEventListener('load', resolve, { once: true });
      image.addEventListener('error', resolve, { once: true });
    });
  const isLoading = pending().length > 0 || document.fonts.status === 'loading';
  if (isLoading) {
    const all = Promise.all([document.fonts.ready, ...pending().map(settled)]);
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs))]);
  }
  const meta = (name: string) => {
    const markers = document.querySelectorAll<HTMLMetaElement>(`meta[name="${name}"]`);
    return [...new Set([...markers].map((marker) => marker.content.trim()))].filter(Boolean);
  };
  // Text in shadow roots is no part of innerText; hidden icons and spinners are no content.
  const shadowRoots = (root: ParentNode): ShadowRoot[] =>
    [...root.querySelectorAll('*')].flatMap(({ shadowRoot }) =>
      shadowRoot === null ? [] : [shadowRoot, ...shadowRoots(shadowRoot)],
    );
  const hasText = (root: ParentNode) =>
    [...root.children].some((child) => /\S/.test((child as HTMLElement).innerText ?? ''));
  const labelled =
    'svg[aria-label],svg[aria-labelledby],svg title,canvas[aria-label],[role="img"][aria-label],img[alt]:not([alt=""])';
  const hasGraphics = (root: ParentNode) =>
    [...root.querySelectorAll(labelled)]
      .map((element) => element.closest('svg') ?? element)
      .some((element) => element.checkVisibility({ visibilityProperty: true }));
  const hasContent = () =>
    /\S/.test(document.body?.innerText ?? '') ||
    [document, ...shadowRoots(document)].some((root) => hasGraphics(root) || (root !== document && hasText(root)));
  const path = (source: string) =>
    URL.canParse(source, document.baseURI) ? new URL(source, document.baseURI).pathname : 'image';
  return {
    subjects: meta('pdf-subject'),
    classNames: meta('pdf-class'),
    hasContent: hasContent(),
    heightPx: document.documentElement.scrollHeight,
    lateAssets: [
      ...pending().map((image) => path(image.currentSrc || image.src)),
      ...(document.fonts.status === 'loading' ? ['fonts'] : []),
    ],
  };
}

/** Expression that waits for late assets and describes the page. */
export function snapshotExpression(graceMs: number): string {
  return `(${takeSnapshot.toString()})(${graceMs})`;
}

/** Expression for what the page says that it waits for. */
export const pendingExpression =
  'JSON.stringify([].concat(globalThis.__PDF_PENDING__ ?? []).slice(0, 20).map((name) => String(name).slice(0, 5000)))';
