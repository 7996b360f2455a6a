// The endpoint that reads the audit; none changes it.

import { z } from 'zod';
import type { Database } from '../database/database.ts';
import { askerErrors, defineEndpoint, type Endpoint, type Exchange, queryErrors } from '../http/contract.ts';
import { serviceOwner } from '../identity/contract.ts';
import { cutPage, pageOf, pageQuery } from '../pages.ts';
import { originField, type TenantOf } from '../tenant-access.ts';
import { type AuditLine, findLines } from './store.ts';

interface Dependencies {
  database: Database;
  tenantOf: TenantOf;
}

const dayMs = 86_400_000;
const day = z.iso.date();
const instant = z.iso.datetime({ offset: true });

/** A day stands for its beginning or its end, in UTC. */
const moment = (daysOn: number) =>
  z
    .union([day, instant], {
      error: 'must be a day (2026-03-01) or a time as ISO 8601 writes it, with its offset or Z',
    })
    .transform((text) => new Date(day.safeParse(text).success ? Date.parse(text) + daysOn * dayMs : text))
    .optional();

const auditQuery = z.object({
  from: moment(0).meta({ description: 'Only what was changed then or later. A day (UTC) or an instant.' }),
  to: moment(1).meta({ description: 'Only what was changed on that day (UTC) or earlier, or before that instant.' }),
  target: z.string().max(300).optional().meta({ description: 'Only of this, to the letter.' }),
  origin: originField.meta({
    description:
      'Of which tenant. Default: that of the token; for the backend all, with what belongs to no single one.',
  }),
  ...pageQuery(/^[1-9]\d{0,15}-[1-9]\d{0,17}$/),
});
type AuditQuery = z.output<typeof auditQuery>;

const state = z.looseObject({}).nullable();
const lineAnswer = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  who: z.object({ kind: z.enum(['service', 'admin']), id: z.string() }),
  action: z.string(),
  target: z.string(),
  before: state.meta({
    description: 'What of it was otherwise before; null where there was nothing, or is nothing to tell.',
  }),
  after: state,
});

const describe = ({ place: _, at, ...line }: AuditLine): z.output<typeof lineAnswer> => ({
  ...line,
  at: at.toISOString(),
});

async function list({ database, tenantOf }: Dependencies, exchange: Exchange<AuditQuery>): Promise<void> {
  const { limit, origin, ...filter } = exchange.query;
  const isOfAll = exchange.owner === serviceOwner && origin === undefined;
  const tenant = isOfAll ? undefined : tenantOf(exchange, origin);
  const found = await findLines(database.queries, { ...filter, tenant, most: limit + 1 });
  const { items, next } = cutPage(found, limit, ({ place }) => place);
  exchange.res.set('Cache-Control', 'no-store').json({ items: items.map(describe), next });
}

export function auditEndpoint(dependencies: Dependencies): Endpoint {
  return defineEndpoint({
    method: 'get',
    path: '/internal/audit',
    tag: 'Audit',
    access: 'either',
    summary: 'What the backend and administrators have changed, the newest first',
    description:
      'Written in the transaction of each change. It names no learner, is kept for ever, and changed by nobody.',
    query: auditQuery,
    answers: { 200: { description: 'A page of it.', schema: pageOf(lineAnswer) } },
    errors: [...askerErrors, ...queryErrors, 'database_unavailable'],
    handle: (exchange: Exchange<AuditQuery>) => list(dependencies, exchange),
  });
}
