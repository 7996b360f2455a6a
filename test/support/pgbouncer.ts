// A PgBouncer between a test and PostgreSQL; tests that need one are skipped where the program is not installed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { connectTo } from './postgres-database.ts';
import { until } from './until.ts';

const program = '/usr/sbin/pgbouncer';
/** It refuses to run as root. */
const nobody = 65_534;

function isInstalled(): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Skipped without PostgreSQL, and without the program (Debian: `pgbouncer`). */
export const describePooler = isInstalled() && process.env.DATABASE_URL !== undefined ? describe : describe.skip;

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** @returns the address of the same database through the pooler. */
export async function startPgBouncer(
  databaseUrl: string,
  poolMode: 'session' | 'transaction',
): Promise<{ url: string } & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const server = new URL(databaseUrl);
  const port = await findFreePort();
  const folder = await mkdtemp(join(tmpdir(), 'platen-pgbouncer-'));
  parts.defer(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  const [user, password] = [server.username, server.password].map(decodeURIComponent);
  const settings = [
    '[databases]',
    `* = host=${server.hostname} port=${server.port} user=${user} password=${password}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${poolMode}`,
    'ignore_startup_parameters = extra_float_digits,statement_timeout,idle_in_transaction_session_timeout',
  ];
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, `${settings.join('\n')}\n`);
  const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const child = spawn(program, ['-q', file], { stdio: 'ignore', ...identity });
  parts.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  server.hostname = '127.0.0.1';
  server.port = String(port);
  await until(async () => {
    const client = await connectTo(server.href).catch(() => undefined);
    await client?.[Symbol.asyncDispose]();
    return client !== undefined;
  });
  const running = parts.move();
  return { url: server.href, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
