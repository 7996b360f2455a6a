// What a connection to either database must do; the shape is the one that kysely wants of a PostgreSQL pool.

import { fail, ServiceError } from '../errors.ts';

export interface QueryResult {
  command: 'UPDATE' | 'DELETE' | 'INSERT' | 'SELECT' | 'MERGE' | 'COMMIT' | 'ROLLBACK';
  rowCount: number;
  // biome-ignore lint/suspicious/noExplicitAny: rows are whatever was asked for
  rows: any[];
}

export interface Connection {
  /** One statement with values; without values also several, whose rows are given one after the other. */
  query(text: string, values?: readonly unknown[]): Promise<QueryResult>;
  /** Gives it back; a broken one is closed. */
  release(isBroken?: boolean): void;
}

export interface ListenHandle {
  close(): Promise<void>;
}

export interface Listener {
  onMessage(payload: string): void;
  /** Messages may have been missed. */
  onGap(): void;
}

/** Connections to one database, real or embedded. */
export interface ConnectionPool {
  readonly options: object;
  connect(): Promise<Connection>;
  listen(channel: string, listener: Listener): Promise<ListenHandle>;
  end(): Promise<void>;
}

/** States in which the database itself does not work, as PostgreSQL and the network name them. */
const outage = /^(08|53|57P|25P03|58|XX)|^E[A-Z]+$/;

/** Whether the database, and not the statement, is at fault. */
export function isOutage(error: unknown): boolean {
  if (error instanceof ServiceError) return error.code === 'database_unavailable';
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  return (
    (typeof code === 'string' && outage.test(code)) ||
    /timeout|terminated|not queryable|Connection ended|connection error|ECONN/i.test(message)
  );
}

/** The public form of an outage; any other error as it is. */
export function asOutage(cause: unknown): unknown {
  return isOutage(cause) && !(cause instanceof ServiceError) ? fail('database_unavailable', {}, { cause }) : cause;
}
