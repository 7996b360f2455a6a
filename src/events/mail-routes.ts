// The endpoint by which the link of a mail is taken away.

import { recordChange } from '../audit/audit.ts';
import type { Database } from '../database/database.ts';
import { fail } from '../errors.ts';
import { askerErrors, defineEndpoint, type Endpoint } from '../http/contract.ts';
import { readUuid } from '../uuid.ts';
import { type PrefixOf, requireOperator } from './access.ts';
import { endLink } from './mail-store.ts';

export function mailEndpoints({ database, prefixOf }: { database: Database; prefixOf: PrefixOf }): Endpoint[] {
  return [
    defineEndpoint({
      tag: 'Events',
      access: 'either',
      method: 'delete',
      path: '/internal/mail-links/:id',
      action: 'mail-link.remove',
      summary: 'Take the link of a mail away',
      description:
        'By the `linkId` of its event. Whoever opens it is told that it is over; a mail that was still to be sent is not sent. The certificate stays as it is.',
      answers: { 204: { description: 'It opens nothing any more.' } },
      errors: [...askerErrors, 'not_found', 'database_unavailable'],
      async handle(exchange) {
        const tenant = requireOperator(exchange, prefixOf);
        const id = readUuid(exchange.params.id);
        await database.transaction(async (tx) => {
          if (id === undefined || !(await endLink(tx, { tenant, id }))) throw fail('not_found');
          await recordChange(tx, { tenant, target: `mail-links/${id}` });
        });
        exchange.res.status(204).end();
      },
    }),
  ];
}
