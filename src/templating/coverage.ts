// Which letters the fonts of a page have, by the tables of the fonts themselves: what is beyond them may be printed as an empty box.

import { brotliDecompressSync } from 'node:zlib';
import type { GivenFile } from '../rendering/contract.ts';

/** Reads numbers one after the other. */
class Cursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.at++);
  }

  /** As WOFF2 writes lengths: seven bits in each byte. */
  length(): number {
    let value = 0;
    for (;;) {
      const byte = this.byte();
      value = value * 128 + (byte & 127);
      if (byte < 128) return value;
    }
  }
}

const glyf = 10;
const loca = 11;
const cmap = 0;
const namedTable = 63;
const headerBytes = 48;

/** The table of a WOFF2 file that says which letters it has. */
function readLetterTable(file: Buffer): Buffer | undefined {
  if (file.toString('latin1', 0, 4) !== 'wOF2') return undefined;
  const cursor = new Cursor(file, headerBytes);
  let at = 0;
  let found: { at: number; length: number } | undefined;
  for (let left = file.readUInt16BE(12); left > 0; left--) {
    const flags = cursor.byte();
    const tag = flags & 63;
    if (tag === namedTable) cursor.at += 4;
    const original = cursor.length();
    // Outlines are transformed unless it says that they are not; others the other way round.
    const isTransformed = tag === glyf || tag === loca ? flags >> 6 !== 3 : flags >> 6 !== 0;
    const length = isTransformed ? cursor.length() : original;
    if (tag === cmap) found = { at, length };
    at += length;
  }
  if (found === undefined) return undefined;
  const tables = brotliDecompressSync(file.subarray(cursor.at, cursor.at + file.readUInt32BE(20)));
  return tables.subarray(found.at, found.at + found.length);
}

/** Segments of letters: format 4, of 16 bits. */
function* lettersOfSegments(table: Buffer): Generator<number> {
  const bytes = table.readUInt16BE(6);
  const [lasts, firsts, shifts, offsets] = [14, 16 + bytes, 16 + 2 * bytes, 16 + 3 * bytes] as const;
  for (let segment = 0; segment < bytes; segment += 2) {
    const first = table.readUInt16BE(firsts + segment);
    const last = table.readUInt16BE(lasts + segment);
    const shift = table.readUInt16BE(shifts + segment);
    const offset = table.readUInt16BE(offsets + segment);
    const glyphAt = (place: number) => (place + 2 > table.length ? 0 : table.readUInt16BE(place));
    const glyphOf = (letter: number) =>
      offset === 0 ? (letter + shift) & 0xffff : glyphAt(offsets + segment + offset + (letter - first) * 2);
    for (let letter = first; letter <= last && letter < 0xffff; letter++) if (glyphOf(letter) !== 0) yield letter;
  }
}

/** Groups of letters: format 12, of 32 bits. */
function* lettersOfGroups(table: Buffer): Generator<number> {
  for (let group = 0; group < table.readUInt32BE(12); group++) {
    const [first, last] = [table.readUInt32BE(16 + group * 12), table.readUInt32BE(20 + group * 12)];
    for (let letter = first; letter <= last; letter++) yield letter;
  }
}

function readLetters(file: Buffer): ReadonlySet<number> {
  const table = readLetterTable(file);
  const letters = new Set<number>();
  for (let index = 0; index < (table?.readUInt16BE(2) ?? 0); index++) {
    const part = table?.subarray(table.readUInt32BE(8 + index * 8)) as Buffer;
    const format = part.readUInt16BE(0);
    const found = format === 4 ? lettersOfSegments(part) : format === 12 ? lettersOfGroups(part) : [];
    for (const letter of found) letters.add(letter);
  }
  return letters;
}

/** Read once, however many templates have it. */
const known = new WeakMap<GivenFile, ReadonlySet<number>>();

function lettersOf(font: GivenFile): ReadonlySet<number> {
  const letters = known.get(font) ?? readLetters(Buffer.from(font.bytes));
  known.set(font, letters);
  return letters;
}

/** The fonts that a page may show its text in: those of the style sheets that it names, and that these name. */
function fontsOf(page: string, files: ReadonlyMap<string, GivenFile>): GivenFile[] {
  const named = new Map<string, GivenFile>();
  const look = (text: string, at: string) => {
    for (const [address] of text.matchAll(/[\w./%-]+\.(?:css|woff2)/g)) {
      const path = new URL(address, `https://template.invalid${at}`).pathname;
      const file = files.get(path);
      if (file === undefined || named.has(path)) continue;
      named.set(path, file);
      if (file.type === 'text/css') look(Buffer.from(file.bytes).toString(), path);
    }
  };
  look(page, '/');
  return [...named.values()].filter(({ type }) => type === 'font/woff2');
}

/** What has no shape of its own in any font. */
const shapeless = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]$/u;

export class Coverage {
  readonly #fonts: readonly GivenFile[];
  readonly #shown = new Set<string>();

  /** @param page its source. @param files what it may ask for, by path. */
  constructor(page: string, files: ReadonlyMap<string, GivenFile>) {
    this.#fonts = fontsOf(page, files);
  }

  /** Letters of a text that these fonts do not have, each once. The machine's own fonts may still have them. */
  doubtful(text: string): string[] {
    return [...new Set(text.normalize('NFC'))].filter((letter) => !this.#has(letter));
  }

  /** What was seen on paper is not doubted again. */
  learn(letters: readonly string[]): void {
    for (const letter of letters) this.#shown.add(letter);
  }

  #has(letter: string): boolean {
    const code = letter.codePointAt(0) ?? 0;
    if (this.#shown.has(letter) || shapeless.test(letter)) return true;
    if (!this.#fonts.some((font) => lettersOf(font).has(code))) return false;
    this.#shown.add(letter);
    return true;
  }
}
