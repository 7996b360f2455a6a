// The endpoints with which people and their pages follow a generation: its events, a ticket for them, its end before its time.

import { z } from 'zod';
import { type ErrorCode, fail } from '../errors.ts';
import { defineEndpoint, type Endpoint } from '../http/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import type { Tickets } from './contract.ts';
import type { Following } from './following.ts';
import type { JobProgress } from './job-progress.ts';
import type { Jobs } from './jobs.ts';
import { findOwn, followOwn } from './own-job.ts';

interface Dependencies {
  jobs: Jobs;
  following: Following;
  progress: JobProgress;
  tickets: Tickets;
  /** Of streams that are opened. */
  limiter: RateLimiter;
}

const path = '/api/certificates/progress/:id';
const tag = 'Progress';
const errors: ErrorCode[] = [
  'unauthorized',
  'not_found',
  'rate_limited',
  'identity_unavailable',
  'database_unavailable',
];

export function progressEndpoints({ jobs, following, progress, tickets, limiter }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path,
      tag,
      summary: 'The progress of a generation as server-sent events, the current state first, until it has ended',
      description:
        'Each event is `{id, status, stage, progress, message, error?, estimatedTimeRemaining?, stageProgress[], metadata}`; times are milliseconds.',
      access: 'ticket',
      answers: {
        200: {
          description: 'States that the client does not have, the last one always.',
          mediaType: 'text/event-stream',
        },
        204: { description: 'By its Last-Event-ID the client has the last state already.' },
      },
      errors: errors,
      handle: async (exchange) => {
        using job = await followOwn(following, limiter, exchange);
        await exchange.streamEvents(progress.feed(job));
      },
    }),
    defineEndpoint({
      method: 'delete',
      action: 'job.cancel',
      path,
      tag,
      summary: 'Cancel a generation; a page that nobody else waits for is closed',
      access: 'either',
      answers: { 200: { description: 'Cancelled.', schema: z.object({ success: z.literal(true) }) } },
      errors: [...errors, 'already_ended'],
      handle: async (exchange) => {
        const { id } = await findOwn(jobs, exchange);
        if ((await jobs.cancel(id)) === 'already_ended') throw fail('already_ended');
        exchange.res.json({ success: true });
      },
    }),
    defineEndpoint({
      method: 'post',
      path: `${path}/ticket`,
      tag,
      summary: 'A ticket with which the events can be opened once, as `?ticket=`, by who can send no header',
      access: 'either',
      answers: {
        200: {
          description: 'The ticket.',
          schema: z.object({ ticket: z.string(), expiresInSeconds: z.int() }),
        },
      },
      errors,
      handle: async (exchange) => {
        const { id } = await findOwn(jobs, exchange);
        const issued = await tickets.issue(exchange.owner, id);
        exchange.res.set('Cache-Control', 'no-store').json(issued);
      },
    }),
  ];
}
