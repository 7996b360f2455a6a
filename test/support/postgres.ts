// PostgreSQL for tests: a database of its own for each, on the server of DATABASE_URL, and servers that a test may stop. Skipped without them.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { createPostgresDatabase } from './postgres-database.ts';

export interface TestDatabase extends AsyncDisposable {
  /** Undefined: embedded in `dataDir`. */
  url: string | undefined;
  dataDir: string;
}

/** A database of one kind, with a folder of its own. */
export async function createTestDatabase(server: string | undefined): Promise<TestDatabase> {
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-test-'));
  parts.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const made = server === undefined ? undefined : parts.use(await createPostgresDatabase(server));
  const all = parts.move();
  return { url: made?.url, dataDir, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Runs a suite on the embedded database and on PostgreSQL, which is skipped without DATABASE_URL. */
export function describeDatabases(name: string, suite: (server: string | undefined) => void): void {
  const { DATABASE_URL } = process.env;
  describe(`${name}, embedded`, () => suite(undefined));
  (DATABASE_URL === undefined ? describe.skip : describe)(`${name}, PostgreSQL`, () => suite(DATABASE_URL ?? ''));
}

/** Runs a suite on PostgreSQL only; skipped without DATABASE_URL. */
export function describeServer(name: string, suite: (server: string) => void): void {
  const { DATABASE_URL } = process.env;
  (DATABASE_URL === undefined ? describe.skip : describe)(name, () => suite(DATABASE_URL ?? ''));
}

export interface PostgresServer extends AsyncDisposable {
  url: string;
  stop(): void;
  /** Without letting it end anything. */
  kill(): void;
  start(): void;
}

const { PLATEN_STAND: stand } = process.env;
/** For what stops PostgreSQL; skipped where no script to start one is named. */
export const describeOutages = stand === undefined ? describe.skip : describe;

/** A server of the test's own, by the script that PLATEN_STAND names. */
export function startPostgresServer(): PostgresServer {
  const instance = `platen-test-${process.pid}`;
  const run = (verb: string) => {
    const env = { ...process.env, STAND_INSTANCE: instance };
    const { status, stdout, stderr } = spawnSync('bash', [stand ?? '', verb, 'postgres'], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`PostgreSQL: ${verb} failed: ${stderr}`);
    return stdout;
  };
  const [, url = ''] = /DATABASE_URL=(\S+)/.exec(run('up')) ?? [];
  return {
    url: url.replaceAll(/^['"]|['"]$/g, ''),
    stop: () => run('down'),
    kill: () => run('kill'),
    start: () => run('up'),
    [Symbol.asyncDispose]: async () => {
      run('reset');
    },
  };
}
