// What a connection to either database must do; the shape is the one that kysely wants of a PostgreSQL pool.

import { fail, ServiceError } from '../errors.ts';

export interface QueryResult {
  command: 'UPDATE' | 'DELETE' | 'INSERT' | 'SELECT' | 'MERGE' | 'COMMIT' | 'ROLLBACK';
  rowCount: number;
  rows: unknown[];
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
  /** One whose statements may take as long as they do, for migrations. */
  connectPatiently(): Promise<Connection>;
  /** Whether messages are known not to arrive. */
  readonly isDeaf: boolean;
  listen(channel: string, listener: Listener): Promise<ListenHandle>;
  end(): Promise<void>;
}

/** The database can not be used, for a reason that those who operate it may read. */
export class UnusableDatabase extends Error {}

/**
 * States in which the database itself does not work, as PostgreSQL names them; one that only reads (25006) is a standby that has taken over an
 * address. A statement that took too long (57014) says nothing of the database.
 */
const outage = /^(08|28|3D|53|57(?!014)|58|XX)|^(25P03|25006)/;
/** The same, in the words of Node and of the driver. */
const networkOutage = /^E[A-Z]+(_AGAIN)?$/;
const driverOutage = /timeout|terminated|not queryable|Connection ended|connection error|ECONN/i;
/** Two transactions were in each other's way: the same may succeed now. */
const conflict = /^(40001|40P01)$/;
const sqlState = /^[0-9A-Z]{5}$/;

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/** Whether the database, and not the statement, is at fault. */
export function isOutage(error: unknown): boolean {
  if (error instanceof ServiceError) return error.code === 'database_unavailable';
  const code = codeOf(error);
  if (networkOutage.test(code)) return true;
  return sqlState.test(code) ? outage.test(code) : driverOutage.test((error as Error | undefined)?.message ?? '');
}

/** A statement was given up since it took too long, perhaps for a lock that another held. */
export const isTooSlow = (error: unknown): boolean => codeOf(error) === '57014';

export const isConflict = (error: unknown): boolean => conflict.test(codeOf(error));

/** The public form of an outage; any other error as it is. */
export function asOutage(cause: unknown): unknown {
  return isOutage(cause) && !(cause instanceof ServiceError) ? fail('database_unavailable', {}, { cause }) : cause;
}
