// Objects in an S3 bucket: AWS, MinIO, versitygw or another server with conditional writes.

import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createLog } from '../log.ts';
import type {
  LinkOptions,
  ObjectHead,
  ObjectMetadata,
  ObjectStore,
  ObjectTags,
  OpenOptions,
  PutOptions,
  StoredObject,
} from './object-store.ts';

const log = createLog('documents');

export interface S3Config {
  bucket: string;
  region: string;
  endpoint: string | undefined;
  /** Where links lead that people open; as `endpoint` where nothing is said. */
  publicEndpoint: string | undefined;
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
/** Slow readers of large documents hold one each; look-ups must not wait for them. */
const mostConnections = 1000;

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

const endsWith = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });

function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && ['NoSuchKey', 'NotFound'].includes(error.name);
}

const isUnchanged = (error: unknown) => error instanceof S3ServiceException && error.$metadata.httpStatusCode === 304;

function isConflict(error: unknown): boolean {
  // 409: two conditional writes at once; 404: the version that was to be replaced is gone.
  return (
    error instanceof S3ServiceException &&
    [404, 409, 412].includes(error.$metadata.httpStatusCode ?? 0) &&
    error.name !== 'NoSuchBucket'
  );
}

/** Without the right to tag, or by a server that knows no tags: the whole write is refused then. */
const mayRefuseTags = (error: unknown) =>
  error instanceof S3ServiceException && [400, 403, 501].includes(error.$metadata.httpStatusCode ?? 0);

function toHead(answer: {
  ContentLength?: number | undefined;
  Metadata?: Record<string, string> | undefined;
  ETag?: string | undefined;
}): ObjectHead {
  return {
    bytes: answer.ContentLength ?? 0,
    metadata: decodeMetadata(answer.Metadata),
    version: answer.ETag ?? '',
  };
}

export interface S3Store extends ObjectStore, Disposable {}

class BucketStore implements S3Store {
  readonly #client: S3Client;
  /** Signs for the address under which people reach the bucket; sends nothing. */
  readonly #signer: S3Client;
  readonly #bucket: string;
  #takesTags = true;

  constructor({ client, signer, bucket }: { client: S3Client; signer: S3Client; bucket: string }) {
    this.#client = client;
    this.#signer = signer;
    this.#bucket = bucket;
  }

  async open(key: string, { known, range, signal }: OpenOptions = {}): Promise<StoredObject | 'unchanged' | undefined> {
    const part = range === undefined ? undefined : `bytes=${range.start}-${range.end}`;
    const command = new GetObjectCommand({ ...this.#target(key), IfNoneMatch: known, Range: part });
    try {
      const answer = await this.#client.send(command, endsWith(signal));
      const whole = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? answer.ContentLength);
      return {
        ...toHead({ ...answer, ContentLength: whole }),
        fingerprint: answer.ETag,
        body: answer.Body as Readable,
      };
    } catch (error) {
      if (known !== undefined && isUnchanged(error)) return 'unchanged';
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async head(key: string, { signal }: { signal?: AbortSignal } = {}): Promise<ObjectHead | undefined> {
    try {
      return toHead(await this.#client.send(new HeadObjectCommand(this.#target(key)), endsWith(signal)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async put(
    key: string,
    bytes: Buffer,
    { metadata, type = 'application/pdf', tags, replaces, signal }: PutOptions,
  ): Promise<boolean> {
    const condition = replaces === undefined ? { IfNoneMatch: '*' } : { IfMatch: replaces };
    const input: PutObjectCommandInput = {
      ...this.#target(key),
      Body: bytes,
      ContentLength: bytes.length,
      ContentType: type,
      Metadata: encodeMetadata(metadata),
      ...condition,
    };
    try {
      await this.#putTagged(input, tags, signal);
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  /** What a document is worth does not hang on its tags: where they alone are refused it is written without, from then on. */
  async #putTagged(
    input: PutObjectCommandInput,
    tags: ObjectTags | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const put = (tagging: object) =>
      this.#client.send(new PutObjectCommand({ ...input, ...tagging }), endsWith(signal));
    if (tags === undefined || !this.#takesTags) {
      await put({});
      return;
    }
    try {
      await put({ Tagging: new URLSearchParams(tags).toString() });
    } catch (error) {
      if (!mayRefuseTags(error)) throw error;
      await put({});
      this.#takesTags = false;
      log.warn('The storage refuses tags: documents are stored without them', { error });
    }
  }

  async remove(key: string, version?: string): Promise<void> {
    const condition = version === undefined ? {} : { IfMatch: version };
    try {
      await this.#client.send(new DeleteObjectCommand({ ...this.#target(key), ...condition }));
    } catch (error) {
      if (version === undefined || !isConflict(error)) throw error;
    }
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

  #target(key: string) {
    return { Bucket: this.#bucket, Key: key };
  }

  linkTo(key: string, { seconds, disposition }: LinkOptions): Promise<string> {
    const answer = { ResponseContentDisposition: disposition, ResponseContentType: 'application/pdf' };
    const command = new GetObjectCommand({ ...this.#target(key), ...answer });
    return getSignedUrl(this.#signer, command, { expiresIn: seconds });
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
    this.#signer.destroy();
  }
}

/** Connects to nothing yet: the first request does. */
export function createS3Store(config: S3Config, { accessKey, secretKey }: S3Credentials): S3Store {
  const checksums = config.checksumsAlways ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  const common = {
    region: config.region,
    forcePathStyle: config.forcePathStyle,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
  } as const;
  const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });
  const client = new S3Client({
    ...common,
    ...at(config.endpoint),
    maxAttempts: attempts,
    // Nothing is added to a client's steps later on.
    cacheMiddleware: true,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: mostConnections },
      httpsAgent: { maxSockets: mostConnections },
    },
  });
  const signer = new S3Client({ ...common, ...at(config.publicEndpoint ?? config.endpoint) });
  return new BucketStore({ client, signer, bucket: config.bucket });
}
