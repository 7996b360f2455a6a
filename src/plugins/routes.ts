// The endpoint of plug-ins: which there are, and what each wants to be told.

import { z } from 'zod';
import { askerErrors, defineEndpoint, type Endpoint, queryErrors } from '../http/contract.ts';
import { cutPage, pageOf, pageQuery } from '../pages.ts';
import type { TenantOf } from '../tenant-access.ts';
import type { Plugins } from './plugins.ts';

const answer = pageOf(
  z.object({
    name: z.string(),
    kind: z.enum(['retriever', 'generator']),
    title: z.string(),
    description: z.string(),
    options: z.looseObject({}).meta({ description: 'JSON Schema of what can be configured.' }),
  }),
);
const query = z.object(pageQuery(/^(retriever|generator) [a-z0-9-]+(\/[a-z0-9-]+)?$/));

export function pluginEndpoint({ plugins, tenantOf }: { plugins: Plugins; tenantOf: TenantOf }): Endpoint {
  return defineEndpoint({
    method: 'get',
    path: '/internal/plugins',
    tag: 'Pipeline',
    summary: 'Retrievers and generators that certificate types can name, with the schemas of their options',
    access: 'either',
    query,
    answers: { 200: { description: 'Retrievers first, by their names.', schema: answer } },
    errors: [...askerErrors, ...queryErrors],
    handle(exchange) {
      // The same for all tenants: what is asked is only whether it is an administrator.
      tenantOf(exchange, undefined);
      const { limit, cursor } = exchange.query;
      const placeOf = ({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`;
      const all = plugins.list();
      const from = cursor === undefined ? 0 : all.findIndex((each) => placeOf(each) === cursor) + 1;
      const { items, next } = cutPage(all.slice(from), limit, placeOf);
      const told = items.map(({ name, kind, title, description, options }) => ({
        name,
        kind,
        title,
        description,
        options: options.json,
      }));
      exchange.res.set('Cache-Control', 'no-store').json({ items: told, next });
    },
  });
}
