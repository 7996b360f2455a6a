// The page that is laid over a template: each text absolutely placed, its first line standing on its y.

import type { Face, TextElement } from './overlay-options.ts';

export interface PlacedText extends Omit<TextElement, 'font'> {
  face: Face;
}

interface OverlayPage {
  language: string;
  title: string;
  texts: readonly PlacedText[];
  /** Addresses of fonts that are no standard ones, by family. */
  fonts: ReadonlyMap<string, string>;
  qrCode(text: string): string;
}

/** Of the fonts that stand in for the standard ones, and those that have the letters which they lack. */
const fontSheets = [
  ...['arimo', 'tinos', 'cousine'].flatMap((family) =>
    ['400', '400-italic', '700', '700-italic'].map((face) => `/fonts/${family}/${face}.css`),
  ),
  ...['noto-sans', 'noto-sans-tamil', 'noto-sans-devanagari', 'amiri'].flatMap((family) =>
    ['400', '700'].map((face) => `/fonts/${family}/${face}.css`),
  ),
];
const otherFamilies = '"Noto Sans", "Noto Sans Tamil", "Noto Sans Devanagari", Amiri';

/** What reaches beyond the paper is cut there, by `main`: the browser would make the whole page smaller for it. A line that is longer than any page stands on its own lower edge: what is aligned with it by baseline stands on the same height. */
const strut = '20000pt';
/** As the standard fonts have it: no two letters come nearer for what they are. After `font`, which would take it back. */
const asWide = 'font-kerning: none; font-variant-ligatures: no-common-ligatures';
const commonStyle = `
body { margin: 0 }
main { position: relative; overflow: hidden; width: var(--paper-width); height: var(--paper-height) }
div { position: absolute; display: flex; align-items: baseline }
div::before { content: ""; flex: none; width: 0; height: ${strut} }
span { flex: none; width: 100%; display: block }
img { position: absolute; display: block }
`;

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeText = (text: string) => text.replace(/[&<>"']/g, (letter) => escapes[letter] ?? letter);

/** How far left of `x` begins what is so wide, as a share of its width. */
const shares = { left: 0, center: 0.5, right: 1 };
const edges = { left: '0pt', center: 'calc(var(--paper-width) / 2)', right: 'var(--paper-width)' };

const leftOf = ({ x, align = 'center' }: PlacedText, width: string) =>
  `calc(${x === undefined ? edges[align] : `${x}pt`} - ${width} * ${shares[align]})`;

/** The space after the last letter of a line belongs to none: the line stands where it would without it. */
function spacingOf({ char_space: space, align = 'center' }: PlacedText): string {
  if (space === 0) return '';
  const shift = { left: 0, center: space / 2, right: space }[align];
  return `letter-spacing: ${space}pt; position: relative; left: ${shift}pt;`;
}

function styleOfText(selector: string, text: PlacedText): string {
  const { face, size, line_height, color, y, max_width, align = 'center' } = text;
  const width = max_width === undefined ? 'calc(var(--paper-width) * 4)' : `${max_width}pt`;
  const wrap = max_width === undefined ? 'pre' : 'pre-wrap; overflow-wrap: anywhere';
  return `
${selector} { left: ${leftOf(text, width)}; width: ${width}; top: calc(var(--paper-height) - ${y}pt - ${strut}) }
${selector} span { font: ${face.style} ${face.weight} ${size}pt/${line_height} "${face.family}", ${otherFamilies}; ${asWide}; color: #${color.replace('#', '')}; text-align: ${align}; white-space: ${wrap}; ${spacingOf(text)} }`;
}

function styleOfCode(selector: string, text: PlacedText): string {
  const { size, y } = text;
  const top = `calc(var(--paper-height) - ${y}pt - ${size}pt)`;
  return `\n${selector} { left: ${leftOf(text, `${size}pt`)}; top: ${top}; width: ${size}pt; height: ${size}pt }`;
}

/** The page, and the style sheet that it asks for as `/overlay.css`. */
export function writeOverlayPage({ language, title, texts, fonts, qrCode }: OverlayPage): {
  html: string;
  css: string;
} {
  const faces = [...fonts].map(([family, path]) => `\n@font-face { font-family: "${family}"; src: url("${path}") }`);
  const styles = texts.map((text, index) => (text.qr === true ? styleOfCode : styleOfText)(`#text-${index}`, text));
  const links = [...fontSheets, '/paper.css', '/overlay.css'].map((path) => `<link rel="stylesheet" href="${path}">`);
  const shown = texts.map(({ text, qr }, index) =>
    qr === true
      ? `<img id="text-${index}" alt="${escapeText(text)}" src="${qrCode(text)}">`
      : `<div id="text-${index}"><span dir="auto">${escapeText(text)}</span></div>`,
  );
  const head = `<meta charset="utf-8"><title>${escapeText(title)}</title>${links.join('')}`;
  return {
    html: `<!doctype html><html lang="${escapeText(language)}"><head>${head}</head><body><main>${shown.join('\n')}</main></body></html>`,
    css: [...faces, commonStyle, ...styles].join(''),
  };
}
