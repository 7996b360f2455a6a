// Prints for a generator: a template with what the certificate says, in its language, and with assets in the place of pictures where it names some; or a page of its own.

import type { Assets } from '../assets/assets.ts';
import { fail } from '../errors.ts';
import type { Pictures } from '../images/contract.ts';
import type { GeneratorTools, RenderRequest } from '../plugins/contract.ts';
import { printPage } from '../plugins/plugins.ts';
import type { TemplateImage } from '../templating/contract.ts';
import { drawQrCode, type Templating } from '../templating/templating.ts';

interface Means {
  templating: Templating;
  assets: Pick<Assets, 'read'>;
  tenant: string;
  /** Of the learner. */
  language: string;
  data: Record<string, unknown>;
  /** Of the institution. */
  images: Pictures;
  signal: AbortSignal;
}

/** The learner's language where the template speaks it, else English, else whichever it has. */
function languageFor(templating: Templating, templateId: string, language: string): string {
  const languages = templating.list().find(({ id }) => id === templateId)?.languages ?? [];
  const wanted = [language, language.split('-')[0], 'en'];
  return wanted.find((each) => each !== undefined && languages.includes(each)) ?? languages[0] ?? language;
}

async function readPicture({ assets, tenant }: Means, slug: string): Promise<TemplateImage> {
  const { type, bytes } = await assets.read(tenant, slug);
  if (type === 'image/png' || type === 'image/jpeg' || type === 'image/svg+xml') return { type, bytes };
  throw fail('image_invalid', { detail: `The asset ${slug} is no picture.` });
}

async function printTemplate(means: Means, request: RenderRequest): Promise<Uint8Array> {
  const { templateId, data = {}, images = {}, colours, texts = {} } = request;
  const { templating, signal } = means;
  const language = languageFor(templating, templateId, means.language);
  const own = Object.entries(images).flatMap(([name, slug]) => (slug === undefined ? [] : [{ name, slug }]));
  const pictures = await Promise.all(
    own.map(async ({ name, slug }) => [name, await readPicture(means, slug)] as const),
  );
  const { bytes } = await templating.print({
    templateId,
    language,
    data: { ...means.data, ...data },
    images: { ...means.images, ...Object.fromEntries(pictures) },
    colours,
    texts: texts[language],
    signal,
  });
  return bytes;
}

export function createGeneratorTools(means: Means): Pick<GeneratorTools, 'render' | 'qrCode'> {
  const { templating, signal } = means;
  return {
    qrCode: drawQrCode,
    render: (request) =>
      'html' in request
        ? printPage(request, (html, files) => templating.printPage({ html, files, signal }))
        : printTemplate(means, request),
  };
}
