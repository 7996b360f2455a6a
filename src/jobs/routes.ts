// The endpoints of jobs: what is known of one, how it goes on, and its end before its time.

import { type ErrorCode, fail } from '../errors.ts';
import { defineEndpoint, type Endpoint, type EventFeed } from '../http/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import type { TenantOf } from '../tenant-access.ts';
import { describeJob, hasEnded, type JobRecord, jobAnswer, type Tickets } from './contract.ts';
import { deadLetterEndpoints } from './dead-letters.ts';
import type { FollowedJob, Following } from './following.ts';
import type { JobProgress } from './job-progress.ts';
import type { Jobs } from './jobs.ts';
import { findOwn, followOwn } from './own-job.ts';
import { progressEndpoints } from './progress-routes.ts';

/** Streams of events that one person may open in a minute, of all kinds. */
export const streamLimit = { name: 'event streams', limit: 10, windowSeconds: 60 };

/** The events of one who follows the job: each is what a look at it gives. */
function jobFeed(job: FollowedJob): EventFeed {
  return (sink) => {
    const tell = (record: JobRecord) => sink.give({ data: describeJob(record), isLast: hasEnded(record.state) });
    tell(job.record);
    return job.listen(tell);
  };
}

const errors: ErrorCode[] = [
  'unauthorized',
  'not_found',
  'rate_limited',
  'identity_unavailable',
  'database_unavailable',
];

interface Dependencies {
  jobs: Jobs;
  tenantOf: TenantOf;
  following: Following;
  progress: JobProgress;
  tickets: Tickets;
  /** Of streams that people open. */
  streams: RateLimiter;
}

export function jobEndpoints({ jobs, tenantOf, following, progress, tickets, streams }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/jobs/:id',
      tag: 'Jobs',
      summary: 'State of a job',
      access: 'either',
      answers: { 200: { description: 'What is known of it.', schema: jobAnswer } },
      errors,
      handle: async (exchange) => {
        exchange.res.set('Cache-Control', 'private, no-store').json(describeJob(await findOwn(jobs, exchange)));
      },
    }),
    defineEndpoint({
      method: 'get',
      path: '/jobs/:id/events',
      tag: 'Jobs',
      summary: 'The states of a job as server-sent events, until it has ended',
      access: 'either',
      answers: {
        200: { description: 'Each event is what GET /jobs/{id} gives.', mediaType: 'text/event-stream' },
        204: { description: 'By its Last-Event-ID the client has the last state already.' },
      },
      errors: errors,
      handle: async (exchange) => {
        using job = await followOwn(following, streams, exchange);
        await exchange.streamEvents(jobFeed(job));
      },
    }),
    defineEndpoint({
      method: 'delete',
      path: '/jobs/:id',
      action: 'job.cancel',
      tag: 'Jobs',
      summary: 'Cancel a job; a page that nobody else waits for is closed',
      access: 'either',
      answers: { 200: { description: 'Cancelled.', schema: jobAnswer } },
      errors: [...errors, 'already_ended'],
      handle: async (exchange) => {
        const { id } = await findOwn(jobs, exchange);
        if ((await jobs.cancel(id)) === 'already_ended') throw fail('already_ended');
        exchange.res.json(describeJob(await findOwn(jobs, exchange)));
      },
    }),
    ...deadLetterEndpoints({ jobs, tenantOf }),
    ...progressEndpoints({ jobs, following, progress, tickets, limiter: streams }),
  ];
}
