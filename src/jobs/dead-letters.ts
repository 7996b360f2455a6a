// Jobs that have failed for good, for those who operate Platen: looked at, and begun again when their cause is mended.

import { z } from 'zod';
import { fail } from '../errors.ts';
import { defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { describeJob, jobAnswer } from './contract.ts';
import type { Jobs } from './jobs.ts';
import { findOwn } from './own-job.ts';
import { toRecord } from './records.ts';

const listQuery = z.object({
  state: z
    .enum(['queued', 'active', 'completed', 'failed', 'cancelled'])
    .default('failed')
    .meta({ description: 'Jobs in this state, the newest first.' }),
  code: z
    .string()
    .regex(/^[a-z_]{1,50}$/, { error: 'must be an error code' })
    .optional()
    .meta({ description: 'Only those that failed with this code.' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: z.iso.datetime().optional().meta({ description: 'Only jobs that were accepted before; for the next page.' }),
});
type ListQuery = z.output<typeof listQuery>;

async function list(jobs: Jobs, { query, res }: Exchange<ListQuery, unknown>): Promise<void> {
  const { state, code, limit, before } = query;
  const inState = jobs.select().where('jobs.state', '=', state);
  const withCode =
    code === undefined ? inState : inState.where((eb) => eb(eb.ref('jobs.error', '->>').key('code'), '=', code));
  const earlier = before === undefined ? withCode : withCode.where('jobs.created_at', '<', new Date(before));
  const rows = await earlier.orderBy('jobs.created_at', 'desc').limit(limit).execute();
  res.set('Cache-Control', 'no-store').json({ jobs: rows.map((row) => describeJob(toRecord(row))) });
}

async function retry(jobs: Jobs, exchange: Exchange<unknown, unknown>): Promise<void> {
  const { id } = await findOwn(jobs, exchange);
  if ((await jobs.retry({ id })) === 0) throw fail('not_failed');
  exchange.res.status(202).json(describeJob(await findOwn(jobs, exchange)));
}

export function deadLetterEndpoints(jobs: Jobs): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/internal/jobs',
      tag: 'Jobs',
      summary: 'Jobs by their state, failed ones unless another is asked for',
      access: 'service',
      query: listQuery,
      answers: { 200: { description: 'The newest first.', schema: z.object({ jobs: z.array(jobAnswer) }) } },
      errors: ['unauthorized', 'malformed_request', 'invalid_request', 'database_unavailable'],
      handle: (exchange) => list(jobs, exchange),
    }),
    defineEndpoint({
      method: 'post',
      path: '/jobs/:id/retry',
      tag: 'Jobs',
      summary:
        'Begin a failed job again; a token that was given for it is erased, so one is minted where that is possible',
      access: 'service',
      answers: { 202: { description: 'It waits for its turn.', schema: jobAnswer } },
      errors: ['unauthorized', 'not_found', 'not_failed', 'database_unavailable'],
      handle: (exchange) => retry(jobs, exchange),
    }),
  ];
}
