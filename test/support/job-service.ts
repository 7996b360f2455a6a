// The endpoints of jobs around work that a test steers, without a browser; jobs belong to whom the test says.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { fail } from '../../src/errors.ts';
import { createApp } from '../../src/http/app.ts';
import { openHttpServer } from '../../src/http/server.ts';
import { callerKey, serviceOwner } from '../../src/identity/contract.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import type { ChangeListener } from '../../src/jobs/changes.ts';
import type { JobDefinition, Work } from '../../src/jobs/contract.ts';
import { createFollowing } from '../../src/jobs/following.ts';
import { createJobProgress } from '../../src/jobs/job-progress.ts';
import { createJobs } from '../../src/jobs/jobs.ts';
import { jobEndpoints, streamLimit } from '../../src/jobs/routes.ts';
import { createTickets } from '../../src/jobs/tickets.ts';
import { configureLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createProgressTracker } from '../../src/progress/progress.ts';
import { createRateLimiter } from '../../src/rate-limiter.ts';
import { createSealing } from '../../src/sealing.ts';
import { serviceToken, userTokenSecret } from './tokens.ts';

const tenant = 'https://school.example';
type Steered = Omit<Work<unknown>, 'data' | 'secret'> & { id: string };

export interface JobService extends AsyncDisposable {
  url: string;
  database: Database;
  /** Makes a job of this student's, or of the backend's; of one key one is done after the other. */
  enqueue(studentId?: string, key?: string): Promise<string>;
  /** What the work of each job does; it is done at once unless the test says otherwise. */
  run: (work: Steered) => Promise<Record<string, unknown>>;
  /** Look-ups of followed jobs so far. */
  lookUps: number;
  /** While true, look-ups of followed jobs find no database. */
  isAway: boolean;
  /** While true, no change is heard; when it is over, that some were missed is. */
  setDeaf(isDeaf: boolean): void;
}

const userRules = { jwksUrl: undefined, issuers: [], audience: undefined };

function identityOfTests() {
  return createIdentity({
    serviceTokens: [serviceToken],
    userTokens: { ...userRules, secret: userTokenSecret },
    reportTokens: { ...userRules, secret: undefined },
    tenants: { origins: [tenant], originOfIssuer: new Map() },
  } as Parameters<typeof createIdentity>[0]);
}

/** Starts it on an embedded database of its own, or on the one that is named. */
export async function startJobService({ url }: { url?: string } = {}): Promise<JobService> {
  configureLog({ level: 'silent', secrets: [] });
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-jobs-'));
  parts.defer(() => rm(dataDir, { recursive: true, force: true }));
  const database = parts.use(openDatabase({ url, dataDir }));
  const sealing = createSealing(Buffer.alloc(32));
  const timing = { metrics: createMetrics(), concurrency: 4, timeoutMs: 60_000, historyDays: 1 };
  const jobs = parts.use(createJobs({ database, isEmbedded: url === undefined, sealing, ...timing }));
  const definition: JobDefinition<{ id: string }> = {
    name: 'test.work',
    data: z.object({ id: z.string() }),
    mostFailures: 2,
    mayHeal: () => true,
    run: ({ data: { id }, secret: _, ...work }) => service.run({ id, ...work }),
  };
  jobs.define(definition);
  const listeners = new Set<ChangeListener>();
  let isDeaf = false;
  jobs.subscribe((change) => {
    if (!isDeaf) for (const listener of listeners) listener(change);
  });
  const following = createFollowing({
    select: (queries) => {
      service.lookUps++;
      if (service.isAway) throw fail('database_unavailable');
      return jobs.select(queries);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const tickets = createTickets(database);
  const streams = createRateLimiter({ database, ...streamLimit });
  const progress = createJobProgress(parts.use(createProgressTracker()));
  const app = createApp({
    identity: identityOfTests(),
    redeemTicket: tickets.redeem,
    metrics: createMetrics(),
    actAs: (_author, work) => work(),
    endpoints: jobEndpoints({ jobs, tenantOf: () => '', following, progress, tickets, streams }),
    pages: (_req, _res, next) => next(),
    config: { trustProxy: [], rateLimitPer15Min: 1000, allowedOrigins: [] },
  });
  jobs.start();
  await database.ready;
  const limits = { heartbeatMs: 200 };
  const server = parts.use(await openHttpServer({ host: '127.0.0.1', port: 0, limits }));
  parts.use(server.serve(app, () => jobs.settle()));
  let count = 0;
  const ownerOf = (id: string) =>
    callerKey({ tenant: { origin: tenant }, type: 'student', id, classes: [], token: '' });
  const running = parts.move();
  const service: JobService = {
    url: server.url,
    database,
    run: async () => ({}),
    lookUps: 0,
    isAway: false,
    async enqueue(studentId, key) {
      const id = `work-${process.pid}-${++count}`;
      const owner = studentId === undefined ? serviceOwner : ownerOf(studentId);
      const request = { data: { id }, key: key ?? id, owner, subject: { work: id }, secret: undefined, rank: 0 };
      const [job = ''] = await jobs.transaction((tx) =>
        jobs.enqueue(definition, [request], { tx, tenant: '', lane: 'test' }),
      );
      return job;
    },
    setDeaf(next) {
      isDeaf = next;
      if (!next) for (const listener of listeners) listener({ kind: 'gap' });
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
  return service;
}
