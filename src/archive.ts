// A ZIP of many documents with two manifests about them, one for programs and one for spreadsheets; made while it is read.

import { Readable } from 'node:stream';
import { csvLine } from './csv.ts';
import { type ZippedFile, zip } from './zip.ts';

export interface ArchiveParts<Entry> {
  documents: AsyncIterable<ZippedFile>;
  /** What is told of each. Asked for after the documents, once for each manifest. */
  entries(): AsyncIterable<Entry> | Iterable<Entry>;
  /** What manifest.json says beside them. */
  head: Record<string, unknown>;
  columns: readonly (keyof Entry & string)[];
}

async function* jsonOf<Entry>({ entries, head }: ArchiveParts<Entry>): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`);
  let separator = '\n';
  for await (const entry of entries()) {
    yield Buffer.from(`${separator}${JSON.stringify(entry)}`);
    separator = ',\n';
  }
  yield Buffer.from('\n]}\n');
}

async function* csvOf<Entry>({ entries, columns }: ArchiveParts<Entry>): AsyncGenerator<Buffer> {
  yield Buffer.from(csvLine(columns));
  for await (const entry of entries())
    yield Buffer.from(csvLine(columns.map((column) => [entry[column] ?? ''].flat().join('; '))));
}

export function archive<Entry>(parts: ArchiveParts<Entry>): Readable {
  async function* files(): AsyncGenerator<ZippedFile> {
    yield* parts.documents;
    const modifiedAt = new Date();
    yield { name: 'manifest.json', content: Readable.from(jsonOf(parts)), modifiedAt };
    yield { name: 'manifest.csv', content: Readable.from(csvOf(parts)), modifiedAt };
  }
  return zip(files());
}
