// The audit: what somebody changes is written down in the transaction that changes it, with who did so and by which action.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Queries } from '../database/database.ts';
import type { Author } from '../http/contract.ts';
import type { Change } from './contract.ts';
import { addLine } from './store.ts';

const current = new AsyncLocalStorage<Author | undefined>();

/** Whatever `work` changes, until it has ended, is the author's; undefined: nobody's who is written down. */
export function actAs<T>(author: Author | undefined, work: () => T): T {
  return current.run(author, work);
}

/** Belongs to the transaction. What works by itself changes things too, and is not written down: it has no author. */
export async function recordChange(tx: Queries, change: Change): Promise<void> {
  const author = current.getStore();
  if (author !== undefined) await addLine(tx, { ...change, ...author });
}
