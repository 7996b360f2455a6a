// The main job on a real S3 server (S3_ENDPOINT and its keys), under either set of names for the settings.

import {
  CreateBucketCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { issueCertificate } from './support/certificates.ts';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { pdfOf } from './support/pdf.ts';
import { readinessOf } from './support/readiness.ts';
import { s3FromEnvironment } from './support/s3.ts';
import { startTestService, type TestService } from './support/service.ts';
import { studentToken, teacherToken } from './support/tokens.ts';

const server = s3FromEnvironment();
const describeS3 = server === undefined ? describe.skip : describe;
const { config, keys } = server ?? { config: undefined, keys: undefined };

const names = {
  'AWS_…': {
    AWS_REGION: config?.region,
    AWS_S3_ENDPOINT: config?.endpoint,
    AWS_S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: keys?.accessKey,
    AWS_SECRET_ACCESS_KEY: keys?.secretKey,
  },
  'MINIO_…': {
    MINIO_REGION: config?.region,
    MINIO_ENDPOINT_URL: config?.endpoint,
    MINIO_ACCESS_KEY: keys?.accessKey,
    MINIO_SECRET_KEY: keys?.secretKey,
  },
};

describeS3.each(Object.entries(names))('on S3 by %s', (_name, env) => {
  const bucket = `platen-job-${Date.now()}-${env === names['AWS_…'] ? 'a' : 'm'}`;
  let client: S3Client;
  let pages: Pages;
  let service: TestService;
  beforeAll(async () => {
    client = new S3Client({
      endpoint: config?.endpoint ?? '',
      region: config?.region ?? '',
      forcePathStyle: true,
      credentials: { accessKeyId: keys?.accessKey ?? '', secretAccessKey: keys?.secretKey ?? '' },
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    pages = await startPages({
      '/report': readyPage('<h1>Educator</h1>'),
      '/student-report': readyPage('<h1>Student</h1>'),
    });
    service = await startTestService({ origin: pages.origin, env: { ...env, AWS_STORAGE_BUCKET_NAME: bucket } });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await pages[Symbol.asyncDispose]();
    client.destroy();
  });

  const key = 'reports/C1/Test_1/students/S1.pdf';
  const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1', dataVersion: 'v1' };

  test('the document of a certificate says which it is, by metadata and tags', async () => {
    const { id } = (await issueCertificate(service, { courseId: 'C1' })).certificate;
    const target = { Bucket: bucket, Key: `certificates/C1/STU_1/${id}.pdf` };
    const head = await client.send(new HeadObjectCommand(target));
    expect(head.Metadata).toMatchObject({ type: 'certificate', class: 'C1', test: id, subject: 'STU_1' });
    const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(target));
    expect(Object.fromEntries(TagSet.map(({ Key, Value }) => [Key, Value]))).toEqual({
      kind: 'certificate',
      'certificate-id': id,
    });
  });

  test('its download is an address of the bucket, which opens the PDF for an hour and no other', async () => {
    const { id, number } = (await issueCertificate(service, { courseId: 'C1' })).certificate;
    const answer = await service.get(`/certificates/${id}/download`, studentToken('STU_1'));
    const { download_url } = (await answer.json()) as { download_url: string };
    const url = new URL(download_url);
    expect(url.origin).toBe(config?.endpoint);
    expect(url.searchParams.get('X-Amz-Expires')).toBe('3600');
    const opened = await fetch(url);
    expect(opened.headers.get('content-type')).toBe('application/pdf');
    expect(opened.headers.get('content-disposition')).toContain(`certificate-${number}.pdf`);
    expect((await pdfOf(opened)).text).toContain('Anjali Kumar');
    url.searchParams.set('X-Amz-Expires', '7200');
    expect((await fetch(url)).status).toBe(403);
  });

  test('the trigger stores the PDF with its metadata, and DATA_DIR stays empty', async () => {
    expect((await service.trigger(body)).status).toBe(202);
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    expect(head.ContentType).toBe('application/pdf');
    expect(head.Metadata).toEqual({
      class: 'C1',
      test: 'Test_1',
      type: 'student',
      subject: 'S1',
      view: 'canonical',
      'generated-at': expect.any(String),
      'data-version': 'v1',
      revision: expect.stringMatching(/^\d+$/),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      pages: '1',
    });
    expect(await service.storedKeys()).toEqual([]);
  });

  test('a student downloads what is stored; what is missing is rendered and kept', async () => {
    const hit = await service.get('/generate-student-pdf?testId=1', studentToken('S1', 'C1'));
    expect(hit.headers.get('cache-status')).toBe('platen; hit');
    expect((await pdfOf(hit)).text).toContain('Educator');
    const miss = await service.get('/generate-student-pdf?testId=1', studentToken('S2', 'C1'));
    expect(miss.headers.get('cache-status')).toBe('platen; fwd=miss; stored');
    const again = await service.get('/generate-student-pdf?testId=1', studentToken('S2', 'C1'));
    expect(again.headers.get('cache-status')).toBe('platen; hit');
    expect(again.headers.get('etag')).toBe(miss.headers.get('etag'));
  });

  test('an object that somebody altered, or that is not ours, is rendered anew and replaced', async () => {
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    for (const Metadata of [head.Metadata, {}]) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'not what it was', Metadata }));
      const response = await service.get('/generate-pdf?studentId=S1&testId=1', teacherToken('T1', 'C1'));
      expect([response.status, response.headers.get('cache-status')]).toEqual([200, 'platen; fwd=miss; stored']);
    }
    const response = await service.get('/generate-pdf?studentId=S1&testId=1', teacherToken('T1', 'C1'));
    expect(response.headers.get('cache-status')).toBe('platen; hit');
  });

  test('invalidation removes what is stored', async () => {
    expect(await (await service.internal('/internal/invalidate', { classId: 'C1', testId: '1' })).json()).toEqual({
      removed: 2,
    });
    expect(await (await service.internal('/internal/invalidate', { classId: 'C1' })).json()).toEqual({ removed: 0 });
  });
});

describe('an S3 server that is away', () => {
  test('fails the trigger with 503 storage_unavailable, but a student still gets the PDF', async () => {
    await using pages = await startPages({
      '/report': readyPage('<h1>R</h1>'),
      '/student-report': readyPage('<h1>R</h1>'),
    });
    await using service = await startTestService({
      origin: pages.origin,
      env: {
        AWS_STORAGE_BUCKET_NAME: 'nowhere',
        AWS_S3_ENDPOINT: 'http://127.0.0.1:1',
        AWS_ACCESS_KEY_ID: 'key',
        AWS_SECRET_ACCESS_KEY: 'secret-of-s3',
      },
    });
    const trigger = await service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' });
    expect([trigger.status, await trigger.json()]).toMatchObject([503, { code: 'storage_unavailable' }]);
    expect(Number(trigger.headers.get('retry-after'))).toBeGreaterThan(0);
    const response = await service.get('/generate-student-pdf?testId=1', studentToken('S1', 'C1'));
    expect([response.status, response.headers.get('cache-status')]).toEqual([200, 'platen; fwd=miss']);
    const ready = { code: 200, body: { status: 'degraded', storage: { state: 'down' } } };
    expect(await readinessOf(service.url)).toMatchObject(ready);
  });
});
