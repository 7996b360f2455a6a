// Fetches attempts from the testing service, page by page, and keeps each as it came.

import { z } from 'zod';
import type { Database, Queries } from '../database/database.ts';
import { failpoint } from '../failpoint.ts';
import { below, callJson } from '../json-call.ts';
import { isPlainText } from '../letters.ts';
import { createLog } from '../log.ts';
import { keepItem } from './item.ts';
import { keepItems, moveCursor, readCursor } from './store.ts';

const log = createLog('attempts');

const source = 'testing-service';
const pageSize = 500;
const usualTimeoutMs = 30_000;
const mostBytes = 32 * 1024 * 1024;
/** In one turn; the next goes on where it ended. */
const mostPages = 2000;
/** One after the other without anything new: a service that gives the same for ever is left for this turn. */
const mostStalePages = 20;

/** What stands in an item is nobody's business before it is kept. */
const answer = z.looseObject({
  items: z.array(z.unknown()).max(10 * pageSize),
  next: z
    .union([z.string().min(1).max(2000).refine(isPlainText), z.int()])
    .nullish()
    .transform((next) => (next == null ? undefined : String(next))),
});
type Page = z.output<typeof answer>;

interface TestingService {
  /** TESTING_SERVICE_URL and TESTING_SERVICE_TOKEN. */
  url: string;
  token: string | undefined;
  timeoutMs?: number;
}

interface Options {
  service: TestingService;
  database: Database;
  /** Prefix of the keys of the tenant to whom they belong. */
  tenant: string;
  /** In the transaction that keeps something new. */
  onKept(tx: Queries): Promise<void>;
  signal: AbortSignal;
}

async function fetchPage({ service, signal }: Options, cursor: string | undefined): Promise<Page> {
  const { url, token, timeoutMs = usualTimeoutMs } = service;
  const query = new URLSearchParams({ ...(cursor !== undefined && { after: cursor }), limit: String(pageSize) });
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { status, body } = await callJson(below(url, `/attempts?${query}`), { headers, timeoutMs, mostBytes, signal });
  if (status !== 200) throw new Error(`the testing service answered ${status}`);
  const { success, data } = answer.safeParse(body);
  if (!success) throw new Error('the testing service gave something else than a page of attempts');
  return data;
}

/** Items and cursor together, or neither. @returns how many of them are new. */
async function keepPage({ database, tenant, onKept }: Options, { items, next }: Page): Promise<number> {
  const kept = items.map(keepItem);
  return database.transaction(async (tx) => {
    const added = await keepItems(tx, tenant, kept);
    if (next !== undefined) await moveCursor(tx, source, next);
    if (added.size > 0) await onKept(tx);
    failpoint('attempts-kept');
    return added.size;
  });
}

/** Until there are no more. @returns how many were new. @throws where the service is down, slow or gives something else: what came before that is kept. */
export async function fetchAttempts(options: Options): Promise<number> {
  let cursor = await readCursor(options.database.queries, source);
  let sum = 0;
  let stale = 0;
  for (let pages = 0; pages < mostPages && stale < mostStalePages; pages++) {
    const page = await fetchPage(options, cursor);
    const added = await keepPage(options, page);
    failpoint('attempts-fetched');
    sum += added;
    stale = added === 0 ? stale + 1 : 0;
    if (page.next === undefined || page.next === cursor) return sum;
    cursor = page.next;
  }
  log.warn('The testing service gives page after page: the rest is fetched later', { fetched: sum, stalePages: stale });
  return sum;
}
