// Parts of a large stored document: once it was read whole and found unaltered, a part costs the reading of that part.

import { randomUUID } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Pages, startPages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { keyOf, makeStored, pathOf } from './support/stored-reports.ts';
import { teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const teacher = teacherToken('T1', 'C1');
const size = 20_000_000;
const partBytes = 65_536;
let pages: Pages;
let service: TestService;
beforeAll(async () => {
  pages = await startPages({});
  service = await startTestService({ origin: pages.origin });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

/** Bytes that this process has read so far, from files and sockets. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

async function put(id: string) {
  const { body, metadata } = makeStored(id, { size });
  const file = join(service.dataDir, 'documents', keyOf(id));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, body);
  await writeFile(`${file}.json`, JSON.stringify({ version: randomUUID(), bytes: body.length, metadata }));
  return { body, file, path: pathOf(id) };
}

/** A part of the document, and what was read for it. */
async function getPart(path: string, start: number) {
  const before = await bytesRead();
  const response = await service.get(path, teacher, { range: `bytes=${start}-${start + partBytes - 1}` });
  const part = Buffer.from(await response.arrayBuffer());
  return { status: response.status, part, read: (await bytesRead()) - before };
}

/** Its last bytes: whoever reads the whole document has done so when they come. */
const lastPart = ({ path, body }: { path: string; body: Buffer }) => getPart(path, body.length - partBytes);
/** The folder tells a change two seconds after the last one only; until then nothing is known of it. */
const becomesKnown = (document: { path: string; body: Buffer }) =>
  until(async () => (await lastPart(document)).read < size / 10);

test('the first part costs the whole, the next ones themselves', async () => {
  const document = await put('S1');
  const { body, path } = document;
  expect((await lastPart(document)).read).toBeGreaterThan(size);
  await becomesKnown(document);
  for (const start of [0, 1, 9_999_999, body.length - partBytes]) {
    const { status, part, read } = await getPart(path, start);
    expect([status, part.equals(body.subarray(start, start + partBytes)), read < size / 10]).toEqual([206, true, true]);
  }
});

test('a part whose reader goes away in the middle leaves no file open', async () => {
  const document = await put('S3');
  await becomesKnown(document);
  const reader = new AbortController();
  const response = await fetch(service.url + document.path, {
    headers: { authorization: `Bearer ${teacher}`, range: `bytes=0-${size - 1}` },
    signal: reader.signal,
  });
  expect(response.status).toBe(206);
  const isOpen = () =>
    readdirSync('/proc/self/fd').some((number) => {
      try {
        return readlinkSync(`/proc/self/fd/${number}`) === document.file;
      } catch {
        return false;
      }
    });
  await until(isOpen);
  reader.abort();
  await until(() => !isOpen());
});

test('one that is altered afterwards is read whole again, and never given whole', async () => {
  const document = await put('S2');
  await becomesKnown(document);
  await writeFile(document.file, Buffer.from(document.body).fill('?', 10_000_000, 10_000_001));
  await expect(lastPart(document)).rejects.toThrow();
  expect(await service.storedKeys()).not.toContain(keyOf('S2'));
});
