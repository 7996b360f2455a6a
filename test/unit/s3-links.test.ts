// Addresses of a bucket: signed for where people reach it, and nothing is asked of it for them.

import { expect, test } from '@jest/globals';
import { createS3Store, type S3Config } from '../../src/documents/s3-store.ts';

const usual: S3Config = {
  bucket: 'school',
  region: 'eu-central-1',
  endpoint: 'http://minio.internal:9000',
  publicEndpoint: undefined,
  forcePathStyle: true,
  checksumsAlways: false,
};

async function linkOf(config: Partial<S3Config>): Promise<URL> {
  using store = createS3Store({ ...usual, ...config }, { accessKey: 'key', secretKey: 'a secret key' });
  const options = { seconds: 3600, disposition: 'attachment; filename="certificate-1.pdf"' };
  return new URL((await store.linkTo?.('certificates/C1/STU 1/x.pdf', options)) ?? '');
}

test('they lead to where people reach the bucket, else to where we do, else to AWS', async () => {
  expect((await linkOf({ publicEndpoint: 'https://files.school.example' })).origin).toBe(
    'https://files.school.example',
  );
  expect((await linkOf({})).origin).toBe('http://minio.internal:9000');
  const ofAws = await linkOf({ endpoint: undefined, forcePathStyle: false });
  expect(ofAws.hostname).toBe('school.s3.eu-central-1.amazonaws.com');
});

test('they are signed for an hour and say as what the file is given out; the secret key is not in them', async () => {
  const { pathname, searchParams, href } = await linkOf({ publicEndpoint: 'https://files.school.example' });
  expect(pathname).toBe('/school/certificates/C1/STU%201/x.pdf');
  expect(searchParams.get('X-Amz-Expires')).toBe('3600');
  expect(searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
  expect(searchParams.get('response-content-disposition')).toBe('attachment; filename="certificate-1.pdf"');
  expect(searchParams.get('response-content-type')).toBe('application/pdf');
  expect(decodeURIComponent(href)).not.toContain('a secret key');
});
