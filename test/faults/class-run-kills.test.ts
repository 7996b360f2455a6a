// A class run of 60 under random kills of the service and of its browser, and told to stop: nothing is lost, doubled or stuck. CLASS_RUN_ROUNDS says how often.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Pages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { createTestDatabase, describeDatabases, type TestDatabase } from '../support/postgres.ts';
import { familyOf, type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { chanceOf, seedFrom } from '../support/random.ts';
import { ask } from '../support/requests.ts';
import { steerPages } from '../support/steered-pages.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const rounds = Number(process.env.CLASS_RUN_ROUNDS ?? 1);
const chance = chanceOf(seedFrom('CLASS_RUN_SEED'));
const students = 60;
/** Of its process group's: any will do. */
const encryptionKey = Buffer.alloc(32, 3).toString('base64');

const frontend = steerPages();
let pages: Pages;
beforeAll(async () => {
  pages = await frontend.start();
});
afterAll(async () => pages[Symbol.asyncDispose]());

interface Run {
  state: string;
  counts: Record<string, number>;
  items: { state: string; jobId: string; s3Key: string }[];
}

const headers = { 'x-service-auth': `Bearer ${serviceToken}` };

async function askFor<Answer>(url: string, more: { method?: string; body?: object } = {}): Promise<Answer> {
  const { status, body } = await ask(url, { headers, ...more });
  if (status >= 400) throw new Error(`${status} ${body}`);
  return JSON.parse(body.toString()) as Answer;
}

/** The service itself, or its browser, at some moment of the run; the first time of a run it is the browser. */
async function killSomething(
  service: ServiceProcess,
  { start, isFirst }: { start: () => Promise<ServiceProcess>; isFirst: boolean },
): Promise<ServiceProcess> {
  await wait(chance.whole(2500));
  if (isFirst || chance.whole(3) === 0) {
    const browser = familyOf(service.child.pid).find(({ commandLine }) =>
      commandLine.includes('--remote-debugging-pipe'),
    );
    if (browser !== undefined) process.kill(browser.pid, 'SIGKILL');
    return service;
  }
  await service.stop('SIGKILL');
  return start();
}

async function expectAllKept(
  { url, dataDir }: ServiceProcess,
  { id, classId }: { id: string; classId: string },
): Promise<void> {
  const run = await until(async () => {
    const each = await askFor<Run>(`${url}/internal/class-runs/${id}?limit=100`).catch(() => undefined);
    return each?.counts.queued === 0 && each.counts.active === 0 && each;
  }, 120_000);
  expect(run).toMatchObject({ state: 'completed', counts: { completed: students, failed: 0, cancelled: 0 } });
  expect(new Set(run.items.map(({ s3Key }) => s3Key)).size).toBe(students);
  for (const [index, { jobId, s3Key }] of run.items.entries()) {
    expect(s3Key).toBe(`reports/${classId}/Test_1/students/STU${index + 1}.pdf`);
    const job = await askFor<{ state: string; result: { sha256: string; s3Key: string } }>(`${url}/jobs/${jobId}`);
    const stored = await readFile(join(dataDir, 'documents', s3Key));
    const sha256 = createHash('sha256').update(stored).digest('hex');
    expect(job).toMatchObject({ state: 'completed', result: { s3Key, sha256 } });
    expect((await readPdf(stored)).text).toContain(`studentId=STU${index + 1}&`);
  }
}

describeDatabases('a class run of 60', (server) => {
  let parts: AsyncDisposableStack;
  let place: TestDatabase;
  let temporary: string;
  beforeEach(async () => {
    parts = new AsyncDisposableStack();
    place = parts.use(await createTestDatabase(server));
    temporary = join(place.dataDir, 'temporary');
    await mkdir(temporary);
  });
  afterEach(() => parts.disposeAsync());

  const start = async () =>
    parts.use(
      await startServiceProcess({
        FRONTEND_ORIGINS: pages.origin,
        DATA_DIR: place.dataDir,
        TMPDIR: temporary,
        RENDER_CONCURRENCY: '2',
        ENCRYPTION_KEY: encryptionKey,
        ...(place.url === undefined ? {} : { DATABASE_URL: place.url }),
      }),
    );
  const accept = ({ url }: ServiceProcess, classId: string) => {
    const studentIds = Array.from({ length: students }, (_, index) => `STU${index + 1}`);
    const body = { classId, testId: '1', studentIds };
    const post = () => askFor<{ id: string }>(`${url}/internal/class-runs`, { method: 'POST', body });
    return until(() => post().catch(() => undefined));
  };
  async function expectNothingLeft(service: ServiceProcess): Promise<void> {
    const family = familyOf(service.child.pid).map(({ pid }) => pid);
    expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    await until(() => !family.some((pid) => existsSync(`/proc/${pid}`)));
    expect(await readdir(temporary)).toEqual([]);
  }

  test(
    'is done once and whole, whatever is killed meanwhile',
    async () => {
      let service = await start();
      for (let round = 1; round <= rounds; round++) {
        frontend.figuresFor = ({ page }) => ({ text: `Figures of ${page} in round ${round}` });
        const classId = `C${round}`;
        const { id } = await accept(service, classId);
        for (let kill = 0; kill < 3; kill++) service = await killSomething(service, { start, isFirst: kill === 0 });
        await expectAllKept(service, { id, classId });
      }
      await expectNothingLeft(service);
    },
    60_000 + rounds * 120_000,
  );

  test('goes on where it stood after every SIGTERM, and makes no report twice', async () => {
    frontend.figuresFor = ({ page }) => ({ text: `Figures of ${page}` });
    let service = await start();
    const { id } = await accept(service, 'C1');
    for (const count of [5, 20, 35]) {
      await until(() => frontend.opened.length >= count);
      expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(frontend.opened.length).toBeLessThan(students);
      service = await start();
    }
    await expectAllKept(service, { id, classId: 'C1' });
    const opened = frontend.opened.map(({ page }) => page);
    expect([opened.length, new Set(opened).size]).toEqual([students, students]);
    await expectNothingLeft(service);
  });
});
