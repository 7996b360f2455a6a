// Whether a PDF shows letters that its fonts do not have: glyph 0, and glyphs without an outline that mean something to be seen.

import { type PdfFile, type PdfObject, readStream } from './pdf-file.ts';

/** As `visible-marks.ts` reads them: strings, dictionaries, names, operators. */
const tokens = /<<[^<>]*(?:>>)?|<[^<>]*>?|\((?:\\.|[^\\)])*\)?|\/[^\s/<>[\]()]+|[^\s/<>[\]()]+/g;
const deepestForm = 8;
/** What has no outline in any font. */
const unseen = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]*$/u;

export interface ShownGlyphs {
  /** How many of the glyphs stand for a missing one, or are empty although what they mean is to be seen. */
  missing: number;
  /** Letters that are shown, of those that the file can say. */
  letters: ReadonlySet<string>;
}

interface Font {
  /** Hexadecimal digits of a code. */
  digits: 2 | 4;
  hasOutline(glyph: number): boolean;
  meanings: ReadonlyMap<number, string>;
}

class GlyphReader {
  readonly #file: PdfFile;
  readonly #fonts = new Map<string, Font>();
  readonly #seen = new Set<string>();
  readonly letters = new Set<string>();
  missing = 0;

  constructor(file: PdfFile) {
    this.#file = file;
  }

  read(content: string, resources: string, depth = 0): void {
    let operands: string[] = [];
    let font: Font | undefined;
    for (const [token] of content.matchAll(tokens)) {
      if (/^[-+.\d<(/]/.test(token)) {
        operands.push(token);
        continue;
      }
      if (token === 'Tf') font = this.#fontNamed(resources, operands[0]?.slice(1) ?? '');
      else if (token === 'Tj' || token === 'TJ') this.#show(operands, font);
      else if (token === 'Do') this.#enter(resources, operands[0]?.slice(1) ?? '', depth);
      operands = [];
    }
  }

  #show(strings: string[], font: Font | undefined): void {
    if (font === undefined) return;
    const codes = new RegExp(`[0-9A-F]{${font.digits}}`, 'gi');
    for (const string of strings) {
      if (!string.startsWith('<')) continue;
      for (const [code] of string.matchAll(codes)) this.#judge(Number.parseInt(code, 16), font);
    }
  }

  #judge(glyph: number, { hasOutline, meanings }: Font): void {
    const meaning = meanings.get(glyph) ?? '';
    if (glyph === 0 || (!hasOutline(glyph) && !unseen.test(meaning))) this.missing++;
    else for (const letter of meaning) this.letters.add(letter);
  }

  #enter(resources: string, name: string, depth: number): void {
    const form = this.#file.named(resources, name);
    if (form === undefined || depth >= deepestForm || !/\/Subtype ?\/Form/.test(form.dictionary)) return;
    if (this.#seen.has(form.dictionary)) return;
    this.#seen.add(form.dictionary);
    this.read(readStream(form)?.toString('latin1') ?? '', form.dictionary, depth + 1);
  }

  #fontNamed(resources: string, name: string): Font | undefined {
    const object = this.#file.named(resources, name);
    if (object === undefined) return undefined;
    const known = this.#fonts.get(object.dictionary) ?? readFont(this.#file, object);
    this.#fonts.set(object.dictionary, known);
    return known;
  }
}

function readFont(file: PdfFile, font: PdfObject): Font {
  const table = file.named(font.dictionary, 'ToUnicode');
  const meanings = readMeanings(table === undefined ? undefined : readStream(table));
  // Drawn by the file itself: pictures, as of an emoji.
  if (!/\/Subtype ?\/Type0/.test(font.dictionary)) return { digits: 2, hasOutline: () => true, meanings };
  const descendant = /\/DescendantFonts ?\[(\d+) 0 R\]/.exec(font.dictionary)?.[1];
  const program = descendant === undefined ? undefined : fontProgram(file, file.object(Number(descendant)));
  return { digits: 4, hasOutline: program === undefined ? () => true : outlinesOf(program), meanings };
}

function fontProgram(file: PdfFile, descendant: PdfObject | undefined): Buffer | undefined {
  const descriptor = descendant === undefined ? undefined : file.named(descendant.dictionary, 'FontDescriptor');
  const program = descriptor === undefined ? undefined : file.named(descriptor.dictionary, 'FontFile2');
  return program === undefined ? undefined : readStream(program);
}

/** Which glyphs of a TrueType font have an outline: those whose place in the table is not empty. */
function outlinesOf(font: Buffer): (glyph: number) => boolean {
  const tables = new Map<string, number>();
  for (let at = 12; at < 12 + font.readUInt16BE(4) * 16; at += 16)
    tables.set(font.toString('latin1', at, at + 4), font.readUInt32BE(at + 8));
  const [head, places, profile] = ['head', 'loca', 'maxp'].map((name) => tables.get(name));
  if (head === undefined || places === undefined || profile === undefined || !tables.has('glyf')) return () => true;
  const isLong = font.readInt16BE(head + 50) === 1;
  const count = font.readUInt16BE(profile + 4);
  const place = (glyph: number) =>
    isLong ? font.readUInt32BE(places + glyph * 4) : font.readUInt16BE(places + glyph * 2) * 2;
  return (glyph) => glyph < count && place(glyph) !== place(glyph + 1);
}

/** `<0062> <00A0>`, and in ranges `<0003> <0005> <0020>`. */
function readMeanings(table: Buffer | undefined): ReadonlyMap<number, string> {
  const meanings = new Map<number, string>();
  const lines =
    table?.toString('latin1').matchAll(/^<([0-9A-F]{2,4})> (?:<([0-9A-F]{2,4})> )?<((?:[0-9A-F]{4})+)>$/gim) ?? [];
  for (const [, from = '', to = from, meaning = ''] of lines) {
    const first = Number.parseInt(from, 16);
    const text = Buffer.from(meaning, 'hex').swap16().toString('utf16le');
    for (let code = first; code <= Number.parseInt(to, 16); code++) meanings.set(code, nextLetter(text, code - first));
  }
  return meanings;
}

const nextLetter = (text: string, by: number) =>
  by === 0 ? text : text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + by);

/** What can't be read counts as shown. */
export function readShownGlyphs(file: PdfFile): ShownGlyphs {
  const reader = new GlyphReader(file);
  for (const page of file.pages()) {
    const contents = file.named(page.dictionary, 'Contents');
    const content = contents === undefined ? undefined : readStream(contents);
    reader.read(content?.toString('latin1') ?? '', page.dictionary);
  }
  return { missing: reader.missing, letters: reader.letters };
}
