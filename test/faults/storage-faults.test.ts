// A storage that stops, tears its answers, is slow, or gives something else than was stored.

import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { fromBufferPromise } from 'yauzl';
import { shortTimeoutMs } from '../support/pace.ts';
import type { Pages } from '../support/pages.ts';
import { pdfOf, readPdf } from '../support/pdf.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
const teacher = teacherToken('T1', 'C1');

let s3: ScriptedS3;
let pages: Pages;
let service: TestService;
/** For what has been given up after 3 s and printed anew. */
let mostMs: number;
beforeAll(async () => {
  mostMs = 3000 + Math.max(5000, await shortTimeoutMs());
  s3 = await startScriptedS3();
  pages = await frontend.start();
  service = await startTestService({ origin: pages.origin, env: { RENDER_CONCURRENCY: '2', ...s3.env } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
});
afterEach(async () => {
  s3.faultFor = () => undefined;
  s3.objects.clear();
  s3.read.length = 0;
  s3.beforePut = () => undefined;
  // A look-up that succeeds: the failures of one test do not add up with those of the next.
  await fetch(service.url + pathOf('NOBODY'), {
    method: 'HEAD',
    headers: { authorization: `Bearer ${teacher}` },
  });
});

const large = 6_000_000;

/** Puts a document into the storage as if it had been stored long ago; gives its bytes. */
function store(studentId: string, size = 100_000): Buffer {
  const stored = makeStored(studentId, { size });
  s3.objects.set(keyOf(studentId), stored);
  return stored.body;
}

/** Changes a stored document behind the service's back: one byte in its middle, the size stays. */
function alter(studentId: string): void {
  const { body, metadata } = s3.objects.get(keyOf(studentId)) ?? { body: Buffer.alloc(0), metadata: {} };
  const altered = Buffer.from(body);
  const middle = altered.length >> 1;
  altered.writeUInt8(altered.readUInt8(middle) ^ 1, middle);
  s3.objects.set(keyOf(studentId), { body: altered, metadata });
}

const getReport = (studentId: string) => service.get(pathOf(studentId), teacher);
const cacheStatusOf = (response: Response) => response.headers.get('cache-status');
const allClosed = () => until(() => s3.openConnections() === 0);

describe('a stored document whose answer', () => {
  test('stops in the middle is given up after 3 s: whoever asked gets a fresh PDF, and nothing stays open', async () => {
    const startedAt = performance.now();
    const students = ['STOPS1', 'STOPS2'];
    for (const id of students) store(id);
    s3.faultFor = () => 'stop';
    const answers = students.map(getReport);
    await until(() => s3.read.length === 2);
    expect(s3.openConnections()).toBe(2);
    for (const response of await Promise.all(answers)) {
      expect(performance.now() - startedAt).toBeLessThan(mostMs);
      expect(cacheStatusOf(response)).toBe('platen; fwd=miss; stored');
      expect((await pdfOf(response)).text).toContain('Figures');
    }
    await allClosed();
  });

  test('is reset in the middle is rendered anew at once, and replaced', async () => {
    store('TORN');
    s3.faultFor = () => 'reset';
    const startedAt = performance.now();
    const response = await getReport('TORN');
    expect(performance.now() - startedAt).toBeLessThan(mostMs);
    expect(cacheStatusOf(response)).toBe('platen; fwd=miss; stored');
    expect((await pdfOf(response)).text).toContain('Figures');
    expect(s3.read).toEqual([keyOf('TORN')]);
    await allClosed();
    s3.faultFor = () => undefined;
    expect(cacheStatusOf(await getReport('TORN'))).toBe('platen; hit');
  });
});

describe('the download of a stored document of more than 4 MiB', () => {
  test('ends unfinished when the storage resets it in the middle, and the service goes on', async () => {
    const body = store('L1', large);
    s3.faultFor = () => 'reset';
    // The connection breaks; whether that overtakes the headers is chance.
    const response = await getReport('L1').catch(() => undefined);
    if (response !== undefined) {
      expect([response.status, Number(response.headers.get('content-length'))]).toEqual([200, body.length]);
      await expect(response.arrayBuffer()).rejects.toThrow();
    }
    await allClosed();
    s3.faultFor = () => undefined;
    const again = await getReport('L1');
    expect(body.equals(Buffer.from(await again.arrayBuffer()))).toBe(true);
  });

  test('leaves no connection to the storage open when its body is not wanted, or its reader leaves', async () => {
    store('L1', large);
    s3.faultFor = () => 'stop';
    const path = `${service.url}/generate-pdf?studentId=L1&testId=1&classId=C1`;
    const headers = { authorization: `Bearer ${teacher}` };
    const head = await fetch(path, { method: 'HEAD', headers });
    const known = await fetch(path, { headers: { ...headers, 'if-none-match': head.headers.get('etag') ?? '' } });
    expect([head.status, known.status]).toEqual([200, 304]);
    await allClosed();
    const client = new AbortController();
    const response = await fetch(path, { headers, signal: client.signal });
    await response.body?.getReader().read();
    expect(s3.openConnections()).toBe(1);
    client.abort();
    await allClosed();
    expect(s3.read.length).toBe(3);
  });
});

describe('an invalidation while a PUT is under way', () => {
  /** Holds back the first PUT; the next ones go through. */
  function holdFirstPut() {
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    let puts = 0;
    s3.beforePut = () => {
      if (++puts > 1) return;
      begun.resolve();
      return gate.promise;
    };
    return { begun: begun.promise, release: gate.resolve };
  }
  const invalidate = async () => {
    const response = await service.internal('/internal/invalidate', { classId: 'C1' });
    return [response.status, await response.json()];
  };

  test('of a person: the document is not there afterwards, and the next request is a miss', async () => {
    store('OTHER');
    const put = holdFirstPut();
    const first = getReport('SLOW');
    await put.begun;
    expect(await invalidate()).toEqual([200, { removed: 1 }]);
    put.release();
    const response = await first;
    expect(cacheStatusOf(response)).toBe('platen; fwd=miss');
    expect((await pdfOf(response)).text).toContain('Figures');
    expect([...s3.objects.keys()]).toEqual([]);
    expect(cacheStatusOf(await getReport('SLOW'))).toBe('platen; fwd=miss; stored');
    expect(frontend.opened.length).toBe(2);
  });

  test('of a trigger: it prints again, and what is stored shows the new figures', async () => {
    frontend.figuresFor = () => ({ text: `Figures ${frontend.opened.length}` });
    const put = holdFirstPut();
    const trigger = service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId: 'SLOW' });
    await put.begun;
    expect(await invalidate()).toEqual([200, { removed: 0 }]);
    put.release();
    expect((await trigger).status).toBe(202);
    const response = await getReport('SLOW');
    expect(cacheStatusOf(response)).toBe('platen; hit');
    expect((await pdfOf(response)).text).toContain('Figures 2');
    expect(frontend.opened.length).toBe(2);
  });
});

describe('a ZIP with stored documents of more than 4 MiB', () => {
  const askFor = (studentIds: string[], init: RequestInit = {}) =>
    fetch(`${service.url}/generate-bulk-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${teacher}` },
      body: JSON.stringify({ studentIds, testId: '1', classId: 'C1' }),
      ...init,
    });

  /** The files by name, and the manifest's students. */
  async function readZip(response: Response) {
    const zip = await fromBufferPromise(Buffer.from(await response.arrayBuffer()), { lazyEntries: true });
    const files: Record<string, Buffer> = {};
    for await (const entry of zip.eachEntry()) {
      files[entry.fileName] = await buffer(await zip.openReadStreamPromise(entry));
    }
    const manifest = files['manifest.json']?.toString() ?? '';
    return { files, students: JSON.parse(manifest).students };
  }
  const digest = (bytes: Buffer | undefined) => bytes && createHash('sha256').update(bytes).digest('hex');

  test('has them whole', async () => {
    const [first, second] = [store('L1', large), store('L2', large)];
    const { files, students } = await readZip(await askFor(['L1', 'L2']));
    expect([digest(files['L1.pdf']), digest(files['L2.pdf'])]).toEqual([digest(first), digest(second)]);
    expect(students).toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }]);
    await allClosed();
  });

  test('has one that was altered rendered anew, and the others as they were', async () => {
    const [first, , last] = [store('L1', large), store('L2', large), store('L3', large)];
    alter('L2');
    const { files, students } = await readZip(await askFor(['L1', 'L2', 'L3']));
    expect(students).toMatchObject([{ outcome: 'stored' }, { outcome: 'rendered' }, { outcome: 'stored' }]);
    expect((await readPdf(files['L2.pdf'] as Buffer)).text).toContain('Figures');
    expect([digest(files['L1.pdf']), digest(files['L3.pdf'])]).toEqual([digest(first), digest(last)]);
    expect(digest(s3.objects.get(keyOf('L2'))?.body)).toBe(digest(files['L2.pdf']));
    await allClosed();
  });

  test('has one whole that is reset in the middle once', async () => {
    const [first, second] = [store('L1', large), store('L2', large)];
    s3.faultFor = (key) => (!s3.read.includes(key) ? 'reset' : undefined);
    const { files, students } = await readZip(await askFor(['L1', 'L2']));
    expect(students).toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }]);
    expect([digest(files['L1.pdf']), digest(files['L2.pdf'])]).toEqual([digest(first), digest(second)]);
    expect(s3.read.length).toBe(4);
    await allClosed();
  });

  test('does without one that is reset in the middle each time; the others are as they were', async () => {
    const [first, , last] = [store('L1', large), store('L2', large), store('L3', large)];
    s3.faultFor = (key) => (key === keyOf('L2') ? 'reset' : undefined);
    const { files, students } = await readZip(await askFor(['L1', 'L2', 'L3']));
    expect(students).toMatchObject([{ outcome: 'stored' }, { outcome: 'failed' }, { outcome: 'stored' }]);
    expect([digest(files['L1.pdf']), digest(files['L3.pdf'])]).toEqual([digest(first), digest(last)]);
    expect((await service.get('/health')).status).toBe(200);
    await allClosed();
  });

  test('whose client leaves in the middle leaves no connection to the storage open', async () => {
    for (const id of ['L1', 'L2', 'L3', 'L4']) store(id, large);
    s3.faultFor = (key) => (key === keyOf('L2') ? 'stop' : undefined);
    const client = new AbortController();
    const response = await askFor(['L1', 'L2', 'L3', 'L4'], { signal: client.signal });
    await response.body?.getReader().read();
    await until(() => s3.read.includes(keyOf('L2')));
    expect(s3.openConnections()).toBeGreaterThan(0);
    client.abort();
    await allClosed();
    expect((await service.get('/health')).status).toBe(200);
  });
});
