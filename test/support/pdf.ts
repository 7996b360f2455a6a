// Reads PDFs as a person would: pages, text, title, tags; never bytes.

import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

export interface ReadPdf {
  pages: number;
  title: string | undefined;
  language: string | undefined;
  isTagged: boolean;
  hasOutline: boolean;
  /** Text of all pages; a run of white space, line ends among it, is one space. */
  text: string;
  /** Width and height of the first page in points. */
  size: [number, number];
}

export async function readPdf(bytes: ArrayBuffer | Uint8Array): Promise<ReadPdf> {
  const task = getDocument({ data: new Uint8Array(bytes as ArrayBuffer).slice(), useSystemFonts: false, verbosity: 0 });
  const pdf = await task.promise;
  const { info } = await pdf.getMetadata();
  const texts: string[] = [];
  for (let number = 1; number <= pdf.numPages; number++) {
    const { items } = await (await pdf.getPage(number)).getTextContent();
    texts.push(items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join(''));
  }
  const { width, height } = (await pdf.getPage(1)).getViewport({ scale: 1 });
  const fields = info as { Title?: string; Language?: string };
  const result: ReadPdf = {
    pages: pdf.numPages,
    title: fields.Title,
    language: fields.Language ?? undefined,
    isTagged: (await pdf.getMarkInfo())?.Marked === true,
    hasOutline: (await pdf.getOutline()) !== null,
    text: texts.join(' ').replace(/\s+/g, ' '),
    size: [Math.round(width), Math.round(height)],
  };
  await task.destroy();
  return result;
}

/** The body of a 200 as a read PDF; throws with the problem otherwise. */
export async function pdfOf(response: Response): Promise<ReadPdf> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return readPdf(await response.arrayBuffer());
}
