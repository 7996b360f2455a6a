// Where the lines of a page stand, as a reader of PDFs computes it.

import { getDocument, OPS } from 'pdfjs-dist/legacy/build/pdf.mjs';

export interface DrawnLine {
  text: string;
  /** Of the first letter, and of the end of the last, in points from the left of the page as it is shown. */
  from: number;
  to: number;
  /** Of the line that letters stand on, in points from below. */
  y: number;
  size: number;
}

export interface DrawnPage {
  lines: DrawnLine[];
  /** In which text is filled, in the order of first use. */
  colors: string[];
  fonts: string[];
  pages: number;
}

/** Lines of the first page, from above. */
export async function readDrawnPage(bytes: Uint8Array): Promise<DrawnPage> {
  const task = getDocument({ data: new Uint8Array(bytes), verbosity: 0, fontExtraProperties: true });
  const pdf = await task.promise;
  const page = await pdf.getPage(1);
  const { transform: shown, height } = page.getViewport({ scale: 1 });
  const { fnArray, argsArray } = await page.getOperatorList();
  const colors = new Set<string>();
  let color = '#000000';
  for (const [index, operator] of fnArray.entries()) {
    if (operator === OPS.setFillRGBColor) color = String(argsArray[index][0]);
    if (operator === OPS.showText) colors.add(color);
  }
  const { items } = await page.getTextContent();
  const byHeight = new Map<number, DrawnLine>();
  const fonts = new Set<string>();
  for (const item of items) {
    if (!('str' in item) || item.str.trim() === '') continue;
    const [a, b, , , e, f] = item.transform as [number, number, number, number, number, number];
    const [sa, sb, sc, sd, se, sf] = shown as [number, number, number, number, number, number];
    const x = sa * e + sc * f + se;
    const y = height - (sb * e + sd * f + sf);
    fonts.add((page.commonObjs.get(item.fontName) as { name: string }).name.replace(/^[A-Z]{6}\+/, ''));
    const line = byHeight.get(Math.round(y)) ?? { text: '', from: x, to: x, y, size: Math.hypot(a, b) };
    byHeight.set(Math.round(y), {
      ...line,
      text: line.text + item.str,
      from: Math.min(line.from, x),
      to: Math.max(line.to, x + item.width),
    });
  }
  const lines = [...byHeight.values()].sort((one, other) => other.y - one.y);
  const read = { lines, colors: [...colors], fonts: [...fonts], pages: pdf.numPages };
  await task.destroy();
  return read;
}
