// What a template is to those who print by it.

import type { GivenFile, Priority } from '../rendering/contract.ts';

export interface TemplateSummary {
  id: string;
  /** Those that it has texts for: `en`, `ta`. */
  languages: string[];
  /** JSON Schema of its data. */
  schema: object;
  /** Data to preview it with. */
  sample: Record<string, unknown>;
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
  signal?: AbortSignal | undefined;
  /** `background` when nothing is said. */
  priority?: Priority | undefined;
}
