// The S3 server that the environment names, if any; tests that want one are skipped without it.

import { randomUUID } from 'node:crypto';
import type { S3Config } from '../../src/documents/s3-store.ts';

export interface S3Server {
  config: S3Config;
  keys: { accessKey: string; secretKey: string };
}

/** A bucket name of its own each time; the bucket is not made yet. */
export function s3FromEnvironment(): S3Server | undefined {
  const {
    S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    S3_REGION: region,
  } = process.env;
  if (endpoint === undefined || accessKey === undefined || secretKey === undefined) return undefined;
  const bucket = `platen-test-${randomUUID()}`;
  const config = {
    bucket,
    endpoint,
    publicEndpoint: undefined,
    region: region ?? 'us-east-1',
    forcePathStyle: true,
    checksumsAlways: false,
  };
  return { config, keys: { accessKey, secretKey } };
}
