// The endpoint with which learners have made what was recorded for them, without waiting for it.

import { z } from 'zod';
import { fail } from '../errors.ts';
import { bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { type PrefixOf, readerOf } from './access.ts';
import type { Certificates } from './certificates.ts';
import { certificateRow, type GenerateBody, generateBody } from './contract.ts';

interface Dependencies {
  certificates: Certificates;
  prefixOf: PrefixOf;
  /** Of what one person asks for without waiting: reports and certificates. */
  generations: RateLimiter;
}

async function generate(
  exchange: Exchange<unknown, GenerateBody>,
  { certificates, prefixOf, generations }: Dependencies,
): Promise<void> {
  const { owner, caller, body, res } = exchange;
  const reader = readerOf(exchange, prefixOf);
  if (reader === undefined) throw fail('not_found');
  await generations.take(owner);
  const learner = { tenant: reader.tenant, studentId: caller.id };
  const answer = await certificates.generate(body, { learner, owner });
  res.set('Cache-Control', 'no-store');
  if ('progressId' in answer) res.status(202).set('Location', `/jobs/${answer.progressId}`);
  res.json(answer);
}

export function generationEndpoint(dependencies: Dependencies): Endpoint {
  return defineEndpoint({
    method: 'post',
    path: '/api/certificates/generate',
    tag: 'Certificates',
    summary: 'Have the certificate made that is recorded for you',
    description:
      'For the learner themselves. It answers at once; `GET /api/certificates/progress/{progressId}` tells how far it is. The template and the language are those of the record: others are 409.',
    access: 'user',
    body: generateBody,
    answers: {
      200: { description: 'It is made already.', schema: z.object({ certificate: certificateRow }) },
      202: { description: 'It will be made.', schema: z.object({ progressId: z.string() }) },
    },
    errors: [
      ...bodyErrors,
      'unauthorized',
      'not_found',
      'rate_limited',
      'identity_unavailable',
      'certificate_exists',
      'unknown_template',
      'unknown_language',
      'template_failed',
      'issuer_unavailable',
      'database_unavailable',
    ],
    handle: (exchange) => generate(exchange, dependencies),
  });
}
