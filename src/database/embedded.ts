// PostgreSQL inside this process, in DATA_DIR: one connection, lent to one user after the other.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createLog } from '../log.ts';
import {
  type Connection,
  type ConnectionPool,
  type Listener,
  type QueryResult,
  UnusableDatabase,
} from './connection.ts';

const log = createLog('database');

/** One statement with values, or several without; `before` it another, in the same message. */
interface Asked {
  text: string;
  values?: unknown[] | undefined;
  before?: string | undefined;
}

type Ask = Asked | { channel: string } | { close: true };
export type EmbeddedRequest = { id: number } & Ask;

export interface EmbeddedAnswer {
  id: number;
  result?: QueryResult | undefined;
  error?: Record<'code' | 'detail' | 'constraint' | 'reason', string | undefined> & { message: string };
}

interface Notification {
  channel: string;
  payload: string;
}

/** One that could not be opened, or has ended, is opened again, but not more often. */
const reopenPauseMs = 1000;

/** One opened database. */
class Thread {
  readonly opened: Promise<unknown>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<EmbeddedAnswer['result']>>();
  #lastId = 0;
  #ended: Error | undefined;

  constructor(folder: string, onNotification: (notification: Notification) => void) {
    this.#worker = new Worker(new URL('./embedded-worker.ts', import.meta.url), { workerData: { folder } });
    this.opened = this.#wait(0);
    this.opened.catch(() => undefined);
    this.#worker.on('message', (message: EmbeddedAnswer | Notification) => {
      if ('channel' in message) onNotification(message);
      else this.#settle(message);
    });
    this.#worker.on('error', (error) => this.#failAll(error));
    this.#worker.on('exit', () => this.#failAll(new Error('the embedded database has ended: connection terminated')));
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  ask(request: Ask): Promise<EmbeddedAnswer['result']> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const answered = this.#wait(id);
    this.#worker.postMessage({ id, ...request });
    return answered;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #wait(id: number): Promise<EmbeddedAnswer['result']> {
    const waiting = Promise.withResolvers<EmbeddedAnswer['result']>();
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }

  #settle({ id, result, error }: EmbeddedAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else if (error.reason !== undefined) waiting?.reject(new UnusableDatabase(error.reason));
    else waiting?.reject(Object.assign(new Error(error.message), error));
  }

  #failAll(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

class EmbeddedPool implements ConnectionPool {
  readonly options = {};
  readonly isDeaf = false;
  readonly #folder: string;
  readonly #listeners = new Map<string, Set<Listener>>();
  #thread: Thread;
  #startedAt = performance.now();
  #hasEnded = false;
  /** Resolves when the one connection is free again. */
  #free: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
    this.#thread = this.#start();
  }

  async connect(): Promise<Connection> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    try {
      const thread = await this.#open();
      return lend(thread, resolve);
    } catch (error) {
      resolve();
      throw error;
    }
  }

  connectPatiently(): Promise<Connection> {
    return this.connect();
  }

  async listen(channel: string, listener: Listener) {
    const connection = await this.connect();
    try {
      const present = this.#listeners.get(channel);
      const atChannel = present ?? new Set();
      if (present === undefined) await this.#thread.ask({ channel });
      this.#listeners.set(channel, atChannel.add(listener));
      return {
        async close() {
          atChannel.delete(listener);
        },
      };
    } finally {
      connection.release();
    }
  }

  async end(): Promise<void> {
    this.#hasEnded = true;
    const thread = this.#thread;
    const isOpen = await thread.opened.then(
      () => !thread.hasEnded,
      () => false,
    );
    try {
      if (isOpen) await thread.ask({ close: true });
    } finally {
      await thread.end();
    }
  }

  #start(): Thread {
    return new Thread(this.#folder, ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.onMessage(payload);
    });
  }

  /** The database, opened again where it has ended. Called by one user at a time. */
  async #open(): Promise<Thread> {
    if (this.#thread.hasEnded && !this.#hasEnded && performance.now() - this.#startedAt > reopenPauseMs) {
      log.warn('The embedded database has ended and is opened again');
      this.#startedAt = performance.now();
      this.#thread = this.#start();
      await this.#thread.opened;
      for (const channel of this.#listeners.keys()) await this.#thread.ask({ channel });
      for (const listener of [...this.#listeners.values()].flatMap((each) => [...each])) listener.onGap();
    }
    await this.#thread.opened;
    return this.#thread;
  }
}

const isBegin = (text: string) => /^begin$/i.test(text);
const isEnd = (text: string) => /^(commit|rollback)$/i.test(text);

/** A transaction begins with its first statement: each message to the thread wakes it, and its answer this one. */
function lend(thread: Thread, release: () => void): Connection {
  let before: string | undefined;
  return {
    async query(text, values) {
      const nothing: QueryResult = { command: 'SELECT', rowCount: 0, rows: [] };
      const held = before;
      before = isBegin(text) ? text : undefined;
      if (before !== undefined || (held !== undefined && isEnd(text))) return nothing;
      const asked = { text, before: held, values: values === undefined ? undefined : [...values] };
      return (await thread.ask(asked)) ?? nothing;
    },
    release,
  };
}

/** Opens or makes the database in the folder, whose lock the caller holds. */
export function openEmbedded(dataDir: string): ConnectionPool {
  return new EmbeddedPool(join(dataDir, 'database'));
}
