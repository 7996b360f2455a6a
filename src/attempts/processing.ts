// Reads what has come: what can't be read is set aside, and of one attempt the newest word counts.

import type { Certificates } from '../certificates/certificates.ts';
import type { Database, Queries } from '../database/database.ts';
import { failpoint } from '../failpoint.ts';
import { type Attempt, type Reason, readItem } from './item.ts';
import {
  findKnown,
  type KnownAttempt,
  markRead,
  markRejected,
  type NewItem,
  type ReadAttempt,
  removeItems,
  takeNew,
} from './store.ts';

/** In one transaction: nobody waits long for it. */
const batchSize = 500;

/** By its SQLSTATE: a value that the database does not take, whoever has let it pass. */
const isOfValue = (error: unknown) => /^2[23]...$/.test(String((error as { code?: unknown } | null)?.code));

type Read = NewItem & { attempt: Attempt };

const nameOf = ({ tenant, sourceId }: { tenant: string; sourceId: string }) => JSON.stringify([tenant, sourceId]);

function readAll(items: readonly NewItem[]) {
  const read: Read[] = [];
  const rejected: { id: string; reasons: Reason[] }[] = [];
  for (const item of items) {
    const outcome = readItem(JSON.parse(item.raw));
    if ('attempt' in outcome) read.push({ ...item, ...outcome });
    else rejected.push({ id: item.id, reasons: outcome.reasons });
  }
  return { read, rejected };
}

/** What does not say when it was changed is believed to be news. */
const isNewer = (one: string | undefined, other: Date | string | null | undefined) =>
  one === undefined || other == null || new Date(one) >= new Date(other);

/** The newest word of each, with the row that is to hold it; the other rows are not needed any more. */
function settle(read: readonly Read[], known: readonly KnownAttempt[]) {
  const held = new Map(known.map((each) => [nameOf(each), each]));
  const newest = new Map<string, Read>();
  const superseded: string[] = [];
  for (const item of read) {
    const name = nameOf({ tenant: item.tenant, ...item.attempt });
    const present = newest.get(name);
    const before = held.get(name);
    const isItself = before?.id === item.id;
    const isNews =
      isNewer(item.attempt.updatedAt, present?.attempt.updatedAt) &&
      (isItself || isNewer(item.attempt.updatedAt, before?.updatedAt));
    const loser = isNews ? present : item;
    if (isNews) newest.set(name, item);
    if (loser !== undefined && loser.id !== before?.id) superseded.push(loser.id);
  }
  const kept = [...newest].map(([name, { id, raw, digest, attempt }]) => {
    const before = held.get(name);
    if (before !== undefined && before.id !== id) superseded.push(id);
    return { before, now: { id: before?.id ?? id, raw, digest, ...attempt } satisfies ReadAttempt };
  });
  return { kept, superseded };
}

async function processBatch(
  tx: Queries,
  certificates: Pick<Certificates, 'noteFinding'>,
  most: number,
): Promise<number> {
  const items = await takeNew(tx, most);
  if (items.length === 0) return 0;
  const { read, rejected } = readAll(items);
  await markRejected(tx, rejected);
  const known = await findKnown(
    tx,
    read.map(({ tenant, attempt: { sourceId } }) => ({ tenant, sourceId })),
  );
  const { kept, superseded } = settle(read, known);
  await removeItems(tx, superseded);
  await markRead(
    tx,
    kept.map(({ now }) => now),
  );
  for (const { before, now } of kept) {
    if (before?.certificateId == null) continue;
    await certificates.noteFinding(tx, before.certificateId, { name: 'no_longer_passing', isSo: !now.isPassing });
  }
  return items.length;
}

interface Options {
  database: Database;
  certificates: Pick<Certificates, 'noteFinding'>;
}

/** The first of those that have come; told as what could not be kept, with those behind it untouched. */
const setFirstAside = (database: Database): Promise<number> =>
  database.transaction(async (tx) => {
    const items = await takeNew(tx, 1);
    await markRejected(
      tx,
      items.map(({ id }) => ({ id, reasons: [{ field: '', message: 'can not be stored' }] })),
    );
    return items.length;
  });

/** A batch; where one item keeps all of it from being stored, half of it, until that item is alone and is set aside. */
async function processSome({ database, certificates }: Options, most: number): Promise<number> {
  try {
    return await database.transaction(async (tx) => {
      const processed = await processBatch(tx, certificates, most);
      failpoint('attempts-processed');
      return processed;
    });
  } catch (error) {
    if (!isOfValue(error)) throw error;
    return most > 1 ? processSome({ database, certificates }, Math.ceil(most / 2)) : setFirstAside(database);
  }
}

/** All that has come, batch by batch. @returns how many. */
export async function processNew({ signal, ...options }: Options & { signal: AbortSignal }): Promise<number> {
  for (let sum = 0; ; ) {
    signal.throwIfAborted();
    const count = await processSome(options, batchSize);
    sum += count;
    if (count === 0) return sum;
  }
}
