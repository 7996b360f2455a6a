// PostgreSQL inside this process, in DATA_DIR: one connection, lent to one user after the other.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Connection, ConnectionPool, Listener, QueryResult } from './connection.ts';

export type EmbeddedRequest = { id: number } & (
  | { text: string; values?: unknown[] | undefined }
  | { channel: string }
  | { close: true }
);

export interface EmbeddedAnswer {
  id: number;
  result?: Pick<QueryResult, 'rows' | 'rowCount'> | undefined;
  error?: { message: string; code?: string };
}

interface Notification {
  channel: string;
  payload: string;
}

type Ask = { text: string; values?: unknown[] | undefined } | { channel: string } | { close: true };

class EmbeddedPool implements ConnectionPool {
  readonly options = {};
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<EmbeddedAnswer['result']>>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #opened: Promise<unknown>;
  #lastId = 0;
  #ended: Error | undefined;
  /** Kept when the one connection is free again. */
  #free: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#worker = new Worker(new URL('./embedded-worker.ts', import.meta.url), { workerData: { folder } });
    this.#opened = this.#wait(0);
    this.#opened.catch(() => undefined);
    this.#worker.on('message', (message: EmbeddedAnswer | Notification) => {
      if ('channel' in message) this.#notify(message);
      else this.#settle(message);
    });
    this.#worker.on('error', (error) => this.#failAll(error));
    this.#worker.on('exit', () => this.#failAll(new Error('the embedded database has ended: connection terminated')));
  }

  async connect(): Promise<Connection> {
    await this.#opened;
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    return { query: (text, values) => this.#query(text, values), release: () => resolve() };
  }

  async listen(channel: string, listener: Listener) {
    await this.#opened;
    const present = this.#listeners.get(channel);
    const atChannel = present ?? new Set();
    this.#listeners.set(channel, atChannel.add(listener));
    if (present === undefined) await this.#ask({ channel });
    return {
      async close() {
        atChannel.delete(listener);
      },
    };
  }

  async end(): Promise<void> {
    const isOpen = await this.#opened.then(
      () => true,
      () => false,
    );
    if (isOpen) await this.#ask({ close: true });
    await this.#worker.terminate();
  }

  async #query(text: string, values?: readonly unknown[]): Promise<QueryResult> {
    const result = await this.#ask({ text, values: values === undefined ? undefined : [...values] });
    // Kysely looks at it to tell writes from reads.
    const command = (/^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? 'SELECT') as QueryResult['command'];
    return { command, rowCount: result?.rowCount ?? 0, rows: result?.rows ?? [] };
  }

  #ask(request: Ask): Promise<EmbeddedAnswer['result']> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const answered = this.#wait(id);
    this.#worker.postMessage({ id, ...request });
    return answered;
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
    else waiting?.reject(Object.assign(new Error(error.message), error));
  }

  #notify({ channel, payload }: Notification): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener.onMessage(payload);
  }

  #failAll(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** Opens or makes the database in the folder, whose lock the caller holds. */
export function openEmbedded(dataDir: string): ConnectionPool {
  return new EmbeddedPool(join(dataDir, 'database'));
}
