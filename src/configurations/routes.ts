// The endpoints of certificate types and of configurations.

import { type ErrorCode, invalidField } from '../errors.ts';
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
import type { Configurations } from './configurations.ts';
import {
  type ConfigurationBody,
  type ConfigurationChange,
  type ConfigurationsQuery,
  configurationAnswer,
  configurationBody,
  configurationChange,
  configurationsAnswer,
  configurationsQuery,
  type TypeBody,
  type TypeChange,
  type TypesQuery,
  typeAnswer,
  typeBody,
  typeChange,
  typesAnswer,
  typesQuery,
} from './contract.ts';
import { describeConfiguration } from './describing.ts';

interface Dependencies {
  configurations: Configurations;
  tenantOf: TenantOf;
}

const readErrors: readonly ErrorCode[] = [...askerErrors, ...queryErrors, 'database_unavailable'];
const writeErrors: readonly ErrorCode[] = [...new Set([...readErrors, ...bodyErrors])];
const common = { tag: 'Pipeline', access: 'either' } as const;

export function configurationEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    ...typeReading(dependencies),
    ...typeWriting(dependencies),
    ...configurationReading(dependencies),
    ...configurationWriting(dependencies),
  ];
}

function typeReading({ configurations, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/certificate-types',
      summary: 'Certificate types: who has earned one, and how it is made',
      query: typesQuery,
      answers: { 200: { description: 'By their names.', schema: typesAnswer } },
      errors: readErrors,
      async handle(exchange: Exchange<TypesQuery>) {
        const { limit, cursor = '', origin } = exchange.query;
        const found = await configurations.listTypes(tenantOf(exchange, origin), { cursor, most: limit + 1 });
        exchange.res.set('Cache-Control', 'no-store').json(cutPage(found, limit, ({ name }) => name));
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/certificate-types/:name',
      summary: 'One certificate type',
      query: originQuery,
      answers: { 200: { description: 'The type.', schema: typeAnswer } },
      errors: [...readErrors, 'not_found'],
      async handle(exchange: Exchange<OriginQuery>) {
        const tenant = tenantOf(exchange, exchange.query.origin);
        const type = await configurations.findType(tenant, exchange.params.name ?? '');
        exchange.res.set('Cache-Control', 'no-store').json(type);
      },
    }),
  ];
}

function typeWriting({ configurations, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/certificate-types',
      action: 'certificate-type.add',
      summary: 'Make a certificate type',
      description: 'What options there are is checked; what is required may come with each configuration.',
      body: typeBody,
      answers: { 201: { description: 'It is there.', schema: typeAnswer } },
      errors: [...writeErrors, 'type_exists'],
      async handle(exchange: Exchange<unknown, TypeBody>) {
        const { origin, ...type } = exchange.body;
        exchange.res.status(201).json(await configurations.addType(tenantOf(exchange, origin), type));
      },
    }),
    defineEndpoint({
      ...common,
      method: 'put',
      path: '/internal/certificate-types/:name',
      action: 'certificate-type.change',
      summary: 'Change a certificate type',
      description: 'Its configurations must be right with it.',
      body: typeChange,
      answers: { 200: { description: 'It is changed.', schema: typeAnswer } },
      errors: [...writeErrors, 'not_found'],
      async handle(exchange: Exchange<unknown, TypeChange>) {
        const { origin, ...type } = exchange.body;
        const { name = '' } = exchange.params;
        if (type.name !== undefined && type.name !== name)
          throw invalidField('/name', 'is not that of the address: a type keeps its name');
        exchange.res.json(await configurations.changeType(tenantOf(exchange, origin), { ...type, name }));
      },
    }),
    defineEndpoint({
      ...common,
      method: 'delete',
      path: '/internal/certificate-types/:name',
      action: 'certificate-type.remove',
      summary: 'Take a certificate type away',
      query: originQuery,
      answers: { 204: { description: 'It is gone.' } },
      errors: [...readErrors, 'not_found', 'type_in_use', 'built_in'],
      async handle(exchange: Exchange<OriginQuery>) {
        await configurations.removeType(tenantOf(exchange, exchange.query.origin), exchange.params.name ?? '');
        exchange.res.status(204).end();
      },
    }),
  ];
}

function configurationReading({ configurations, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/configurations',
      summary: 'Configurations: which certificate a course, lesson or pathway gives, and when',
      query: configurationsQuery,
      answers: { 200: { description: 'The newest first.', schema: configurationsAnswer } },
      errors: readErrors,
      async handle(exchange: Exchange<ConfigurationsQuery>) {
        const { limit, cursor, origin } = exchange.query;
        const found = await configurations.list(tenantOf(exchange, origin), { cursor, most: limit + 1 });
        const { items, next } = cutPage(found, limit, ({ id }) => id);
        const now = new Date();
        const told = items.map((each) => describeConfiguration(each, now));
        exchange.res.set('Cache-Control', 'no-store').json({ items: told, next });
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/configurations/:id',
      summary: 'One configuration',
      query: originQuery,
      answers: { 200: { description: 'The configuration.', schema: configurationAnswer } },
      errors: [...readErrors, 'not_found'],
      async handle(exchange: Exchange<OriginQuery>) {
        const tenant = tenantOf(exchange, exchange.query.origin);
        const found = await configurations.find(tenant, exchange.params.id ?? '');
        exchange.res.set('Cache-Control', 'no-store').json(describeConfiguration(found, new Date()));
      },
    }),
  ];
}

function configurationWriting({ configurations, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/internal/configurations',
      action: 'configuration.add',
      summary: 'Make a configuration',
      description: 'It is off until it is switched on, by `isEnabled`.',
      body: configurationBody,
      answers: { 201: { description: 'It is there.', schema: configurationAnswer } },
      errors: [...writeErrors, 'configuration_exists'],
      async handle(exchange: Exchange<unknown, ConfigurationBody>) {
        const added = await configurations.add(tenantOf(exchange, exchange.body.origin), exchange.body);
        exchange.res.status(201).json(describeConfiguration(added, new Date()));
      },
    }),
    defineEndpoint({
      ...common,
      method: 'patch',
      path: '/internal/configurations/:id',
      action: 'configuration.change',
      summary: 'Change a configuration, or switch it on or off',
      description: 'Context and type stay as they are. What is named is changed; null takes away what may be left out.',
      body: configurationChange,
      answers: { 200: { description: 'It is changed.', schema: configurationAnswer } },
      errors: [...writeErrors, 'not_found'],
      async handle(exchange: Exchange<unknown, ConfigurationChange>) {
        const tenant = tenantOf(exchange, exchange.body.origin);
        const changed = await configurations.change(tenant, exchange.params.id ?? '', exchange.body);
        exchange.res.json(describeConfiguration(changed, new Date()));
      },
    }),
  ];
}
