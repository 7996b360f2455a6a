// Small documents that were read before, and what is known of large ones. It never says what is stored: the store is asked whether one is still the same.

import { LRUCache } from 'lru-cache';
import type { DocumentMetadata } from './contract.ts';

export interface RememberedDocument {
  /** Of the stored object that it was read from. */
  fingerprint: string;
  metadata: DocumentMetadata;
  /** Checked against its digest. */
  content: Buffer;
}

const largestBytes = 1024 * 1024;
/** What one takes beside its bytes, generously. */
const overheadBytes = 4096;

export class DocumentMemory {
  readonly #documents: LRUCache<string, RememberedDocument> | undefined;

  /** The longest unused go when they are more than `mostBytes` together; 0 remembers none. */
  constructor(mostBytes: number) {
    if (mostBytes === 0) return;
    this.#documents = new LRUCache({
      maxSize: mostBytes,
      sizeCalculation: ({ content }) => content.length + overheadBytes,
    });
  }

  get(key: string): RememberedDocument | undefined {
    return this.#documents?.get(key);
  }

  set(key: string, document: RememberedDocument): void {
    if (document.content.length <= largestBytes) this.#documents?.set(key, document);
  }

  forget(key: string): void {
    this.#documents?.delete(key);
  }

  /** Bytes that the remembered documents take. */
  get bytes(): number {
    return this.#documents?.calculatedSize ?? 0;
  }
}

const mostMarked = 10_000;

/** Which large documents were read whole and had their digest. */
export class UnalteredDocuments {
  /** Fingerprints by key. */
  readonly #fingerprints = new LRUCache<string, string>({ max: mostMarked });

  mark(key: string, fingerprint: string): void {
    this.#fingerprints.set(key, fingerprint);
  }

  has(key: string, fingerprint: string): boolean {
    return this.#fingerprints.get(key) === fingerprint;
  }
}
