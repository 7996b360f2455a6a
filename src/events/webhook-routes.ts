// The endpoints of webhooks: made, listed, taken away.

import { randomBytes, randomUUID } from 'node:crypto';
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
import type { Sealing } from '../sealing.ts';
import { readUuid } from '../uuid.ts';
import { type PrefixOf, requireOperator } from './access.ts';
import { webhookTypes } from './contract.ts';
import { faultOfUrl, secretTextOf } from './webhook-call.ts';
import { addWebhook, findWebhooks, removeWebhook } from './webhook-store.ts';

interface Dependencies {
  database: Database;
  prefixOf: PrefixOf;
  sealing: Sealing;
  trustedHosts: readonly string[];
}

const secretBytes = 32;
const type = z.enum(webhookTypes);

const webhookBody = z.strictObject({
  url: z.string().max(2000),
  events: z
    .array(type)
    .min(1)
    .max(webhookTypes.length)
    .nullish()
    .meta({ description: 'Which it hears. Default: all.' }),
});
type WebhookBody = z.output<typeof webhookBody>;

const listQuery = z.object(pageQuery(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
type ListQuery = z.output<typeof listQuery>;

const webhookAnswer = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(type),
  createdAt: z.iso.datetime(),
});

const madeAnswer = z.object({
  id: z.string(),
  url: z.string(),
  secret: z.string().meta({ description: 'With which its calls are signed. It is told this once.' }),
});

async function make(
  { database, prefixOf, sealing, trustedHosts }: Dependencies,
  exchange: Exchange<unknown, WebhookBody>,
) {
  const tenant = requireOperator(exchange, prefixOf);
  const { url, events } = exchange.body;
  const fault = faultOfUrl(url, trustedHosts);
  if (fault !== undefined) throw invalidField('/url', fault);
  const types = [...new Set(events ?? webhookTypes)];
  const id = randomUUID();
  const secret = secretTextOf(randomBytes(secretBytes));
  await database.transaction(async (tx) => {
    await addWebhook(tx, { id, tenant, url, types, secret: sealing.seal(secret) });
    // The rest of an address may be a secret.
    await recordChange(tx, { tenant, target: `webhooks/${id}`, after: { host: new URL(url).host, events: types } });
  });
  exchange.res.status(201).set('Cache-Control', 'no-store').json({ id, url, secret });
}

async function list({ database, prefixOf }: Dependencies, exchange: Exchange<ListQuery, unknown>): Promise<void> {
  const { limit, cursor } = exchange.query;
  const tenant = requireOperator(exchange, prefixOf);
  const found = await findWebhooks(database.queries, { tenant, cursor, most: limit + 1 });
  const { items, next } = cutPage(found, limit, ({ id }) => id);
  const told = items.map(({ id, url, types, createdAt }) => ({
    id,
    url,
    events: types,
    createdAt: createdAt.toISOString(),
  }));
  exchange.res.set('Cache-Control', 'no-store').json({ items: told, next });
}

async function remove({ database, prefixOf }: Dependencies, exchange: Exchange): Promise<void> {
  const tenant = requireOperator(exchange, prefixOf);
  const id = readUuid(exchange.params.id);
  await database.transaction(async (tx) => {
    if (id === undefined || !(await removeWebhook(tx, { tenant, id }))) throw fail('not_found');
    await recordChange(tx, { tenant, target: `webhooks/${id}` });
  });
  exchange.res.status(204).end();
}

const operatorErrors: readonly ErrorCode[] = [...askerErrors, 'database_unavailable'];

export function webhookEndpoints(dependencies: Dependencies): Endpoint[] {
  const common = { tag: 'Webhooks', access: 'either' } as const;
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/webhooks',
      action: 'webhook.add',
      summary: 'Be told of events by calls of your own server',
      description:
        'Signed as Standard Webhooks says. The backend hears of all tenants, an administrator of theirs. https only, and nothing that leads inside, unless WEBHOOK_HOSTS names the host.',
      body: webhookBody,
      answers: { 201: { description: 'It is told of what happens from now on.', schema: madeAnswer } },
      errors: [...operatorErrors, ...bodyErrors],
      handle: (exchange: Exchange<unknown, WebhookBody>) => make(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/webhooks',
      summary: 'Webhooks, the newest first',
      query: listQuery,
      answers: { 200: { description: 'A page of them, without their secrets.', schema: pageOf(webhookAnswer) } },
      errors: [...operatorErrors, ...queryErrors],
      handle: (exchange) => list(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'delete',
      path: '/internal/webhooks/:id',
      action: 'webhook.remove',
      summary: 'Take a webhook away, with what it was still to be told',
      answers: { 204: { description: 'It is called no more.' } },
      errors: [...operatorErrors, 'not_found'],
      handle: (exchange) => remove(dependencies, exchange),
    }),
  ];
}
