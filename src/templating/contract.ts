// What a template is to those who print by it.

import { fail, type ServiceError } from '../errors.ts';
import type { GivenFile, Priority } from '../rendering/contract.ts';

export interface TemplateSummary {
  id: string;
  /** Those that it has texts for: `en`, `ta`. */
  languages: string[];
  /** JSON Schema of its data. */
  schema: object;
  /** Data to preview it with. */
  sample: Record<string, unknown>;
  /** Those that whoever uses it may change, with its own values: `{ ink: '#1d2f4f' }`. */
  colours: Record<string, string>;
  /** Its words that may be changed, in English or else the first of its languages. */
  texts: Record<string, string>;
  /** What keeps it from being used; undefined for a sound one. */
  problem?: string;
}

/** Pictures that an institution puts in; a template shows those that it has a place for. */
export const imageNames = ['logo', 'signature', 'background'] as const;
export type ImageName = (typeof imageNames)[number];

export interface TemplateImage extends GivenFile {
  type: 'image/png' | 'image/jpeg' | 'image/webp' | 'image/svg+xml';
}

export interface PrintRequest {
  templateId: string;
  language: string;
  data: Record<string, unknown>;
  images?: Partial<Record<ImageName, TemplateImage>> | undefined;
  /** In the place of the template's own, by name: `#rrggbb`. */
  colours?: Readonly<Record<string, string>> | undefined;
  /** In the place of its words, by key, in the language that is asked for. */
  texts?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
  /** `background` when nothing is said. */
  priority?: Priority | undefined;
}

/** A page that is no template. */
export interface PageRequest {
  html: string;
  /** Its own, by path as it stands in an address. */
  files: ReadonlyMap<string, GivenFile>;
  signal?: AbortSignal | undefined;
}

/** A mail as it is sent. */
export interface FilledMail {
  /** In which it is written. */
  language: string;
  subject: string;
  html: string;
  /** Says the same as the page. */
  text: string;
}

const mostTold = 10;
const codePoint = (letter: string) => `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
const tell = (letters: readonly string[]) =>
  letters
    .slice(0, mostTold)
    .map((letter) => (/[\p{C}\p{M}]/u.test(letter) ? codePoint(letter) : `${letter} (${codePoint(letter)})`))
    .join(', ');

/** @param texts what was to be shown, by the name of its field. */
export function glyphMissing(letters: readonly string[], texts: Readonly<Record<string, unknown>>): ServiceError {
  const errors = Object.entries(texts).flatMap(([name, text]) => {
    const missing = letters.filter((letter) => typeof text === 'string' && text.normalize('NFC').includes(letter));
    return missing.length === 0 ? [] : [{ field: `/${name}`, message: `no font here shows ${tell(missing)}` }];
  });
  const detail = letters.length === 0 ? {} : { detail: `No font here shows ${tell(letters)}.` };
  return fail('glyph_missing', { ...detail, errors });
}
