// The built-in generator `pdf-overlay`: text on the first page of a PDF, as existing configurations describe it.

import type { CertificateToMake, Generator, GeneratorTools } from './contract.ts';
import {
  elementsOf,
  fillText,
  type OverlayOptions,
  overlayOptions,
  type Placeholder,
  standardFace,
  type TextElement,
} from './overlay-options.ts';
import { type PlacedText, writeOverlayPage } from './overlay-page.ts';

/** The day as it was written, whatever the zone of its time, in the language's long form. */
function longDate(language: string, iso: string): string {
  const day = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  return new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' }).format(day);
}

function valuesOf(certificate: CertificateToMake): Record<Placeholder, string> {
  const { name, courseName, issuanceDate, number, score, verifyUrl, language } = certificate;
  return {
    name,
    context_name: courseName,
    issue_date: longDate(language, issuanceDate),
    number,
    score: score === undefined ? '' : new Intl.NumberFormat(language).format(score),
    verify_url: verifyUrl,
  };
}

/** The texts as they are drawn, and the fonts that are assets, by their slugs. */
function placeTexts(elements: readonly TextElement[], certificate: CertificateToMake) {
  const values = valuesOf(certificate);
  const own = new Set<string>();
  const texts = elements.flatMap((element): PlacedText[] => {
    const { font, ...place } = element;
    const face = standardFace(font);
    if (face === undefined) own.add(font);
    const filled = fillText(element.text, values);
    const text = element.uppercase ? filled.toLocaleUpperCase(certificate.language) : filled;
    if (text.trim() === '') return [];
    return [{ ...place, text, face: face ?? { family: font, weight: 400, style: 'normal' } }];
  });
  return { texts, own };
}

async function readFonts(slugs: ReadonlySet<string>, assets: GeneratorTools['assets']) {
  const files = [...slugs].map(async (slug) => [`/own-fonts/${slug}`, await assets.read(slug)] as const);
  return Object.fromEntries(await Promise.all(files));
}

export const overlayGenerator: Generator<OverlayOptions> = {
  name: 'pdf-overlay',
  title: 'Text on a PDF',
  description: 'Name, course and date, and whatever else, on the first page of a PDF that is there already.',
  options: overlayOptions,
  async generate(certificate, options, { assets, render, qrCode }) {
    const isMultiline = certificate.courseName.includes('\n');
    const slug = (isMultiline ? options.template_multiline : undefined) ?? options.template;
    const { bytes: onto } = await assets.read(slug);
    const { texts, own } = placeTexts(elementsOf(options), certificate);
    if (texts.length === 0) return onto;
    const fonts = new Map([...own].map((name) => [name, `/own-fonts/${name}`]));
    const title = `${certificate.courseName.replaceAll('\n', ' ')}: ${certificate.name}`;
    const { html, css } = writeOverlayPage({ language: certificate.language, title, texts, fonts, qrCode });
    const sheet = { type: 'text/css', bytes: Buffer.from(css) };
    return render({ html, files: { ...(await readFonts(own, assets)), '/overlay.css': sheet }, onto });
  },
};
