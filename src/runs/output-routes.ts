// The endpoints by which one takes something out of a run.

import contentDisposition from 'content-disposition';
import { defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { type OriginQuery, originQuery, type TenantOf } from '../tenant-access.ts';
import { zipHeaders } from '../zip.ts';
import type { RunOutputs } from './outputs.ts';
import { common, readErrors } from './routes.ts';

interface Dependencies {
  outputs: RunOutputs;
  tenantOf: TenantOf;
  /** Of streams that people open. */
  streams: RateLimiter;
}

const forFileName = (id: string) => id.replaceAll(/[^A-Za-z0-9._-]+/g, '_');

export function runOutputEndpoints({ outputs, tenantOf, streams }: Dependencies): Endpoint[] {
  const asked = (exchange: Exchange<OriginQuery>) =>
    [tenantOf(exchange, exchange.query.origin), exchange.params.id ?? ''] as const;
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/runs/:id/events',
      summary: 'The run as server-sent events: its state and counts whenever they change, until it is over',
      query: originQuery,
      answers: {
        200: { description: 'JSON in data lines: the run without its items.', mediaType: 'text/event-stream' },
        204: { description: 'The run is over, and Last-Event-ID is that of its last state.' },
      },
      errors: readErrors,
      async handle(exchange: Exchange<OriginQuery>) {
        const feed = await outputs.follow(...asked(exchange));
        if (exchange.owner !== serviceOwner) await streams.take(exchange.owner);
        await exchange.streamEvents(feed);
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/runs/:id/report.csv',
      summary: 'All decisions of a run as a table, with what came of each',
      description: 'A line for each learner, in the order of their ids. No cell of it is taken for a formula.',
      query: originQuery,
      answers: { 200: { description: 'CSV in UTF-8, streamed while it is read.', mediaType: 'text/csv' } },
      errors: readErrors,
      async handle(exchange: Exchange<OriginQuery>) {
        const { run, content } = await outputs.report(...asked(exchange));
        exchange.res.set({
          'Content-Type': 'text/csv; charset=utf-8',
          'Content-Disposition': contentDisposition(`run_${forFileName(run.plan.context.id)}_${run.id}.csv`),
          'Cache-Control': 'private, no-store',
        });
        await exchange.streamBody(content);
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/runs/:id/archive',
      summary: 'The certificates that a run has issued, as a ZIP with manifest.json and manifest.csv',
      query: originQuery,
      answers: { 200: { description: 'The ZIP, streamed while it is made.', mediaType: 'application/zip' } },
      errors: readErrors,
      async handle(exchange: Exchange<OriginQuery>) {
        const { run, content } = await outputs.archive(...asked(exchange));
        exchange.res.set(zipHeaders(`certificates_${forFileName(run.plan.context.id)}`));
        await exchange.streamBody(content);
      },
    }),
  ];
}
