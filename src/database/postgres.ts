// PostgreSQL by DATABASE_URL: a pool that gives up on connections which do not answer, and one connection that listens.

import { once } from 'node:events';
import { Socket } from 'node:net';
import pg from 'pg';
import { createLog } from '../log.ts';
import type { Connection, ConnectionPool, QueryResult } from './connection.ts';
import { isOutage } from './connection.ts';
import { Listening } from './listening.ts';

const log = createLog('database');

const mostConnections = 10;
const connectTimeoutMs = 5000;
/** Also of a statement that waits for a lock. */
const statementTimeoutMs = 15_000;
/** Longer: the database's own word comes first, and one that says nothing is away. */
const answerTimeoutMs = statementTimeoutMs + 2000;
/** A connection that was idle for so long is asked first whether it is still one. */
const trustedMs = 2000;
const proofTimeoutMs = 2000;
/** Connections that do not end by themselves are cut. */
const endTimeoutMs = 1000;

/** One result per statement where several were sent at once. */
function joinResults(result: pg.QueryResult | pg.QueryResult[]): QueryResult {
  const all = [result].flat();
  const last = all.at(-1);
  return {
    command: (last?.command ?? 'SELECT') as QueryResult['command'],
    rowCount: last?.rowCount ?? 0,
    rows: all.flatMap(({ rows }) => rows),
  };
}

/** Lends a connection out; one that has failed is not asked again, since its answer may still come. */
function wrapClient(client: pg.PoolClient, onRelease: () => void): Connection {
  let broken: unknown;
  // A connection that dies while it is lent out says so here; the statement under way fails by itself.
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  return {
    async query(text, values) {
      if (broken !== undefined) throw broken;
      try {
        return joinResults(await client.query(text, values as unknown[] | undefined));
      } catch (error) {
        if (isOutage(error)) broken = error;
        throw error;
      }
    },
    release(isBroken = false) {
      client.off('error', onError);
      onRelease();
      client.release(isBroken || broken !== undefined);
    },
  };
}

class PostgresPool implements ConnectionPool {
  readonly options = {};
  readonly #options: pg.PoolConfig;
  readonly #listening: Listening;
  readonly #sockets = new Set<Socket>();
  readonly #usedAt = new WeakMap<pg.PoolClient, number>();
  #pool: pg.Pool;

  constructor(connectionString: string) {
    this.#options = {
      connectionString,
      application_name: 'platen',
      max: mostConnections,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: answerTimeoutMs,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: statementTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5000,
      idleTimeoutMillis: 30_000,
      stream: () => this.#openSocket(),
    };
    this.#pool = this.#openPool();
    this.#listening = new Listening(this.#options, (text, values) => this.#ask(text, values));
  }

  async connect(): Promise<Connection> {
    const pool = this.#pool;
    const client = await pool.connect();
    // At once: a connection whose end nobody hears of ends the process.
    const lent = wrapClient(client, () => this.#usedAt.set(client, performance.now()));
    const usedAt = this.#usedAt.get(client) ?? performance.now();
    if (performance.now() - usedAt < trustedMs) return lent;
    try {
      const proof = { text: 'SELECT 1', query_timeout: proofTimeoutMs };
      await client.query(proof);
      return lent;
    } catch {
      lent.release(true);
    }
    // Then so are its neighbours, and each would be waited for.
    if (this.#pool === pool) {
      log.warn('The connections to the database have gone silent and are made anew');
      this.#pool = this.#openPool();
      void pool.end().catch(() => undefined);
    }
    const fresh = await this.#pool.connect();
    return wrapClient(fresh, () => this.#usedAt.set(fresh, performance.now()));
  }

  /** It is no part of the pool: what ends it is that the database goes away, or that it is given back. */
  async connectPatiently(): Promise<Connection> {
    const unlimited = { query_timeout: 0, statement_timeout: 0, idle_in_transaction_session_timeout: 0 };
    const client = new pg.Client({ ...this.#options, ...unlimited });
    client.on('error', (error) => log.debug('The connection of migrations has failed', { error }));
    await client.connect();
    return {
      query: async (text, values) => joinResults(await client.query(text, values as unknown[] | undefined)),
      release: () => void client.end().catch(() => undefined),
    };
  }

  get isDeaf(): boolean {
    return this.#listening.isDeaf;
  }

  listen(...[channel, listener]: Parameters<ConnectionPool['listen']>) {
    return this.#listening.add(channel, listener);
  }

  async end(): Promise<void> {
    const tooLong = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, endTimeoutMs);
    await Promise.all([this.#listening.close(), this.#pool.end()]);
    await Promise.all([...this.#sockets].map((socket) => (socket.destroyed ? undefined : once(socket, 'close'))));
    clearTimeout(tooLong);
  }

  async #ask(text: string, values: unknown[]): Promise<void> {
    const connection = await this.connect();
    try {
      await connection.query(text, values);
    } finally {
      connection.release();
    }
  }

  #openPool(): pg.Pool {
    const pool = new pg.Pool(this.#options);
    // An idle connection that dies is replaced by the next that is wanted.
    pool.on('error', (error) => log.warn('An idle connection to the database is lost', { error }));
    return pool;
  }

  #openSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** Connects when it is first needed. */
export function openPostgres(connectionString: string): ConnectionPool {
  return new PostgresPool(connectionString);
}
