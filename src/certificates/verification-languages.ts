// The languages of the verification page.

import { arabic } from './verification-arabic.ts';
import { english } from './verification-english.ts';
import { hindi } from './verification-hindi.ts';
import { tamil } from './verification-tamil.ts';
import type { VerificationTexts } from './verification-texts.ts';

const texts = { en: english, ta: tamil, hi: hindi, ar: arabic } as const;
export type VerificationLanguage = keyof typeof texts;

export const verificationLanguages = Object.keys(texts) as VerificationLanguage[];
export const verificationTexts: Readonly<Record<VerificationLanguage, VerificationTexts>> = texts;
