// ZIP files, made while they are sent.

import { Readable } from 'node:stream';
import { makeZip } from 'client-zip';

export interface ZippedFile {
  name: string;
  content: Buffer | Readable | string;
  modifiedAt: Date;
}

/** Each file is asked for when the one before it has been read. */
export function zip(files: AsyncIterable<ZippedFile>): Readable {
  async function* entries() {
    for await (const { name, content, modifiedAt } of files)
      yield { name, input: content as Buffer, lastModified: modifiedAt };
  }
  return Readable.fromWeb(makeZip(entries()) as Parameters<typeof Readable.fromWeb>[0]);
}
