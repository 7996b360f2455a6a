// The endpoints of jobs: what is known of one, and its end before its time.

import { z } from 'zod';
import { fail } from '../errors.ts';
import { defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { serviceOwner } from '../identity/contract.ts';
import { type JobRecord, jobStages } from './contract.ts';
import type { Jobs } from './jobs.ts';

const jobAnswer = z.object({
  id: z.string(),
  state: z.enum(['queued', 'active', 'completed', 'failed', 'cancelled']),
  attempts: z.int(),
  stage: z.enum(jobStages).nullable(),
  percent: z.int(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  subject: z.looseObject({}),
  result: z.looseObject({}).nullable(),
  error: z.looseObject({ code: z.string(), detail: z.string() }).nullable(),
});

export function describeJob(job: JobRecord): z.output<typeof jobAnswer> {
  const { id, state, attempts, percent, subject } = job;
  return {
    id,
    state,
    attempts,
    stage: job.stage ?? null,
    percent,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    endedAt: job.endedAt?.toISOString() ?? null,
    subject,
    result: job.result ?? null,
    error: job.error ?? null,
  };
}

const isUuid = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** The job that the path names, where it is the asker's; the same 404 for all others. */
async function ownJob(jobs: Jobs, { params, owner }: Exchange<unknown, unknown>): Promise<JobRecord> {
  const { id = '' } = params;
  const job = isUuid(id) ? await jobs.find(id) : undefined;
  if (job === undefined || (owner !== serviceOwner && job.owner !== owner)) throw fail('not_found');
  return job;
}

export function jobEndpoints(jobs: Jobs): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/jobs/:id',
      tag: 'Jobs',
      summary: 'State of a job',
      access: 'either',
      answers: { 200: { description: 'What is known of it.', schema: jobAnswer } },
      errors: ['unauthorized', 'not_found', 'rate_limited', 'database_unavailable'],
      handle: async (exchange) => {
        exchange.res.set('Cache-Control', 'private, no-store').json(describeJob(await ownJob(jobs, exchange)));
      },
    }),
    defineEndpoint({
      method: 'delete',
      path: '/jobs/:id',
      tag: 'Jobs',
      summary: 'Cancel a job; a page that nobody else waits for is closed',
      access: 'either',
      answers: { 200: { description: 'Cancelled.', schema: jobAnswer } },
      errors: ['unauthorized', 'not_found', 'already_ended', 'rate_limited', 'database_unavailable'],
      handle: async (exchange) => {
        const { id } = await ownJob(jobs, exchange);
        if ((await jobs.cancel(id)) === 'already_ended') throw fail('already_ended');
        exchange.res.json(describeJob((await jobs.find(id)) ?? (await ownJob(jobs, exchange))));
      },
    }),
  ];
}
