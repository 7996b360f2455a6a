// The built-in generator `template`: one of the templates, filled with what the certificate says.

import { type Generator, z } from './contract.ts';

const slug = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'must be the slug of an asset' });
const options = z.object({
  templateId: z
    .string()
    .default('course-completion')
    .meta({ title: 'Template', description: 'Id of one of the templates.' }),
  images: z
    .strictObject({ logo: slug.optional(), signature: slug.optional(), background: slug.optional() })
    .optional()
    .meta({ title: 'Pictures', description: 'Assets in the place of the pictures of the institution.' }),
});

export const templateGenerator: Generator<z.output<typeof options>> = {
  name: 'template',
  title: 'Template',
  description: 'A template of Platen, in the language of the learner.',
  options,
  generate: (_certificate, { templateId, images = {} }, { render }) => render({ templateId, images }),
};
