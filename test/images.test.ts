// Pictures of an institution through the front door: put, shown on certificates and previews, and kept for those that show them.

import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { sql } from 'kysely';
import { drawFirstPage } from '../scripts/picture.ts';
import { openDatabase } from '../src/database/database.ts';
import { openFolderStore } from '../src/documents/folder-store.ts';
import type { ObjectStore } from '../src/documents/object-store.ts';
import { createS3Store } from '../src/documents/s3-store.ts';
import { createImages } from '../src/images/images.ts';
import { askedCertificate, issueCertificate } from './support/certificates.ts';
import { readPdf } from './support/pdf.ts';
import { pipelineOf } from './support/pipeline.ts';
import { s3FromEnvironment } from './support/s3.ts';
import { startTestService, type TestService } from './support/service.ts';
import { adminToken, serviceToken, signUserToken, teacherToken } from './support/tokens.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ origin: 'http://127.0.0.1:1' });
});
afterAll(() => service[Symbol.asyncDispose]());

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const asFile = { 'content-type': 'application/octet-stream' };
const put = (path: string, body: Buffer | string, headers: Record<string, string> = asService) =>
  fetch(`${service.url}/internal/images/${path}`, {
    method: 'PUT',
    headers: { ...asFile, ...headers },
    body: body as BodyInit,
  });
const get = (path: string, headers: Record<string, string> = asService) => fetch(service.url + path, { headers });

/** A logo of one colour. */
const logo = (colour: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 20"><rect width="60" height="20" fill="${colour}"/></svg>`;

/** Whether a sheet shows a colour that no template has. */
async function shows(pdf: Buffer, [red, green, blue]: [number, number, number]): Promise<boolean> {
  const image = await loadImage((await drawFirstPage(pdf)) as Buffer);
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) return true;
  return false;
}

const magenta: [number, number, number] = [255, 0, 255];
const lime: [number, number, number] = [0, 255, 0];
const documentOf = async (id: string, userId: string) =>
  readFile(join(service.dataDir, 'documents/certificates/ALG1', userId, `${id}.pdf`));

describe('a picture that is put', () => {
  test('is shown by what is made from then on, and by nothing that was made before', async () => {
    const before = await issueCertificate(service, { userId: 'S0', courseId: 'ALG1' });
    const answer = await put('logo.svg', logo('#ff00ff'));
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        path: 'logo.svg',
        type: 'image/svg+xml',
        bytes: expect.any(Number),
        width: 60,
        height: 20,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        leftOut: [],
      },
    ]);
    const one = await issueCertificate(service, { userId: 'S1', courseId: 'ALG1' });
    await put('logo.svg', logo('#00ff00'));
    const other = await issueCertificate(service, { userId: 'S2', courseId: 'ALG1', templateId: 'plain-certificate' });
    const first = await documentOf(before.certificate.id, 'S0');
    const second = await documentOf(one.certificate.id, 'S1');
    expect([await shows(first, magenta), await shows(first, lime)]).toEqual([false, false]);
    expect([await shows(second, magenta), await shows(second, lime)]).toEqual([true, false]);
    expect(await shows(await documentOf(other.certificate.id, 'S2'), lime)).toBe(true);
    // Whoever asks again gets what was made, as it was made.
    await issueCertificate(service, { userId: 'S1', courseId: 'ALG1' });
    expect((await documentOf(one.certificate.id, 'S1')).equals(second)).toBe(true);
    // What is reissued is another certificate.
    const reissued = await service.internal(`/certificates/${one.certificate.id}/reissue`, {
      reason: 'x',
      firstName: 'Ann',
    });
    const { data } = (await reissued.json()) as { data: { certificate: { id: string } } };
    expect(await shows(await documentOf(data.certificate.id, 'S1'), lime)).toBe(true);
  });

  test('for the background of a template is shown by certificates of runs too', async () => {
    await put('backgrounds/modern-certificate.svg', logo('#ff00ff'));
    const pipeline = pipelineOf(service);
    await pipeline.putList('passed', 'studentId,firstName\nS9,Ninth\n');
    const options = { asset: 'passed', templateId: 'modern-certificate' };
    const type = { name: 'passed', retriever: 'list', generator: 'template', options };
    const id = await pipeline.configure({ type, context: { id: 'ALG1' } });
    const { items } = await pipeline.ended(await pipeline.begin(id, 'run'));
    expect(await shows(await documentOf(items[0]?.certificateId ?? '', 'S9'), magenta)).toBe(true);
  });

  test('stays what it was for a certificate that is made again, or is missed by name', async () => {
    await using parts = new AsyncDisposableStack();
    const dataDir = await mkdtemp(join(tmpdir(), 'platen-again-'));
    parts.defer(() => rm(dataDir, { recursive: true, force: true }));
    const start = () => startTestService({ origin: 'http://127.0.0.1:1', env: { DATA_DIR: dataDir } });
    const putTo = (url: string, colour: string) =>
      fetch(`${url}/internal/images/logo.svg`, {
        method: 'PUT',
        headers: { ...asService, ...asFile },
        body: logo(colour),
      });
    const asUnmade = async () => {
      await using database = openDatabase({ url: undefined, dataDir });
      await sql`UPDATE platen.certificates SET status = 'error', last_error = 'storage_unavailable'`.execute(
        database.queries,
      );
    };
    const asked = { ...askedCertificate, courseId: 'ALG1' };
    let id = '';
    {
      await using first = await start();
      await putTo(first.url, '#ff00ff');
      id = (await issueCertificate(first, { courseId: 'ALG1' })).certificate.id;
      await putTo(first.url, '#00ff00');
    }
    const pdf = join(dataDir, 'documents/certificates/ALG1/STU_1', `${id}.pdf`);
    const before = await readFile(pdf);
    await rm(pdf);
    await asUnmade();
    {
      await using second = await start();
      await issueCertificate(second, { courseId: 'ALG1' });
      expect((await readFile(pdf)).equals(before)).toBe(true);
    }
    await asUnmade();
    await rm(join(dataDir, 'documents/images/kept'), { recursive: true });
    await using third = await start();
    const refused = await third.internal('/certificate/issue', asked);
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([500, 'image_missing']);
  });

  test('is judged before anything is kept', async () => {
    const refusal = async (path: string, body: Buffer | string) => {
      const response = await put(path, body);
      return `${response.status} ${((await response.json()) as { code: string }).code}`;
    };
    expect(await refusal('signature.png', 'GIF89a')).toBe('422 image_invalid');
    expect(await refusal('signature.png', '')).toBe('400 malformed_request');
    expect(await refusal('signature.gif', 'GIF89a')).toBe('422 invalid_request');
    expect(await refusal('..%2flogo.svg', logo('red'))).toBe('422 invalid_request');
    expect(await refusal('backgrounds/..%2f..%2fx.svg', logo('red'))).toBe('422 invalid_request');
    expect(await refusal('backgrounds/%2e%2e/%2e%2e/logo.svg', logo('red'))).toMatch(/^4\d\d/);
    expect(await refusal('logo.png', Buffer.alloc(10 * 1024 * 1024 + 1))).toBe('413 body_too_large');
    const { items } = (await (await get('/internal/templates')).json()) as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toContain('plain-certificate');
    const preview = Buffer.from(await (await get('/internal/templates/plain-certificate/preview')).arrayBuffer());
    expect(await shows(preview, lime)).toBe(true);
  });

  test('and all about templates is for the backend and administrators', async () => {
    const statuses = async (headers: Record<string, string>) => [
      (await put('signature.svg', logo('#112233'), headers)).status,
      (await get('/internal/templates', headers)).status,
      (await get('/internal/templates/modern-certificate/preview', headers)).status,
    ];
    expect(await statuses({})).toEqual([401, 401, 401]);
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    expect(await statuses(bearer(teacherToken('TCH1', 'C1')))).toEqual([403, 403, 403]);
    expect(await statuses(bearer(signUserToken({ role: 'student', student_id: 'S1' })))).toEqual([403, 403, 403]);
    expect(await statuses(bearer(adminToken()))).toEqual([200, 200, 200]);
  });
});

describe('templates', () => {
  test('are listed with what a designer needs, a part at a time', async () => {
    const all = (await (await get('/internal/templates')).json()) as { items: object[]; next: string | null };
    expect(all.next).toBeNull();
    expect(all.items).toHaveLength(3);
    expect(all.items[0]).toEqual({
      id: 'course-completion',
      languages: ['ar', 'en', 'hi', 'ta'],
      schema: expect.objectContaining({ type: 'object' }),
      sample: expect.objectContaining({ name: 'Ada Lovelace' }),
      colours: expect.objectContaining({ ink: '#1d2f4f' }),
      texts: expect.objectContaining({ title: 'Certificate of Completion' }),
    });
    const part = (await (await get('/internal/templates?limit=2')).json()) as { next: string };
    expect(part.next).toBe('modern-certificate');
    const rest = await (await get(`/internal/templates?limit=2&cursor=${part.next}`)).json();
    expect(rest).toMatchObject({ items: [{ id: 'plain-certificate' }], next: null });
    expect((await get('/internal/templates?limit=0')).status).toBe(422);
  });

  test('are previewed in their languages, with any name', async () => {
    const preview = (path: string) => get(`/internal/templates/${path}`);
    const response = await preview(`modern-certificate/preview?language=ta&name=${encodeURIComponent('<b>கவி</b>')}`);
    expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
      200,
      'application/pdf',
      'no-store',
    ]);
    const pdf = await readPdf(Buffer.from(await response.arrayBuffer()));
    expect(pdf).toMatchObject({ pages: 1, language: 'ta', title: 'பாடநெறிச் சான்றிதழ் · <b>கவி</b>' });
    const unnamed = await preview('plain-certificate/preview');
    expect(await readPdf(Buffer.from(await unnamed.arrayBuffer()))).toMatchObject({ language: 'en' });
    const refusal = async (path: string) => {
      const answer = await preview(path);
      return `${answer.status} ${((await answer.json()) as { code: string }).code}`;
    };
    expect(await refusal('nothing/preview')).toBe('404 not_found');
    expect(await refusal('modern-certificate/preview?language=xx')).toBe('422 unknown_language');
    expect(await refusal('modern-certificate/preview?name=%20')).toBe('422 name_required');
    expect(await refusal(`modern-certificate/preview?name=${'x'.repeat(2001)}`)).toBe('422 invalid_request');
    expect(await refusal(`modern-certificate/preview?name=${encodeURIComponent('ሰላም')}`)).toBe('422 glyph_missing');
  });
});

function storesPictures(open: () => Promise<{ store: ObjectStore; close(): Promise<void> }>): void {
  let opened: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  test('gives back what was put, of each tenant and template its own, and what was kept', async () => {
    const { store } = opened;
    const images = createImages({ store, prefix: 'images/' });
    expect(await images.find('', 'plain')).toEqual({});
    await images.put('', 'logo.svg', Buffer.from(logo('red')));
    await images.put('', 'backgrounds/plain.svg', Buffer.from(logo('blue')));
    const found = await images.find('', 'plain');
    expect(Object.keys(found)).toEqual(['logo', 'background']);
    expect(Object.keys(await images.find('', 'other'))).toEqual(['logo']);
    expect(await images.find('school', 'plain')).toEqual({});
    const digests = await images.keep('', found);
    const canvas = createCanvas(4, 4);
    await images.put('', 'logo.png', canvas.toBuffer('image/png'));
    expect((await images.find('', 'plain')).logo).toMatchObject({ type: 'image/png' });
    expect(await images.findKept('', digests)).toEqual(found);
    const elsewhere = createImages({ store, prefix: 'images/' });
    expect(await elsewhere.findKept('', digests)).toEqual(found);
    expect((await elsewhere.find('', 'plain')).logo).toMatchObject({ type: 'image/png' });
  });

  test('tells clearly of one that is gone, or that is another than it was', async () => {
    const { store } = opened;
    const images = () => createImages({ store, prefix: 'images/' });
    await images().put('', 'signature.svg', Buffer.from(logo('green')));
    const digests = await images().keep('', await images().find('', 'x'));
    const key = `images/kept/${digests.signature}`;
    const bytes = Buffer.from(logo('black'));
    await store.put(key, bytes, { metadata: {}, replaces: (await store.head(key))?.version });
    const refused = { code: 'image_missing', details: { detail: expect.stringContaining(`${digests.signature}`) } };
    await expect(images().findKept('', digests)).rejects.toMatchObject(refused);
    await store.remove(key);
    await expect(images().findKept('', digests)).rejects.toMatchObject(refused);
  });

  test('judges what others have put there', async () => {
    const { store } = opened;
    await store.put('images/python/logo.png', Buffer.from('GIF89a'), { metadata: {}, replaces: undefined });
    const images = createImages({ store, prefix: 'images/python/' });
    await expect(images.find('', 'x')).rejects.toMatchObject({ code: 'image_invalid' });
  });
}

describe('in a folder', () => {
  storesPictures(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'platen-images-'));
    return { store: await openFolderStore(folder), close: () => rm(folder, { recursive: true }) };
  });
});

const s3 = s3FromEnvironment();
(s3 === undefined ? describe.skip : describe)('in a bucket', () => {
  storesPictures(async () => {
    if (s3 === undefined) throw new Error('no S3 server');
    const config = { ...s3.config, bucket: `platen-test-${randomUUID()}` };
    const credentials = { accessKeyId: s3.keys.accessKey, secretAccessKey: s3.keys.secretKey };
    const admin = new S3Client({ ...config, endpoint: config.endpoint as string, credentials });
    await admin.send(new CreateBucketCommand({ Bucket: config.bucket }));
    admin.destroy();
    const store = createS3Store(config, s3.keys);
    return { store, close: async () => store[Symbol.dispose]() };
  });
});
