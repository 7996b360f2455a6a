// The service under load is killed, and told to stop, at moments that chance chooses: nothing promised is lost, nothing half is served.

import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { openFolderStore } from '../../src/documents/folder-store.ts';
import {
  type CountingPages,
  figuresOf,
  type Load,
  newLoad,
  putUnderLoad,
  sha256,
  startCountingPages,
} from '../support/load.ts';
import { listProcesses, type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { chanceOf, seedFrom } from '../support/random.ts';
import { askWith, triggerAt } from '../support/requests.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { adminToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const rounds = Number(process.env.KILL_ROUNDS ?? 2);
const chance = chanceOf(seedFrom('KILL_SEED'));
const atOnce = 6;
/** Those of more than 4 MiB are streamed. */
const storedSizes = { SMALL: 20_000, MIDDLE: 2_000_000, LARGE: 6_000_000 };
const timeoutMs = 60_000 + rounds * 60_000;

let pages: CountingPages;
let folder: string;
let stored: Map<string, string>;
let load: Load;
/** Those of this test, ended or not. */
let services: AsyncDisposableStack;

/** Everything temporary of the service and its browsers is here. */
const temporary = () => join(folder, 'tmp');
const dataDir = () => join(folder, 'data');
const start = async () =>
  services.use(
    await startServiceProcess({
      FRONTEND_ORIGINS: pages.origin,
      DATA_DIR: dataDir(),
      TMPDIR: temporary(),
      RENDER_CONCURRENCY: '2',
      CALLER_RENDER_LIMIT: '100',
      RATE_LIMIT_PER_15_MIN: '1000000',
    }),
  );
const processesHere = () => listProcesses().filter(({ commandLine }) => commandLine.includes(temporary()));
const unfinished = () => readdirSync(join(dataDir(), 'unfinished'));

beforeAll(async () => {
  pages = await startCountingPages();
});
afterAll(async () => {
  await pages[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-kill-'));
  await mkdir(temporary());
  load = newLoad();
  services = new AsyncDisposableStack();
  stored = new Map();
  const store = await openFolderStore(dataDir());
  for (const [id, size] of Object.entries(storedSizes)) {
    const { body, metadata } = makeStored(id, { size });
    await store.put(keyOf(id), body, { metadata, replaces: undefined });
    stored.set(id, sha256(body));
  }
});

afterEach(async () => {
  await services.disposeAsync();
  await rm(folder, { recursive: true, maxRetries: 5 });
});

/** Puts it under load, and comes back with the load still on after some answers and a moment more. */
async function workUntilSomeMoment({ url }: ServiceProcess) {
  const ending = new AbortController();
  const ended = putUnderLoad(atOnce, { url, load, chance, stored, pages, signal: ending.signal });
  const enough = load.answered + chance.whole(25);
  await until(() => load.answered >= enough);
  await setTimeout(chance.whole(250));
  return { ended, end: () => ending.abort() };
}

/** Reads everything that a 202 was answered for. */
async function expectPromisesKept({ url, output }: ServiceProcess): Promise<void> {
  for (const [id, { count, isOnly }] of load.promised) {
    const { status, headers, body } = await askWith(adminToken(), url + pathOf(id));
    expect([id, status]).toEqual([id, 200]);
    const figures = await figuresOf(body);
    expect(figures.id).toBe(id);
    expect(figures.count).toBeGreaterThanOrEqual(count);
    // A document that was just being replaced may have been left with the new bytes and the old digest: it counts as absent.
    const isKnownAltered = () => output().includes(`${id}.pdf`) && output().includes('altered');
    const isHit = headers['cache-status'] === 'platen; hit';
    if (!isHit && (isOnly || !isKnownAltered())) throw new Error(`${id} was lost: ${headers['cache-status']}`);
  }
  for (const [id, digest] of stored) {
    const { status, body } = await askWith(adminToken(), url + pathOf(id));
    expect([id, status, sha256(body)]).toEqual([id, 200, digest]);
  }
}

test(
  'killed by SIGKILL, it has kept all that it had promised, serves nothing half, and leaves nothing running',
  async () => {
    let service = await start();
    for (let round = 1; round <= rounds; round++) {
      const { ended } = await workUntilSomeMoment(service);
      const before = service.child.pid;
      await service.stop('SIGKILL');
      await ended;
      service = await start();
      expect(unfinished()).toEqual([]);
      const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: `NEXT${round}` };
      expect(await triggerAt(service.url, body)).toMatchObject({ status: 202 });
      await expectPromisesKept(service);
      await until(() => !processesHere().some(({ commandLine }) => commandLine.includes(`platen-browser-${before}-`)));
      expect(readdirSync(temporary()).filter((name) => name.startsWith(`platen-browser-${before}-`))).toEqual([]);
    }
    expect((await service.stop('SIGTERM')).code).toBe(0);
    expect([load.wrong, readdirSync(temporary()), processesHere()]).toEqual([[], [], []]);
    expect(load.promised.size).toBeGreaterThan(0);
  },
  timeoutMs,
);

test(
  'told to stop by SIGTERM, it answers what it has begun, breaks nothing off, exits with 0 and leaves nothing',
  async () => {
    for (let round = 1; round <= rounds; round++) {
      load.misses = [];
      const service = await start();
      const { ended } = await workUntilSomeMoment(service);
      const stoppedAt = performance.now();
      expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
      // What docs/operations.md tells to wait.
      expect(performance.now() - stoppedAt).toBeLessThan(30_000);
      await ended;
      expect(load.misses.filter(({ how }) => how === 'broken')).toEqual([]);
      // Who came too late got no connection; whoever was let in got an answer.
      const letIn = load.misses.filter(({ requestId }) => service.output().includes(`"requestId":"${requestId}"`));
      for (const { how, why } of letIn) expect([how, why]).toEqual(['refused', expect.stringMatching(/^503 \w+$/)]);
      expect([unfinished(), readdirSync(temporary()), processesHere()]).toEqual([[], [], []]);
      const again = await start();
      await expectPromisesKept(again);
      await again.stop('SIGTERM');
    }
    expect(load.wrong).toEqual([]);
  },
  timeoutMs,
);
