// The endpoints of runs.

import type { Configurations } from '../configurations/configurations.ts';
import { type ErrorCode, fail } from '../errors.ts';
import {
  askerErrors,
  bodyErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  queryErrors,
} from '../http/contract.ts';
import { cutPage } from '../pages.ts';
import { type OriginQuery, originQuery, type TenantOf } from '../tenant-access.ts';
import {
  type DecisionQuery,
  decisionAnswer,
  decisionQuery,
  type ItemsQuery,
  itemsQuery,
  mostRunBytes,
  type OwnQuery,
  ownAnswer,
  ownQuery,
  type RehearsalBody,
  type RunBody,
  type RunsQuery,
  rehearsalBody,
  retriedAnswer,
  runAnswer,
  runBody,
  runsAnswer,
  runsQuery,
  startedAnswer,
} from './contract.ts';
import { describeItem, describeRun } from './describing.ts';
import type { Runs } from './runs.ts';

interface Dependencies {
  runs: Runs;
  configurations: Configurations;
  tenantOf: TenantOf;
  prefixOf: (origin: string | undefined) => string;
}

export const readErrors: readonly ErrorCode[] = [...askerErrors, ...queryErrors, 'database_unavailable', 'not_found'];
const writeErrors: readonly ErrorCode[] = [...new Set([...readErrors, ...bodyErrors])];
export const common = { tag: 'Pipeline', access: 'either' } as const;

export function runEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    ...beginning(dependencies),
    ...reading(dependencies),
    ...changing(dependencies),
    ...decisionEndpoints(dependencies),
  ];
}

function beginning({ runs, tenantOf }: Dependencies): Endpoint[] {
  const begin = async (exchange: Exchange<unknown, RunBody>, isDryRun: boolean) => {
    const { origin, only, except } = exchange.body;
    const tenant = tenantOf(exchange, origin);
    const runId = await runs.begin(tenant, exchange.params.id ?? '', { isDryRun, only, except });
    exchange.res.status(202).location(`/internal/runs/${runId}`).json({ runId });
  };
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/configurations/:id/run',
      action: 'run.begin',
      summary: 'Carry a configuration out now',
      description: 'Whether it is switched on or not. Who has such a certificate is skipped.',
      body: runBody,
      isBodyOptional: true,
      mostBodyBytes: mostRunBytes,
      answers: { 202: { description: 'It is accepted, and outlives a crash.', schema: startedAnswer } },
      errors: [...writeErrors, 'run_active'],
      handle: (exchange: Exchange<unknown, RunBody>) => begin(exchange, false),
    }),
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/configurations/:id/dry-run',
      summary: 'Rehearse a configuration',
      description: 'Decides and explains everything; changes, issues, mails and announces nothing.',
      body: rehearsalBody,
      isBodyOptional: true,
      answers: { 202: { description: 'It is accepted.', schema: startedAnswer } },
      errors: writeErrors,
      handle: (exchange: Exchange<unknown, RehearsalBody>) => begin(exchange, true),
    }),
  ];
}

function reading({ runs, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/runs',
      summary: 'Runs, the newest first, of one configuration or in one state where that is asked for',
      query: runsQuery,
      answers: { 200: { description: 'Without their items.', schema: runsAnswer } },
      errors: readErrors,
      async handle(exchange: Exchange<RunsQuery>) {
        const { origin, limit, ...query } = exchange.query;
        const found = await runs.list(tenantOf(exchange, origin), { ...query, most: limit + 1 });
        const { items, next } = cutPage(found, limit, ({ id }) => id);
        const told = items.map(describeRun).map(({ errors: _, ...run }) => run);
        exchange.res.set('Cache-Control', 'no-store').json({ items: told, next });
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/runs/:id',
      summary: 'How far a run is, with a page of its decisions',
      query: itemsQuery,
      answers: { 200: { description: 'The run; items by their learners, and courses.', schema: runAnswer } },
      errors: readErrors,
      async handle(exchange: Exchange<ItemsQuery>) {
        const { limit, cursor = '', origin } = exchange.query;
        const run = await runs.find(tenantOf(exchange, origin), exchange.params.id ?? '');
        const [studentId = '', courseId = ''] = cursor.split('/');
        const found = await runs.items(run.id, { after: { studentId, courseId }, most: limit + 1 });
        const { items, next } = cutPage(found, limit, (item) =>
          [item.studentId, item.courseId].filter(Boolean).join('/'),
        );
        const told = items.map((item) => describeItem(run.plan, item));
        exchange.res.set('Cache-Control', 'no-store').json({ ...describeRun(run), items: told, next });
      },
    }),
  ];
}

function changing({ runs, tenantOf }: Dependencies): Endpoint[] {
  const tenantFor = (exchange: Exchange<OriginQuery>) => tenantOf(exchange, exchange.query.origin);
  return [
    defineEndpoint({
      ...common,
      method: 'delete',
      path: '/internal/configurations/:id',
      action: 'configuration.remove',
      summary: 'Take a configuration away',
      description: 'A run that is under way is cancelled. Runs stay readable, certificates stay as they are.',
      query: originQuery,
      answers: { 204: { description: 'It is gone.' } },
      errors: [...readErrors, 'built_in'],
      async handle(exchange: Exchange<OriginQuery>) {
        await runs.removeConfiguration(tenantFor(exchange), exchange.params.id ?? '');
        exchange.res.status(204).end();
      },
    }),
    defineEndpoint({
      ...common,
      method: 'delete',
      path: '/internal/runs/:id',
      action: 'run.cancel',
      summary: 'Cancel a run',
      description: 'What it has issued stays.',
      query: originQuery,
      answers: { 204: { description: 'Nothing more is begun.' } },
      errors: [...readErrors, 'already_ended'],
      async handle(exchange: Exchange<OriginQuery>) {
        await runs.cancel(tenantFor(exchange), exchange.params.id ?? '');
        exchange.res.status(204).end();
      },
    }),
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/runs/:id/retry',
      action: 'run.retry',
      summary: 'Try again for those for whom it has failed',
      body: rehearsalBody,
      isBodyOptional: true,
      answers: { 202: { description: 'For how many learners.', schema: retriedAnswer } },
      errors: [...writeErrors, 'not_failed', 'run_active'],
      async handle(exchange: Exchange<unknown, RehearsalBody>) {
        const tenant = tenantOf(exchange, exchange.body.origin);
        exchange.res.status(202).json({ retried: await runs.retry(tenant, exchange.params.id ?? '') });
      },
    }),
  ];
}

function decisionEndpoints({ runs, configurations, tenantOf, prefixOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/eligibility',
      summary: 'Whether one learner has earned a certificate now, and why',
      query: decisionQuery,
      answers: { 200: { description: 'The decision.', schema: decisionAnswer } },
      errors: [...readErrors, 'retriever_failed', 'storage_unavailable'],
      async handle(exchange: Exchange<DecisionQuery>) {
        const { configurationId, studentId, courseId, origin } = exchange.query;
        const configuration = await configurations.find(tenantOf(exchange, origin), configurationId);
        const decision = await runs.decide(configuration, { studentId, courseId }, exchange.signal);
        exchange.res.set('Cache-Control', 'no-store').json(decision);
      },
    }),
    defineEndpoint({
      method: 'get',
      path: '/api/eligibility',
      tag: 'Pipeline',
      access: 'user',
      summary: 'What a learner has earned in a course, and what is still missing',
      description: 'Of the configurations that are switched on, for the learner who asks.',
      query: ownQuery,
      answers: { 200: { description: 'A decision for each type.', schema: ownAnswer } },
      errors: [...readErrors, 'retriever_failed', 'storage_unavailable'],
      async handle(exchange: Exchange<OwnQuery>) {
        const { type: kind, id, tenant } = exchange.caller;
        if (kind !== 'student' || typeof tenant === 'string') throw fail('not_found');
        const { courseId } = exchange.query;
        const enabled = await configurations.listEnabled(prefixOf(tenant.origin), courseId);
        const items = await Promise.all(
          enabled.map(async (configuration) => {
            const { studentId: _, ...decision } = await runs.decide(
              configuration,
              { studentId: id, courseId },
              exchange.signal,
            );
            return { type: configuration.type, ...decision };
          }),
        );
        exchange.res.set('Cache-Control', 'no-store').json({ items });
      },
    }),
  ];
}
