// Which tenant a request belongs to. Pure.

import type { Tenant } from '../config.ts';
import { fail, invalidField } from '../errors.ts';
import type { Caller } from '../identity/contract.ts';
import { readOrigin } from '../origin.ts';

export class Tenancy {
  readonly #tenants: readonly Tenant[];
  readonly #default: Tenant;

  constructor(tenants: readonly Tenant[], defaultTenant: Tenant) {
    this.#tenants = tenants;
    this.#default = defaultTenant;
  }

  /**
   * A public request: the tenant of the token; else of the `Origin` header, where it is one of ours; else the default.
   * @throws forbidden when the token is of no tenant of ours, or the header of another than the token's.
   */
  ofCaller({ tenant }: Caller, originHeader: string | undefined): Tenant {
    const atHeader = this.#find(originHeader);
    if (tenant === 'unnamed') return atHeader ?? this.#default;
    const ofToken = tenant === 'foreign' ? undefined : this.#find(tenant.origin);
    if (ofToken === undefined || (atHeader !== undefined && atHeader !== ofToken)) throw fail('forbidden');
    return ofToken;
  }

  /** An internal request: the tenant that it names, else the default. @throws invalid_request. */
  named(origin: string | undefined): Tenant {
    const tenant = origin === undefined ? this.#default : this.#find(origin);
    if (tenant === undefined) throw invalidField('/origin', 'must be exactly one of the allowed origins');
    return tenant;
  }

  #find(text: string | undefined): Tenant | undefined {
    const origin = readOrigin(text ?? '');
    return this.#tenants.find((tenant) => tenant.origin === origin);
  }
}
