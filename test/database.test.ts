// The database, embedded and PostgreSQL: opened in the background, brought to its version once, transactions, messages, the order of renders.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely';
import { openDataFolder } from '../src/data-folder.ts';
import type { Connection } from '../src/database/connection.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { openEmbedded } from '../src/database/embedded.ts';
import { migrate } from '../src/database/migrations.ts';
import { openPostgres } from '../src/database/postgres.ts';
import { configureLog } from '../src/log.ts';
import { Revisions } from '../src/reports/revisions.ts';
import { createTestDatabase, describeDatabases, describeServer, type TestDatabase } from './support/postgres.ts';
import { connectTo } from './support/postgres-database.ts';
import { startServiceProcess } from './support/process.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const removal = (below: string) => ({ below, ending: '', revision: '1' });
const belows = async (database: Database) =>
  (await database.queries.selectFrom('removals').select('below').orderBy('below').execute()).map(({ below }) => below);

describeDatabases('the database', (server) => {
  const create = async () => parts.use(await createTestDatabase(server));
  const open = ({ url, dataDir }: TestDatabase) => parts.use(openDatabase({ url, dataDir }));
  /** The tables as an earlier version has left them. */
  const bringTo = async (at: TestDatabase, last: string) => {
    const pool = at.url === undefined ? openEmbedded(at.dataDir) : openPostgres(at.url);
    const before = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: pool as unknown as PostgresPool }) });
    await sql`DROP SCHEMA IF EXISTS platen CASCADE`.execute(before);
    await migrate(before, 'platen', last);
    return before;
  };
  let database: Database;
  let place: TestDatabase;
  beforeAll(async () => {
    place = await createTestDatabase(server);
    database = openDatabase(place);
    await database.ready;
  });
  beforeEach(() => database.execute('DELETE FROM platen.removals'));
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  test('opens in the background: until then it is starting, and whoever needs it waits', async () => {
    // An empty one takes the embedded database long.
    const database = open(await create());
    expect(await database.status()).toEqual({ state: 'starting' });
    const waited = database.nextRevision();
    expect(await belows(database)).toEqual([]);
    expect(await waited).toBeGreaterThan(BigInt(Date.now() - 60_000) * 1000n);
    expect(await database.status()).toEqual({ state: 'up' });
  });

  test('commits all or nothing; a transaction inside of one is a part of it', async () => {
    await database.transaction(async (tx) => {
      await tx.insertInto('removals').values(removal('a')).execute();
      await database.transaction((inner) => inner.insertInto('removals').values(removal('b')).execute());
      expect(await belows(database)).toEqual(['a', 'b']);
    });
    const failing = database.transaction(async (tx) => {
      await tx.insertInto('removals').values(removal('c')).execute();
      await database.transaction((inner) => inner.insertInto('removals').values(removal('d')).execute());
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await belows(database)).toEqual(['a', 'b']);
  });

  test('a statement that fails spoils its transaction and no other', async () => {
    const failing = database.transaction(async (tx) => {
      await tx.insertInto('removals').values(removal('a')).execute();
      await tx.insertInto('removals').values(removal('a')).execute();
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    await expect(database.execute('BEGIN; SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await database.queries.insertInto('removals').values(removal('b')).execute();
    expect(await belows(database)).toEqual(['b']);
  });

  test('the outer handle, used inside a transaction, belongs to it and does not wait for ever', async () => {
    const { queries } = database;
    const failing = database.transaction(async () => {
      await queries.insertInto('removals').values(removal('a')).execute();
      await database.execute('INSERT INTO platen.removals VALUES ($1, $2, $3)', ['b', '', '1']);
      expect(await database.nextRevision()).toBeGreaterThan(0n);
      expect(await belows(database)).toEqual(['a', 'b']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await belows(database)).toEqual([]);
  });

  test('what a transaction began and did not wait for is asked in none that comes later', async () => {
    const late = Promise.withResolvers<void>();
    let later: Promise<unknown> = Promise.resolve();
    await database.transaction(async () => {
      later = late.promise.then(() => database.queries.insertInto('removals').values(removal('late')).execute());
    });
    const failing = database.transaction(async (tx) => {
      await tx.insertInto('removals').values(removal('a')).execute();
      late.resolve();
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await later;
    expect(await belows(database)).toEqual(['late']);
  });

  test('removals are forgotten when nothing of before them is under way any more', async () => {
    const revisions = new Revisions(database);
    await revisions.recordRemoval('old/', []);
    await revisions.recordRemoval('again/', []);
    await database.execute(`UPDATE platen.removals SET removed_at = now() - interval '3 days'`);
    await revisions.recordRemoval('again/', []);
    await revisions.recordRemoval('recent/', ['/a', '/b']);
    expect(await belows(database)).toEqual(['again/', 'recent/', 'recent/']);
  });

  if (server !== undefined) {
    test('a statement that takes too long is no outage: the connection is used again', async () => {
      const pid = async () => (await database.execute('SELECT pg_backend_pid() AS pid')).rows;
      const before = await pid();
      const slow = database.transaction(async (tx) => {
        await sql`SET LOCAL statement_timeout = 50`.execute(tx);
        await sql`SELECT pg_sleep(20)`.execute(tx);
      });
      await expect(slow).rejects.toMatchObject({ code: '57014' });
      expect(await pid()).toEqual(before);
      expect(await database.status()).toEqual({ state: 'up' });
    });

    test('migrations have no time limit, all else has one', async () => {
      const pool = openPostgres(server);
      parts.defer(() => pool.end());
      const limitsOf = async (connecting: Promise<Connection>) => {
        const connection = await connecting;
        const names = ['statement_timeout', 'idle_in_transaction_session_timeout'];
        const limits = names.map(async (name) => (await connection.query(`SHOW ${name}`)).rows);
        const found = (await Promise.all(limits)).flat().flatMap((row) => Object.values(row as object));
        connection.release();
        return found;
      };
      expect(await limitsOf(pool.connectPatiently())).toEqual(['0', '0']);
      expect(await limitsOf(pool.connect())).toEqual(['15s', '15s']);
    });
  }

  test("two transactions in each other's way are both carried out", async () => {
    for (const below of ['a', 'b'])
      await database.queries
        .insertInto('removals')
        .values({ ...removal(below), revision: '0' })
        .execute();
    const add = (first: string, second: string) =>
      database.transaction(async (tx) => {
        for (const below of [first, second])
          await tx
            .updateTable('removals')
            .set((eb) => ({ revision: eb('revision', '+', '1') }))
            .where('below', '=', below)
            .execute();
      });
    await Promise.all(Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? add('a', 'b') : add('b', 'a'))));
    const rows = await database.queries.selectFrom('removals').select('revision').execute();
    expect(rows).toEqual([{ revision: '6' }, { revision: '6' }]);
  });

  test('NOTIFY is heard when its transaction commits, and never when it does not', async () => {
    const heard: string[] = [];
    const listening = await database.listen('news', { onMessage: (text) => heard.push(text), onGap: () => undefined });
    const say = (text: string) => database.execute('SELECT pg_notify($1, $2)', ['news', text]);
    await expect(
      database.transaction(async () => {
        await say('rolled back');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await database.transaction(async () => {
      await say('committed');
      expect(heard).toEqual([]);
    });
    await until(() => heard.length > 0);
    await listening.close();
    await say('after');
    await database.execute('SELECT 1');
    expect(heard).toEqual(['committed']);
  });

  test('is refused when a later version has been at work, and says so', async () => {
    const at = await create();
    {
      await using database = openDatabase(at);
      await database.ready;
      await database.execute(`INSERT INTO platen.migrations VALUES ('9999-later', '2099-01-01T00:00:00.000Z')`);
    }
    const database = open(at);
    const status = await until(async () => {
      const now = await database.status();
      return now.state === 'down' && now;
    });
    expect(status.reason).toBe('the database can not be used: a later version has brought it to 9999-later');
    await expect(database.nextRevision()).rejects.toMatchObject({ code: 'database_unavailable' });
  });

  test('work of the version before is done: what tasks held is with each of their jobs, and ended ones have no secret', async () => {
    const at = await create();
    const before = await bringTo(at, '0002-tickets');
    const [task, queued, cancelled] = [randomUUID(), randomUUID(), randomUUID()];
    await sql`INSERT INTO platen.tasks (id, name, key, state, data, secret, rank, lane, turn)
      VALUES (${task}, 'work', 'key', 'waiting', '{"a":1}', '\\x01', 2, 'lane', 1)`.execute(before);
    await sql`INSERT INTO platen.jobs (id, task_id, owner, state, subject, ended_at) VALUES
      (${queued}, ${task}, 'me', 'queued', '{}', NULL), (${cancelled}, ${task}, 'me', 'cancelled', '{}', now())`.execute(
      before,
    );
    await before.destroy();
    const database = open(at);
    await database.ready;
    const rows = await database.queries.selectFrom('jobs').select(['id', 'data', 'rank', 'secret']).execute();
    const common = { data: { a: 1 }, rank: 2 };
    expect(rows.map(({ secret, ...row }) => ({ ...row, secret: secret?.length }))).toEqual(
      expect.arrayContaining([
        { id: queued, ...common, secret: 1 },
        { id: cancelled, ...common, secret: undefined },
      ]),
    );
  });

  test('what had been handed back before an upgrade has all its time after it', async () => {
    const at = await create();
    const before = await bringTo(at, '0004-rate-limits');
    await sql`INSERT INTO platen.tasks (id, name, key, state, lane, turn, attempt, started_at)
      VALUES (${randomUUID()}, 'work', 'key', 'waiting', 'lane', 1, 1, now() - interval '1 hour')`.execute(before);
    await before.destroy();
    const database = open(at);
    await database.ready;
    expect(await database.queries.selectFrom('tasks').select('started_at').execute()).toEqual([{ started_at: null }]);
  });

  test('revisions go on after a restart, also when the stored ones are behind the clock', async () => {
    const at = await create();
    const revisions: bigint[] = [];
    for (let time = 1; time <= 2; time++) {
      await using database = openDatabase(at);
      revisions.push(await database.nextRevision(), await database.nextRevision());
      // As in a backup of long ago.
      if (time === 1) await database.execute(`SELECT setval('platen.revisions', 5)`);
    }
    expect(revisions).toEqual([...revisions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(revisions).size).toBe(4);
  });

  test('revisions ahead of the clock are never put back', async () => {
    const at = await create();
    const ahead = 4_000_000_000_000_000n;
    {
      await using database = openDatabase(at);
      await database.ready;
      await database.execute(`SELECT setval('platen.revisions', ${ahead})`);
    }
    expect(await open(at).nextRevision()).toBe(ahead + 1n);
  });
});

const { DATABASE_URL } = process.env;
const describePostgres = DATABASE_URL === undefined ? describe.skip : describe;

describePostgres('a PostgreSQL whose address leads elsewhere for a while', () => {
  /** Passes everything on, until it is told to answer the next packet of each connection by a reset. */
  async function startGateway(url: URL) {
    let isResetting = false;
    const server = createServer((client) => {
      const there = connect(Number(url.port || 5432), url.hostname);
      client.on('data', (data) => {
        if (isResetting) client.resetAndDestroy();
        else there.write(data);
      });
      there.on('data', (data) => client.write(data));
      for (const socket of [client, there]) socket.on('error', () => undefined);
      client.on('close', () => there.destroy());
      there.on('close', () => client.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const through = new URL(url);
    through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      url: through.href,
      reset: (next: boolean) => {
        isResetting = next;
      },
      [Symbol.asyncDispose]: async () => void server.close(),
    };
  }

  test('and resets what was idle: that is an outage, and no end of the process', async () => {
    const at = parts.use(await createTestDatabase(DATABASE_URL));
    const gateway = parts.use(await startGateway(new URL(at.url ?? '')));
    const database = parts.use(openDatabase({ url: gateway.url, dataDir: '' }));
    await database.ready;
    await database.execute('SELECT 1');
    // It is asked first whether it is still one.
    await wait(2200);
    gateway.reset(true);
    await expect(database.execute('SELECT 1')).rejects.toMatchObject({ code: 'database_unavailable' });
    gateway.reset(false);
    await until(() => database.execute('SELECT 1').catch(() => undefined));
  });

  test('and only reads, as a standby: that is an outage too, and over when it writes again', async () => {
    const at = parts.use(await createTestDatabase(DATABASE_URL));
    const database = parts.use(openDatabase({ url: at.url, dataDir: '' }));
    await database.ready;
    const name = new URL(at.url ?? '').pathname.slice(1);
    await using other = await connectTo(DATABASE_URL ?? '');
    await other.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await other.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    const write = () => database.queries.insertInto('removals').values(removal('written')).execute();
    const codeOf = () =>
      write().then(
        () => 'written',
        ({ code }) => code,
      );
    await until(
      async () => (await database.execute('SHOW transaction_read_only').catch(() => undefined)) !== undefined,
    );
    expect(await codeOf()).toBe('database_unavailable');
    await other.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    // Without waiting for connections to grow old.
    await until(async () => (await codeOf()) === 'written');
  });
});

describePostgres('several processes on one PostgreSQL', () => {
  /** A process that opens it, says which migrations it has applied, and takes revisions. */
  const program = `
    import { openDatabase } from '${new URL('../src/database/database.ts', import.meta.url)}';
    const database = openDatabase({ url: process.env.DATABASE_URL, dataDir: '' });
    await database.ready;
    const revisions = [];
    for (let count = 0; count < 200; count++) revisions.push(String(await database.nextRevision()));
    await database[Symbol.asyncDispose]();
    console.log('revisions ' + JSON.stringify(revisions));`;

  test('open an empty one at once: it is brought to its version once, and no revision is given twice', async () => {
    const at = parts.use(await createTestDatabase(DATABASE_URL));
    const runs = Array.from({ length: 4 }, async () => {
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program],
        {
          env: { PATH: process.env.PATH, DATABASE_URL: at.url },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const [code] = await once(child, 'exit');
      return { code, output };
    });
    const ended = await Promise.all(runs);
    const revisions = ended.map(
      ({ output }) => JSON.parse(output.split('revisions ')[1] ?? '[]').map(BigInt) as bigint[],
    );
    expect(ended.map(({ code, output }) => [code, output.includes('can not be used')])).toEqual(
      ended.map(() => [0, false]),
    );
    for (const own of revisions) expect(own).toEqual([...own].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(revisions.flat()).size).toBe(800);
    await using client = await connectTo(at.url ?? '');
    const { rows } = await client.query('SELECT name FROM platen.migrations');
    expect(rows.length).toBe(new Set(rows.map(({ name }) => name)).size);
  });
});

describe('the embedded database', () => {
  const create = async () => parts.use(await createTestDatabase(undefined));
  const controlFile = (dataDir: string) => join(dataDir, 'database', 'global', 'pg_control');

  test('that lacks files names them, and is opened when they are back', async () => {
    const { dataDir } = await create();
    await openEmbedded(dataDir).end();
    const control = await readFile(controlFile(dataDir));
    await rm(controlFile(dataDir));
    const database = parts.use(openDatabase({ url: undefined, dataDir }));
    await until(async () => (await database.status()).state === 'down');
    expect((await database.status()).reason).toBe(
      'the database can not be used: DATA_DIR/database is not whole (global/pg_control missing): restore a backup, or move it away',
    );
    await expect(database.nextRevision()).rejects.toMatchObject({ code: 'database_unavailable' });
    await writeFile(controlFile(dataDir), control);
    await database.ready;
    expect(await database.nextRevision()).toBeGreaterThan(0n);
  }, 300_000);

  test('is closed with a checkpoint: what is opened next has nothing to recover', async () => {
    const { dataDir } = await create();
    // After the system's identifier and two versions: 1 is shut down, 6 in production.
    const stateOf = async () => (await readFile(controlFile(dataDir))).readUInt32LE(16);
    {
      await using database = openDatabase({ url: undefined, dataDir });
      await database.queries.insertInto('removals').values(removal('kept')).execute();
      expect(await stateOf()).toBe(6);
    }
    expect(await stateOf()).toBe(1);
    expect(await belows(parts.use(openDatabase({ url: undefined, dataDir })))).toEqual(['kept']);
  }, 300_000);
});

const readinessOf = async ({ url }: { url: string }) => {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${((await response.json()) as { database: { state: string } }).database.state}`;
};

describeServer('the service', (server) => {
  test('is ready when its queue takes jobs, not as soon as it has its tables', async () => {
    const { url, dataDir } = parts.use(await createTestDatabase(server));
    const settings = { DATABASE_URL: url, DATA_DIR: dataDir };
    {
      await using before = await startServiceProcess(settings);
      await until(async () => (await readinessOf(before)) === '200 up');
    }
    const other = parts.use(await connectTo(url ?? ''));
    await other.query('BEGIN; LOCK TABLE platen_queue.queue');
    const service = parts.use(await startServiceProcess(settings, undefined, { isOpenAwaited: false }));
    const database = parts.use(openDatabase({ url, dataDir }));
    const isAtTheQueue = async () => (await database.execute(`SELECT FROM pg_locks WHERE NOT granted`)).rows.length > 0;
    await until(isAtTheQueue);
    expect(await readinessOf(service)).toBe('503 starting');
    await other.query('COMMIT');
    await until(async () => (await readinessOf(service)) !== '503 starting');
    expect(await readinessOf(service)).toBe('200 up');
  }, 300_000);
});

describe('the service', () => {
  test('listens while its database is still being made, and says so; one that was begun and never finished is made anew', async () => {
    const { dataDir } = parts.use(await createTestDatabase(undefined));
    const unfinished = join(dataDir, 'database.unfinished');
    await mkdir(unfinished);
    await writeFile(join(unfinished, 'PG_VERSION'), 'half');
    const service = parts.use(await startServiceProcess({ DATA_DIR: dataDir }, undefined, { isOpenAwaited: false }));
    const states = new Set<string>();
    await until(async () => states.add(await readinessOf(service)).has('200 up'), 300_000);
    expect([...states]).toEqual(['503 starting', '200 up']);
    expect(existsSync(unfinished)).toBe(false);
    expect(() => openDataFolder(dataDir)).toThrow(`in use by process ${service.child.pid}`);
    expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  }, 300_000);
});
