// What the pages for anyone have in common: their frame, their signs, how they write a day. Pure.

import { createHash } from 'node:crypto';
import type { Verification } from './contract.ts';
import { Html, html } from './html.ts';
import { type VerificationLanguage, verificationLanguages, verificationTexts } from './verification-languages.ts';
import { verificationStyle } from './verification-style.ts';

const styleDigest = createHash('sha256').update(verificationStyle).digest('base64');

/** Nothing is loaded, run or framed; a file is sent to us alone. */
export const publicPagePolicy = `default-src 'none'; style-src 'sha256-${styleDigest}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

/** What a page says of what it shows, by its sign and colours. */
export type Standing = Verification['status'] | 'unknown' | 'start';

/** Told apart by form, not by colour alone. */
const signs: Record<Standing, Html> = {
  valid: html`<path d="M14 24.5l7 7 13.5-15"/>`,
  expired: html`<path d="M24 13v11.5l7.5 5"/>`,
  revoked: html`<path d="M16 16l16 16M32 16L16 32"/>`,
  replaced: html`<path d="M14 24h19M26 16.5l7.5 7.5-7.5 7.5"/>`,
  start: html`<path d="M17 13.5h9.5l5 5v16H17zM21 25h7M21 29.5h7"/>`,
  unknown: html`<path d="M18.5 19a5.5 5.5 0 1 1 8 5c-1.9 1-2.5 2-2.5 4M24 33.5v.5"/>`,
};

/** Each is drawn beside a heading that says the same. */
const drawSign = (standing: Standing) =>
  html`<svg viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><circle cx="24" cy="24" r="21.5"/>${signs[standing]}</svg>`;

/** The day as it was written, as it stands on the certificate. */
export function dayOf(language: VerificationLanguage, iso: string): Html {
  const day = iso.slice(0, 10);
  const format = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' });
  return html`<time datetime="${day}">${format.format(new Date(`${day}T00:00:00Z`))}</time>`;
}

/** Right-to-left names on left-to-right pages, and the other way round, in their own order. */
export const field = (kind: string, [label, value]: [string, string | Html]) =>
  html`<div class="${kind}"><dt>${label}</dt><dd><bdi>${value}</bdi></dd></div>`;

export interface PageHead {
  standing: Standing;
  heading: string;
  text: string;
  /** Below the text. */
  more?: Html | undefined;
}

interface PublicPage {
  language: VerificationLanguage;
  /** Of the window. */
  title: string;
  head: PageHead;
  /** Sections below the head. */
  body: Html;
}

export function buildPublicPage({ language, title, head, body }: PublicPage): string {
  const { standing, heading, text, more } = head;
  const languageLinks = verificationLanguages.map(
    (each) =>
      html`<a href="?language=${each}" lang="${each}" dir="auto"${each === language ? html` aria-current="true"` : undefined}>${verificationTexts[each].language}</a>`,
  );
  return html`<!doctype html>
<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>${title}</title><style>${new Html(verificationStyle)}</style></head>
<body><main><header class="${standing}">${drawSign(standing)}<h1>${heading}</h1><p>${text}</p>
${more}</header>
${body}</main>
<nav aria-label="${verificationTexts[language].languages}">${languageLinks}</nav></body></html>
`.text;
}
