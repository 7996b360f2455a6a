// The page on which anyone verifies a certificate: what is known in, HTML out. Pure; every value is escaped.

import type { FileCheck } from './contract.ts';
import { type Html, html } from './html.ts';
import { buildPublicPage, dayOf, field, type PageHead, type Standing } from './public-page.ts';
import type { VerifiedCertificate } from './verification.ts';
import { type VerificationLanguage, verificationTexts } from './verification-languages.ts';
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

function describe(
  certificate: VerifiedCertificate,
  standing: Standing,
  { texts, language, issuerName }: { texts: VerificationTexts; language: VerificationLanguage; issuerName: string },
): Html {
  const { name, courseName, issuedAt, expiresAt, number } = certificate;
  const expiry = expiresAt === null ? texts.neverExpires : dayOf(language, expiresAt);
  const isGood = standing === 'valid';
  return html`<section><dl>
${name === '' ? undefined : field('wide name-field', [texts.issuedTo, html`<span class="name">${name}</span>`])}
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

const headOfCertificate = ({ status }: VerifiedCertificate, texts: VerificationTexts): PageHead => ({
  standing: status,
  heading: texts.headings[status],
  text: texts.explanations[status],
});

function headOf(shown: Shown, texts: VerificationTexts): PageHead {
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
  const more =
    successor === undefined ? undefined : html`<a class="successor" href="${successor}">${texts.seeSuccessor}</a>`;
  const body = html`${certificate === undefined ? undefined : describe(certificate, standing, { texts, language, issuerName })}
${shown.kind === 'file' ? listChecks(shown.checks, texts) : undefined}
${askForFile(texts, `${fileAction}?language=${language}`)}`;
  return buildPublicPage({ language, title, head: { standing, heading, text, more }, body });
}
