// Hears of every statement that this process asks of a database, embedded or PostgreSQL, whichever library asks it.

import { Worker } from 'node:worker_threads';
import pg from 'pg';

export interface Statement {
  text: string;
  values: unknown[];
}

/** Until it is disposed. */
export function watchStatements(onStatement: (statement: Statement) => void): Disposable {
  const { query } = pg.Client.prototype;
  const { postMessage } = Worker.prototype;
  pg.Client.prototype.query = function watched(this: pg.Client, ...args: unknown[]) {
    const [first, values] = args as [string | { text?: string; values?: unknown[] }, unknown[] | undefined];
    const text = typeof first === 'string' ? first : (first.text ?? '');
    const given = typeof first === 'string' ? values : first.values;
    onStatement({ text, values: Array.isArray(given) ? given : [] });
    return Reflect.apply(query, this, args);
  } as typeof query;
  Worker.prototype.postMessage = function watched(this: Worker, ...args: unknown[]) {
    const { text, values = [] } = args[0] as Partial<Statement>;
    if (text !== undefined) onStatement({ text, values });
    return Reflect.apply(postMessage, this, args);
  } as typeof postMessage;
  return {
    [Symbol.dispose]() {
      Object.assign(pg.Client.prototype, { query });
      Object.assign(Worker.prototype, { postMessage });
    },
  };
}
