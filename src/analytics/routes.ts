// The endpoint of analytics.

import { z } from 'zod';
import { invalidField } from '../errors.ts';
import { askerErrors, defineEndpoint, type Endpoint, type Exchange, queryErrors } from '../http/contract.ts';
import { originField, type TenantOf } from '../tenant-access.ts';
import type { Analytics } from './analytics.ts';

interface Dependencies {
  analytics: Analytics;
  tenantOf: TenantOf;
}

const mostDays = 366;
const dayMs = 86_400_000;
const day = z.iso.date({ error: 'must be a day, as 2026-03-01' });

const analyticsQuery = z.object({
  from: day.meta({ description: 'The first day, in UTC.' }),
  to: day.meta({ description: `The last day. At most ${mostDays} in all.` }),
  courseId: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'Certificates of this course only; reports belong to no course, and are told all the same.' }),
  origin: originField,
});
type AnalyticsQuery = z.output<typeof analyticsQuery>;

const count = z.int();
const counts = z.record(z.string(), count);
const milliseconds = z.int().nullable();
const analyticsAnswer = z.object({
  days: z.array(
    z.object({
      date: z.iso.date(),
      certificates: z.object({
        issued: count,
        revoked: count,
        replaced: count,
        expired: count,
        downloaded: count.meta({ description: 'Documents, and addresses of the storage by which they are had.' }),
        verified: count.meta({ description: 'By code or file, whatever they are worth.' }),
        refused: count.meta({ description: 'Attempts at making one that have failed.' }),
        mailed: count,
      }),
      reports: z.object({ rendered: count, hits: count, misses: count, failures: counts, warnings: counts }),
    }),
  ),
  renderMs: z
    .object({ p50: milliseconds, p95: milliseconds, p99: milliseconds })
    .meta({ description: 'Of reports, without waiting for a place, within 5 %; null where there were none.' }),
});

async function read({ analytics, tenantOf }: Dependencies, exchange: Exchange<AnalyticsQuery>): Promise<void> {
  const { from, to, courseId, origin } = exchange.query;
  const tenant = tenantOf(exchange, origin);
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  if (days < 1) throw invalidField('to', 'must not be before from');
  if (days > mostDays) throw invalidField('to', `must be less than ${mostDays} days after from`);
  exchange.res.set('Cache-Control', 'no-store').json(await analytics.read({ tenant, from, to, courseId }));
}

export function analyticsEndpoint(dependencies: Dependencies): Endpoint {
  return defineEndpoint({
    method: 'get',
    path: '/internal/analytics',
    tag: 'Analytics',
    access: 'either',
    summary: 'What was done on each day',
    description: 'By days in UTC, those without anything too. Nothing of it names a person.',
    query: analyticsQuery,
    answers: { 200: { description: 'The days, the oldest first.', schema: analyticsAnswer } },
    errors: [...askerErrors, ...queryErrors, 'database_unavailable'],
    handle: (exchange: Exchange<AnalyticsQuery>) => read(dependencies, exchange),
  });
}
