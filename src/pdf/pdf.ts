// What a finished PDF is, judged by the file itself: how many sheets, whether they show anything, whether it holds a text that it must not.

import { PdfFile } from './pdf-file.ts';
import { showsSomething } from './visible-marks.ts';

export interface PdfFacts {
  pages: number;
  /** Whether any sheet shows text, an image or a path that can be told from the paper. */
  showsSomething: boolean;
}

/** Undefined when it is no whole PDF. */
export function inspectPdf(bytes: Buffer): PdfFacts | undefined {
  const file = PdfFile.open(bytes);
  const pages = file?.pageCount;
  if (file === undefined || pages === undefined) return undefined;
  return { pages, showsSomething: showsSomething(file) };
}

/** Whether the file holds an ASCII text outside of its drawings: in links, title, names, in any of the forms that strings have there. */
export function holdsText(bytes: Buffer, text: string): boolean {
  const wide = Buffer.from(text, 'utf16le').swap16();
  const hex = (form: Buffer) => form.toString('hex').toUpperCase();
  return [text, wide, hex(Buffer.from(text)), hex(wide)].some((form) => bytes.includes(form));
}
