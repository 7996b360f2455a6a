// Jobs that have failed for good, for those who operate Platen, all or one tenant of it: looked at, and begun again when their cause is mended.

import { z } from 'zod';
import { fail } from '../errors.ts';
import { askerErrors, bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { givenReportToken, reportTokenErrors, serviceOwner } from '../identity/contract.ts';
import type { TenantOf } from '../tenant-access.ts';
import { readUuid } from '../uuid.ts';
import { describeJob, jobAnswer } from './contract.ts';
import type { Jobs } from './jobs.ts';
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

interface Dependencies {
  jobs: Jobs;
  tenantOf: TenantOf;
}

/** All jobs for the backend, and for an administrator those of their tenant. @throws forbidden for all others. */
function selectOf({ jobs, tenantOf }: Dependencies, exchange: Pick<Exchange, 'owner' | 'caller'>) {
  if (exchange.owner === serviceOwner) return jobs.select();
  return jobs.select().where('tasks.tenant', '=', tenantOf(exchange, undefined));
}

async function list(dependencies: Dependencies, exchange: Exchange<ListQuery, unknown>): Promise<void> {
  const { state, code, limit, cursor } = exchange.query;
  const inState = selectOf(dependencies, exchange).where('jobs.state', '=', state);
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
  const answer = exchange.res.set('Cache-Control', 'no-store');
  answer.json({ jobs: rows.map((row) => describeJob(toRecord(row))), nextCursor });
}

async function retry(dependencies: Dependencies, exchange: Exchange<unknown, RetryBody>): Promise<void> {
  const id = readUuid(exchange.params.id);
  const find = async () => {
    const selected = selectOf(dependencies, exchange);
    const row = id === undefined ? undefined : await selected.where('jobs.id', '=', id).executeTakeFirst();
    if (row === undefined) throw fail('not_found');
    return toRecord(row);
  };
  await dependencies.jobs.retry((await find()).id, exchange.body.reportToken ?? undefined);
  exchange.res.status(202).json(describeJob(await find()));
}

export function deadLetterEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/internal/jobs',
      tag: 'Jobs',
      summary: 'Jobs by their state, failed ones unless another is asked for',
      access: 'either',
      query: listQuery,
      answers: { 200: { description: 'The newest first.', schema: listAnswer } },
      errors: [...askerErrors, 'malformed_request', 'invalid_request', 'database_unavailable'],
      handle: (exchange) => list(dependencies, exchange),
    }),
    defineEndpoint({
      method: 'post',
      path: '/jobs/:id/retry',
      action: 'job.retry',
      tag: 'Jobs',
      summary: 'Begin a failed job again',
      description:
        'The token that was given for it is erased: without another one is minted, where that is possible. A job of a person takes none.',
      access: 'either',
      body: retryBody,
      isBodyOptional: true,
      answers: { 202: { description: 'It waits for its turn.', schema: jobAnswer } },
      errors: [...bodyErrors, ...reportTokenErrors, ...askerErrors, 'not_found', 'not_failed', 'database_unavailable'],
      handle: (exchange: Exchange<unknown, RetryBody>) => retry(dependencies, exchange),
    }),
  ];
}
