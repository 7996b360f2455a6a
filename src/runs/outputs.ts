// What one can take out of a run: its states as they come, a table of all decisions, its certificates.

import type { Readable } from 'node:stream';
import type { Awards } from '../certificates/contract.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import { GroupFollowing } from '../group-following.ts';
import type { EventFeed, Snapshot } from '../http/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { archiveRun } from './archive.ts';
import { describeRun } from './describing.ts';
import type { ItemPlace, StoredItem } from './item-store.ts';
import { reportOf } from './report.ts';
import { findRun, type StoredRun } from './run-store.ts';
import type { Runs } from './runs.ts';

export interface RunOutputs {
  /** @throws not_found. */
  follow(tenant: string, id: string): Promise<EventFeed>;
  /** A line of CSV for each learner, read from the database while it is read. @throws not_found. */
  report(tenant: string, id: string): Promise<{ run: StoredRun; content: AsyncIterable<Buffer> }>;
  /** A ZIP of what it has issued, made while it is read. @throws not_found. */
  archive(tenant: string, id: string): Promise<{ run: StoredRun; content: Readable }>;
}

interface Dependencies {
  runs: Runs;
  database: Database;
  documents: Documents;
  certificates: Awards;
  jobs: Jobs;
}

const itemsAtOnce = 500;
/** Its counts change with each learner, its job only at its beginning and end. */
const lookMs = 1000;

function snapshotOf(run: StoredRun): Snapshot {
  const { errors: _, ...data } = describeRun(run);
  const isLast = run.state !== 'queued' && run.state !== 'active';
  return { id: [run.state, ...Object.values(run.counts)].join('-'), data, isLast };
}

export function createRunOutputs({ runs, database, documents, certificates, jobs }: Dependencies): RunOutputs {
  async function find(id: string): Promise<StoredRun> {
    const run = await findRun(database.queries, id);
    if (run === undefined) throw fail('not_found');
    return run;
  }
  const following = new GroupFollowing({ jobs, find, describe: snapshotOf, lookMs });

  async function* pagesOf(runId: string): AsyncGenerator<StoredItem[]> {
    for (let after: ItemPlace | undefined; ; ) {
      const page = await runs.items(runId, { after, most: itemsAtOnce });
      after = page.at(-1);
      if (after === undefined) return;
      yield page;
    }
  }

  return {
    follow: async (tenant, id) => following.feedOf(await runs.find(tenant, id)),
    async report(tenant, id) {
      const run = await runs.find(tenant, id);
      return { run, content: reportOf(run.plan, pagesOf(run.id)) };
    },
    async archive(tenant, id) {
      const run = await runs.find(tenant, id);
      return { run, content: archiveRun(run, { certificates, documents, pages: () => pagesOf(run.id) }) };
    },
  };
}
