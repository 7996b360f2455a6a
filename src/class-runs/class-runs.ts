// All reports of one class for one test as one durable piece of work: accepted at once, followed, cancelled, retried, downloaded.

import { createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setImmediate as breathe } from 'node:timers/promises';
import { recordChange } from '../audit/audit.ts';
import type { Tenant } from '../config.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { GroupFollowing } from '../group-following.ts';
import type { EventFeed, Snapshot } from '../http/contract.ts';
import type { Caller } from '../identity/contract.ts';
import type { Jobs, SecretFor } from '../jobs/jobs.ts';
import { type KeyedReport, reportOf, testOf } from '../reports/contract.ts';
import type { Reports } from '../reports/reports.ts';
import { readUuid } from '../uuid.ts';
import { archiveRun, itemsAtOnce } from './archive.ts';
import {
  type ClassRunBody,
  type FollowedRun,
  type ItemsQuery,
  isOver,
  type ListedRun,
  mostRunReports,
  type RetryBody,
  type RunItem,
  type RunState,
  type RunsQuery,
} from './contract.ts';
import { tellOfEnds } from './ends.ts';
import {
  addRun,
  type CountedRun,
  findItems,
  findKnownRun,
  findOwner,
  findRun,
  findRuns,
  type KnownRun,
  type StoredRun,
} from './store.ts';

interface Dependencies {
  database: Database;
  jobs: Jobs;
  events: Events;
  documents: Documents;
  reports: Reports;
  /** Reports at once, where nothing better is known of how many there are. */
  concurrency: number;
}

export interface ClassRunRequest extends Omit<ClassRunBody, 'teacherIds' | 'overall'> {
  teacherIds: string[];
  overall: boolean;
  idempotencyKey: string | undefined;
}

type AskedReports = Pick<ClassRunRequest, 'classId' | 'testId' | 'studentIds' | 'teacherIds' | 'overall'>;

export interface ClassRuns {
  /**
   * Accepts a run; the same one again for a key that is known.
   * @throws idempotency_key_reused, database_unavailable, those of report tokens; invalid_request for an unknown origin.
   */
  accept(request: ClassRunRequest): Promise<{ id: string; total: number }>;
  /** @throws not_found. */
  find(id: string): Promise<FollowedRun>;
  /** A page of runs, the newest first, and where the next one begins. */
  list(query: RunsQuery & { origin?: string | undefined }): Promise<{ runs: ListedRun[]; nextCursor: string | null }>;
  /** @throws not_found for a run of another origin. */
  requireOf(id: string, origin: string): Promise<void>;
  /** The id of a run that this person may follow: a teacher of its class, or an administrator of its tenant. @throws not_found, for all others too. */
  findFor(id: string, caller: Caller): Promise<string>;
  /** The states of a run, one after the other, until it is over. @throws not_found. */
  follow(id: string): Promise<EventFeed>;
  items(id: string, page: ItemsQuery): Promise<RunItem[]>;
  /** What the run has stored as a ZIP with two manifests, made while it is read. @throws not_found. */
  archive(id: string): Promise<{ run: FollowedRun; content: Readable }>;
  /** Cancels what has not ended. @returns the number of reports. @throws not_found, already_ended. */
  cancel(id: string): Promise<number>;
  /** Begins what has failed or was cancelled again. @returns the number of reports. @throws not_found, those of report tokens. */
  retry(id: string, tokens: RetryBody): Promise<number>;
}

/** Runs that are looked through for a page of those that fit. */
const lookedAtOnce = 200;
/** Tokens that are checked before others have their turn. */
const checkedAtOnce = 100;

class DurableClassRuns implements ClassRuns {
  readonly #dependencies: Dependencies;
  readonly #following: GroupFollowing<FollowedRun>;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    const find = (id: string) => this.find(id);
    this.#following = new GroupFollowing({ jobs: dependencies.jobs, find, describe: snapshotOf });
    dependencies.jobs.onEnd(tellOfEnds(dependencies.events));
  }

  async accept(request: ClassRunRequest): Promise<{ id: string; total: number }> {
    const { jobs, database, reports } = this.#dependencies;
    const { classId, testId, dataVersion, idempotencyKey } = request;
    const tenant = reports.tenantOf(request.origin);
    const asked = reportsOf(request);
    const digest = digestOf(request, tenant);
    const run = {
      id: randomUUID(),
      origin: tenant.origin,
      classId,
      testId,
      total: asked.length,
      idempotencyKey,
      digest,
    };
    // Before the tokens: those of a request that is sent again may have run out since.
    const known = await findKnownRun(database.queries, run);
    if (known !== undefined) return sameRun(known, digest);
    const tokenFor = await this.#checkTokens(request, asked);
    return jobs.transaction(async (tx) => {
      if (!(await addRun(tx, run))) {
        const present = await findKnownRun(tx, run);
        return sameRun(present as KnownRun, digest);
      }
      const common = { tenant, educatorId: undefined, dataVersion };
      const all = asked.map((report) => ({ ...common, report, reportToken: tokenFor(report) }));
      await reports.generateForRun(run.id, all, tx);
      const { id, total } = run;
      await recordChange(tx, { tenant: tenant.prefix, target: `class-runs/${id}`, after: { classId, testId, total } });
      return { id: run.id, total: run.total };
    });
  }

  async find(given: string): Promise<FollowedRun> {
    const { database, concurrency } = this.#dependencies;
    const known = readUuid(given);
    const run = known === undefined ? undefined : await findRun(database.queries, known);
    if (run === undefined) throw fail('not_found');
    const { pace: _, ...rest } = run;
    return { ...rest, state: stateOf(run), etaSeconds: etaOf(run, concurrency) };
  }

  async list({
    classId,
    testId,
    state,
    limit,
    cursor,
    origin,
  }: RunsQuery & { origin?: string | undefined }): Promise<{ runs: ListedRun[]; nextCursor: string | null }> {
    const { queries } = this.#dependencies.database;
    const isFiltered = testId !== undefined || state !== undefined;
    const most = isFiltered ? Math.max(limit, lookedAtOnce) : limit;
    const found = await findRuns(queries, { origin, classId, cursor, most: most + 1 });
    const all = found.slice(0, most).map((run) => ({ ...run, state: stateOf(run) }));
    const segment = testId === undefined ? undefined : testOf(testId).segment;
    const fits = (run: ListedRun) =>
      (state === undefined || run.state === state) && (segment === undefined || testOf(run.testId).segment === segment);
    const fitting = all.filter(fits);
    const runs = fitting.slice(0, limit);
    const isWhole = fitting.length <= limit;
    const last = isWhole ? all.at(-1) : runs.at(-1);
    return { runs, nextCursor: isWhole && found.length <= most ? null : (last?.id ?? null) };
  }

  async requireOf(id: string, origin: string): Promise<void> {
    if ((await findOwner(this.#dependencies.database.queries, id))?.origin !== origin) throw fail('not_found');
  }

  async findFor(given: string, { type, tenant, classes }: Caller): Promise<string> {
    const owner = await findOwner(this.#dependencies.database.queries, given);
    const isOfTenant = typeof tenant === 'object' && tenant.origin === owner?.origin;
    const isOfClass = type === 'teacher' && owner !== undefined && classes.includes(owner.classId);
    if (owner === undefined || !isOfTenant || !(isOfClass || type === 'admin')) throw fail('not_found');
    return owner.id;
  }

  async follow(id: string): Promise<EventFeed> {
    return this.#following.feedOf(await this.find(id));
  }

  items(id: string, page: ItemsQuery): Promise<RunItem[]> {
    return findItems(this.#dependencies.database.queries, id, page);
  }

  async archive(id: string): Promise<{ run: FollowedRun; content: Readable }> {
    const run = await this.find(id);
    const page = (offset: number) => this.items(id, { limit: itemsAtOnce, offset, state: undefined });
    return { run, content: archiveRun(run, { page, documents: this.#dependencies.documents }) };
  }

  async cancel(id: string): Promise<number> {
    const { state } = await this.find(id);
    const cancelled = isOver(state) ? 0 : await this.#dependencies.jobs.cancelGroup(id);
    if (cancelled === 0) throw fail('already_ended');
    return cancelled;
  }

  async retry(given: string, body: RetryBody): Promise<number> {
    const { id, classId, testId } = await this.find(given);
    const all = await this.items(id, { limit: mostRunReports, offset: 0, state: undefined });
    const ended = all.filter((item) => item.state === 'failed' || item.state === 'cancelled');
    const idsOf = (type: 'studentId' | 'teacherId') => ended.flatMap((item) => item[type] ?? []);
    const overall = ended.some(({ reportType }) => reportType === 'overall');
    const reports = reportsOf({
      classId,
      testId,
      studentIds: idsOf('studentId'),
      teacherIds: idsOf('teacherId'),
      overall,
    });
    const { jobs } = this.#dependencies;
    const tokenFor = await this.#checkTokens(body, reports);
    return jobs.transaction(async (tx) => {
      const retried = await jobs.retryGroup(id, tokenFor);
      const owner = await findOwner(tx, id);
      const tenant = this.#dependencies.reports.tenantOf(owner?.origin).prefix;
      if (retried > 0) await recordChange(tx, { tenant, target: `class-runs/${id}`, after: { retried } });
      return retried;
    });
  }

  /** @returns the token that came for a report: the student's own, or the one for all; none where one is to be minted. */
  async #checkTokens(
    { reportToken, reportTokens = {} }: RetryBody,
    reports: readonly KeyedReport[],
  ): Promise<SecretFor> {
    // Any word may be an id, `constructor` too.
    const own = new Map<unknown, string>(Object.entries(reportTokens));
    const strangers = new Set<unknown>();
    const tokenFor: SecretFor = ({ studentId, teacherId }) =>
      strangers.has(teacherId) ? undefined : (own.get(studentId) ?? reportToken);
    let checked = 0;
    for (const report of reports) {
      const token = tokenFor(report);
      if (token === undefined) continue;
      const isOpened = await this.#dependencies.reports.isOpenedBy(token, report);
      if (!isOpened && report.type === 'teacher') strangers.add(report.teacherId);
      if (++checked % checkedAtOnce === 0) await breathe();
    }
    return tokenFor;
  }
}

export function createClassRuns(dependencies: Dependencies): ClassRuns {
  return new DurableClassRuns(dependencies);
}

function snapshotOf({ id, state, classId, testId, total, counts, warnings, etaSeconds }: FollowedRun): Snapshot {
  const data = { id, state, classId, testId, total, counts, warnings, etaSeconds };
  return { id: Object.values(counts).join('-'), data, isLast: isOver(state) };
}

/** The answer to a request that was accepted before. @throws idempotency_key_reused. */
function sameRun({ id, total, digest }: KnownRun, asked: string): { id: string; total: number } {
  if (digest !== asked) throw fail('idempotency_key_reused');
  return { id, total };
}

/** In the order asked: the class, its teachers, its students. */
function reportsOf({ classId, testId, studentIds, teacherIds, overall }: AskedReports): KeyedReport[] {
  const common = { classId, testId };
  return [
    ...(overall ? [reportOf({ reportType: 'overall', ...common })] : []),
    ...teacherIds.map((teacherId) => reportOf({ reportType: 'teacher', teacherId, ...common })),
    ...studentIds.map((studentId) => reportOf({ reportType: 'student', studentId, ...common })),
  ];
}

/** What the run is about. Tokens are how it is done: a request that is sent again may bring fresh ones. */
function digestOf(
  { classId, testId, studentIds, teacherIds, overall, dataVersion }: ClassRunRequest,
  tenant: Tenant,
): string {
  const content = [tenant.origin, classId, testId, studentIds, teacherIds, overall, dataVersion ?? null];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function stateOf({ counts, total }: CountedRun): RunState {
  if (counts.queued === total) return 'queued';
  if (counts.queued + counts.active > 0) return 'active';
  if (counts.failed > 0) return 'failed';
  return counts.cancelled > 0 ? 'cancelled' : 'completed';
}

/** Seconds that the rest takes at the pace of the last reports; null before the first has ended. */
function etaOf({ counts, pace }: StoredRun, concurrency: number): number | null {
  const left = counts.queued + counts.active;
  if (left === 0) return 0;
  if (pace.ended === 0) return null;
  // A few ends say little of how many are done at once.
  const byDuration = pace.secondsEach / Math.max(1, Math.min(concurrency, left));
  const secondsPerReport = pace.ended < 5 ? byDuration : pace.seconds / (pace.ended - 1);
  return Math.ceil(left * secondsPerReport);
}
