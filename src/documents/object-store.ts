// What a store of objects must do; folder and S3 pass the same contract suite.

import type { Readable } from 'node:stream';

/** Few words by which those who look after a bucket find objects and say what becomes of them. */
export type ObjectTags = Readonly<Record<string, string>>;

/** Small texts beside an object: lower-case names with dashes, any Unicode text as value. */
export type ObjectMetadata = Readonly<Record<string, string>>;

export interface ObjectHead {
  bytes: number;
  metadata: ObjectMetadata;
  /** Changes whenever the object is written; for conditional writes. */
  version: string;
}

export interface StoredObject extends ObjectHead {
  /** Changes whenever its bytes are changed, by whomever; undefined while it is too young for a change to show. */
  fingerprint: string | undefined;
  /** To be read or destroyed. */
  body: Readable;
}

/** Positions of bytes, both included. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface OpenOptions {
  /** Of the body, only these bytes are read. `bytes` stays the length of the whole. */
  range?: ByteRange | undefined;
  /** Fingerprint of what the caller has in memory. */
  known?: string | undefined;
  /** Ends the waiting for the answer, where the store can. */
  signal?: AbortSignal;
}

export interface PutOptions {
  metadata: ObjectMetadata;
  /** Media type, for stores that give it out. Default: that of a PDF. */
  type?: string;
  /** For stores that know such a thing, and let us. Default: none. */
  tags?: ObjectTags | undefined;
  /** Version that is replaced; undefined when there must be none yet. */
  replaces: string | undefined;
  signal?: AbortSignal;
}

export interface LinkOptions {
  seconds: number;
  /** As in a `Content-Disposition`. */
  disposition: string;
}

export interface ObjectStore {
  /** The object as it was at one moment, or undefined; `unchanged`, without reading it, where what is known is still what is stored. */
  open(key: string, options?: OpenOptions): Promise<StoredObject | 'unchanged' | undefined>;
  /** The object without its body, or undefined. */
  head(key: string, options?: { signal?: AbortSignal }): Promise<ObjectHead | undefined>;
  /** Writes whole or not at all. False, and nothing written, when the condition does not hold. */
  put(key: string, bytes: Buffer, options: PutOptions): Promise<boolean>;
  /** Removes the object if it is there; with a version, only while it has that one, where the store can tell. */
  remove(key: string, version?: string): Promise<void>;
  /** Keys that begin with `prefix`, which ends with a slash. */
  list(prefix: string): AsyncIterable<string>;
  /** An address that opens the object for so long, as a file of this name; only where the store itself gives it out. */
  linkTo?(key: string, options: LinkOptions): Promise<string>;
}
