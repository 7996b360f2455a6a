// Reads the objects of a PDF as the browser writes them: one classical cross-reference table, streams that are deflated or as they are.

import { constants, inflateSync } from 'node:zlib';

/** Bytes of a stream that are inflated to begin with: a page that shows anything does so early. */
const firstBytes = 16_384;

export interface PdfObject {
  /** All of the object before its stream, as text. */
  dictionary: string;
  /** The stream as it lies in the file. */
  stream: Buffer | undefined;
}

export class PdfFile {
  readonly #bytes: Buffer;
  /** Position of the 20-byte entry of object 0. */
  readonly #table: number;
  readonly #objects: number;
  readonly #trailer: string;

  private constructor(bytes: Buffer, table: number, objects: number) {
    this.#bytes = bytes;
    this.#table = table;
    this.#objects = objects;
    this.#trailer = bytes.subarray(table + objects * 20).toString('latin1');
  }

  /** Undefined when the file does not begin and end as a whole PDF does, or has no such table. */
  static open(bytes: Buffer): PdfFile | undefined {
    const tail = bytes.subarray(-1024).toString('latin1');
    const start = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(tail)?.[1]);
    if (bytes.subarray(0, 5).toString('latin1') !== '%PDF-') return undefined;
    if (!Number.isInteger(start) || start >= bytes.length) return undefined;
    const header = /^xref\s+0 (\d+)\s*?\n/.exec(bytes.subarray(start, start + 64).toString('latin1'));
    return header === null ? undefined : new PdfFile(bytes, start + header[0].length, Number(header[1]));
  }

  /** The object by its number; undefined where there is none. */
  object(number: number): PdfObject | undefined {
    if (!(number < this.#objects)) return undefined;
    const entry = this.#table + number * 20;
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
    const kids = /\/Kids \[([\d R]*)\]/.exec(node.dictionary)?.[1];
    if (kids === undefined) yield node;
    for (const [, number] of kids?.matchAll(/(\d+) 0 R/g) ?? []) yield* this.pages(this.object(Number(number)));
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
