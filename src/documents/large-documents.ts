// Documents that are too large to be checked before the first byte is sent: checked on their way, and read in parts once they were checked.

import type { Readable } from 'node:stream';
import { checkWhileStreaming, streamPart } from './checked-stream.ts';
import { UnalteredDocuments } from './memory.ts';
import type { ByteRange, StoredObject } from './object-store.ts';

export interface LargeContent {
  /** All of it, to be read or destroyed. Fails at its end when it was altered. */
  content: Readable;
  /** Opens some of its bytes in place of `content`; undefined where that has to be read, since nobody knows whether it was altered. */
  openPart(range: ByteRange): Promise<Readable | undefined>;
}

interface Options {
  key: string;
  object: Omit<StoredObject, 'metadata'>;
  sha256: string;
  /** Opens a part of what lies under the key now. */
  openPart(range: ByteRange): Promise<StoredObject | undefined>;
  /** Called before the stream fails because the digest is another. */
  onAltered(): Promise<void>;
}

export class LargeDocuments {
  readonly #unaltered = new UnalteredDocuments();

  open({ key, object, sha256, openPart, onAltered }: Options): LargeContent {
    const { fingerprint } = object;
    const onWhole = () => {
      if (fingerprint !== undefined) this.#unaltered.mark(key, fingerprint);
    };
    const content = checkWhileStreaming(object.body, { sha256, onAltered, onWhole });
    const openChecked = async (range: ByteRange) => {
      if (fingerprint === undefined || !this.#unaltered.has(key, fingerprint)) return undefined;
      // What can't be opened now is still open whole.
      const opened = await openPart(range).catch(() => undefined);
      if (opened?.fingerprint === fingerprint) {
        content.destroy();
        return streamPart(opened.body);
      }
      opened?.body.destroy();
      return undefined;
    };
    return { content, openPart: openChecked };
  }
}
