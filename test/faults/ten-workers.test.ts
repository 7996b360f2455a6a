// Ten workers and a front, as on machines of their own: they share one PostgreSQL (DATABASE_URL) and one bucket, and nothing else.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFromS3 } from '../support/accepted-jobs.ts';
import { readPdf } from '../support/pdf.ts';
import { connectTo, createPostgresDatabase } from '../support/postgres-database.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { ask } from '../support/requests.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { steerPages } from '../support/steered-pages.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const { DATABASE_URL: server } = process.env;
const describeProcesses = server === undefined ? describe.skip : describe;

const workers = 10;
const students = 150;
/** What PostgreSQL has by default is 100, some of them for its superuser. */
const mostConnections = 90;
const frontend = steerPages();

interface Run {
  state: string;
  counts: Record<string, number>;
  items: { studentId: string; s3Key: string; state: string }[];
}

describeProcesses('ten workers and a front', () => {
  let parts: AsyncDisposableStack;
  let s3: ScriptedS3;
  let databaseUrl: string;
  let start: (role: string) => Promise<ServiceProcess>;
  beforeEach(async () => {
    parts = new AsyncDisposableStack();
    s3 = parts.use(await startScriptedS3());
    ({ url: databaseUrl } = parts.use(await createPostgresDatabase(server ?? '')));
    const pages = parts.use(await frontend.start());
    start = async (role) => {
      const machine = await mkdtemp(join(tmpdir(), 'platen-machine-'));
      parts.defer(() => rm(machine, { recursive: true, force: true, maxRetries: 5 }));
      const settings = {
        PLATEN_ROLE: role,
        DATABASE_URL: databaseUrl,
        ENCRYPTION_KEY: Buffer.alloc(32, 3).toString('base64'),
        FRONTEND_ORIGINS: pages.origin,
        RENDER_CONCURRENCY: '1',
        DATA_DIR: join(machine, 'data'),
        TMPDIR: machine,
      };
      return parts.use(await startServiceProcess({ ...s3.env, ...settings }));
    };
  });
  afterEach(() => parts.disposeAsync());

  async function askFor<Answer>(url: string, more: { method?: string; body?: object } = {}): Promise<Answer> {
    const { status, body } = await ask(url, { headers: { 'x-service-auth': `Bearer ${serviceToken}` }, ...more });
    if (status >= 400) throw new Error(`${status} ${body}`);
    return JSON.parse(body.toString()) as Answer;
  }

  test('do a class run together, though two of them are killed and one is told to stop; each report is made once, and their connections are few', async () => {
    const [front, ...working] = (await Promise.all(
      ['api', ...Array<string>(workers).fill('worker')].map((role) => start(role)),
    )) as [ServiceProcess, ...ServiceProcess[]];
    await using observer = await connectTo(databaseUrl);
    const connections = async () => {
      const count = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()`;
      return (await observer.query<{ count: number }>(count)).rows[0]?.count ?? 0;
    };

    // The first ten pages are held until each worker has one.
    const gate = frontend.createGate();
    frontend.figuresFor = async ({ page }) => {
      await gate.promise;
      return { text: `Figures of ${page}` };
    };
    const studentIds = Array.from({ length: students }, (_, index) => `STU${index + 1}`);
    const body = { classId: 'C1', testId: '1', studentIds };
    const accept = () => askFor<{ id: string }>(`${front.url}/internal/class-runs`, { method: 'POST', body });
    const { id } = await until(() => accept().catch(() => undefined));
    await until(() => frontend.opened.length === workers, 120_000);
    await Promise.all(working.slice(0, 2).map((worker) => worker.stop('SIGKILL')));
    let most = 0;
    const stopped = working[2]?.stop('SIGTERM');
    gate.resolve({});
    const look = () => askFor<Run>(`${front.url}/internal/class-runs/${id}?limit=1000`);
    const run = await until(async () => {
      most = Math.max(most, await connections());
      const { counts, ...rest } = await look();
      return counts.queued === 0 && counts.active === 0 && { counts, ...rest };
    }, 240_000);

    expect(run).toMatchObject({ state: 'completed', counts: { completed: students, failed: 0, cancelled: 0 } });
    expect(await stopped).toEqual({ code: 0, signal: null });
    // Those that the killed ones had were opened twice.
    const opened = frontend.opened.map(({ page }) => page);
    expect([new Set(opened).size, opened.length]).toEqual([students, students + 2]);
    const stored = readFromS3(s3);
    for (const { studentId, s3Key } of run.items) {
      const { bytes, subject } = await stored(s3Key);
      expect(subject).toBe(studentId);
      expect((await readPdf(bytes)).text).toContain(`studentId=${studentId}&`);
    }
    process.stdout.write(`${workers + 1} processes had at most ${most} connections\n`);
    expect(most).toBeLessThan(mostConnections);
    for (const each of [front, ...working.slice(3)]) expect((await each.stop('SIGTERM')).code).toBe(0);
  }, 600_000);
});
