// Objects in an S3 bucket: AWS, MinIO, versitygw or another server with conditional writes.

import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { ObjectMetadata, ObjectStore, PutCondition, StoredObject } from './object-store.ts';

export interface S3Config {
  bucket: string;
  region: string;
  endpoint: string | undefined;
  forcePathStyle: boolean;
  /** Checksums on every request; stores that are not AWS often want them only where required. */
  checksumsAlways: boolean;
}

export interface S3Credentials {
  accessKey: string | undefined;
  secretKey: string | undefined;
}

const connectionTimeoutMs = 2000;
const requestTimeoutMs = 10_000;
const attempts = 2;

const encodeMetadata = (metadata: ObjectMetadata) =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, encodeURIComponent(value)]));

function decodeMetadata(metadata: Record<string, string> = {}): ObjectMetadata {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, decodeValue(value)]));
}

function decodeValue(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // Not written by us: taken as it is.
    return value;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && ['NoSuchKey', 'NotFound'].includes(error.name);
}

function isConflict(error: unknown): boolean {
  // 409: two conditional writes at once; 404: the version that was to be replaced is gone.
  return (
    error instanceof S3ServiceException &&
    [404, 409, 412].includes(error.$metadata.httpStatusCode ?? 0) &&
    error.name !== 'NoSuchBucket'
  );
}

export interface S3Store extends ObjectStore, Disposable {}

class BucketStore implements S3Store {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async open(key: string, { head = false } = {}): Promise<StoredObject | undefined> {
    const target = { Bucket: this.#bucket, Key: key };
    try {
      const answer = head
        ? { Body: undefined, ...(await this.#client.send(new HeadObjectCommand(target))) }
        : await this.#client.send(new GetObjectCommand(target));
      return {
        bytes: answer.ContentLength ?? 0,
        metadata: decodeMetadata(answer.Metadata),
        version: answer.ETag ?? '',
        body: answer.Body as Readable | undefined,
      };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async put(
    key: string,
    bytes: Buffer,
    { metadata, replaces }: PutCondition & { metadata: ObjectMetadata },
  ): Promise<boolean> {
    const condition = replaces === undefined ? { IfNoneMatch: '*' } : { IfMatch: replaces };
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ContentType: 'application/pdf',
      Metadata: encodeMetadata(metadata),
      ...condition,
    });
    try {
      await this.#client.send(command);
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  async remove(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  async *list(prefix: string): AsyncIterable<string> {
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token }),
      );
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }
}

/** Connects to nothing yet: the first request does. */
export function createS3Store(config: S3Config, { accessKey, secretKey }: S3Credentials): S3Store {
  const checksums = config.checksumsAlways ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  const client = new S3Client({
    region: config.region,
    forcePathStyle: config.forcePathStyle,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
  });
  return new BucketStore(client, config.bucket);
}
