// Whose part of the house somebody may look after: the backend that of any tenant, by its origin, an administrator that of their own.

import { z } from 'zod';
import type { Config } from './config.ts';
import { fail, invalidField } from './errors.ts';
import { type Caller, serviceOwner } from './identity/contract.ts';
import { readOrigin } from './origin.ts';

/** Names a tenant, in a query or in a body. */
export const originField = z
  .string()
  .max(300)
  .optional()
  .meta({ description: 'Of which tenant. Default: the default origin, or that of the token.' });
export const originQuery = z.object({ origin: originField });
export type OriginQuery = z.output<typeof originQuery>;

interface Asker {
  readonly owner: string;
  readonly caller: Caller;
}

/**
 * Prefix of the keys of the tenant that is meant; of the default one where the backend names none.
 * @throws forbidden for whoever is no administrator of it; invalid_request for an origin that is none of ours.
 */
export type TenantOf = (asker: Asker, origin: string | undefined) => string;

type Tenants = Pick<Config, 'tenants' | 'defaultTenant'>;

/** Prefix of the keys of a tenant, by its origin; of the default tenant where none is named. @throws forbidden for one that is none of ours. */
export function createPrefixOf({ tenants, defaultTenant }: Tenants) {
  return (origin: string | undefined): string => {
    const tenant = tenants.find((each) => each.origin === (origin ?? defaultTenant.origin));
    if (tenant === undefined) throw fail('forbidden');
    return tenant.prefix;
  };
}

export function createTenantOf({ tenants, defaultTenant }: Tenants): TenantOf {
  return (asker, origin) => {
    const own = asker.owner === serviceOwner ? undefined : ownOriginOf(asker.caller, origin);
    const named = own ?? (origin === undefined ? defaultTenant.origin : readOrigin(origin));
    const tenant = tenants.find((each) => each.origin === named);
    if (tenant === undefined) throw invalidField('/origin', 'is none of FRONTEND_ORIGINS');
    return tenant.prefix;
  };
}

/** Those of all tenants, that of the default one first. */
export function allPrefixes({ tenants, defaultTenant }: Tenants): [string, ...string[]] {
  const { prefix } = defaultTenant;
  return [prefix, ...tenants.map((tenant) => tenant.prefix).filter((each) => each !== prefix)];
}

/**
 * Whose things are meant, where the backend looks after those of all: the origin that it names, or an administrator's own.
 * @throws forbidden for whoever is no administrator of it.
 */
export const originFor = (asker: Asker, origin: string | undefined): string | undefined =>
  asker.owner === serviceOwner ? origin : ownOriginOf(asker.caller, origin);

function ownOriginOf({ type, tenant }: Caller, origin: string | undefined): string {
  const isAllowed =
    type === 'admin' && typeof tenant === 'object' && (origin === undefined || origin === tenant.origin);
  if (!isAllowed)
    throw fail('forbidden', { detail: 'Only the backend, or an administrator of the tenant, may do this.' });
  return tenant.origin;
}
