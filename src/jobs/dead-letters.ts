// Jobs that have failed for good, for those who operate Platen: looked at, and begun again when their cause is mended.

import { z } from 'zod';
import { bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { givenReportToken, reportTokenErrors } from '../identity/contract.ts';
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
  cursor: z
    .string()
    .regex(/^[1-9][0-9]{0,17}$/, { error: 'must be the nextCursor of a page' })
    .optional()
    .meta({ description: '`nextCursor` of the page before.' }),
});
type ListQuery = z.output<typeof listQuery>;

const listAnswer = z.object({
  jobs: z.array(jobAnswer),
  nextCursor: z.string().nullable().meta({ description: 'Where the next page begins, null on the last.' }),
});

const retryBody = z.strictObject({ reportToken: givenReportToken.nullish() });
type RetryBody = z.output<typeof retryBody>;

async function list(jobs: Jobs, { query, res }: Exchange<ListQuery, unknown>): Promise<void> {
  const { state, code, limit, cursor } = query;
  const inState = jobs.select().where('jobs.state', '=', state);
  const withCode =
    code === undefined ? inState : inState.where((eb) => eb(eb.ref('jobs.error', '->>').key('code'), '=', code));
  const earlier = cursor === undefined ? withCode : withCode.where('jobs.seq', '<', cursor);
  // One more than asked for, to know whether there are more.
  const found = await earlier
    .select('jobs.seq')
    .orderBy('jobs.seq', 'desc')
    .limit(limit + 1)
    .execute();
  const rows = found.slice(0, limit);
  const nextCursor = found.length > limit ? (rows.at(-1)?.seq ?? null) : null;
  res.set('Cache-Control', 'no-store').json({ jobs: rows.map((row) => describeJob(toRecord(row))), nextCursor });
}

async function retry(jobs: Jobs, exchange: Exchange<unknown, RetryBody>): Promise<void> {
  const { id } = await findOwn(jobs, exchange);
  await jobs.retry(id, exchange.body.reportToken ?? undefined);
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
      answers: { 200: { description: 'The newest first.', schema: listAnswer } },
      errors: ['unauthorized', 'malformed_request', 'invalid_request', 'database_unavailable'],
      handle: (exchange) => list(jobs, exchange),
    }),
    defineEndpoint({
      method: 'post',
      path: '/jobs/:id/retry',
      action: 'job.retry',
      tag: 'Jobs',
      summary: 'Begin a failed job again',
      description:
        'The token that was given for it is erased: without another one is minted, where that is possible. A job of a person takes none.',
      access: 'service',
      body: retryBody,
      isBodyOptional: true,
      answers: { 202: { description: 'It waits for its turn.', schema: jobAnswer } },
      errors: [...bodyErrors, ...reportTokenErrors, 'unauthorized', 'not_found', 'not_failed', 'database_unavailable'],
      handle: (exchange: Exchange<unknown, RetryBody>) => retry(jobs, exchange),
    }),
  ];
}
