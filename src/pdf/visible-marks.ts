// Whether the sheets of a PDF show anything: text, an image or a painted path that is neither white on white nor a mere background.

import { type PdfFile, type PdfObject, readStream } from './pdf-file.ts';

interface State {
  /** From here to the sheet; six numbers as in the file. */
  matrix: readonly number[];
  isFillWhite: boolean;
  isStrokeWhite: boolean;
  /** Name of the font. */
  font: string;
}

const identity = [1, 0, 0, 1, 0, 0];
/** Share of a sheet's sides that a background covers. */
const coverage = 0.95;
const deepestForm = 8;
/** Each takes what it has looked at: content that is broken takes no more time than its length. */
const tokens = /<<[^<>]*(?:>>)?|<[^<>]*>?|\((?:\\.|[^\\)])*\)?|\/[^\s/<>[\]()]+|[^\s/<>[\]()]+/g;

const isWhite = (operands: string[]) => operands.length > 0 && operands.every((value) => Number(value) >= 1);

function multiply(a: readonly number[], b: readonly number[]): number[] {
  const [a0 = 1, a1 = 0, a2 = 0, a3 = 1, a4 = 0, a5 = 0] = a;
  const [b0 = 1, b1 = 0, b2 = 0, b3 = 1, b4 = 0, b5 = 0] = b;
  return [
    a0 * b0 + a1 * b2,
    a0 * b1 + a1 * b3,
    a2 * b0 + a3 * b2,
    a2 * b1 + a3 * b3,
    a4 * b0 + a5 * b2 + b4,
    a4 * b1 + a5 * b3 + b5,
  ];
}

/** Reads the operators of one sheet or form until one of them leaves a mark. */
class ContentReader {
  readonly #file: PdfFile;
  readonly #resources: string;
  readonly #depth: number;
  readonly #sheet: { width: number; height: number };
  #state: State;
  readonly #stack: State[] = [];
  /** Width and height of the only rectangle of the path so far; undefined when the path is anything else. */
  #rectangle: [number, number] | undefined;
  #isPathEmpty = true;

  constructor(
    file: PdfFile,
    resources: string,
    place: { depth: number; sheet: { width: number; height: number }; state?: State },
  ) {
    this.#file = file;
    this.#resources = resources;
    this.#depth = place.depth;
    this.#sheet = place.sheet;
    this.#state = place.state ?? { matrix: identity, isFillWhite: false, isStrokeWhite: false, font: '' };
  }

  leavesMark(content: string): boolean {
    let operands: string[] = [];
    // Strings and dictionaries are operands whose inside does not matter.
    for (const [token] of content.matchAll(tokens)) {
      if (/^[-+.\d<(/]/.test(token)) operands.push(token);
      else {
        if (this.#obey(token, operands)) return true;
        operands = [];
      }
    }
    return false;
  }

  #obey(operator: string, operands: string[]): boolean {
    switch (operator) {
      case 'q':
        this.#stack.push(this.#state);
        return false;
      case 'Q':
        this.#state = this.#stack.pop() ?? this.#state;
        return false;
      case 'cm':
        this.#change({ matrix: multiply(operands.map(Number), this.#state.matrix) });
        return false;
      case 'Do':
        return this.#shows(operands[0]?.slice(1) ?? '');
      case 'Tf':
        this.#change({ font: operands[0]?.slice(1) ?? '' });
        return false;
      case 'Tj':
      case 'TJ':
        return !this.#state.isFillWhite && operands.some((operand) => !this.#isSpace(operand));
      case 'sh':
        return true;
    }
    return this.#colour(operator, operands) || this.#path(operator, operands);
  }

  /** @returns false: a colour alone is no mark. */
  #colour(operator: string, operands: string[]): boolean {
    const isCmyk = operator.toLowerCase() === 'k';
    const isPattern = operands.some((operand) => operand.startsWith('/'));
    const white = !isPattern && (isCmyk ? operands.every((value) => Number(value) === 0) : isWhite(operands));
    if (['rg', 'g', 'k', 'sc', 'scn'].includes(operator)) this.#change({ isFillWhite: white });
    if (['RG', 'G', 'K', 'SC', 'SCN'].includes(operator)) this.#change({ isStrokeWhite: white });
    return false;
  }

  #path(operator: string, operands: string[]): boolean {
    const { isFillWhite, isStrokeWhite } = this.#state;
    if (['m', 'l', 'c', 'v', 'y'].includes(operator)) this.#extendPath(undefined);
    else if (operator === 're') this.#extendPath([Number(operands[2]), Number(operands[3])]);
    else if (['f', 'F', 'f*'].includes(operator)) return this.#endPath() && !isFillWhite;
    else if (['S', 's'].includes(operator)) return this.#endPath() && !isStrokeWhite;
    else if (['B', 'B*', 'b', 'b*'].includes(operator)) return this.#endPath() && !(isFillWhite && isStrokeWhite);
    else if (operator === 'n') this.#endPath();
    return false;
  }

  #extendPath(rectangle: [number, number] | undefined): void {
    this.#rectangle = this.#isPathEmpty ? rectangle : undefined;
    this.#isPathEmpty = false;
  }

  /** @returns whether it is something to be seen, when it is painted: not empty, and no background. */
  #endPath(): boolean {
    const isEmpty = this.#isPathEmpty;
    const rectangle = this.#rectangle;
    this.#isPathEmpty = true;
    this.#rectangle = undefined;
    if (isEmpty || rectangle === undefined) return !isEmpty;
    const [width, height] = rectangle;
    const [a = 1, b = 0, c = 0, d = 1] = this.#state.matrix;
    const shownWidth = Math.abs(a * width) + Math.abs(c * height);
    const shownHeight = Math.abs(b * width) + Math.abs(d * height);
    return shownWidth < this.#sheet.width * coverage || shownHeight < this.#sheet.height * coverage;
  }

  /** Whether the glyphs are spaces, by what the font says that they mean. */
  #isSpace(glyphs: string): boolean {
    const font = this.#file.named(this.#resources, this.#state.font);
    const meanings = font === undefined ? undefined : this.#file.named(font.dictionary, 'ToUnicode');
    const spaces = meanings === undefined ? undefined : readStream(meanings);
    const codes = glyphs.match(/[0-9A-F]{4}/gi) ?? [];
    return (
      spaces !== undefined && codes.length > 0 && codes.every((code) => spaceCodes(spaces).has(code.toUpperCase()))
    );
  }

  #shows(name: string): boolean {
    const object = this.#file.named(this.#resources, name);
    if (object === undefined || this.#depth >= deepestForm) return true;
    if (/\/Subtype ?\/Image/.test(object.dictionary)) return hasInk(this.#file, object);
    const content = readStream(object);
    if (content === undefined) return true;
    const place = { depth: this.#depth + 1, sheet: this.#sheet, state: this.#state };
    return new ContentReader(this.#file, object.dictionary, place).leavesMark(content.toString('latin1'));
  }

  #change(changes: Partial<State>): void {
    this.#state = { ...this.#state, ...changes };
  }
}

/** Codes of glyphs that a table of meanings gives a space: `<0062> <00A0>`, and in ranges `<0003> <0005> <0020>`. */
function spaceCodes(table: Buffer): ReadonlySet<string> {
  const text = table.toString('latin1');
  const isSpace = (meaning: number) => /^[\s\u200b-\u200d\ufeff]$/u.test(String.fromCodePoint(meaning));
  const found = new Set<string>();
  for (const [, from = '', to, meaning = ''] of text.matchAll(
    /^<([0-9A-F]{4})> (?:<([0-9A-F]{4})> )?<([0-9A-F]{4})>$/gim,
  )) {
    const first = Number.parseInt(from, 16);
    const last = to === undefined ? first : Number.parseInt(to, 16);
    for (let code = first; code <= last; code++) {
      const letter = Number.parseInt(meaning, 16) + code - first;
      if (letter <= 0xffff && isSpace(letter)) found.add(code.toString(16).toUpperCase().padStart(4, '0'));
    }
  }
  return found;
}

/** Whether an image is anything but white or transparent. */
function hasInk(file: PdfFile, image: PdfObject): boolean {
  const mask = file.named(image.dictionary, 'SMask');
  const alpha = mask === undefined ? undefined : readStream(mask);
  if (alpha?.every((value) => value === 0)) return false;
  const pixels = readStream(image);
  return pixels === undefined || pixels.some((value) => value !== 255);
}

function readSheet({ dictionary }: PdfObject): { width: number; height: number } {
  const [left = 0, bottom = 0, right = 0, top = 0] = (/\/MediaBox \[([-\d. ]{1,200})\]/.exec(dictionary)?.[1] ?? '')
    .trim()
    .split(' ')
    .map(Number);
  return { width: right - left, height: top - bottom };
}

/** Whether any sheet shows something. What can't be read is taken for something. */
export function showsSomething(file: PdfFile): boolean {
  for (const page of file.pages()) {
    const contents = file.named(page.dictionary, 'Contents');
    const place = { depth: 0, sheet: readSheet(page) };
    for (const isStart of [true, false]) {
      const content = contents === undefined ? undefined : readStream(contents, isStart);
      if (content === undefined) return true;
      if (new ContentReader(file, page.dictionary, place).leavesMark(content.toString('latin1'))) return true;
    }
  }
  return false;
}
