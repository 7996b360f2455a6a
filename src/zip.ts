// ZIP files, made while they are sent.

import { Readable } from 'node:stream';
import { makeZip } from 'client-zip';
import contentDisposition from 'content-disposition';

export interface ZippedFile {
  name: string;
  content: Buffer | Readable | string;
  modifiedAt: Date;
}

/** Each file is asked for when the one before it has been read, the first when reading begins. */
export function zip(files: AsyncIterable<ZippedFile>): Readable {
  async function* entries() {
    for await (const { name, content, modifiedAt } of files)
      yield { name, input: content as Buffer, lastModified: modifiedAt };
  }
  async function* bytes() {
    yield* makeZip(entries());
  }
  return Readable.from(bytes(), { objectMode: false });
}

/** Headers of the answer that a ZIP is: a file of this name and the time. */
export function zipHeaders(name: string): Record<string, string> {
  const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  return {
    'Content-Type': 'application/zip',
    'Content-Disposition': contentDisposition(`${name}_${timestamp}.zip`),
    'Cache-Control': 'private, no-store',
  };
}
