// Cleans an SVG: it is written anew from what is known to do no more than be seen; all else is left out, and told.

import { SaxesParser, type SaxesTagNS } from 'saxes';
import { imageInvalid, type Size } from './contract.ts';
import { References } from './svg-references.ts';

const namespace = 'http://www.w3.org/2000/svg';
const xlink = 'http://www.w3.org/1999/xlink';

const words = (text: string) => new Set(text.trim().split(/\s+/));

const elements = words(`svg g defs symbol use title desc path rect circle ellipse line polyline polygon text tspan
  linearGradient radialGradient stop clipPath mask pattern marker style`);

const attributes =
  words(`id class style d x y x1 y1 x2 y2 cx cy r rx ry fx fy fr width height viewBox preserveAspectRatio points
  transform gradientUnits gradientTransform spreadMethod offset patternUnits patternContentUnits patternTransform clipPathUnits maskUnits
  maskContentUnits markerWidth markerHeight markerUnits orient refX refY href version dx dy rotate textLength lengthAdjust fill
  fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray
  stroke-dashoffset opacity stop-color stop-opacity clip-path clip-rule mask mask-type marker-start marker-mid marker-end color display
  visibility overflow font-family font-size font-style font-weight letter-spacing text-anchor dominant-baseline paint-order vector-effect
  shape-rendering text-rendering role aria-label`);

const mostBytes = 1024 * 1024;
const mostElements = 20_000;
const deepest = 100;

/** Whether a style, or the value of an attribute, names nothing outside of the picture. */
const isHarmless = (text: string) =>
  !/[\\@<]|image-set|src\s*\(|script:/i.test(text) && !/url\s*\((?!\s*['"]?#)/i.test(text);
const isLocal = (address: string) => /^#[\w.-]+$/.test(address.trim());

const escapeText = (text: string) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const escapeValue = (text: string) => text.replace(/[&<>"\t\n\r]/g, (letter) => `&#${letter.charCodeAt(0)};`);

class Cleaner {
  readonly #written: string[] = [];
  readonly #leftOut = new Set<string>();
  readonly #references = new References();
  /** Names of the elements that are open, from the outermost. */
  readonly #open: string[] = [];
  /** How many elements are open inside of one that is left out, with it. */
  #skipped = 0;
  #count = 0;
  size: Size | undefined;

  open(tag: SaxesTagNS): void {
    this.#count++;
    if (this.#count > mostElements || this.#open.length + this.#skipped >= deepest)
      throw imageInvalid(`It has more than ${mostElements} elements, or they are nested more than ${deepest} deep.`);
    if (this.#count === 1) this.#begin(tag);
    if (this.#skipped > 0 || tag.uri !== namespace || !elements.has(tag.local)) {
      if (this.#skipped === 0) this.#leftOut.add(`<${tag.name}>`);
      this.#skipped++;
      return;
    }
    const kept = this.#attributesOf(tag);
    this.#references.open(Object.fromEntries(kept));
    const root = this.#open.length === 0 ? ` xmlns="${namespace}"` : '';
    this.#written.push(
      `<${tag.local}${root}${kept.map(([name, value]) => ` ${name}="${escapeValue(value)}"`).join('')}>`,
    );
    this.#open.push(tag.local);
  }

  #begin(tag: SaxesTagNS): void {
    if (tag.local !== 'svg' || tag.uri !== namespace) throw imageInvalid('It is XML, and no SVG.');
    this.size = sizeOf(tag);
  }

  #attributesOf(tag: SaxesTagNS): [string, string][] {
    return Object.values(tag.attributes).flatMap(({ uri, local, name, value }): [string, string][] => {
      if (name === 'xmlns' || name.startsWith('xmlns:')) return [];
      const isKnown = (uri === '' || (uri === xlink && local === 'href')) && attributes.has(local);
      if (isKnown && (local === 'href' ? isLocal(value) : isHarmless(value))) return [[local, value]];
      this.#leftOut.add(name);
      return [];
    });
  }

  close(): void {
    if (this.#skipped > 0) {
      this.#skipped--;
      return;
    }
    this.#references.close();
    this.#written.push(`</${this.#open.pop()}>`);
  }

  text(text: string): void {
    if (this.#skipped > 0 || this.#open.length === 0) return;
    if (this.#open.at(-1) !== 'style') this.#written.push(escapeText(text));
    else if (isHarmless(text)) {
      this.#written.push(escapeText(text));
      this.#references.name(text);
    } else this.#leftOut.add('<style>');
  }

  end(): { bytes: Buffer; leftOut: string[] } {
    this.#references.check();
    return { bytes: Buffer.from(this.#written.join('')), leftOut: [...this.#leftOut].slice(0, 50) };
  }
}

function sizeOf({ attributes: given }: SaxesTagNS): Size {
  const [, , width = Number.NaN, height = Number.NaN] = (given.viewBox?.value ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const size =
    width > 0 && height > 0
      ? { width, height }
      : { width: Number.parseFloat(given.width?.value ?? ''), height: Number.parseFloat(given.height?.value ?? '') };
  if (!(size.width > 0 && size.height > 0)) throw imageInvalid('It says no size: give it a viewBox.');
  return size;
}

export const looksLikeSvg = (bytes: Buffer): boolean => /^[\s\ufeff]*</.test(bytes.toString('utf8', 0, 1000));

/** @throws image_invalid. */
export function cleanSvg(bytes: Buffer): { bytes: Buffer; size: Size; leftOut: string[] } {
  if (bytes.length > mostBytes) throw imageInvalid(`An SVG may have ${mostBytes} bytes.`);
  const cleaner = new Cleaner();
  const parser = new SaxesParser({ xmlns: true });
  parser.on('error', () => {
    throw imageInvalid('It is not well-formed XML.');
  });
  parser.on('doctype', () => {
    throw imageInvalid('It has a document type: leave that out.');
  });
  parser.on('opentag', (tag) => cleaner.open(tag));
  parser.on('closetag', () => cleaner.close());
  parser.on('text', (text) => cleaner.text(text));
  parser.on('cdata', (text) => cleaner.text(text));
  parser.write(decode(bytes)).close();
  const { size } = cleaner;
  if (size === undefined) throw imageInvalid('It is not well-formed XML.');
  return { ...cleaner.end(), size };
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw imageInvalid('It is not UTF-8.');
  }
}
