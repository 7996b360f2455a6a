// The endpoint by which a learner is forgotten.

import { z } from 'zod';
import { invalidField } from '../errors.ts';
import { askerErrors, bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { serviceOwner } from '../identity/contract.ts';
import { originField, type TenantOf } from '../tenant-access.ts';
import type { Erasing } from './erasing.ts';

interface Dependencies {
  erasing: Erasing;
  tenantOf: TenantOf;
  tenants: readonly { origin: string; prefix: string }[];
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/;

const eraseBody = z.strictObject({
  reason: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .meta({ description: 'Why. It is kept in the audit, and must not say whom it is about.' }),
  origin: originField,
});
type EraseBody = z.output<typeof eraseBody>;

const acceptedAnswer = z.object({
  jobId: z.string().meta({ description: 'Its result, by `GET /jobs/{id}`, says how much of each kind was erased.' }),
});

async function erase({ erasing, tenantOf, tenants }: Dependencies, exchange: Exchange<unknown, EraseBody>) {
  const { body, owner, params, res } = exchange;
  const tenant = tenantOf(exchange, body.origin);
  const { studentId = '' } = params;
  if (!idPattern.test(studentId) || studentId.includes('..')) throw invalidField('studentId', 'is no id');
  if (body.reason.includes(studentId)) throw invalidField('/reason', 'must not name whom it is about: it is kept');
  const { origin = '' } = tenants.find(({ prefix }) => prefix === tenant) ?? {};
  const who =
    owner === serviceOwner
      ? { kind: 'service' as const, id: owner }
      : { kind: 'admin' as const, id: exchange.caller.id };
  const jobId = await erasing.erase({ person: { tenant, origin, studentId }, reason: body.reason, owner, who });
  res.status(202).location(`/jobs/${jobId}`).json({ jobId });
}

export function erasingEndpoint(dependencies: Dependencies): Endpoint {
  return defineEndpoint({
    method: 'post',
    path: '/internal/learners/:studentId/erase',
    action: 'learner.erase',
    tag: 'Learners',
    access: 'either',
    summary: 'Forget a learner',
    description:
      'Their reports, attempts, decisions, jobs, mails and events go; their certificates are revoked and keep number and code, but not whose they were. Whoever is unknown is forgotten too. The services that Platen reads must have forgotten them before.',
    body: eraseBody,
    answers: { 202: { description: 'It is accepted, and outlives a crash.', schema: acceptedAnswer } },
    errors: [...askerErrors, ...bodyErrors, 'database_unavailable'],
    handle: (exchange: Exchange<unknown, EraseBody>) => erase(dependencies, exchange),
  });
}
