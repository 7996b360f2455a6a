// For which tenant somebody operates Platen: the backend for the one that it names, an administrator for theirs.

import { fail } from './errors.ts';
import { type Caller, serviceOwner } from './identity/contract.ts';

/** Prefix of the keys of a tenant, by its origin; of the default one where none is named. @throws invalid_request for one that is none of ours. */
export type NamedTenant = (origin: string | undefined) => string;

interface Asker {
  readonly owner: string;
  readonly caller: Caller;
}

/** @param origin that the request names, if any. @throws forbidden for people who are no administrators of that tenant. */
export function operatedTenant(asker: Asker, namedTenant: NamedTenant, origin: string | undefined): string {
  if (asker.owner === serviceOwner) return namedTenant(origin);
  const { type, tenant } = asker.caller;
  const own = type === 'admin' && typeof tenant !== 'string' ? namedTenant(tenant.origin) : undefined;
  if (own === undefined || (origin !== undefined && namedTenant(origin) !== own))
    throw fail('forbidden', { detail: 'This is for the backend, and for administrators of their tenant.' });
  return own;
}
