// Finished PDFs: found by key, checked before they are given out, never replaced by an older render.

import { createHash } from 'node:crypto';
import { addAbortSignal, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { inSpan } from '../tracing.ts';
import { type DocumentMetadata, fromObjectMetadata, toObjectMetadata } from './contract.ts';
import { type LargeContent, LargeDocuments } from './large-documents.ts';
import { DocumentMemory } from './memory.ts';
import type { ByteRange, LinkOptions, ObjectMetadata, ObjectStore, ObjectTags, StoredObject } from './object-store.ts';
import { OutageWatch, StoragePaused } from './outage.ts';
import { StorageHealth, type StorageStatus } from './storage-health.ts';

const log = createLog('documents');

export interface StoredDocument {
  bytes: number;
  metadata: DocumentMetadata;
  /** Small documents whole and checked; larger ones as a stream that fails at its end when they were altered. */
  content: Buffer | Readable;
  /** Of larger ones. */
  openPart?: LargeContent['openPart'];
}

export interface NewDocument {
  content: Buffer;
  metadata: DocumentMetadata;
  /** Nothing personal: they are seen by more people than the document. Default: none. */
  tags?: ObjectTags;
  /** Whether a storage that failed a moment ago is asked all the same. */
  isInsistent: boolean;
  /** Whether it may take the place of what is there. Default: it may. */
  replaces?: Accepts | undefined;
}

/** `declined`: what is there was not to be replaced by this. */
export type KeepOutcome = 'stored' | 'superseded' | 'declined' | 'paused';
type Accepts = (metadata: DocumentMetadata) => boolean;

export interface Documents extends AsyncDisposable {
  /**
   * The document under `key`, or undefined when there is none, when its record is of another key, when `accepts` refuses it, when it was
   * altered, or when the storage is not asked because it failed a moment ago. Takes 3 s at most.
   * @throws when the storage does not answer.
   */
  find(key: string, accepts?: Accepts): Promise<StoredDocument | undefined>;
  /**
   * Stores a document unless a later render of the same key is there already, or one that it does not replace, or the storage is not asked
   * because it failed a moment ago.
   * @throws when the storage does not take it within 15 s.
   */
  keep(key: string, document: NewDocument): Promise<KeepOutcome>;
  /** Removes the documents below `prefix` whose key `matches` and whose revision is older than the given one; gives their number. */
  remove(prefix: string, matches: (key: string) => boolean, before: bigint): Promise<number>;
  /** Removes the document under `key` while it is of this revision. */
  withdraw(key: string, revision: bigint): Promise<void>;
  /** An address by which the storage itself gives the document out; undefined where it does not. Nothing is asked of it. */
  linkTo(key: string, options: LinkOptions): Promise<string | undefined>;
  /** Whether the storage answers, with the reason if not. Asked at most every few seconds. */
  status(): Promise<StorageStatus>;
}

const largestChecked = 4 * 1024 * 1024;
const mostKeepAttempts = 10;

/** How long the storage is waited for. */
export interface StorageLimits {
  lookMs: number;
  keepMs: number;
  /** It is left alone for so long when it fails. */
  pauseMs: number;
  /** An answer of `status` is good for so long. */
  statusMs: number;
}

const usualLimits: StorageLimits = { lookMs: 3000, keepMs: 15_000, pauseMs: 5000, statusMs: 3000 };

interface Dependencies {
  store: ObjectStore & Partial<Disposable>;
  metrics: Metrics;
  /** Bytes that documents may take in memory. */
  memoryBytes: number;
  /** Whether a record says what its key says: a document that was copied to another key is none. */
  belongs(key: string, metadata: DocumentMetadata): boolean;
  /** Tests give shorter ones. */
  limits?: Partial<StorageLimits> | undefined;
}

class StoreDocuments implements Documents {
  readonly #store: ObjectStore & Partial<Disposable>;
  readonly #metrics: Metrics;
  readonly #memory: DocumentMemory;
  readonly #large = new LargeDocuments();
  readonly #belongs: Dependencies['belongs'];
  readonly #reading: OutageWatch;
  readonly #writing: OutageWatch;
  readonly #health: StorageHealth;

  constructor({ store, metrics, memoryBytes, belongs, limits }: Dependencies) {
    const { lookMs, keepMs, pauseMs, statusMs } = { ...usualLimits, ...limits };
    this.#store = store;
    this.#metrics = metrics;
    this.#memory = new DocumentMemory(memoryBytes);
    this.#belongs = belongs;
    const watch = (name: 'reading' | 'writing', timeoutMs: number) => {
      const gauge = metrics.storagePaused.labels(name);
      gauge.set(0);
      return new OutageWatch({ name, timeoutMs, pauseMs, onChange: (isPaused) => gauge.set(Number(isPaused)) });
    };
    this.#reading = watch('reading', lookMs);
    this.#writing = watch('writing', keepMs);
    this.#health = new StorageHealth({ store, reading: this.#reading, writing: this.#writing, statusMs });
  }

  find(key: string, accepts: Accepts = () => true): Promise<StoredDocument | undefined> {
    return this.#read((signal) => this.#look(key, accepts, signal));
  }

  async keep(key: string, document: NewDocument): Promise<KeepOutcome> {
    const work = (signal: AbortSignal) => this.#write(key, document, signal);
    if (document.isInsistent) return this.#writing.insist(work);
    // What can't be read is hardly written, and finding out takes a person's time.
    if (this.#reading.isDown) return 'paused';
    return this.#writing.run(work).catch((error) => {
      if (error instanceof StoragePaused) return 'paused';
      throw error;
    });
  }

  async remove(prefix: string, matches: (key: string) => boolean, before: bigint): Promise<number> {
    const keys = await this.#timed('list', async () => {
      const all: string[] = [];
      for await (const key of this.#store.list(prefix)) if (matches(key)) all.push(key);
      return all;
    });
    let removed = 0;
    for (const key of keys) if (await this.#removeIf(key, (revision) => revision < before)) removed++;
    return removed;
  }

  async withdraw(key: string, revision: bigint): Promise<void> {
    await this.#removeIf(key, (stored) => stored === revision);
  }

  async linkTo(key: string, options: LinkOptions): Promise<string | undefined> {
    return this.#store.linkTo?.(key, options);
  }

  status(): Promise<StorageStatus> {
    return this.#health.status();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#store[Symbol.dispose]?.();
  }

  async #read<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#reading.run((signal) => this.#timed('open', () => work(signal)));
    } catch (error) {
      if (error instanceof StoragePaused) return undefined;
      throw error;
    }
  }

  async #look(key: string, accepts: Accepts, signal: AbortSignal): Promise<StoredDocument | undefined> {
    const remembered = this.#memory.get(key);
    const object = await this.#store.open(key, { known: remembered?.fingerprint, signal });
    if (object === 'unchanged' && remembered !== undefined) {
      const { content, metadata } = remembered;
      if (accepts(metadata)) {
        this.#metrics.documentMemory.inc({ result: 'hit' });
        return { bytes: content.length, metadata, content };
      }
      // Bytes may stay the same under another metadata: only what the storage says refuses a document.
      this.#memory.forget(key);
      return this.#look(key, accepts, signal);
    }
    if (object === undefined || object === 'unchanged') {
      this.#memory.forget(key);
      return undefined;
    }
    if (signal.aborted) object.body.destroy();
    signal.throwIfAborted();
    const metadata = this.#readRecord(key, object.metadata);
    if (metadata === undefined || !accepts(metadata)) {
      object.body.destroy();
      return undefined;
    }
    this.#metrics.documentMemory.inc({ result: 'miss' });
    return this.#check(key, { ...object, metadata }, signal);
  }

  async #check(
    key: string,
    object: Omit<StoredObject, 'metadata'> & { metadata: DocumentMetadata },
    signal: AbortSignal,
  ): Promise<StoredDocument | undefined> {
    const { bytes, metadata, body, fingerprint, version } = object;
    const { sha256 } = metadata;
    if (bytes > largestChecked) {
      const onAltered = async () => {
        log.error('A stored document was altered and is removed', { key });
        await this.#remove(key);
      };
      const openPart = (range: ByteRange) => this.#openPart(key, range);
      return { bytes, metadata, ...this.#large.open({ key, object, sha256, openPart, onAltered }) };
    }
    const content = await buffer(addAbortSignal(signal, body));
    if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256) {
      log.error('A stored document was altered and is removed', { key });
      await this.#remove(key, version);
      return undefined;
    }
    if (fingerprint !== undefined) this.#memory.set(key, { fingerprint, metadata, content });
    return { bytes, metadata, content };
  }

  async #openPart(key: string, range: ByteRange): Promise<StoredObject | undefined> {
    const object = await this.#read((signal) => this.#store.open(key, { range, signal }));
    return object === 'unchanged' ? undefined : object;
  }

  /** The record of what lies under a key, where it is that key's. */
  #readRecord(key: string, stored: ObjectMetadata): DocumentMetadata | undefined {
    const metadata = fromObjectMetadata(stored);
    if (metadata === undefined || this.#belongs(key, metadata)) return metadata;
    log.error('A stored document is not the one of its key', { key });
    return undefined;
  }

  async #write(
    key: string,
    { content, metadata, tags, replaces = () => true }: NewDocument,
    signal: AbortSignal,
  ): Promise<'stored' | 'superseded' | 'declined'> {
    for (let attempt = 0; attempt < mostKeepAttempts; attempt++) {
      const present = await this.#timed('open', () => this.#store.head(key, { signal }));
      const known = present === undefined ? undefined : this.#readRecord(key, present.metadata);
      if (known !== undefined && known.revision > metadata.revision) return 'superseded';
      if (known !== undefined && !replaces(known)) return 'declined';
      const options = { metadata: toObjectMetadata(metadata), tags, replaces: present?.version, signal };
      if (await this.#timed('put', () => this.#store.put(key, content, options))) return 'stored';
    }
    throw new Error('other writers of the same key were always faster');
  }

  /** What is not ours goes too: nobody can tell how old it is. */
  async #removeIf(key: string, isOutdated: (revision: bigint) => boolean): Promise<boolean> {
    const present = await this.#timed('open', () => this.#store.head(key));
    if (present === undefined || !isOutdated(fromObjectMetadata(present.metadata)?.revision ?? 0n)) return false;
    await this.#timed('remove', () => this.#remove(key, present.version));
    return true;
  }

  async #remove(key: string, version?: string): Promise<void> {
    this.#memory.forget(key);
    await this.#store.remove(key, version);
  }

  async #timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const stop = this.#metrics.storage.startTimer({ operation });
    try {
      const result = await inSpan(`storage ${operation}`, {}, work);
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
