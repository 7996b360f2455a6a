// Whose events and webhooks somebody operates: the backend those of all, an administrator those of their tenant.

import { fail } from '../errors.ts';
import { type Caller, serviceOwner } from '../identity/contract.ts';

/** Prefix of the keys of a tenant, by its origin. @throws forbidden for one that is none of ours. */
export type PrefixOf = (origin: string | undefined) => string;

/** Prefix of the keys of the tenant; undefined for those of all. @throws forbidden for people who are no administrators. */
export function requireOperator(asker: { owner: string; readonly caller: Caller }, prefixOf: PrefixOf) {
  if (asker.owner === serviceOwner) return undefined;
  const { type, tenant } = asker.caller;
  if (type !== 'admin' || typeof tenant === 'string')
    throw fail('forbidden', { detail: 'This is for the backend, and for administrators of their tenant.' });
  return prefixOf(tenant.origin);
}
