// What is asked for with a page for anyone: its language.

import { z } from 'zod';
import type { Exchange } from '../http/contract.ts';
import { type VerificationLanguage, verificationLanguages } from './verification-languages.ts';

export const pageQuery = z.object({
  language: z
    .string()
    .max(35)
    .optional()
    .meta({
      description: `Of the page: ${verificationLanguages.join(', ')}. Default: what the reader's browser asks for.`,
    }),
});
export type PageQuery = z.output<typeof pageQuery>;

export function languageOf({
  query: { language },
  req,
}: Pick<Exchange<PageQuery>, 'query' | 'req'>): VerificationLanguage {
  const known = verificationLanguages.find((each) => each === language);
  if (known !== undefined) return known;
  // Of `hi-IN` the language alone counts.
  const asked = req.acceptsLanguages().map((each) => each.toLowerCase().split('-')[0]);
  const first = asked.find((each) => verificationLanguages.some((one) => one === each));
  return verificationLanguages.find((each) => each === first) ?? 'en';
}

/** Headers of whatever is shown to whoever has its address. */
export const unindexed = { 'X-Robots-Tag': 'noindex', 'Cache-Control': 'no-store', Vary: 'Accept, Accept-Language' };
