// The endpoints of attempts: pushed, listed, begun again.

import { z } from 'zod';
import { type ErrorCode, fail } from '../errors.ts';
import {
  askerErrors,
  bodyErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  idempotencyKey,
  queryErrors,
  readIdempotencyKey,
} from '../http/contract.ts';
import { cutPage, pageOf, pageQuery } from '../pages.ts';
import { type OriginQuery, originField, originQuery, type TenantOf } from '../tenant-access.ts';
import { readUuid } from '../uuid.ts';
import type { Attempts } from './attempts.ts';
import { attemptStates, type ListedAttempt } from './store.ts';

interface Dependencies {
  attempts: Attempts;
  tenantOf: TenantOf;
}

const mostItems = 1000;
const mostBodyBytes = 8 * 1024 * 1024;

const pushBody = z.strictObject({
  items: z
    .array(z.unknown())
    .max(mostItems, { error: `must be at most ${mostItems}` })
    .meta({ description: 'As the testing service gives them. One that can not be read is set aside.' }),
  origin: z.string().nullish().meta({ description: 'Of the tenant to whom they belong. Default: the default origin.' }),
});
type PushBody = z.output<typeof pushBody>;

const pushAnswer = z.object({
  accepted: z.int(),
  duplicates: z.int().meta({ description: 'Those that have come before, to the letter.' }),
  rejected: z.int().meta({ description: 'Those that can not be read: see `GET /internal/attempts?state=rejected`.' }),
});

const listQuery = z.object({
  state: z.enum(attemptStates).optional(),
  studentId: z.string().optional(),
  courseId: z.string().optional(),
  origin: originField,
  ...pageQuery(/^[1-9]\d{0,17}$/),
});
type ListQuery = z.output<typeof listQuery>;

const attemptAnswer = z.object({
  id: z.string(),
  state: z.enum(attemptStates),
  reasons: z.array(
    z.object({ field: z.string().meta({ description: 'JSON pointer inside the item.' }), message: z.string() }),
  ),
  raw: z.unknown().meta({ description: 'As it came; null where it was too large to be kept.' }),
  lastError: z.string().nullable(),
  nextTryAt: z.iso.datetime().nullable(),
});

const describe = ({
  id,
  state,
  reasons,
  raw,
  lastError,
  nextTryAt,
}: ListedAttempt): z.output<typeof attemptAnswer> => ({
  id,
  state,
  reasons: reasons ?? [],
  raw: raw === null ? null : JSON.parse(raw),
  lastError,
  nextTryAt: nextTryAt?.toISOString() ?? null,
});

async function push({ attempts, tenantOf }: Dependencies, exchange: Exchange<unknown, PushBody>): Promise<void> {
  const { body, req, res } = exchange;
  const tenant = tenantOf(exchange, body.origin ?? undefined);
  const key = readIdempotencyKey(req);
  res.status(202).json(await attempts.push(body.items, { tenant, idempotencyKey: key }));
}

async function list({ attempts, tenantOf }: Dependencies, exchange: Exchange<ListQuery>): Promise<void> {
  const { limit, cursor, state, studentId, courseId, origin } = exchange.query;
  const tenant = tenantOf(exchange, origin);
  const found = await attempts.list({ tenant, state, studentId, courseId, cursor, most: limit + 1 });
  const { items, next } = cutPage(found, limit, ({ place }) => place);
  exchange.res.set('Cache-Control', 'no-store').json({ items: items.map(describe), next });
}

async function redrive({ attempts, tenantOf }: Dependencies, exchange: Exchange<OriginQuery>): Promise<void> {
  const tenant = tenantOf(exchange, exchange.query.origin);
  const id = readUuid(exchange.params.id);
  const attempt = id === undefined ? undefined : await attempts.redrive({ tenant, id });
  if (attempt === undefined) throw fail('not_found');
  exchange.res.status(202).json(describe(attempt));
}

const operatorErrors: readonly ErrorCode[] = [...askerErrors, 'database_unavailable'];

export function attemptEndpoints(dependencies: Dependencies): Endpoint[] {
  const common = { tag: 'Attempts', access: 'either' } as const;
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/attempts',
      action: 'attempts.push',
      summary: 'Push attempts',
      description:
        'Finished tests of learners. They are read within seconds, and those who have passed get their certificates. The same `id` again: the newest `updatedAt` counts.',
      headers: {
        'Idempotency-Key': idempotencyKey.meta({
          description: 'The same request with the same key gets the same answer for a week.',
        }),
      },
      body: pushBody,
      mostBodyBytes,
      answers: { 202: { description: 'They are kept.', schema: pushAnswer } },
      errors: [...operatorErrors, ...bodyErrors, 'idempotency_key_reused'],
      handle: (exchange: Exchange<unknown, PushBody>) => push(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/attempts',
      summary: 'Attempts, the newest first',
      query: listQuery,
      answers: { 200: { description: 'A page of them.', schema: pageOf(attemptAnswer) } },
      errors: [...operatorErrors, ...queryErrors],
      handle: (exchange: Exchange<ListQuery>) => list(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/attempts/:id/redrive',
      action: 'attempt.redrive',
      summary: 'Read an attempt again, as if it had just come',
      description:
        'One that was set aside, that waits or that was read. A learner who was not found is looked for anew.',
      query: originQuery,
      answers: { 202: { description: 'As it is now.', schema: attemptAnswer } },
      errors: [...operatorErrors, 'malformed_request', 'invalid_request', 'not_found'],
      handle: (exchange: Exchange<OriginQuery>) => redrive(dependencies, exchange),
    }),
  ];
}
