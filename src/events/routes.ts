// The endpoints for those who operate Platen: events listed, told again one by one or by their time, and their published forms.

import { z } from 'zod';
import { recordChange } from '../audit/audit.ts';
import type { Database } from '../database/database.ts';
import { type ErrorCode, fail, invalidField } from '../errors.ts';
import {
  askerErrors,
  bodyErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  queryErrors,
} from '../http/contract.ts';
import { cutPage, pageOf, pageQuery } from '../pages.ts';
import { readUuid } from '../uuid.ts';
import { type PrefixOf, requireOperator } from './access.ts';
import { kinds } from './contract.ts';
import { eventStates, findEvents, redriveEvent, replayBatch, type StoredEvent } from './records.ts';

interface Dependencies {
  database: Database;
  prefixOf: PrefixOf;
  /** The AsyncAPI document. */
  document: object;
}

const time = z.iso
  .datetime({ offset: true, error: 'must be a time as ISO 8601 writes it, with its offset or Z' })
  .transform((text) => new Date(text));

const listQuery = z.object({
  from: time.optional().meta({ description: 'Only those written then or later.' }),
  to: time.optional().meta({ description: 'Only those written before then.' }),
  state: z.enum(eventStates).optional(),
  ...pageQuery(/^[1-9]\d{0,15}-[1-9]\d{0,17}$/),
});
type ListQuery = z.output<typeof listQuery>;

const eventAnswer = z.object({
  id: z.string().meta({
    description: 'The header `event-id` in Kafka, `webhook-id` at a webhook, the beginning of `Message-ID` of a mail.',
  }),
  kind: z.enum(kinds),
  type: z.string(),
  key: z.string(),
  webhookId: z.string().nullable(),
  linkId: z.string().nullable().meta({ description: 'Of a mail: of the link that stands in it.' }),
  state: z.enum(eventStates),
  attempts: z
    .int()
    .meta({ description: 'Those that failed, and of a webhook or mail the one under way or that succeeded.' }),
  createdAt: z.iso.datetime(),
  nextAt: z.iso.datetime().nullable().meta({ description: 'When it is tried next, while it waits.' }),
  sentAt: z.iso.datetime().nullable(),
  lastError: z.string().nullable(),
});

const replayBody = z.strictObject({ from: time, to: time });
type ReplayBody = z.output<typeof replayBody>;

const operatorErrors: readonly ErrorCode[] = [...askerErrors, 'database_unavailable'];

function describe({ place: _, createdAt, nextAt, sentAt, ...event }: StoredEvent): z.output<typeof eventAnswer> {
  return {
    ...event,
    createdAt: createdAt.toISOString(),
    nextAt: event.state === 'waiting' ? nextAt.toISOString() : null,
    sentAt: sentAt?.toISOString() ?? null,
  };
}

async function list({ database, prefixOf }: Dependencies, exchange: Exchange<ListQuery, unknown>): Promise<void> {
  const { limit, cursor, from, to, state } = exchange.query;
  const tenant = requireOperator(exchange, prefixOf);
  const found = await findEvents(database.queries, { tenant, from, to, state, cursor, most: limit + 1 });
  const { items, next } = cutPage(found, limit, ({ place }) => place);
  exchange.res.set('Cache-Control', 'no-store').json({ items: items.map(describe), next });
}

async function redrive({ database, prefixOf }: Dependencies, exchange: Exchange): Promise<void> {
  const tenant = requireOperator(exchange, prefixOf);
  const id = readUuid(exchange.params.id);
  if (id === undefined) throw fail('not_found');
  const event = await database.transaction(async (tx) => {
    const redriven = await redriveEvent(tx, { tenant, id });
    if (redriven === undefined) throw fail('not_found');
    await recordChange(tx, { tenant, target: `events/${id}`, after: { state: redriven.state } });
    return redriven;
  });
  exchange.res.status(202).json(describe(event));
}

async function replay({ database, prefixOf }: Dependencies, exchange: Exchange<unknown, ReplayBody>): Promise<void> {
  const tenant = requireOperator(exchange, prefixOf);
  const { from, to } = exchange.body;
  if (to <= from) throw invalidField('/to', 'must be after from');
  let count = 0;
  // Batches, each of its own: nobody waits for what a million hold. Broken off it can be asked for again.
  for (let after: string | undefined; ; ) {
    const batch = await database.transaction(async (tx) => {
      if (after === undefined) await recordChange(tx, { tenant, target: 'events', after: { from, to } });
      return replayBatch(tx, { tenant, from, to, after });
    });
    count += batch.count;
    after = batch.last;
    if (after === undefined) break;
    exchange.signal.throwIfAborted();
  }
  exchange.res.status(202).json({ count });
}

export function eventEndpoints(dependencies: Dependencies): Endpoint[] {
  const common = { tag: 'Events', access: 'either' } as const;
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/events',
      summary: 'Events, the newest first',
      description: 'For the backend; an administrator sees those of their tenant. One for each receiver.',
      query: listQuery,
      answers: { 200: { description: 'A page of them.', schema: pageOf(eventAnswer) } },
      errors: [...operatorErrors, ...queryErrors],
      handle: (exchange) => list(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/events/:id/redrive',
      action: 'event.redrive',
      summary: 'Send an event again, as if it had never been tried',
      description: 'One that was set aside, that waits, or that was sent: the same bytes under the same id.',
      answers: { 202: { description: 'It waits for its turn.', schema: eventAnswer } },
      errors: [...operatorErrors, 'not_found'],
      handle: (exchange) => redrive(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/events/replay',
      action: 'events.replay',
      summary: 'Send the events of a time again',
      description:
        'Those written from `from` until before `to` that were sent or set aside: the same bytes under the same ids.',
      body: replayBody,
      answers: { 202: { description: 'How many wait again.', schema: z.object({ count: z.int() }) } },
      errors: [...operatorErrors, ...bodyErrors],
      handle: (exchange: Exchange<unknown, ReplayBody>) => replay(dependencies, exchange),
    }),
    defineEndpoint({
      tag: 'Events',
      access: 'anyone',
      method: 'get',
      path: '/asyncapi.json',
      summary: 'All events as an AsyncAPI document, with their JSON Schemas',
      answers: { 200: { description: 'AsyncAPI 3.0.', schema: z.looseObject({ asyncapi: z.string() }) } },
      errors: [],
      handle: ({ res }) => {
        res.set('Cache-Control', 'public, max-age=300').json(dependencies.document);
      },
    }),
  ];
}
