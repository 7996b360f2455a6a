// Reads the objects of a PDF in its plain form, as the browser writes it: one cross-reference table, streams that are deflated or as they are.

import { constants, inflateSync } from 'node:zlib';

/** Bytes of a stream that are inflated to begin with: a page that shows anything does so early. */
const firstBytes = 16_384;

export interface PdfObject {
  /** All of the object before its stream, as text. */
  dictionary: string;
  /** The stream as it lies in the file. */
  stream: Buffer | undefined;
}

/** Entries of the table, 20 bytes each, for objects whose numbers follow each other. */
interface Section {
  first: number;
  count: number;
  /** Position of the first entry. */
  at: number;
}

/** The sections that begin at `at`, and where they end; undefined where there is no table. */
function readTable(bytes: Buffer, at: number): { sections: Section[]; end: number } | undefined {
  const textAt = (position: number) => bytes.subarray(position, position + 64).toString('latin1');
  const start = /^xref\s{1,4}/.exec(textAt(at));
  if (start === null) return undefined;
  const sections: Section[] = [];
  let end = at + start[0].length;
  for (;;) {
    const header = /^(\d{1,10}) (\d{1,10})\s{0,2}\n/.exec(textAt(end));
    if (header === null) return sections.length === 0 ? undefined : { sections, end };
    const section = { first: Number(header[1]), count: Number(header[2]), at: end + header[0].length };
    sections.push(section);
    end = section.at + section.count * 20;
  }
}

export class PdfFile {
  readonly #bytes: Buffer;
  readonly #sections: readonly Section[];
  readonly #trailer: string;

  private constructor(bytes: Buffer, sections: readonly Section[], trailer: string) {
    this.#bytes = bytes;
    this.#sections = sections;
    this.#trailer = trailer;
  }

  /** Undefined when the file does not begin and end as a whole PDF does, or has no such table. */
  static open(bytes: Buffer): PdfFile | undefined {
    const tail = bytes.subarray(-1024).toString('latin1');
    const start = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(tail)?.[1]);
    if (bytes.subarray(0, 5).toString('latin1') !== '%PDF-') return undefined;
    if (!Number.isInteger(start) || start >= bytes.length) return undefined;
    const table = readTable(bytes, start);
    if (table === undefined) return undefined;
    return new PdfFile(bytes, table.sections, bytes.subarray(table.end).toString('latin1'));
  }

  /** The object by its number; undefined where there is none. */
  object(number: number): PdfObject | undefined {
    const section = this.#sections.find(({ first, count }) => number >= first && number < first + count);
    if (section === undefined) return undefined;
    const entry = section.at + (number - section.first) * 20;
    const at = Number(this.#bytes.subarray(entry, entry + 10).toString('latin1'));
    if (
      !this.#bytes
        .subarray(at, at + 16)
        .toString('latin1')
        .startsWith(`${number} 0 obj`)
    )
      return undefined;
    const streamAt = this.#bytes.indexOf('stream\n', at);
    const endAt = this.#bytes.indexOf('endobj', at);
    const hasStream = streamAt !== -1 && streamAt < endAt;
    const dictionary = this.#bytes.subarray(at, hasStream ? streamAt : endAt).toString('latin1');
    const length = Number(/\/Length (\d+)/.exec(dictionary)?.[1] ?? 0);
    const from = streamAt + 'stream\n'.length;
    return { dictionary, stream: hasStream ? this.#bytes.subarray(from, from + length) : undefined };
  }

  /** The object that `/name n 0 R` names in the text of a dictionary. */
  named(dictionary: string, name: string): PdfObject | undefined {
    const number = new RegExp(`/${name} (\\d+) 0 R`).exec(dictionary)?.[1];
    return number === undefined ? undefined : this.object(Number(number));
  }

  get #pageTree(): PdfObject | undefined {
    return this.named(this.named(this.#trailer, 'Root')?.dictionary ?? '', 'Pages');
  }

  /** Of the page tree: text in the document can't imitate it. */
  get pageCount(): number | undefined {
    const count = /\/Count (\d+)/.exec(this.#pageTree?.dictionary ?? '')?.[1];
    return count === undefined ? undefined : Number(count);
  }

  /** Every page in order. */
  *pages(node = this.#pageTree): Generator<PdfObject> {
    if (node === undefined) return;
    const kids = /\/Kids \[([\d R\n]*)\]/.exec(node.dictionary)?.[1];
    if (kids === undefined) yield node;
    for (const [, number] of kids?.matchAll(/(?<!\d)(\d{1,10}) 0 R/g) ?? [])
      yield* this.pages(this.object(Number(number)));
  }
}

/** What a stream holds; undefined where it is neither deflated nor as it is. With `isStart`, at least what comes first of it. */
export function readStream({ dictionary, stream }: PdfObject, isStart = false): Buffer | undefined {
  const filter = /\/Filter ?\/(\w+)/.exec(dictionary)?.[1];
  if (stream === undefined || (filter !== undefined && filter !== 'FlateDecode')) return undefined;
  if (filter === undefined) return stream;
  return isStart
    ? inflateSync(stream.subarray(0, firstBytes), { finishFlush: constants.Z_SYNC_FLUSH })
    : inflateSync(stream);
}
