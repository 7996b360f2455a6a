// One contract, every store: folder always, S3 where a server is there (S3_ENDPOINT and its keys).

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openFolderStore } from '../src/documents/folder-store.ts';
import type { ObjectStore } from '../src/documents/object-store.ts';
import { createS3Store } from '../src/documents/s3-store.ts';
import { s3FromEnvironment } from './support/s3.ts';

type Opened = { store: ObjectStore; close(): Promise<void> };

async function openFolder(): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 'platen-store-'));
  const store = await openFolderStore(folder);
  return { store, close: () => rm(folder, { recursive: true }) };
}

async function openS3(): Promise<Opened> {
  const { config, keys } = s3FromEnvironment() ?? { config: undefined, keys: undefined };
  if (config === undefined || keys === undefined) throw new Error('no S3 server');
  const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey };
  const admin = new S3Client({ ...config, endpoint: config.endpoint as string, credentials });
  await admin.send(new CreateBucketCommand({ Bucket: config.bucket }));
  admin.destroy();
  const store = createS3Store(config, keys);
  return { store, close: async () => store[Symbol.dispose]() };
}

function storeContract(open: () => Promise<Opened>): void {
  let opened: Opened;
  let store: ObjectStore;
  beforeAll(async () => {
    opened = await open();
    store = opened.store;
  });
  afterAll(() => opened.close());

  const bytes = Buffer.from('%PDF-1.4 content');
  const freshKey = () => `reports/${randomUUID()}/Test_1/overall.pdf`;
  const read = async (key: string) => {
    const object = await store.open(key);
    if (object === undefined || object === 'unchanged') return undefined;
    const { body, ...rest } = object;
    return { ...rest, content: await buffer(body) };
  };
  const create = (key: string, content = bytes, metadata = {}) =>
    store.put(key, content, { metadata, replaces: undefined });

  test('gives back what was put, with its metadata in any script', async () => {
    const key = freshKey();
    const metadata = { class: 'CLASS_1', subject: 'கவிதா 王伟 مريم', sha256: 'a'.repeat(64) };
    expect(await create(key, bytes, metadata)).toBe(true);
    expect(await read(key)).toMatchObject({ content: bytes, bytes: bytes.length, metadata });
  });

  test('has nothing where nothing was put', async () => {
    expect(await store.open(freshKey())).toBeUndefined();
    expect(await store.head(freshKey())).toBeUndefined();
  });

  test('gives the head without the body', async () => {
    const key = freshKey();
    await create(key, bytes, { pages: '3' });
    const head = await store.head(key);
    expect(head).toMatchObject({ bytes: bytes.length, metadata: { pages: '3' } });
    expect(head).not.toHaveProperty('body');
  });

  test.each([
    ['the first', 0, 0],
    ['some', 5, 9],
    ['the last', 15, 15],
    ['all', 0, 15],
  ])('gives %s of its bytes alone, and says how many it has', async (_which, start, end) => {
    const key = freshKey();
    await create(key, bytes, { pages: '3' });
    const object = await store.open(key, { range: { start, end } });
    if (object === undefined || object === 'unchanged') throw new Error('it is there');
    const { body, ...rest } = object;
    expect(await buffer(body)).toEqual(bytes.subarray(start, end + 1));
    expect(rest).toMatchObject({ bytes: bytes.length, metadata: { pages: '3' } });
    expect(rest.version).toBe((await store.head(key))?.version);
  });

  describe('asked for what its caller has in memory', () => {
    /** Opened once the store can tell any change: the folder waits until the files are 2 s old. */
    async function createKnown(content = bytes) {
      const key = freshKey();
      await create(key, content);
      await setTimeout(2100);
      const known = (await read(key))?.fingerprint;
      expect(known).toEqual(expect.any(String));
      return { key, known };
    }
    const change = async (key: string, content: Buffer) => {
      const replaces = (await store.head(key))?.version;
      expect(await store.put(key, content, { metadata: { number: '2' }, replaces })).toBe(true);
    };

    test('says that it is unchanged, again and again', async () => {
      const { key, known } = await createKnown();
      expect(await store.open(key, { known })).toBe('unchanged');
      expect(await store.open(key, { known })).toBe('unchanged');
    });

    test('gives what has replaced it, however alike', async () => {
      const { key, known } = await createKnown();
      const other = Buffer.from(bytes).fill('x', 10);
      await change(key, other);
      const object = await store.open(key, { known });
      if (object === undefined || object === 'unchanged') throw new Error('it was replaced');
      expect(await buffer(object.body)).toEqual(other);
      expect(object.metadata).toEqual({ number: '2' });
      expect(object.fingerprint).not.toBe(known);
    });

    test('has nothing when it was removed', async () => {
      const { key, known } = await createKnown();
      await store.remove(key);
      expect(await store.open(key, { known })).toBeUndefined();
    });

    test('gives the object to whom knows another one', async () => {
      const { key } = await createKnown();
      const { known } = await createKnown(Buffer.from('another'));
      const object = await store.open(key, { known });
      if (object === undefined || object === 'unchanged') throw new Error('it is another one');
      expect(await buffer(object.body)).toEqual(bytes);
      expect(await store.open(freshKey(), { known })).toBeUndefined();
    });
  });

  test('refuses to create what is there, and leaves it as it was', async () => {
    const key = freshKey();
    await create(key);
    expect(await create(key, Buffer.from('other'))).toBe(false);
    expect((await read(key))?.content).toEqual(bytes);
  });

  test('replaces exactly the version that it is told to replace', async () => {
    const key = freshKey();
    await create(key);
    const first = await read(key);
    expect(await store.put(key, Buffer.from('second'), { metadata: {}, replaces: first?.version })).toBe(true);
    expect(await store.put(key, Buffer.from('third'), { metadata: {}, replaces: first?.version })).toBe(false);
    expect((await read(key))?.content.toString()).toBe('second');
  });

  test('refuses to replace what is gone', async () => {
    const key = freshKey();
    await create(key);
    const version = (await read(key))?.version;
    await store.remove(key);
    expect(await store.put(key, bytes, { metadata: {}, replaces: version })).toBe(false);
    expect(await store.open(key)).toBeUndefined();
  });

  test('lets exactly one of 20 writers at once create an object', async () => {
    const key = freshKey();
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => create(key, Buffer.from(`writer ${n}`))));
    expect(results.filter(Boolean)).toHaveLength(1);
    expect((await read(key))?.content.toString()).toBe(`writer ${results.indexOf(true)}`);
  });

  test('never shows bytes beside the metadata of another version', async () => {
    const key = freshKey();
    await create(key, Buffer.from('0'.repeat(1000)), { number: '0' });
    const write = async () => {
      for (let number = 1; number < 10; number++) {
        const version = (await store.head(key))?.version;
        await store.put(key, Buffer.from(String(number).repeat(1000)), {
          metadata: { number: String(number) },
          replaces: version,
        });
      }
    };
    const look = async () => {
      for (let count = 0; count < 30; count++) {
        const seen = await read(key);
        expect(seen?.content.toString()).toBe(String(seen?.metadata.number).repeat(1000));
      }
    };
    await Promise.all([write(), look(), look()]);
  });

  test('lists the keys below a prefix, and no others', async () => {
    const folder = `reports/${randomUUID()}/`;
    const keys = ['Test_1/overall.pdf', 'Test_1/students/S1.pdf', 'overall/teacher_T1.pdf'].map(
      (name) => folder + name,
    );
    for (const key of [...keys, freshKey()]) await create(key);
    expect((await Array.fromAsync(store.list(folder))).sort()).toEqual(keys.sort());
    expect(await Array.fromAsync(store.list(`reports/${randomUUID()}/`))).toEqual([]);
  });

  test('removes an object, and does not mind removing it twice', async () => {
    const key = freshKey();
    await create(key);
    await store.remove(key);
    await store.remove(key);
    expect(await store.open(key)).toBeUndefined();
    expect(await create(key)).toBe(true);
  });

  test('keeps a document of 6 MB whole', async () => {
    const key = freshKey();
    const large = Buffer.alloc(6 * 1024 * 1024, 'pdf');
    await create(key, large);
    expect((await read(key))?.content.equals(large)).toBe(true);
  });
}

describe('a folder as a store', () => storeContract(openFolder));

const describeS3 = s3FromEnvironment() === undefined ? describe.skip : describe;
describeS3('an S3 server as a store', () => storeContract(openS3));
