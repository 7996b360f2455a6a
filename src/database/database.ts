// The database, embedded in DATA_DIR or PostgreSQL: opened in the background, one code path for both, transactions that others can join.

import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { CompiledQuery, Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely';
import { abortable } from '../abortable.ts';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import { asOutage, type Connection, type ConnectionPool, type Listener, type ListenHandle } from './connection.ts';
import type { Tables } from './contract.ts';
import { openEmbedded } from './embedded.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';

const log = createLog('database');

/** Either the database itself or a transaction of it; statements are the same on both. */
export type Queries = Kysely<Tables>;

export interface DatabaseStatus {
  state: 'up' | 'starting' | 'down';
  reason?: string;
}

export interface Database extends AsyncDisposable {
  /** Statements outside of a transaction; inside of one they belong to it. @throws database_unavailable. */
  readonly queries: Queries;
  /** Runs `work` as one transaction, or as a part of that which is open. @throws database_unavailable. */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>;
  /** For a library that brings its own SQL: one statement with values, or several without. */
  execute(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[] }>;
  /** Follows a channel; `NOTIFY` in a transaction is heard when it commits. */
  listen(channel: string, listener: Listener): Promise<ListenHandle>;
  /** Ordered ids of renders: greater than any before it, in whichever process. @throws database_unavailable. */
  nextRevision(): Promise<bigint>;
  /** Kept when it can be used for the first time; fails when it never will. */
  readonly ready: Promise<void>;
  status(): Promise<DatabaseStatus>;
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

interface OpenTransaction {
  tx: Queries;
  isOpen: boolean;
}

class PooledDatabase implements Database {
  readonly queries: Queries;
  readonly ready: Promise<void>;
  readonly #pool: ConnectionPool;
  readonly #base: Queries;
  readonly #current = new AsyncLocalStorage<OpenTransaction>();
  readonly #stopping = new AbortController();
  #status: { at: number; value: Promise<DatabaseStatus> } | undefined;
  #startProblem: unknown;
  #isReady = false;

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
    const connect = async () => this.#lend();
    const lent = { options: {}, connect, end: async () => undefined } as unknown as PostgresPool;
    this.#base = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: lent }) }).withSchema(schema);
    this.queries = this.#base;
    this.ready = this.#start();
    this.ready.catch(() => undefined);
  }

  async transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T> {
    const current = this.#current.getStore();
    if (current?.isOpen === true) return work(current.tx);
    await this.#untilReady();
    return this.#base.transaction().execute(async (tx) => {
      const open = { tx: tx.withSchema(schema), isOpen: true };
      try {
        return await this.#current.run(open, () => work(open.tx));
      } finally {
        open.isOpen = false;
      }
    });
  }

  async execute(text: string, values: readonly unknown[] = []): Promise<{ rows: unknown[] }> {
    const current = this.#current.getStore();
    if (current?.isOpen === true) {
      const { rows } = await current.tx.executeQuery(CompiledQuery.raw(text, [...values]));
      return { rows };
    }
    const connection = await this.#lend();
    let isBroken = false;
    try {
      return await connection.query(text, values);
    } catch (error) {
      // Several statements may have begun a transaction of their own.
      await connection.query('ROLLBACK').catch(() => {
        isBroken = true;
      });
      throw error;
    } finally {
      connection.release(isBroken);
    }
  }

  async listen(channel: string, listener: Listener): Promise<ListenHandle> {
    return this.#pool.listen(channel, listener);
  }

  async nextRevision(): Promise<bigint> {
    await this.#untilReady();
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(fail('shutting_down'));
    await this.ready.catch(() => undefined);
    await this.#base.destroy();
    await this.#pool.end().catch((error) => log.warn('The database could not be closed in order', { error }));
  }

  /** A connection whose failures say what they are. */
  async #lend(): Promise<Connection> {
    const connection = await this.#pool.connect().catch((error) => {
      throw asOutage(error);
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
    for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      this.#stopping.signal.throwIfAborted();
      try {
        await this.#prepare();
        this.#isReady = true;
        this.#status = undefined;
        return;
      } catch (error) {
        this.#startProblem = error;
        log.error('The database can not be used yet', { error });
        await wait(pauseMs, undefined, { signal: this.#stopping.signal });
      }
    }
  }

  async #prepare(): Promise<void> {
    await migrate(this.#base as Kysely<unknown>, schema);
    // A restored backup knows less than the storage does; and whatever was stored before is older than now.
    await this.execute(
      `SELECT setval('platen.revisions', greatest(last_value, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)) FROM platen.revisions`,
    );
  }

  async #untilReady(): Promise<void> {
    if (this.#isReady) return;
    const tooLong = AbortSignal.timeout(readyTimeoutMs);
    await abortable(this.ready, tooLong).catch((cause) => {
      throw fail('database_unavailable', {}, { cause });
    });
  }

  async #ask(): Promise<DatabaseStatus> {
    if (!this.#isReady) {
      const problem = this.#startProblem;
      return problem === undefined
        ? { state: 'starting' }
        : { state: 'down', reason: 'the database can not be used; the log has the cause' };
    }
    try {
      await abortable(this.execute('SELECT 1'), AbortSignal.timeout(statusTimeoutMs));
      return { state: 'up' };
    } catch {
      return { state: 'down', reason: 'the database does not answer' };
    }
  }
}

/** Begins to open it, and returns at once: `ready` says when it can be used, and whoever needs it before waits. */
export function openDatabase({ url, dataDir }: Options): Database {
  return new PooledDatabase(url === undefined ? openEmbedded(dataDir) : openPostgres(url));
}
