// Runs in a world of its own beside the page, which its scripts can't touch: waits for what is late, and says what the page shows.
/// <reference lib="dom" />

import type { PageSnapshot } from './contract.ts';

/** The page as it is, with what is still on its way. */
export interface Look extends PageSnapshot {
  /** Paths of images that are not there, and `fonts`. */
  late: string[];
  /** Whether the document has not been read to its end. */
  isParsing: boolean;
  /** Elements further down that are transparent. */
  unseen: string[];
}

interface NotWhole {
  /** Elements that are to be scrolled to see all of them, as `div#list.rows`: on paper the rest is missing. */
  cutOff: string[];
  /** Elements further down that are transparent, as those are that appear when the page is scrolled. */
  unseen: string[];
}

function findNotWhole(document: Document): NotWhole {
  const least = 5;
  const most = 10;
  const leastWindow = 300;
  // What can hold others and has a place of its own: text and table cells are many, and are neither.
  const boxes =
    'body,div,section,main,article,aside,nav,form,fieldset,figure,dialog,ul,ol,dl,pre,blockquote,header,footer,textarea,iframe';
  const describe = ({ localName, id, classList }: Element) =>
    localName +
    (id === '' ? '' : `#${id}`) +
    [...classList]
      .slice(0, 2)
      .map((name) => `.${name}`)
      .join('');
  const isTooSmall = ({ clientHeight, scrollHeight, clientWidth, scrollWidth }: Element) =>
    clientHeight > 0 && (scrollHeight - clientHeight >= least || scrollWidth - clientWidth >= least);
  const isScroller = (element: Element, { overflowX, overflowY, visibility }: CSSStyleDeclaration) => {
    if (!/auto|scroll|overlay/.test(overflowX + overflowY) || visibility !== 'visible') return false;
    // What scrolls the page itself is printed to its end.
    const isPage =
      element === document.scrollingElement ||
      (element === document.body && getComputedStyle(document.documentElement).overflowY === 'visible');
    return !isPage && isTooSmall(element);
  };
  // An application as high as the window, say; not a line that ends in dots, and not what is folded up.
  const isWindow = (element: Element, { overflowY }: CSSStyleDeclaration) => {
    if (!/hidden|clip/.test(overflowY) || element.clientHeight < leastWindow) return false;
    let last: Element | null = element;
    while (last?.lastElementChild) last = last.lastElementChild;
    const { top, height } = (last as Element).getBoundingClientRect();
    return height > 0 && /\S/.test(last?.textContent ?? '') && top >= element.getBoundingClientRect().bottom;
  };
  const isCutFrame = (element: Element) => {
    if (element.localName !== 'iframe' || element.clientHeight === 0) return false;
    const inner = (element as HTMLIFrameElement).contentDocument?.scrollingElement;
    return inner !== null && inner !== undefined && inner.scrollHeight - element.clientHeight >= least;
  };
  const hasContent = (element: Element) =>
    /\S/.test(element.textContent ?? '') || element.querySelector('img,svg,canvas') !== null;
  const isUnseen = (element: Element, { opacity, position }: CSSStyleDeclaration) => {
    if (opacity !== '0' || position === 'absolute' || position === 'fixed') return false;
    const { top, width, height } = element.getBoundingClientRect();
    return top + scrollY >= innerHeight && width > 0 && height > 0 && hasContent(element);
  };
  const found: NotWhole = { cutOff: [], unseen: [] };
  for (const element of document.querySelectorAll(boxes)) {
    const style = getComputedStyle(element);
    if (isScroller(element, style) || isWindow(element, style) || isCutFrame(element))
      found.cutOff.push(describe(element));
    if (isUnseen(element, style)) found.unseen.push(describe(element));
  }
  return { cutOff: found.cutOff.slice(0, most), unseen: found.unseen.slice(0, most) };
}

async function look(token: string | undefined, findMissing: typeof findNotWhole): Promise<Look> {
  const { document } = globalThis as unknown as Window;
  const images = [...document.images];
  for (const image of images) image.loading = 'eager';
  for (const frame of document.querySelectorAll('iframe')) frame.loading = 'eager';
  const meta = (name: string) => {
    const markers = document.querySelectorAll<HTMLMetaElement>(`meta[name="${name}"]`);
    return [...new Set([...markers].map((marker) => marker.content.trim()))].filter(Boolean);
  };
  const path = (source: string) => {
    if (!URL.canParse(source, document.baseURI)) return 'image';
    const { origin, pathname } = new URL(source, document.baseURI);
    return origin === location.origin ? pathname : origin + pathname;
  };
  const { body } = document;
  const isWritten = (secret: string) =>
    (body?.textContent?.includes(secret) === true && body.innerText.includes(secret)) ||
    [...document.querySelectorAll('input, textarea')].some((field) =>
      (field as HTMLInputElement).value.includes(secret),
    );
  return {
    subjects: meta('pdf-subject'),
    classNames: meta('pdf-class'),
    heightPx: document.documentElement.scrollHeight,
    showsToken: token !== undefined && isWritten(token),
    ...findMissing(document),
    isParsing: document.readyState === 'loading',
    late: [
      ...images.filter((image) => !image.complete).map((image) => path(image.currentSrc || image.src)),
      ...(document.fonts.status === 'loading' ? ['fonts'] : []),
    ],
  };
}

/** Expression that describes the page, and asks for those of its images and frames that it would ask for when they are scrolled to. */
export function lookExpression(token: string | undefined): string {
  return `(${look.toString()})(${JSON.stringify(token)}, ${findNotWhole.toString()})`;
}

/** Expression that resolves when the images and fonts that are late have come, or after `graceMs`. */
export function waitExpression(graceMs: number): string {
  return `(${waitForLate.toString()})(${graceMs})`;
}

async function waitForLate(graceMs: number): Promise<void> {
  const { document } = globalThis as unknown as Window;
  const settled = (image: HTMLImageElement) =>
    new Promise((resolve) => {
      image.addEventListener('load', resolve, { once: true });
      image.addEventListener('error', resolve, { once: true });
    });
  const pending = [...document.images].filter((image) => !image.complete);
  const all = Promise.all([document.fonts.ready, ...pending.map(settled)]);
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs))]);
}

/** What the page looks like, in short: its elements, what was typed into them, and a small copy of each canvas. */
function takeFingerprint(): string {
  const { document } = globalThis as unknown as Window;
  const side = 64;
  const parts: string[] = [];
  const small = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true });
  const readCanvas = (canvas: HTMLCanvasElement): string => {
    if (small === null || canvas.width === 0 || canvas.height === 0) return '';
    try {
      small.clearRect(0, 0, side, side);
      small.drawImage(canvas, 0, 0, side, side);
      return small.getImageData(0, 0, side, side).data.join();
    } catch {
      // It shows what came from elsewhere, and may not be read.
      return '';
    }
  };
  const read = (root: Document | ShadowRoot) => {
    parts.push(root instanceof Document ? root.documentElement.outerHTML : root.innerHTML);
    for (const element of root.querySelectorAll('*')) {
      if (element instanceof HTMLCanvasElement) parts.push(readCanvas(element));
      if (element.shadowRoot !== null) read(element.shadowRoot);
    }
  };
  read(document);
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) sum = (Math.imul(sum, 31) + part.charCodeAt(at)) | 0;
  }
  return `${parts.length} ${sum}`;
}

/** Expression for a text that is another when the page looks different. */
export const fingerprintExpression = `(${takeFingerprint.toString()})()`;

/** Expression for what the page says that it waits for. */
export const pendingExpression =
  'JSON.stringify([].concat(globalThis.__PDF_PENDING__ ?? []).slice(0, 20).map((name) => String(name).slice(0, 5000)))';
