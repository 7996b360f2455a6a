// What a store of objects must do; folder and S3 pass the same contract suite.

import type { Readable } from 'node:stream';

/** Small texts beside an object: lower-case names with dashes, any Unicode text as value. */
export type ObjectMetadata = Readonly<Record<string, string>>;

export interface StoredObject {
  bytes: number;
  metadata: ObjectMetadata;
  /** Changes whenever the object is written; for conditional writes. */
  version: string;
  /** Undefined when only the head was asked for; otherwise to be read or destroyed. */
  body: Readable | undefined;
}

export interface PutCondition {
  /** Version that is replaced; undefined when there must be none yet. */
  replaces: string | undefined;
}

export interface ObjectStore {
  /** The object as it was at one moment, or undefined. With `head`, without its body. */
  open(key: string, options?: { head?: boolean }): Promise<StoredObject | undefined>;
  /** Writes whole or not at all. False, and nothing written, when the condition does not hold. */
  put(key: string, bytes: Buffer, options: PutCondition & { metadata: ObjectMetadata }): Promise<boolean>;
  /** Removes the object if it is there. */
  remove(key: string): Promise<void>;
  /** Keys that begin with `prefix`, which ends with a slash. */
  list(prefix: string): AsyncIterable<string>;
}
