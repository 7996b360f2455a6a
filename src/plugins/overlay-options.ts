// What can be said of an overlay: as existing configurations say it, so that they move as they are.

import { z } from './contract.ts';

const placeholders = ['name', 'context_name', 'issue_date', 'number', 'score', 'verify_url'] as const;
export type Placeholder = (typeof placeholders)[number];

/** Doubled braces, a placeholder, or a brace that belongs to none. */
const parts = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/** The text with its placeholders filled, `{{` and `}}` as braces. */
export function fillText(text: string, values: Record<Placeholder, string>): string {
  return text.replace(parts, (part, name: Placeholder | undefined) =>
    name === undefined ? part.slice(0, 1) : values[name],
  );
}

/** What is between braces and is no placeholder, or a brace alone. */
function findUnknown(text: string): string | undefined {
  for (const [part, name] of text.matchAll(parts)) {
    if (part === '{{' || part === '}}') continue;
    if (!placeholders.includes(name as Placeholder)) return part;
  }
  return undefined;
}

const families = { Helvetica: 'Arimo', Times: 'Tinos', Courier: 'Cousine' } as const;

export interface Face {
  family: string;
  weight: 400 | 700;
  style: 'normal' | 'italic';
}

/** Fonts that every reader of PDFs has by name, drawn by free ones of the same widths: `Times-BoldItalic`. Undefined for others. */
export function standardFace(name: string): Face | undefined {
  const [, family, bold, slant] = /^(Helvetica|Times|Courier)-?(?:Roman)?(Bold)?(Oblique|Italic)?$/.exec(name) ?? [];
  if (family === undefined) return undefined;
  return {
    family: families[family as keyof typeof families],
    weight: bold === undefined ? 400 : 700,
    style: slant === undefined ? 'normal' : 'italic',
  };
}

const slugForm = /^[a-z0-9][a-z0-9-]{0,63}$/;
const slug = z.string().regex(slugForm, { error: 'must be the slug of an asset' });
const font = z
  .string()
  .refine((name) => standardFace(name) !== undefined || slugForm.test(name), {
    error: 'must be the slug of an asset, or Helvetica, Times-Roman or Courier with -Bold, -Oblique, -Italic',
  })
  .meta({
    description: 'Helvetica, Times-Roman, Courier and their -Bold, -Oblique, -Italic, or the slug of a font asset.',
  });
const color = z
  .string()
  .regex(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i, { error: 'must be a colour of 3 or 6 hexadecimal digits' })
  .meta({ description: 'As `#1a2b3c` or `abc`.' });
const text = z
  .string()
  .max(2000)
  .refine((value) => findUnknown(value) === undefined, {
    error: ({ input }) => {
      const known = placeholders.map((name) => `{${name}}`).join(' ');
      return `has ${findUnknown(String(input))}, which is no placeholder; there are ${known}, and {{ }} for braces`;
    },
  });
const points = z.number().min(-14_400).max(14_400);

const look = {
  font: font.optional(),
  color: color.optional(),
  size: z.number().positive().max(2000).optional().meta({ description: 'In points.' }),
  char_space: points.optional().meta({ description: 'Points between two letters.' }),
  uppercase: z.boolean().optional(),
  line_height: z.number().positive().max(10).optional().meta({ description: 'Of the size: 1.1.' }),
};

const place = {
  x: points.optional().meta({ description: 'Points from the left; of what, align says. The middle of the page.' }),
  align: z.enum(['left', 'center', 'right']).optional(),
  max_width: z
    .number()
    .positive()
    .max(14_400)
    .optional()
    .meta({ description: 'Points, beyond which lines are broken.' }),
  qr: z.boolean().optional().meta({ description: 'The text as a code of that size.' }),
};

const known = z.union([
  z.literal(false),
  z.strictObject({ text: text.optional(), y: points.optional(), ...look, ...place }),
]);
const added = z.union([z.literal(false), z.strictObject({ text, y: points, ...look, ...place })]);

export const overlayOptions = z.strictObject({
  template: slug.meta({ title: 'Template', description: 'Slug of a PDF asset; the text goes onto its first page.' }),
  template_multiline: slug
    .optional()
    .meta({ description: 'Slug of a PDF asset for contexts whose name has a line break.' }),
  defaults: z.strictObject(look).optional().meta({ description: 'Of all texts that say nothing else.' }),
  text_elements: z
    .object({ name: known.optional(), context: known.optional(), date: known.optional() })
    .catchall(added)
    .optional()
    .meta({
      description:
        'Texts by name, y in points from below; false takes one of the three away that are there by themselves.',
    }),
});
export type OverlayOptions = z.output<typeof overlayOptions>;

/** One text with all that is known of it. */
export interface TextElement {
  text: string;
  y: number;
  font: string;
  color: string;
  size: number;
  char_space: number;
  uppercase: boolean;
  line_height: number;
  x?: number | undefined;
  align?: 'left' | 'center' | 'right' | undefined;
  max_width?: number | undefined;
  qr?: boolean | undefined;
}

const defaults = { font: 'Helvetica', color: '#000', size: 12, char_space: 0, uppercase: false, line_height: 1.1 };
/** What is there without being named, and what of it is its own. */
const builtIn = {
  name: { text: '{name}', y: 290, size: 32 },
  context: { text: '{context_name}', y: 220, size: 28 },
  date: { text: '{issue_date}', y: 120, size: 12 },
};

/** What is named wins over what the three have by themselves, that over the defaults. */
export function elementsOf({ defaults: given, text_elements: elements = {} }: OverlayOptions): TextElement[] {
  const named = new Map<string, object | false | undefined>(Object.entries({ ...builtIn, ...elements }));
  return [...named].flatMap(([name, element]) => {
    if (element === false) return [];
    const own = builtIn[name as keyof typeof builtIn] as object | undefined;
    return [{ ...defaults, ...given, ...own, ...element } as TextElement];
  });
}
