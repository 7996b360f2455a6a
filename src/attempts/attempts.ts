// Attempts: fetched from the testing service or pushed, and read; two works, each by one process at a time. Runs ask for those that have passed.

import { createHash } from 'node:crypto';
import { recordChange } from '../audit/audit.ts';
import type { Certificates } from '../certificates/certificates.ts';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import { rememberRequest } from '../repeated-requests.ts';
import type { NextTurn, Schedules } from '../schedules/schedules.ts';
import { fetchAttempts } from './fetching.ts';
import { keepItem, readItem } from './item.ts';
import { processNew } from './processing.ts';
import { type AttemptFilter, beginAgain, findAttempts, keepItems, type ListedAttempt } from './store.ts';

const log = createLog('attempts');

const scheduleKind = 'attempts';

export interface Pushed {
  accepted: number;
  duplicates: number;
  rejected: number;
}

export interface Attempts {
  /** Keeps items as they came. @throws idempotency_key_reused. */
  push(items: readonly unknown[], options: { tenant: string; idempotencyKey: string | undefined }): Promise<Pushed>;
  list(filter: AttemptFilter & { cursor: string | undefined; most: number }): Promise<ListedAttempt[]>;
  /** Undefined where there is none. */
  redrive(asked: { tenant: string; id: string }): Promise<ListedAttempt | undefined>;
}

export interface AttemptsConfig {
  /** TESTING_SERVICE_URL; undefined: attempts are only pushed. */
  serviceUrl: string | undefined;
  serviceToken: string | undefined;
  fetchSeconds: number;
  processSeconds: number;
}

interface Dependencies {
  database: Database;
  certificates: Certificates;
  schedules: Schedules;
  config: AttemptsConfig;
  /** Prefix of the keys of the default tenant, to whom belongs what is fetched. */
  tenant: string;
}

class KeptAttempts implements Attempts {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    const { schedules, config } = dependencies;
    const works: Record<string, (signal: AbortSignal) => Promise<NextTurn>> = {
      fetch: (signal) => this.#fetch(signal),
      process: (signal) => this.#process(signal),
    };
    schedules.define({ kind: scheduleKind, run: async ({ name }, signal) => works[name]?.(signal) });
    if (config.serviceUrl !== undefined) schedules.repeat(scheduleKind, 'fetch', config.fetchSeconds);
  }

  async push(
    items: readonly unknown[],
    { tenant, idempotencyKey }: { tenant: string; idempotencyKey: string | undefined },
  ): Promise<Pushed> {
    const kept = items.map(keepItem);
    const digest = createHash('sha256')
      .update(JSON.stringify(kept.map((each) => each.digest)))
      .digest('hex');
    const keepAll = async (tx: Queries): Promise<Pushed> => {
      const added = await keepItems(tx, tenant, kept);
      if (added.size > 0) await this.#askToProcess(tx);
      const rejected = items.filter((item, index) => kept[index]?.raw === null || 'reasons' in readItem(item)).length;
      const readable = kept.filter(({ raw }, index) => raw !== null && 'attempt' in readItem(items[index]));
      const accepted = new Set(readable.map((each) => each.digest).filter((each) => added.has(each))).size;
      const pushed = { accepted, duplicates: items.length - rejected - accepted, rejected };
      await recordChange(tx, { tenant, target: 'attempts', after: pushed });
      return pushed;
    };
    return this.#dependencies.database.transaction((tx) => {
      if (idempotencyKey === undefined) return keepAll(tx);
      return rememberRequest(tx, { scope: 'attempts', tenant, idempotencyKey, digest }, () => keepAll(tx));
    });
  }

  list(filter: AttemptFilter & { cursor: string | undefined; most: number }): Promise<ListedAttempt[]> {
    return findAttempts(this.#dependencies.database.queries, filter);
  }

  redrive(asked: { tenant: string; id: string }): Promise<ListedAttempt | undefined> {
    return this.#dependencies.database.transaction(async (tx) => {
      const attempt = await beginAgain(tx, asked);
      if (attempt?.state === 'new') await this.#askToProcess(tx);
      if (attempt !== undefined)
        await recordChange(tx, {
          tenant: asked.tenant,
          target: `attempts/${asked.id}`,
          after: { state: attempt.state },
        });
      return attempt;
    });
  }

  async #fetch(signal: AbortSignal): Promise<NextTurn> {
    const { database, config, tenant } = this.#dependencies;
    if (config.serviceUrl === undefined) return undefined;
    const service = { url: config.serviceUrl, token: config.serviceToken };
    const onKept = (tx: Queries) => this.#askToProcess(tx);
    const fetched = await fetchAttempts({ database, service, tenant, onKept, signal });
    if (fetched > 0) log.info('Attempts were fetched', { fetched });
    return { afterSeconds: config.fetchSeconds };
  }

  async #process(signal: AbortSignal): Promise<NextTurn> {
    const { database, certificates } = this.#dependencies;
    await processNew({ database, certificates, signal });
    return undefined;
  }

  #askToProcess(tx: Queries): Promise<void> {
    const { schedules, config } = this.#dependencies;
    return schedules.ask(tx, { kind: scheduleKind, name: 'process' }, config.processSeconds);
  }
}

export function createAttempts(dependencies: Dependencies): Attempts {
  return new KeptAttempts(dependencies);
}
