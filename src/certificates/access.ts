// Who may read which certificates: the learner their own, the backend and an administrator those of their tenant.

import { fail } from '../errors.ts';
import { type Caller, serviceOwner } from '../identity/contract.ts';

export interface Reader {
  /** Prefix of the keys of the tenant. */
  tenant: string;
  /** The only learner whose certificates are open to them; undefined: all of the tenant. */
  studentId: string | undefined;
}

/** Prefix of the keys of a tenant, by its origin; of the default tenant where none is named. @throws forbidden for one that is none of ours. */
export type PrefixOf = (origin: string | undefined) => string;

interface Asker {
  readonly owner: string;
  readonly caller: Caller;
}

/** Undefined for those to whom none is open: teachers, and whoever does not prove their tenant. */
export function readerOf(asker: Asker, prefixOf: PrefixOf): Reader | undefined {
  if (asker.owner === serviceOwner) return { tenant: prefixOf(undefined), studentId: undefined };
  const { type, id, tenant } = asker.caller;
  if (typeof tenant === 'string' || type === 'teacher') return undefined;
  return { tenant: prefixOf(tenant.origin), studentId: type === 'student' ? id : undefined };
}

export function mayRead(reader: Reader, certificate: { tenant: string; studentId: string }): boolean {
  const isOfLearner = reader.studentId === undefined || reader.studentId === certificate.studentId;
  return reader.tenant === certificate.tenant && isOfLearner;
}

/** The backend, or an administrator of a tenant. @throws forbidden for others, whatever they ask for. */
export function requireAdministrator(asker: Asker, prefixOf: PrefixOf): Reader {
  const reader = readerOf(asker, prefixOf);
  const isAllowed = asker.owner === serviceOwner || asker.caller.type === 'admin';
  if (reader === undefined || !isAllowed)
    throw fail('forbidden', { detail: 'Only the backend, or an administrator of the tenant, may do this.' });
  return reader;
}
