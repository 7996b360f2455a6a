// A storage that is down in every way that storages are: people still get PDFs, triggers learn the truth, and nobody storms it.

import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { fromBufferPromise } from 'yauzl';
import type { Pages } from '../support/pages.ts';
import { pdfOf } from '../support/pdf.ts';
import { readinessOf } from '../support/readiness.ts';
import { type Fault, type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
const teacher = teacherToken('T1', 'C1');
const notStored = 'platen; fwd=miss';
const limits = { lookMs: 1000, keepMs: 1000, pauseMs: 1000, statusMs: 100 };
/** What a render and its answer may take beside the storage on a slow machine; without limits the storage would take 20 s and more. */
const renderMs = 10_000;

let pages: Pages;
let s3: ScriptedS3;
let service: TestService;
let count = 0;
beforeAll(async () => {
  pages = await frontend.start();
  s3 = await startScriptedS3();
});
afterAll(async () => {
  await pages[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
});
/** For describe: a service of its own, which has not seen the storage fail. */
function withService(lookMs = limits.lookMs): void {
  beforeAll(async () => {
    service = await startTestService({
      origin: pages.origin,
      limits: { ...limits, lookMs },
      env: { ...s3.env, RENDER_CONCURRENCY: '2', RATE_LIMIT_PER_15_MIN: '1000000' },
    });
  });
  afterAll(() => service[Symbol.asyncDispose]() as Promise<void>);
  afterEach(() => {
    s3.faultFor = () => undefined;
    s3.beforePut = () => undefined;
  });
}

const newStudent = () => `OUT${++count}`;
/** How often a storage that is down is looked at in that time, at most; a look is two requests when both fail. */
const looksWithin = (ms: number) => Math.floor(ms / limits.pauseMs);
const isPaused = async (operation: string) =>
  (await service.metric(`platen_storage_paused{operation="${operation}"}`)) === 1;
const get = (id: string) => service.get(pathOf(id), teacher);
const head = async (id: string) =>
  (await fetch(service.url + pathOf(id), { method: 'HEAD', headers: { authorization: `Bearer ${teacher}` } })).status;
const trigger = (id: string) => service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId: id });
const cacheStatusOf = (response: Response) => response.headers.get('cache-status');

function storedStudent(size?: number): string {
  const id = newStudent();
  s3.objects.set(keyOf(id), makeStored(id, size === undefined ? {} : { size }));
  return id;
}

/** What a person gets, and how long it took. */
async function asPerson(id: string) {
  const startedAt = performance.now();
  const response = await get(id);
  const { text } = await pdfOf(response);
  return { cache: cacheStatusOf(response), isFresh: text.includes('Figures'), ms: performance.now() - startedAt };
}

async function bulk(ids: string[]) {
  const response = await fetch(`${service.url}/generate-bulk-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${teacher}` },
    body: JSON.stringify({ studentIds: ids, testId: '1', classId: 'C1' }),
  });
  const zip = await fromBufferPromise(Buffer.from(await response.arrayBuffer()), { lazyEntries: true });
  let manifest = '';
  for await (const entry of zip.eachEntry())
    if (entry.fileName === 'manifest.json') manifest = String(await buffer(await zip.openReadStreamPromise(entry)));
  return (JSON.parse(manifest).students as { outcome: string }[]).map(({ outcome }) => outcome);
}

/** The storage works again, and within seconds nobody notices any more that it did not. */
async function expectRecovery(): Promise<void> {
  s3.faultFor = () => undefined;
  const id = storedStudent();
  await until(async () => (await head(id)) === 200);
  expect(cacheStatusOf(await get(id))).toBe('platen; hit');
  await until(async () => cacheStatusOf(await get(newStudent())) === 'platen; fwd=miss; stored');
  await until(async () => ((await (await service.get('/readyz')).json()) as { status: string }).status === 'ready');
  expect((await trigger(newStudent())).status).toBe(202);
}

const outages: [Fault, string][] = [
  ['error', 'InternalError'],
  ['throttled', 'SlowDown'],
  ['denied', 'AccessDenied'],
  ['no-bucket', 'NoSuchBucket'],
  ['silent', 'TimeoutError'],
  // Jest's realms make the SDK wrap what is no Error to it.
  ['hang-up', 'Error'],
];
describe.each(outages)('a storage whose every answer is: %s', (fault, reason) => {
  withService();

  test('costs a person seconds at most, each only once in a while, and nobody their PDF', async () => {
    const stored = storedStudent();
    expect(cacheStatusOf(await get(stored))).toBe('platen; hit');
    s3.faultFor = () => fault;
    for (const id of [stored, newStudent(), storedStudent()]) {
      const { ms, ...got } = await asPerson(id);
      expect(got).toEqual({ cache: notStored, isFresh: true });
      expect(ms).toBeLessThan(limits.lookMs + limits.keepMs + renderMs);
    }
    expect(await isPaused('reading')).toBe(true);
    const pausedAt = performance.now();
    const before = s3.requests.length;
    for (const id of [stored, newStudent(), storedStudent()])
      expect(await asPerson(id)).toMatchObject({ cache: notStored, isFresh: true });
    // One may look after each pause.
    expect(s3.requests.length - before).toBeLessThanOrEqual(2 * (looksWithin(performance.now() - pausedAt) + 1));
  });

  test('is told to triggers as 503, and to others as what it means', async () => {
    s3.faultFor = () => fault;
    await until(async () => {
      await head(newStudent());
      return isPaused('reading');
    });
    const startedAt = performance.now();
    const answer = await trigger(newStudent());
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'storage_unavailable' }]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(performance.now() - startedAt).toBeLessThan(limits.keepMs + renderMs);
    expect(await head(storedStudent())).toBe(404);
    expect(await bulk([storedStudent(), newStudent(), newStudent()])).toEqual(['rendered', 'rendered', 'rendered']);
    const ready = { code: 200, body: { status: 'degraded', storage: { state: 'down', reason } } };
    expect(await readinessOf(service.url)).toMatchObject(ready);
  });

  test('is forgotten when it works again', expectRecovery);
});

describe.each<[Fault, 'failure' | 'miss']>([
  ['stop', 'failure'],
  ['reset', 'failure'],
  ['trickle', 'failure'],
  ['truncated', 'miss'],
  ['altered', 'miss'],
])('a storage whose documents come: %s', (fault, meaning) => {
  withService();

  test('gives a fresh PDF to everybody, whole', async () => {
    s3.faultFor = (_key, method) => (method === 'GET' ? fault : undefined);
    for (let time = 1; time <= 4; time++) {
      const { ms, ...got } = await asPerson(storedStudent());
      const isLeftAlone = meaning === 'failure' && time >= 3;
      expect(got).toEqual({ cache: isLeftAlone ? notStored : 'platen; fwd=miss; stored', isFresh: true });
      expect(ms).toBeLessThan(limits.lookMs + renderMs);
    }
    expect(await isPaused('reading')).toBe(meaning === 'failure');
    expect(await bulk([storedStudent(), storedStudent()])).toEqual(['rendered', 'rendered']);
    expect((await trigger(storedStudent())).status).toBe(202);
    await until(() => s3.openConnections() === 0);
  });

  test('is forgotten when it works again', expectRecovery);
});

describe('a large document that comes torn', () => {
  withService();
  test.each<Fault>(['reset', 'altered', 'truncated'])('never arrives whole: %s', async (fault) => {
    const id = storedStudent(5_000_000);
    s3.faultFor = (_key, method) => (method === 'GET' ? fault : undefined);
    // One that is too short is small enough to be seen before it is sent.
    if (fault === 'truncated') expect((await pdfOf(await get(id))).text).toContain('Figures');
    // The connection breaks; whether that overtakes the headers is chance.
    else await expect(get(id).then((response) => response.arrayBuffer())).rejects.toThrow();
  });
});

describe('a storage that only reads', () => {
  withService();
  const tries = () => s3.requests.filter((each) => each.startsWith('PUT platen-readiness/')).length;
  const failWrites = (fault: Fault) => {
    s3.faultFor = (_key, method) => (method === 'PUT' ? fault : undefined);
  };

  test.each<Fault>(['denied', 'full', 'silent'])(
    'gives what is stored, and says that new ones are not: %s',
    async (fault) => {
      const stored = storedStudent();
      failWrites(fault);
      await until(async () => {
        expect((await asPerson(newStudent())).cache).toBe(notStored);
        return isPaused('writing');
      });
      const puts = () => s3.requests.filter((each) => each.startsWith('PUT')).length;
      const before = puts();
      expect(await asPerson(newStudent())).toMatchObject({ cache: notStored });
      expect(puts()).toBe(before);
      expect(cacheStatusOf(await get(stored))).toBe('platen; hit');
      expect((await trigger(newStudent())).status).toBe(503);
      expect(puts()).toBeGreaterThan(before);
      const ready = await until(async () => {
        const response = await service.get('/readyz');
        const { status, storage } = (await response.json()) as { status: string; storage: { state: string } };
        return storage.state === 'up' ? undefined : { code: response.status, status, state: storage.state };
      });
      expect(ready).toEqual({ code: 200, status: 'degraded', state: 'read-only' });
      await expectRecovery();
    },
  );

  test('is seen to take documents again although nobody stores any, and nothing is left of that', async () => {
    failWrites('full');
    await until(async () => {
      await asPerson(newStudent());
      return isPaused('writing');
    });
    const stateOf = async () => (await readinessOf(service.url)).body.storage.state;
    await until(async () => (await stateOf()) === 'read-only' && tries() > 2);
    expect(await stateOf()).toBe('read-only');
    s3.faultFor = () => undefined;
    await until(async () => (await stateOf()) === 'up');
    expect(await isPaused('writing')).toBe(false);
    await until(() => ![...s3.objects.keys()].some((key) => key.startsWith('platen-readiness/')));
  });

  test('is not kept waiting by a bucket that takes documents and nothing else', async () => {
    failWrites('full');
    await until(async () => {
      await asPerson(newStudent());
      return isPaused('writing');
    });
    s3.faultFor = (key, method) => (method === 'PUT' && key.startsWith('platen-readiness/') ? 'denied' : undefined);
    // Now whoever stores is let through; that the trial fails just before is nothing to them.
    await setTimeout(limits.pauseMs);
    const before = tries();
    await until(async () => {
      await readinessOf(service.url);
      return tries() > before;
    });
    expect((await asPerson(newStudent())).cache).toBe('platen; fwd=miss; stored');
    expect(await isPaused('writing')).toBe(false);
  });
});

describe('what the storage is asked', () => {
  // Long enough for all others to be answered while one looks.
  withService(5000);
  const requestsOf = async (work: () => Promise<unknown>) => {
    s3.requests.length = 0;
    await work();
    return s3.requests.map((each) => each.split(' ')[0]);
  };
  /** The first try of each kind of request fails. */
  const failFirstTries = () => {
    const tried = new Set<string>();
    s3.faultFor = (key, method) => {
      const isFirst = key !== '' && !tried.has(method);
      tried.add(method);
      return isFirst ? 'error' : undefined;
    };
  };

  test('is one request for a hit, three for a miss, two for a trigger, each twice at most', async () => {
    const stored = storedStudent();
    expect(await requestsOf(() => get(stored))).toEqual(['GET']);
    expect(await requestsOf(() => get(stored))).toEqual(['GET']);
    expect(await requestsOf(() => get(newStudent()))).toEqual(['GET', 'HEAD', 'PUT']);
    expect(await requestsOf(() => trigger(newStudent()))).toEqual(['HEAD', 'PUT']);
    failFirstTries();
    expect(await requestsOf(() => get(newStudent()))).toEqual(['GET', 'GET', 'HEAD', 'HEAD', 'PUT', 'PUT']);
    failFirstTries();
    expect(await requestsOf(() => trigger(newStudent()))).toEqual(['HEAD', 'HEAD', 'PUT', 'PUT']);
  });

  test('is next to nothing while it is down, however many ask, and one look after each pause', async () => {
    s3.faultFor = () => 'error';
    const startedAt = performance.now();
    const requests = await requestsOf(async () => {
      for (let person = 1; person <= 10; person++) await get(newStudent());
    });
    // Three look-ups and two attempts to store, each twice; then the looks.
    expect(requests.length).toBeLessThanOrEqual(10 + 2 * looksWithin(performance.now() - startedAt));
    const leftAt = performance.now();
    const later = await requestsOf(async () => {
      const endsAt = performance.now() + 3 * limits.pauseMs;
      while (performance.now() < endsAt) {
        await Promise.all(Array.from({ length: 20 }, () => head(newStudent())));
        await setTimeout(100);
      }
    });
    expect(later.length).toBeGreaterThanOrEqual(2);
    expect(later.length).toBeLessThanOrEqual(2 * (looksWithin(performance.now() - leftAt) + 1));
    await expectRecovery();
  });

  test('is nothing for what a hundred people want at once while one of them tries whether it is back', async () => {
    s3.faultFor = () => 'error';
    await until(async () => {
      await head(newStudent());
      return isPaused('reading');
    });
    s3.faultFor = () => 'silent';
    let answered = 0;
    let answers: Promise<unknown>[] = [];
    const askHundred = () => {
      [s3.requests.length, answered] = [0, 0];
      answers = Array.from({ length: 100 }, () => head(newStudent()).then(() => answered++));
    };
    // Until the pause has ended nobody tries.
    await until(async () => {
      askHundred();
      await until(() => answered === 100 || (answered === 99 && s3.openConnections() === 1));
      return answered === 99;
    });
    // The one that tries has no answer yet: nobody has waited for it.
    expect([s3.requests.length, s3.openConnections()]).toEqual([1, 1]);
    await Promise.all(answers);
    await expectRecovery();
  });
});
