// The endpoint by which anyone verifies a certificate, as a page or as JSON.

import { z } from 'zod';
import { fail } from '../errors.ts';
import { defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { verification } from './contract.ts';
import type { Issued } from './issued.ts';
import { buildVerificationPage, type VerifiedCertificate, verificationPolicy } from './verification-page.ts';
import { type VerificationLanguage, verificationLanguages } from './verification-texts.ts';

/** Of one address: a class that verifies together has one. */
export const verificationLimit = { name: 'verifications', limit: 120, windowSeconds: 60 };

interface Dependencies {
  issued: Issued;
  verifications: RateLimiter;
  issuerName: string;
}

const query = z.object({
  language: z
    .string()
    .max(35)
    .optional()
    .meta({
      description: `Of the page: ${verificationLanguages.join(', ')}. Default: what the reader's browser asks for.`,
    }),
});
type Query = z.output<typeof query>;

function languageOf({ query: { language }, req }: Pick<Exchange<Query>, 'query' | 'req'>): VerificationLanguage {
  const known = verificationLanguages.find((each) => each === language);
  if (known !== undefined) return known;
  // Of `hi-IN` the language alone counts.
  const asked = req.acceptsLanguages().map((each) => each.toLowerCase().split('-')[0]);
  const first = asked.find((each) => verificationLanguages.some((one) => one === each));
  return verificationLanguages.find((each) => each === first) ?? 'en';
}

function sendPage(exchange: Exchange<Query>, found: VerifiedCertificate | undefined, issuerName: string): void {
  const language = languageOf(exchange);
  exchange.res
    .status(found === undefined ? 404 : 200)
    .set({ 'Content-Security-Policy': verificationPolicy, 'Content-Language': language })
    .type('html')
    .send(buildVerificationPage(found, { language, issuerName }));
}

async function verify(exchange: Exchange<Query>, { issued, verifications, issuerName }: Dependencies): Promise<void> {
  const { req, res, params, clientAddress } = exchange;
  res.set({ 'X-Robots-Tag': 'noindex', 'Cache-Control': 'no-store', Vary: 'Accept, Accept-Language' });
  await verifications.take(clientAddress);
  const { code = '' } = params;
  const found = /^[\w-]{22}$/.test(code) ? await issued.verify(code) : undefined;
  if (req.accepts(['html', 'json']) !== 'json') {
    sendPage(exchange, found, issuerName);
    return;
  }
  if (found === undefined) throw fail('not_found');
  const { number: _, verifyUrl: __, ...told } = found;
  res.json(told);
}

export function verificationEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/verify/:code',
      tag: 'Certificates',
      summary: 'Verify a certificate',
      description:
        'By the code in its link: a page, or JSON where `Accept` asks for it. The same 404 for every code that is none.',
      access: 'anyone',
      query,
      answers: {
        200: { description: 'What it is worth.', schema: verification, mediaType: 'text/html' },
        404: { description: 'As a page', mediaType: 'text/html' },
      },
      errors: ['malformed_request', 'invalid_request', 'not_found', 'rate_limited', 'database_unavailable'],
      handle: (exchange) => verify(exchange, dependencies),
    }),
  ];
}
