// The page that the link of a mail opens: whose certificate it is, and its download. Pure; every value is escaped.

import { downloadTexts } from './download-texts.ts';
import { html } from './html.ts';
import { buildPublicPage, field } from './public-page.ts';
import { type VerificationLanguage, verificationTexts } from './verification-languages.ts';

/** What the page tells of. */
export type Opened =
  | { kind: 'ready'; name: string; courseName: string; number: string; fileAddress: string }
  | { kind: 'over' | 'unknown' };

export function buildDownloadPage(opened: Opened, language: VerificationLanguage): string {
  const texts = downloadTexts[language];
  const { heading, text } = texts[opened.kind];
  const title = heading === texts.title ? heading : `${heading} · ${texts.title}`;
  if (opened.kind !== 'ready') {
    const standing = opened.kind === 'over' ? 'expired' : 'unknown';
    return buildPublicPage({ language, title, head: { standing, heading, text }, body: html`` });
  }
  const { issuedTo, course, number } = verificationTexts[language];
  const body = html`<section><dl>
${field('wide', [issuedTo, html`<span class="name">${opened.name}</span>`])}
${field('wide', [course, html`<span class="course">${opened.courseName}</span>`])}
${field('wide', [number, opened.number])}
</dl></section>
<div class="more"><a class="button" href="${opened.fileAddress}">${texts.action}</a></div>`;
  return buildPublicPage({ language, title, head: { standing: 'start', heading, text }, body });
}
