// PostgreSQL by TLS, as docs/operations.md says it: the server is known by its certificate, or nothing is asked of it.

import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { describeOutages, type PostgresServer, startPostgresServer } from './support/postgres.ts';
import { connectTo } from './support/postgres-database.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });
const authority = (name: string) => fileURLToPath(new URL(`support/authority/${name}`, import.meta.url));

/** @throws while the server does not speak TLS. */
async function openTls(url: string): Promise<void> {
  await using client = await connectTo(`${url}?sslmode=no-verify`);
  await client.query('SELECT 1');
}

describeOutages('PostgreSQL by TLS', () => {
  let folder: string;
  let server: PostgresServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'platen-tls-'));
    server = startPostgresServer();
    const key = join(folder, 'server.key');
    await using client = await connectTo(server.url);
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    const { uid, gid } = await stat(rows[0]?.data_directory ?? '');
    await copyFile(authority('server.key'), key);
    await chmod(key, 0o600);
    // As root the server runs as somebody else.
    await chown(key, uid, gid);
    await chmod(folder, 0o755);
    await client.query(`ALTER SYSTEM SET ssl_key_file = '${key}'`);
    await client.query(`ALTER SYSTEM SET ssl_cert_file = '${authority('good.pem')}'`);
    await client.query("ALTER SYSTEM SET ssl = 'on'");
    await client.query('SELECT pg_reload_conf()');
    const takes = async () =>
      openTls(server.url).then(
        () => true,
        () => false,
      );
    await until(takes);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const open = (query: string) => openDatabase({ url: `${server.url}?${query}`, dataDir: folder });
  const verify = (file: string) => `sslmode=verify-full&sslrootcert=${encodeURIComponent(authority(file))}`;

  test('with its own authority, all connections are encrypted', async () => {
    await using database = open(verify('school.pem'));
    await database.ready;
    await database.listen('tls_test', { onMessage: () => undefined, onGap: () => undefined });
    const { rows } = await database.execute(
      "SELECT bool_and(ssl) AS all_encrypted, count(*)::int AS connections FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'platen'",
    );
    expect(rows).toEqual([{ all_encrypted: true, connections: expect.any(Number) }]);
    expect((rows[0] as { connections: number }).connections).toBeGreaterThan(1);
  });

  test.each([
    ['of another authority', verify('stranger.pem')],
    ['of an authority that nobody named', 'sslmode=verify-full'],
  ])('a certificate %s is refused', async (_what, query) => {
    await using database = open(query);
    database.ready.catch(() => undefined);
    const status = await until(async () => {
      const told = await database.status();
      return told.state === 'down' && told;
    });
    expect(status).toMatchObject({ state: 'down' });
  });
});
