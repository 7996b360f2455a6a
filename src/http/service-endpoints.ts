// Is it alive, is it ready, what has it done: the endpoints for those who operate it.

import { z } from 'zod';
import type { Metrics } from '../metrics.ts';
import { defineEndpoint, type Endpoint } from './contract.ts';

interface PartStatus {
  state: string;
  reason?: string;
}

interface Dependencies {
  environment: string;
  version: string;
  metrics: Metrics;
  browserStatus(): PartStatus;
  storageStatus(): Promise<PartStatus>;
  databaseStatus(): Promise<PartStatus>;
  /** Whether somebody does the jobs that this process only accepts; undefined where it does them itself. */
  workersStatus?: (() => Promise<PartStatus>) | undefined;
  /** Brings figures up to date that are looked up. */
  measure(): Promise<void>;
}

const healthAnswer = z.object({
  status: z.literal('OK'),
  timestamp: z.iso.datetime(),
  environment: z.string(),
  service: z.literal('Platen'),
  version: z.string(),
});

const partStatus = z.object({ state: z.string(), reason: z.string().optional() });
const readinessAnswer = z.object({
  status: z.enum(['ready', 'degraded', 'starting', 'unavailable']),
  browser: partStatus,
  storage: partStatus,
  database: partStatus,
  workers: partStatus.optional(),
});

/** Ready while it can give either stored or fresh PDFs, once it has started: who is sent here then is not sent away. */
function summarise(
  parts: Record<'browser' | 'storage' | 'database', PartStatus>,
): z.infer<typeof readinessAnswer>['status'] {
  if (Object.values(parts).every(({ state }) => state === 'up')) return 'ready';
  const { browser, storage, database } = parts;
  if (browser.state !== 'up' && !['up', 'read-only'].includes(storage.state)) return 'unavailable';
  return database.state === 'starting' ? 'starting' : 'degraded';
}

export function serviceEndpoints({
  environment,
  version,
  metrics,
  browserStatus,
  storageStatus,
  databaseStatus,
  workersStatus,
  measure,
}: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/health',
      tag: 'Service',
      summary: 'Whether the process is alive; waits for nothing',
      access: 'anyone',
      answers: { 200: { description: 'Alive.', schema: healthAnswer } },
      errors: [],
      handle: ({ res }) => {
        res.json({ status: 'OK', timestamp: new Date().toISOString(), environment, service: 'Platen', version });
      },
    }),
    defineEndpoint({
      method: 'get',
      path: '/readyz',
      tag: 'Service',
      summary: 'Whether it can give PDFs, with the state of each part',
      access: 'anyone',
      answers: {
        200: { description: 'Ready, or degraded: stored or fresh PDFs can be given.', schema: readinessAnswer },
        503: {
          description: 'Neither stored nor fresh PDFs can be given, or it has not started yet.',
          schema: readinessAnswer,
        },
      },
      errors: [],
      handle: async ({ res }) => {
        const asked = [storageStatus(), databaseStatus(), workersStatus?.()] as const;
        const [storage, database, workers] = await Promise.all(asked);
        const parts = { browser: browserStatus(), storage, database, ...(workers === undefined ? {} : { workers }) };
        const status = summarise(parts);
        res.status(['starting', 'unavailable'].includes(status) ? 503 : 200).json({ status, ...parts });
      },
    }),
    defineEndpoint({
      method: 'get',
      path: '/metrics',
      tag: 'Service',
      summary: 'Figures for Prometheus',
      access: 'anyone',
      answers: { 200: { description: 'Text exposition format.', mediaType: 'text/plain' } },
      errors: [],
      handle: async ({ res }) => {
        await measure();
        res.set('Content-Type', metrics.registry.contentType).send(await metrics.registry.metrics());
      },
    }),
  ];
}
