// The built-in generator `template`: one of the templates, in words, colours and with pictures of one's own where they are named.

import { type Generator, z } from './contract.ts';

/** What is asked of one that can be named. */
export interface KnownTemplate {
  id: string;
  languages: readonly string[];
  /** Those that may be changed, by name. */
  colours: Readonly<Record<string, string>>;
  texts: Readonly<Record<string, string>>;
}

const slug = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'must be the slug of an asset' });
const colour = z.string().regex(/^#[0-9a-f]{6}$/i, { error: 'must be written as #1d2f4f' });
const words = z.string().min(1).max(1000);
const options = z.object({
  templateId: z
    .string()
    .default('course-completion')
    .meta({ title: 'Template', description: 'Id of one of the templates.' }),
  texts: z
    .record(z.string(), z.record(z.string(), words))
    .optional()
    .meta({ title: 'Words', description: "In the place of the template's own, by language and key." }),
  colours: z
    .record(z.string(), colour)
    .optional()
    .meta({ title: 'Colours', description: "In the place of the template's own, by their names." }),
  images: z
    .strictObject({ logo: slug.optional(), signature: slug.optional(), background: slug.optional() })
    .optional()
    .meta({ title: 'Pictures', description: 'Assets in the place of the pictures of the institution.' }),
});
type Options = z.output<typeof options>;

/** What the template does not have, so that nobody waits for a certificate to learn of it. */
function faultsOf({ templateId, texts = {}, colours = {} }: Options, known: readonly KnownTemplate[]) {
  const template = known.find(({ id }) => id === templateId);
  if (template === undefined)
    return [{ path: ['templateId'], message: `is no template; there are ${known.map(({ id }) => id).join(', ')}` }];
  const strange = (path: string[], names: readonly string[], kind: string) =>
    names.includes(path.at(-1) ?? '')
      ? []
      : [{ path, message: `is no ${kind} of the template; it has ${names.join(', ')}` }];
  return [
    ...Object.keys(colours).flatMap((name) => strange(['colours', name], Object.keys(template.colours), 'colour')),
    ...Object.keys(texts).flatMap((language) => strange(['texts', language], template.languages, 'language')),
    ...Object.entries(texts).flatMap(([language, byKey]) =>
      Object.keys(byKey).flatMap((key) => strange(['texts', language, key], Object.keys(template.texts), 'text')),
    ),
  ];
}

/** @param templates those that there are, sound or not. */
export function createTemplateGenerator(templates: readonly KnownTemplate[]): Generator<Options> {
  return {
    name: 'template',
    title: 'Template',
    description: 'A template of Platen, in the language of the learner.',
    options: options.superRefine((value, context) => {
      for (const fault of faultsOf(value, templates)) context.addIssue({ code: 'custom', ...fault });
    }),
    generate: (_certificate, { templateId, images = {}, colours = {}, texts = {} }, { render }) =>
      render({ templateId, images, colours, texts }),
  };
}
