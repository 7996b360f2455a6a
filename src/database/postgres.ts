// PostgreSQL by DATABASE_URL: a pool that gives up on connections which do not answer, and one connection that listens.

import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { createLog } from '../log.ts';
import type { Connection, ConnectionPool, Listener, ListenHandle, QueryResult } from './connection.ts';
import { isOutage } from './connection.ts';

const log = createLog('database');

const mostConnections = 10;
const connectTimeoutMs = 5000;
/** Also of a statement that waits for a lock; migrations are far below it. */
const statementTimeoutMs = 15_000;
/** How often the listening connection proves that it is one; a half-open one is found by it. */
const pulseMs = 3000;
const longestPauseMs = 2000;

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

function wrapClient(client: pg.PoolClient): Connection {
  let isBroken = false;
  // A connection that dies while it is lent out says so here; the statement under way fails by itself.
  const onError = () => {
    isBroken = true;
  };
  client.on('error', onError);
  return {
    async query(text, values) {
      try {
        return joinResults(await client.query(text, values as unknown[] | undefined));
      } catch (error) {
        // After a time-out its answer may still come: nothing else may be asked over it.
        if (isOutage(error)) isBroken = true;
        throw error;
      }
    },
    release(isBrokenNow = false) {
      client.off('error', onError);
      client.release(isBroken || isBrokenNow);
    },
  };
}

/** The one connection over which notifications come; it is made again for as long as it is wanted. */
class Listening {
  readonly #options: pg.ClientConfig;
  readonly #listeners = new Map<string, Set<Listener>>();
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: pg.ClientConfig) {
    this.#options = options;
  }

  async add(channel: string, listener: Listener): Promise<ListenHandle> {
    const present = this.#listeners.get(channel);
    const atChannel = present ?? new Set();
    this.#listeners.set(channel, atChannel.add(listener));
    this.#connecting ??= this.#connect();
    await this.#connecting;
    if (present === undefined) await this.#client?.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return {
      close: async () => {
        atChannel.delete(listener);
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(this.#options);
    const lost = Promise.withResolvers<void>();
    client.on('error', () => lost.resolve());
    client.on('end', () => lost.resolve());
    client.on('notification', ({ channel, payload = '' }) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.onMessage(payload);
    });
    try {
      await client.connect();
      for (const channel of this.#listeners.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    void this.#watch(client, lost);
  }

  async #watch(client: pg.Client, lost: PromiseWithResolvers<void>): Promise<void> {
    const pulse = setInterval(() => {
      client.query('SELECT 1').catch(() => lost.resolve());
    }, pulseMs);
    await lost.promise;
    clearInterval(pulse);
    void client.end().catch(() => undefined);
    this.#client = undefined;
    if (this.#isClosed) return;
    log.warn('The listening connection to the database is lost');
    for (let pauseMs = 50; !this.#isClosed; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        this.#connecting = this.#connect();
        await this.#connecting;
        break;
      } catch {
        await wait(pauseMs);
      }
    }
    for (const listener of [...this.#listeners.values()].flatMap((each) => [...each])) listener.onGap();
  }
}

/** Connects when it is first needed. */
export function openPostgres(connectionString: string): ConnectionPool {
  const options: pg.PoolConfig = {
    connectionString,
    application_name: 'platen',
    max: mostConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    idleTimeoutMillis: 30_000,
  };
  const pool = new pg.Pool(options);
  // An idle connection that dies is replaced by the next that is wanted.
  pool.on('error', (error) => log.warn('An idle connection to the database is lost', { error }));
  const listening = new Listening({ ...options, query_timeout: pulseMs });
  return {
    options: {},
    connect: async () => wrapClient(await pool.connect()),
    listen: (channel, listener) => listening.add(channel, listener),
    async end() {
      await listening.close();
      await pool.end();
    },
  };
}
