// Analytics: what is counted in each process is written down together now and then, and told by days.

import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';
import type { Counted, Tally } from '../tally.ts';
import { type Figures, figuresOf } from './figures.ts';
import { addCounts, countCertificates, readCounts } from './store.ts';

const log = createLog('analytics');

const usualWriteMs = 5000;

export interface AnalyticsRequest {
  /** Prefix of the keys of the tenant. */
  tenant: string;
  /** Days, both of them too. */
  from: string;
  to: string;
  courseId: string | undefined;
}

export interface Analytics extends AsyncDisposable {
  /** @throws database_unavailable. */
  read(request: AnalyticsRequest): Promise<Figures>;
}

interface Dependencies {
  database: Database;
  tally: Tally;
  tenants: readonly { origin: string; prefix: string }[];
  /** Shorter in tests. */
  writeMs?: number | undefined;
}

class CountedAnalytics implements Analytics {
  readonly #dependencies: Dependencies;
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#timer = setInterval(() => this.#write(), dependencies.writeMs ?? usualWriteMs).unref();
  }

  async read(request: AnalyticsRequest): Promise<Figures> {
    const { queries } = this.#dependencies.database;
    // What this process has just counted is told too.
    await this.#write();
    const [counts, certificates] = await Promise.all([
      readCounts(queries, request),
      countCertificates(queries, request),
    ]);
    return figuresOf(request, counts, certificates);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#write();
  }

  /** One after the other; what could not be written is written with the next. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeOnce());
    return this.#writing;
  }

  async #writeOnce(): Promise<void> {
    const { tally, database } = this.#dependencies;
    const taken = tally.take();
    if (taken.length === 0) return;
    const rows = taken.map((each) => ({
      day: each.day,
      name: each.name,
      courseId: each.courseId ?? '',
      code: each.code ?? '',
      count: each.count,
      tenant: this.#prefixOf(each),
    }));
    await addCounts(database.queries, rows).catch((error) => {
      tally.putBack(taken);
      log.debug('What was counted could not be written down yet', { error });
    });
  }

  #prefixOf(counted: Counted): string {
    if ('tenant' in counted) return counted.tenant;
    return this.#dependencies.tenants.find(({ origin }) => origin === counted.origin)?.prefix ?? '';
  }
}

export function createAnalytics(dependencies: Dependencies): Analytics {
  return new CountedAnalytics(dependencies);
}
