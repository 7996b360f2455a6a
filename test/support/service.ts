// Boots the whole service for a test: real browser, real storage folder, the example school's pages or a test's own.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type School, startSchool } from '../../examples/school/school.ts';
import { loadConfig } from '../../src/config.ts';
import { type Limits, startService } from '../../src/service.ts';
import { readinessOf } from './readiness.ts';
import { readMetric } from './requests.ts';
import { reportTokenSecret, serviceToken, userTokenSecret } from './tokens.ts';

export interface TestServiceOptions {
  /** Settings beside the test's defaults; undefined takes one out. */
  env?: Record<string, string | undefined>;
  /** Origin of the frontend; without it the example school is started. */
  origin?: string;
  /** Shorter than those of the real service, for tests that wait for them. */
  limits?: Limits;
}

export interface TestService extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  dataDir: string;
  /** The example school; throws when the test brought pages of its own. */
  school: School;
  /** A GET with a bearer token. */
  get(path: string, token?: string, headers?: Record<string, string>): Promise<Response>;
  /** A POST of JSON with the service token. */
  internal(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  trigger(body: unknown): Promise<Response>;
  /** Keys of the stored documents, sorted. */
  storedKeys(): Promise<string[]>;
  /** The value of a metric's line, for instance `platen_renders_total{outcome="ok"}`; 0 when there is none. */
  metric(line: string): Promise<number>;
}

const isRoot = process.getuid?.() === 0;

async function listKeys(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'documents'), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.pdf')).sort();
}

/** Starts it on free ports with a data folder of its own; disposing takes everything away again. */
export async function startTestService({ env = {}, origin, limits }: TestServiceOptions = {}): Promise<TestService> {
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-test-'));
  parts.defer(() => rm(dataDir, { recursive: true, force: true }));
  const school =
    origin === undefined ? parts.use(await startSchool({ port: 0, userTokenSecret, reportTokenSecret })) : undefined;
  const settings = {
    PORT: '0',
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    DATA_DIR: dataDir,
    PDF_SERVICE_INTERNAL_TOKEN: serviceToken,
    USER_TOKEN_SECRET: userTokenSecret,
    REPORT_TOKEN_SECRET: reportTokenSecret,
    FRONTEND_ORIGINS: origin ?? school?.origin,
    BROWSER_PATH: process.env.BROWSER_PATH,
    ...env,
  };
  const { config, secrets } = loadConfig(settings, isRoot);
  const service = parts.use(await startService(config, secrets, limits));
  // On a busy machine a database may take longer to open than who asks at once is willing to wait.
  await readinessOf(service.url);
  const call = (path: string, init: RequestInit) => fetch(service.url + path, init);
  const internal: TestService['internal'] = (path, body, headers = {}) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}`, ...headers },
      body: JSON.stringify(body),
    });
  const running = parts.move();
  return {
    url: service.url,
    dataDir,
    get school() {
      if (school === undefined) throw new Error('this test brought its own pages');
      return school;
    },
    get: (path, token, headers = {}) =>
      call(path, { headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers } }),
    internal,
    trigger: (body) => internal('/internal/trigger-generate-pdf', body),
    storedKeys: () => listKeys(dataDir),
    metric: (line) => readMetric(service.url, line),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
