// The database, embedded in DATA_DIR or PostgreSQL: opened in the background, one code path for both, transactions that others can join.

import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely';
import { abortable } from '../abortable.ts';
import { fail, ServiceError } from '../errors.ts';
import { createLog } from '../log.ts';
import {
  asOutage,
  type Connection,
  type ConnectionPool,
  isConflict,
  isOutage,
  isTooSlow,
  type Listener,
  type ListenHandle,
  UnusableDatabase,
} from './connection.ts';

export { isTooSlow, type Listener };

import type { Tables } from './contract.ts';
import { openEmbedded } from './embedded.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';

const log = createLog('database');

/** Either the database itself or a transaction of it; statements are the same on both. */
export type Queries = Kysely<Tables>;

export interface DatabaseStatus {
  /** `degraded`: it does all that it is asked, but nobody is told of anything. */
  state: 'up' | 'degraded' | 'starting' | 'down';
  reason?: string;
}

export interface Database extends AsyncDisposable {
  /** Statements; asked from inside a transaction they belong to it. @throws database_unavailable. */
  readonly queries: Queries;
  /** Runs `work` as one transaction, or as a part of that which is open. @throws database_unavailable. */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>;
  /** For a library that brings its own SQL: one statement with values, or several without. */
  execute(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[] }>;
  /** Follows a channel; `NOTIFY` in a transaction is heard when it commits. */
  listen(channel: string, listener: Listener): Promise<ListenHandle>;
  /** Ordered ids of renders: greater than any before it, in whichever process. @throws database_unavailable. */
  nextRevision(): Promise<bigint>;
  /** Resolves when it can be used for the first time; fails when it never will. */
  readonly ready: Promise<void>;
  status(): Promise<DatabaseStatus>;
  /** Whether what is told is known not to arrive, so that it must be looked for. */
  readonly isDeaf: boolean;
  /** Whether it is being opened for the first time, and nothing has gone wrong so far. */
  readonly isOpening: boolean;
}

interface Options {
  /** PostgreSQL; without it the database lies in `dataDir`, whose lock the caller holds. */
  url: string | undefined;
  dataDir: string;
}

/** In a schema of its own, so that the database may be shared with others. */
const schema = 'platen';
const readyTimeoutMs = 15_000;
const statusTimeoutMs = 2000;
const statusAgeMs = 3000;
const longestPauseMs = 5000;
/** Microseconds. */
const farForward = 10_000;

const mostTries = 5;

const deafReason =
  'notifications do not arrive, so that changes are looked for: connect without a pooler, or to one that pools sessions';

interface OpenTransaction {
  tx: Queries | undefined;
  /** All that is asked from inside goes over it, by whichever handle; with another one it would wait for its own end. */
  connection: Connection | undefined;
  isOpen: boolean;
}

class PooledDatabase implements Database {
  readonly queries: Queries;
  readonly ready: Promise<void>;
  readonly #pool: ConnectionPool;
  readonly #current = new AsyncLocalStorage<OpenTransaction>();
  readonly #stopping = new AbortController();
  /** Resolves when the first attempt to open it has ended, however it did. */
  readonly #tried = Promise.withResolvers<void>();
  #status: { at: number; value: Promise<DatabaseStatus> } | undefined;
  #startProblem: unknown;
  #isReady = false;

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
    this.queries = openQueries(() => this.#lend());
    this.ready = this.#start();
    this.ready.catch(() => undefined);
  }

  async transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T> {
    const current = this.#current.getStore();
    if (current?.isOpen === true && current.tx !== undefined) return work(current.tx);
    await this.#untilReady();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#begin(work);
      } catch (error) {
        if (tries === mostTries || !isConflict(error)) throw error;
      }
    }
  }

  async execute(text: string, values: readonly unknown[] = []): Promise<{ rows: unknown[] }> {
    const isInside = this.#current.getStore()?.isOpen === true;
    const connection = await this.#lend();
    let isBroken = false;
    try {
      return await connection.query(text, values);
    } catch (error) {
      // Several statements may have begun a transaction of their own.
      if (!isInside) {
        isBroken = isOutage(error);
        if (!isBroken) await connection.query('ROLLBACK');
      }
      throw error;
    } finally {
      connection.release(isBroken);
    }
  }

  async listen(channel: string, listener: Listener): Promise<ListenHandle> {
    return this.#pool.listen(channel, listener).catch((error) => {
      throw asOutage(error);
    });
  }

  async nextRevision(): Promise<bigint> {
    const { rows } = await sql<{ revision: string }>`SELECT nextval('platen.revisions') AS revision`.execute(
      this.queries,
    );
    return BigInt(rows[0]?.revision ?? 0);
  }

  status(): Promise<DatabaseStatus> {
    const now = performance.now();
    if (this.#status === undefined || now - this.#status.at > statusAgeMs)
      this.#status = { at: now, value: this.#ask() };
    return this.#status.value;
  }

  get isDeaf(): boolean {
    return this.#pool.isDeaf;
  }

  get isOpening(): boolean {
    return !this.#isReady && this.#startProblem === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(fail('shutting_down'));
    await this.ready.catch(() => undefined);
    await this.queries.destroy();
    await this.#pool.end().catch((error) => log.warn('The database could not be closed in order', { error }));
  }

  async #begin<T>(work: (tx: Queries) => Promise<T>): Promise<T> {
    const open: OpenTransaction = { tx: undefined, connection: undefined, isOpen: true };
    const run = async (plain: Queries) => {
      const tx = plain.withSchema(schema);
      open.tx = tx;
      try {
        return await work(tx);
      } finally {
        open.isOpen = false;
      }
    };
    return this.#current.run(open, () => this.queries.transaction().execute(run));
  }

  /** A connection of its own, or that of the transaction from inside of which it is asked for. */
  async #lend(): Promise<Connection> {
    const current = this.#current.getStore();
    if (current?.isOpen !== true) {
      await this.#untilReady();
      return this.#connect();
    }
    const { connection } = current;
    if (connection === undefined) {
      current.connection = await this.#connect();
      return current.connection;
    }
    return {
      async query(text, values) {
        if (!current.isOpen) throw new Error('the transaction from which this was asked has ended');
        return connection.query(text, values);
      },
      release: () => undefined,
    };
  }

  /** A connection whose failures say what they are. */
  async #connect(connecting = this.#pool.connect()): Promise<Connection> {
    const connection = await connecting.catch((cause) => {
      // Whatever it is that keeps it from connecting, a certificate or a bad address: the database is not to be had.
      const isSaid = cause instanceof ServiceError || cause instanceof UnusableDatabase;
      throw isSaid ? cause : fail('database_unavailable', {}, { cause });
    });
    return {
      query: (text, values) =>
        connection.query(text, values).catch((error) => {
          throw asOutage(error);
        }),
      release: (isBroken) => connection.release(isBroken),
    };
  }

  /** Tries until it can be used: a database that is away comes back. */
  async #start(): Promise<void> {
    const starting = openQueries(() => this.#connect(this.#pool.connectPatiently()));
    for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      this.#stopping.signal.throwIfAborted();
      try {
        await prepare(starting);
        this.#isReady = true;
        this.#status = undefined;
        this.#tried.resolve();
        return;
      } catch (error) {
        this.#startProblem = error;
        this.#status = undefined;
        this.#tried.resolve();
        log.error('The database can not be used yet', { error });
        await wait(pauseMs, undefined, { signal: this.#stopping.signal });
      }
    }
  }

  async #untilReady(): Promise<void> {
    if (this.#isReady) return;
    this.#stopping.signal.throwIfAborted();
    await abortable(this.#tried.promise, AbortSignal.timeout(readyTimeoutMs)).catch((cause) => {
      throw fail('database_unavailable', {}, { cause });
    });
    if (!this.#isReady) throw fail('database_unavailable', {}, { cause: this.#startProblem });
  }

  async #ask(): Promise<DatabaseStatus> {
    if (!this.#isReady) {
      const problem = this.#startProblem;
      if (problem === undefined) return { state: 'starting' };
      const reason = problem instanceof UnusableDatabase ? problem.message : 'the log has the cause';
      return { state: 'down', reason: `the database can not be used: ${reason}` };
    }
    try {
      const asked = this.execute('SELECT pg_is_in_recovery() AS standby');
      const { rows } = await abortable(asked, AbortSignal.timeout(statusTimeoutMs));
      const isStandby = (rows[0] as { standby?: boolean } | undefined)?.standby === true;
      if (isStandby) return { state: 'down', reason: 'the database only reads: it is a standby' };
      return this.isDeaf ? { state: 'degraded', reason: deafReason } : { state: 'up' };
    } catch {
      return { state: 'down', reason: 'the database does not answer' };
    }
  }
}

function openQueries(connect: () => Promise<Connection>): Queries {
  const lent = { options: {}, connect, end: async () => undefined } as unknown as PostgresPool;
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: lent }) }).withSchema(schema);
}

/** Brings the tables and the order of renders to where they must be. */
async function prepare(queries: Queries): Promise<void> {
  await migrate(queries as Kysely<unknown>, schema);
  // A restored backup knows less than the storage does; and whatever was stored before is older than now. One starting process after the
  // other, and only far forward: those that take the next one at the same time are never put back.
  await queries.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtext('platen.revisions'))`.execute(tx);
    await sql`
      WITH now AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS revision)
      SELECT setval('platen.revisions', now.revision) FROM platen.revisions, now
      WHERE last_value < now.revision - ${farForward}::bigint`.execute(tx);
  });
}

/** Begins to open it, and returns at once: `ready` says when it can be used, and whoever needs it before waits. */
export function openDatabase({ url, dataDir }: Options): Database {
  return new PooledDatabase(url === undefined ? openEmbedded(dataDir) : openPostgres(url));
}
