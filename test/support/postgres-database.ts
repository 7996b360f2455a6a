// Databases of their own on a PostgreSQL server.

import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** A new connection, for what is asked beside the service. */
export async function connectTo(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** An empty database on the server; disposing drops it, whoever is still connected. */
export async function createPostgresDatabase(server: string): Promise<{ url: string } & AsyncDisposable> {
  const name = `platen_test_${randomUUID().replaceAll('-', '')}`;
  const run = async (statement: string) => {
    await using client = await connectTo(server);
    await client.query(statement);
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, [Symbol.asyncDispose]: () => run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
