// Finished PDFs: found by key, checked before they are given out, never replaced by an older render.

import { createHash } from 'node:crypto';
import { type Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type DocumentMetadata, fromObjectMetadata, toObjectMetadata } from './contract.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

const log = createLog('documents');

export interface StoredDocument {
  bytes: number;
  metadata: DocumentMetadata;
  /** Small documents whole and checked; larger ones as a stream that fails at its end when they were altered. */
  content: Buffer | Readable;
}

export interface Documents extends AsyncDisposable {
  /**
   * The document under `key`, or undefined when there is none, when `accepts` refuses it, or when it was altered.
   * @throws when the storage does not answer.
   */
  find(key: string, accepts?: (metadata: DocumentMetadata) => boolean): Promise<StoredDocument | undefined>;
  /**
   * Stores a document unless a later render of the same key is there already.
   * @throws when the storage does not take it.
   */
  keep(key: string, content: Buffer, metadata: DocumentMetadata): Promise<'stored' | 'superseded'>;
  /** Removes the documents below `prefix` whose key `matches`; gives their number. */
  remove(prefix: string, matches: (key: string) => boolean): Promise<number>;
  /** Whether the storage answers, with the reason if not. Asked at most every few seconds. */
  status(): Promise<{ state: 'up' | 'down'; reason?: string }>;
}

const largestChecked = 4 * 1024 * 1024;
const mostKeepAttempts = 10;
/** For a small document; and for each piece of a larger one, its reader's time included. */
const readTimeoutMs = 10_000;
const pieceTimeoutMs = 60_000;
const statusCacheMs = 3000;
const statusTimeoutMs = 3000;

interface Dependencies {
  store: ObjectStore & Disposable;
  metrics: Metrics;
}

class StoreDocuments implements Documents {
  readonly #store: ObjectStore & Disposable;
  readonly #metrics: Metrics;
  #status: { at: number; answer: ReturnType<Documents['status']> } | undefined;

  constructor({ store, metrics }: Dependencies) {
    this.#store = store;
    this.#metrics = metrics;
  }

  async find(
    key: string,
    accepts: (metadata: DocumentMetadata) => boolean = () => true,
  ): Promise<StoredDocument | undefined> {
    const object = await this.#timed('open', () => this.#store.open(key));
    if (object?.body === undefined) return undefined;
    const metadata = fromObjectMetadata(object.metadata);
    if (metadata === undefined || !accepts(metadata)) {
      object.body.destroy();
      return undefined;
    }
    return this.#check(key, object, { metadata, body: object.body });
  }

  async keep(key: string, content: Buffer, metadata: DocumentMetadata): Promise<'stored' | 'superseded'> {
    for (let attempt = 0; attempt < mostKeepAttempts; attempt++) {
      const present = await this.#timed('open', () => this.#store.open(key, { head: true }));
      const known = present === undefined ? undefined : fromObjectMetadata(present.metadata);
      if (known !== undefined && known.revision > metadata.revision) return 'superseded';
      const options = { metadata: toObjectMetadata(metadata), replaces: present?.version };
      if (await this.#timed('put', () => this.#store.put(key, content, options))) return 'stored';
    }
    throw new Error('other writers of the same key were always faster');
  }

  async remove(prefix: string, matches: (key: string) => boolean): Promise<number> {
    const keys = await this.#timed('list', async () => {
      const all: string[] = [];
      for await (const key of this.#store.list(prefix)) if (matches(key)) all.push(key);
      return all;
    });
    for (const key of keys) await this.#timed('remove', () => this.#store.remove(key));
    return keys.length;
  }

  status(): ReturnType<Documents['status']> {
    const now = performance.now();
    if (this.#status === undefined || now - this.#status.at > statusCacheMs) {
      this.#status = { at: now, answer: this.#probe() };
    }
    return this.#status.answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#store[Symbol.dispose]();
  }

  async #check(
    key: string,
    { bytes }: StoredObject,
    { metadata, body }: { metadata: DocumentMetadata; body: Readable },
  ): Promise<StoredDocument | undefined> {
    if (bytes > largestChecked) return { bytes, metadata, content: this.#checkWhileStreaming(key, metadata, body) };
    const stuck = setTimeout(() => body.destroy(new Error('the storage stopped in the middle')), readTimeoutMs);
    const content = await this.#timed('open', () => buffer(body)).finally(() => clearTimeout(stuck));
    if (content.length === bytes && createHash('sha256').update(content).digest('hex') === metadata.sha256) {
      return { bytes, metadata, content };
    }
    log.error('A stored document was altered and is rendered anew', { key });
    return undefined;
  }

  /** The last chunk is held back until the digest is known, so an altered document never arrives whole. */
  #checkWhileStreaming(key: string, { sha256 }: DocumentMetadata, body: Readable): Readable {
    const hash = createHash('sha256');
    let held: Buffer | undefined;
    const removeAltered = async () => {
      log.error('A stored document was altered and is removed', { key });
      await this.#store.remove(key);
    };
    const stuck = setTimeout(() => body.destroy(new Error('the storage or the reader stopped')), pieceTimeoutMs);
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        stuck.refresh();
        hash.update(chunk);
        const previous = held;
        held = chunk;
        done(null, previous);
      },
      flush(done) {
        if (hash.digest('hex') === sha256) done(null, held);
        else removeAltered().then(() => done(new Error('altered document')), done);
      },
    });
    body.once('error', (error) => check.destroy(error));
    check.once('close', () => {
      clearTimeout(stuck);
      body.destroy();
    });
    // It may fail before its reader has begun; the reader learns it all the same.
    check.on('error', () => undefined);
    return body.pipe(check);
  }

  async #probe(): ReturnType<Documents['status']> {
    const look = this.#store.list('platen-readiness/')[Symbol.asyncIterator]().next();
    const tooLong = new Promise<never>((_, reject) =>
      setTimeout(
        () => reject(new DOMException('the storage does not answer', 'TimeoutError')),
        statusTimeoutMs,
      ).unref(),
    );
    try {
      await Promise.race([look, tooLong]);
      return { state: 'up' };
    } catch (error) {
      return {
        state: 'down',
        reason: (error as Error).name === 'Error' ? (error as Error).message : (error as Error).name,
      };
    }
  }

  async #timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const stop = this.#metrics.storage.startTimer({ operation });
    try {
      const result = await work();
      stop({ outcome: 'ok' });
      return result;
    } catch (error) {
      stop({ outcome: 'error' });
      throw error;
    }
  }
}

export function createDocuments(dependencies: Dependencies): Documents {
  return new StoreDocuments(dependencies);
}
