// Documents in memory: they save the reading, and never hide what has happened to what is stored.

import { randomUUID } from 'node:crypto';
import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DocumentMemory } from '../../src/documents/memory.ts';
import type { Pages } from '../support/pages.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { teacherToken } from '../support/tokens.ts';

const frontend = steerPages();
const teacher = teacherToken('T1', 'C1');
const hit = 'platen; hit';

let pages: Pages;
beforeAll(async () => {
  pages = await frontend.start();
});
afterAll(async () => pages[Symbol.asyncDispose]());

const cacheStatusOf = (response: Response) => response.headers.get('cache-status');
const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
const saved = (service: TestService) => service.metric('platen_document_memory_total{result="hit"}');

describe('in front of a bucket that others write too', () => {
  let s3: ScriptedS3;
  let service: TestService;
  beforeAll(async () => {
    s3 = await startScriptedS3();
    service = await startTestService({ origin: pages.origin, env: s3.env });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await s3[Symbol.asyncDispose]();
  });
  afterEach(() => {
    s3.objects.clear();
    s3.read.length = 0;
  });

  /** Stores a document, and lets the service read it. */
  async function remembered(options = {}) {
    const id = `S${randomUUID()}`;
    const stored = makeStored(id, options);
    s3.objects.set(keyOf(id), stored);
    expect((await bodyOf(await service.get(pathOf(id), teacher))).equals(stored.body)).toBe(true);
    return { id, ...stored };
  }

  test('a document is read once and then given from memory, the store asked each time', async () => {
    const { id, body } = await remembered();
    const before = await saved(service);
    for (let time = 1; time <= 5; time++) {
      const response = await service.get(pathOf(id), teacher);
      expect(cacheStatusOf(response)).toBe(hit);
      expect((await bodyOf(response)).equals(body)).toBe(true);
    }
    expect(s3.read).toEqual([keyOf(id)]);
    expect(s3.requests.filter((each) => each === `GET ${keyOf(id)}`).length).toBe(6);
    expect(await saved(service)).toBe(before + 5);
  });

  test('one that another process replaces is seen at once, also by a second process', async () => {
    const { id } = await remembered();
    await using other = await startTestService({ origin: pages.origin, env: s3.env });
    for (let time = 1; time <= 5; time++) {
      const next = makeStored(id);
      s3.objects.set(keyOf(id), next);
      for (const each of [service, other, service])
        expect((await bodyOf(await each.get(pathOf(id), teacher))).equals(next.body)).toBe(true);
    }
    const trigger = { testId: '1', classId: 'C1', reportType: 'student', studentId: id };
    const { sha256 } = (await (await other.trigger(trigger)).json()) as { sha256: string };
    expect((await service.get(pathOf(id), teacher)).headers.get('etag')).toBe(`"${sha256}"`);
  });

  test('one that another process invalidates, or somebody takes away, is gone', async () => {
    const head = (id: string) =>
      fetch(service.url + pathOf(id), { method: 'HEAD', headers: { authorization: `Bearer ${teacher}` } });
    const [first, second] = [await remembered(), await remembered()];
    await using other = await startTestService({ origin: pages.origin, env: s3.env });
    s3.objects.delete(keyOf(first.id));
    expect([(await head(first.id)).status, (await head(second.id)).status]).toEqual([404, 200]);
    await other.internal('/internal/invalidate', { classId: 'C1' });
    expect((await head(second.id)).status).toBe(404);
  });

  test('a data version is compared with that of the document, and with the newest that is stored', async () => {
    const { id, body, metadata } = await remembered({ dataVersion: 'v1' });
    expect(cacheStatusOf(await service.get(`${pathOf(id)}&dataVersion=v1`, teacher))).toBe(hit);
    s3.objects.set(keyOf(id), { body, metadata: { ...metadata, 'data-version': 'v2' } });
    expect(cacheStatusOf(await service.get(`${pathOf(id)}&dataVersion=v2`, teacher))).toBe(hit);
    expect(cacheStatusOf(await service.get(`${pathOf(id)}&dataVersion=v3`, teacher))).not.toBe(hit);
  });

  test('a document of more than 1 MiB is read each time', async () => {
    const { id } = await remembered({ size: 1024 * 1024 });
    await (await service.get(pathOf(id), teacher)).arrayBuffer();
    expect(s3.read.length).toBe(2);
  });

  test('with DOCUMENT_CACHE_MB=0 every document is read each time', async () => {
    const { id } = await remembered();
    await using none = await startTestService({ origin: pages.origin, env: { ...s3.env, DOCUMENT_CACHE_MB: '0' } });
    for (let time = 1; time <= 3; time++) await (await none.get(pathOf(id), teacher)).arrayBuffer();
    expect(s3.read.length).toBe(4);
  });

  test('with DOCUMENT_CACHE_MB=1 the longest unused documents make room', async () => {
    await using small = await startTestService({ origin: pages.origin, env: { ...s3.env, DOCUMENT_CACHE_MB: '1' } });
    const ids = ['A', 'B', 'C', 'D'];
    for (const id of ids) s3.objects.set(keyOf(id), makeStored(id, { size: 300_000 }));
    const readAll = async () => {
      for (const id of ids) await (await small.get(pathOf(id), teacher)).arrayBuffer();
    };
    await readAll();
    s3.read.length = 0;
    for (const id of ['D', 'C', 'B', 'A']) await (await small.get(pathOf(id), teacher)).arrayBuffer();
    expect(s3.read).toEqual([keyOf('A')]);
  });
});

describe('in front of a folder', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ origin: pages.origin });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  let id = '';
  let file = '';
  /** Each test begins with a document that is in memory. */
  beforeEach(async () => {
    id = `S${randomUUID()}`;
    file = join(service.dataDir, 'documents', keyOf(id));
    await service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId: id });
    // Younger files are always read, since a change might not show in their times.
    await setTimeout(2100);
    const before = await saved(service);
    for (let time = 1; time <= 2; time++) await (await service.get(pathOf(id), teacher)).arrayBuffer();
    expect(await saved(service)).toBe(before + 1);
  });

  test('a file that is altered in one byte, with its size and times as they were, is a miss', async () => {
    const [bytes, { atime, mtime }] = [await readFile(file), await stat(file)];
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000);
    await writeFile(file, bytes);
    await utimes(file, atime, mtime);
    expect(cacheStatusOf(await service.get(pathOf(id), teacher))).toBe('platen; fwd=miss; stored');
  });

  test('a record that is altered is read anew', async () => {
    const record = await readFile(`${file}.json`, 'utf8');
    await writeFile(`${file}.json`, record.replace('"pages":"1"', '"pages":"2"'));
    const before = await saved(service);
    await service.get(pathOf(id), teacher);
    expect(await saved(service)).toBe(before);
  });

  test('what replaces it is given from the very moment on', async () => {
    const answer = await service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId: id });
    const { sha256 } = (await answer.json()) as { sha256: string };
    expect((await service.get(pathOf(id), teacher)).headers.get('etag')).toBe(`"${sha256}"`);
  });
});

test('memory holds no more bytes than it may, whatever is put into it', () => {
  const memory = new DocumentMemory(4 * 1024 * 1024);
  const { metadata } = makeStored('S1') as never as { metadata: never };
  for (let number = 0; number < 400; number++) {
    const content = Buffer.alloc((number * 7919) % 1_500_000);
    memory.set(`key ${number}`, { fingerprint: String(number), metadata, content });
    expect(memory.bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
  }
  expect(memory.bytes).toBeGreaterThan(2 * 1024 * 1024);
});
