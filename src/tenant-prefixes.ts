// The prefix of the keys of a tenant, by its origin. Pure.

import type { Config } from './config.ts';
import { fail, invalidField } from './errors.ts';
import { readOrigin } from './origin.ts';

type Tenants = Pick<Config, 'tenants' | 'defaultTenant'>;

/** Of the default tenant where none is named. @throws forbidden for one that is none of ours. */
export function prefixOf({ tenants, defaultTenant }: Tenants, origin: string | undefined): string {
  const tenant = origin === undefined ? defaultTenant : tenants.find((each) => each.origin === origin);
  if (tenant === undefined) throw fail('forbidden');
  return tenant.prefix;
}

/** The same for those who name one in a request. @throws invalid_request. */
export function namedPrefixOf(config: Tenants, origin: string | undefined): string {
  const named = origin === undefined ? undefined : readOrigin(origin);
  const isOurs = origin === undefined || config.tenants.some((tenant) => tenant.origin === named);
  if (!isOurs) throw invalidField('origin', 'must be exactly one of the allowed origins');
  return prefixOf(config, named);
}

/** Those of all tenants, that of the default one first. */
export function allPrefixes({ tenants, defaultTenant }: Tenants): [string, ...string[]] {
  const { prefix } = defaultTenant;
  return [prefix, ...tenants.map((tenant) => tenant.prefix).filter((each) => each !== prefix)];
}
