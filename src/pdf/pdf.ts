// What a finished PDF is, judged by the file itself: how many sheets, whether they show anything, whether it holds a text that it must not.

import { disarmLinks } from './links.ts';
import { PdfFile, tableStartOf } from './pdf-file.ts';
import { toPlainForm } from './plain-form.ts';
import { readShownGlyphs, type ShownGlyphs } from './shown-glyphs.ts';
import { showsSomething } from './visible-marks.ts';

export interface InspectedPdf {
  /** The file, without links that run or open something; the same buffer where the browser wrote it plainly. */
  bytes: Buffer;
  pages: number;
  /** Whether any sheet shows text, an image or a path that can be told from the paper. */
  showsSomething: boolean;
}

const unreadable = undefined;

/** Undefined when it is no whole PDF. Links with `javascript:`, `file:` and the like lead nowhere afterwards: `bytes` is changed in place. */
export async function inspectPdf(bytes: Buffer): Promise<InspectedPdf | undefined> {
  const plain = PdfFile.open(bytes);
  if (plain !== undefined) return judge(bytes, plain);
  // What reads other forms would mend half a file.
  if (tableStartOf(bytes) === undefined) return unreadable;
  const rewritten = await toPlainForm(bytes).catch(() => unreadable);
  const file = rewritten === undefined ? unreadable : PdfFile.open(rewritten);
  return rewritten === undefined || file === undefined ? unreadable : judge(rewritten, file);
}

function judge(bytes: Buffer, file: PdfFile): InspectedPdf | undefined {
  const pages = file.pageCount;
  if (pages === undefined || !disarmLinks(bytes)) return unreadable;
  return { bytes, pages, showsSomething: showsSomething(file) };
}

/** Whether letters are missing that the browser had no font for, and which are there; of a file as the browser wrote it. */
export function shownGlyphsOf(bytes: Buffer): ShownGlyphs {
  const file = PdfFile.open(bytes);
  return file === undefined ? { missing: 0, letters: new Set() } : readShownGlyphs(file);
}

/** Whether the file holds an ASCII text outside of its drawings: in links, title, names, in any of the forms that strings have there. */
export function holdsText(bytes: Buffer, text: string): boolean {
  const wide = Buffer.from(text, 'utf16le').swap16();
  const hex = (form: Buffer) => form.toString('hex').toUpperCase();
  const escaped = text.replace(/[()\\]/g, '\\$&');
  const forms = [text, escaped, encodeURI(text), encodeURIComponent(text), wide, hex(Buffer.from(text)), hex(wide)];
  return [...new Set(forms)].some((form) => bytes.includes(form));
}

export { datedPdf } from './dates.ts';
export { layOver, OverlayFault, type Paper, paperOf } from './overlay.ts';
export { readStrangersPdf } from './reading.ts';
