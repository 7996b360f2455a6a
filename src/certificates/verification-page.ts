// The page on which anyone verifies a certificate: what is known in, HTML out. Pure; every value is escaped.

import { createHash } from 'node:crypto';
import type { FileCheck, Verification } from './contract.ts';
import type { VerifiedCertificate } from './verification.ts';
import { type VerificationLanguage, verificationLanguages, verificationTexts } from './verification-languages.ts';
import { verificationStyle } from './verification-style.ts';
import type { FileNotice, VerificationTexts } from './verification-texts.ts';

/** What the page tells of. */
export type Shown =
  /** Nothing yet: a file can be given. */
  | { kind: 'start' }
  | { kind: 'certificate'; certificate: VerifiedCertificate }
  /** By a code that none has: then the page is the same whatever was asked for. */
  | { kind: 'no_certificate' }
  | { kind: 'file'; certificate: VerifiedCertificate; checks: readonly FileCheck[] }
  | { kind: 'no_file'; notice: FileNotice };

const styleDigest = createHash('sha256').update(verificationStyle).digest('base64');

/** Nothing is loaded, run or framed; a file is sent to us alone. */
export const verificationPolicy = `default-src 'none'; style-src 'sha256-${styleDigest}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeText = (text: string) => text.toWellFormed().replace(/[&<>"']/g, (sign) => entities[sign] ?? '');

/** Text that was made by `html`. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Html | readonly Html[] | undefined;

function textOf(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeText(part);
  return part instanceof Html ? part.text : part.map(({ text }) => text).join('');
}

/** What is put into it is escaped, unless it was made so itself. */
const html = (texts: TemplateStringsArray, ...parts: Part[]) =>
  new Html(String.raw({ raw: texts }, ...parts.map(textOf)));

type Standing = Verification['status'] | 'unknown' | 'start';

/** Told apart by form, not by colour alone. */
const signs: Record<Standing, Html> = {
  valid: html`<path d="M14 24.5l7 7 13.5-15"/>`,
  expired: html`<path d="M24 13v11.5l7.5 5"/>`,
  revoked: html`<path d="M16 16l16 16M32 16L16 32"/>`,
  replaced: html`<path d="M14 24h19M26 16.5l7.5 7.5-7.5 7.5"/>`,
  start: html`<path d="M17 13.5h9.5l5 5v16H17zM21 25h7M21 29.5h7"/>`,
  unknown: html`<path d="M18.5 19a5.5 5.5 0 1 1 8 5c-1.9 1-2.5 2-2.5 4M24 33.5v.5"/>`,
};

const drawSign = (standing: Standing) =>
  html`<svg viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><circle cx="24" cy="24" r="21.5"/>${signs[standing]}</svg>`;

/** The day as it was written, as it stands on the certificate. */
function dayOf(language: VerificationLanguage, iso: string): Html {
  const day = iso.slice(0, 10);
  const format = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' });
  return html`<time datetime="${day}">${format.format(new Date(`${day}T00:00:00Z`))}</time>`;
}

function linkedInAddress(
  { courseName, issuedAt, expiresAt, number, verifyUrl }: VerifiedCertificate,
  issuerName: string,
): string {
  const monthOf = (iso: string) => ({ year: iso.slice(0, 4), month: String(Number(iso.slice(5, 7))) });
  const [issued, expires] = [monthOf(issuedAt), expiresAt === null ? undefined : monthOf(expiresAt)];
  const query = new URLSearchParams({
    startTask: 'CERTIFICATION_NAME',
    name: courseName,
    organizationName: issuerName,
    issueYear: issued.year,
    issueMonth: issued.month,
    ...(expires === undefined ? {} : { expirationYear: expires.year, expirationMonth: expires.month }),
    certUrl: verifyUrl,
    certId: number,
  });
  return `https://www.linkedin.com/profile/add?${query}`;
}

const mailAddress = ({ courseName, verifyUrl }: VerifiedCertificate) =>
  `mailto:?subject=${encodeURIComponent(courseName)}&body=${encodeURIComponent(verifyUrl)}`;

/** Right-to-left names on left-to-right pages, and the other way round, in their own order. */
const field = (kind: string, [label, value]: [string, string | Html]) =>
  html`<div class="${kind}"><dt>${label}</dt><dd><bdi>${value}</bdi></dd></div>`;

function describe(
  certificate: VerifiedCertificate,
  standing: Standing,
  { texts, language, issuerName }: { texts: VerificationTexts; language: VerificationLanguage; issuerName: string },
): Html {
  const { name, courseName, issuedAt, expiresAt, number } = certificate;
  const expiry = expiresAt === null ? texts.neverExpires : dayOf(language, expiresAt);
  const isGood = standing === 'valid';
  return html`<section><dl>
${field('wide name-field', [texts.issuedTo, html`<span class="name">${name}</span>`])}
${field('wide', [texts.course, html`<span class="course">${courseName}</span>`])}
${field('', [texts.issuedBy, issuerName])}
${field('', [texts.number, number])}
${field('', [texts.issuedOn, dayOf(language, issuedAt)])}
${field('', [texts.expiresOn, expiry])}
</dl></section>
<div class="more"><p>${texts.compare}</p>
${isGood ? html`<div class="actions"><a href="${linkedInAddress(certificate, issuerName)}" rel="noopener noreferrer">${texts.linkedIn}</a><a href="${mailAddress(certificate)}">${texts.share}</a></div>` : undefined}</div>`;
}

/** What was looked at, told by sign and word. */
function listChecks(checks: readonly FileCheck[], { file }: VerificationTexts): Html {
  const items = checks.map(
    ({ name, passed }) =>
      html`<li class="${passed ? 'passed' : 'failed'}"><svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" role="img" aria-label="${passed ? file.passed : file.failed}"><path d="${passed ? 'M4 10.5l4 4 8-9' : 'M5 5l10 10M15 5L5 15'}"/></svg><span>${file.checks[name]}</span></li>`,
  );
  return html`<section class="checks"><h2>${file.checksHeading}</h2><ul>${items}</ul></section>`;
}

/** It works without scripts, and browsers take what is dropped on a file field. */
const askForFile = ({ file }: VerificationTexts, action: string) =>
  html`<form class="more" method="post" enctype="multipart/form-data" action="${action}"><label for="file">${file.label}</label>
<input type="file" id="file" name="file" accept="application/pdf,.pdf" required aria-describedby="hint"><p id="hint">${file.hint}</p><button>${file.action}</button></form>`;

interface Head {
  standing: Standing;
  heading: string;
  text: string;
}

const headOfCertificate = ({ status }: VerifiedCertificate, texts: VerificationTexts): Head => ({
  standing: status,
  heading: texts.headings[status],
  text: texts.explanations[status],
});

function headOf(shown: Shown, texts: VerificationTexts): Head {
  switch (shown.kind) {
    case 'start':
      return { standing: 'start', heading: texts.title, text: texts.start };
    case 'no_certificate':
      return { standing: 'unknown', heading: texts.notFoundHeading, text: texts.notFoundText };
    case 'no_file':
      return { standing: 'unknown', ...texts.file.notices[shown.notice] };
    case 'certificate':
      return headOfCertificate(shown.certificate, texts);
    case 'file': {
      // Nothing is called valid of which something could not be confirmed.
      const isUnconfirmed = shown.certificate.status === 'valid' && shown.checks.some(({ passed }) => !passed);
      return isUnconfirmed
        ? { standing: 'unknown', ...texts.unconfirmed }
        : headOfCertificate(shown.certificate, texts);
    }
  }
}

interface PageOptions {
  language: VerificationLanguage;
  issuerName: string;
  /** Where a file is sent, as seen from the page's own address. */
  fileAction: string;
}

export function buildVerificationPage(shown: Shown, { language, issuerName, fileAction }: PageOptions): string {
  const texts = verificationTexts[language];
  const { standing, heading, text } = headOf(shown, texts);
  const certificate = 'certificate' in shown ? shown.certificate : undefined;
  const successor = certificate?.replacedBy;
  const title = heading === texts.title ? heading : `${heading} · ${texts.title}`;
  const languageLinks = verificationLanguages.map(
    (each) =>
      html`<a href="?language=${each}" lang="${each}" dir="auto"${each === language ? html` aria-current="true"` : undefined}>${verificationTexts[each].language}</a>`,
  );
  return html`<!doctype html>
<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>${title}</title><style>${new Html(verificationStyle)}</style></head>
<body><main><header class="${standing}">${drawSign(standing)}<h1>${heading}</h1><p>${text}</p>
${successor === undefined ? undefined : html`<a class="successor" href="${successor}">${texts.seeSuccessor}</a>`}</header>
${certificate === undefined ? undefined : describe(certificate, standing, { texts, language, issuerName })}
${shown.kind === 'file' ? listChecks(shown.checks, texts) : undefined}
${askForFile(texts, `${fileAction}?language=${language}`)}</main>
<nav aria-label="${texts.languages}">${languageLinks}</nav></body></html>
`.text;
}
