// The fonts that every template may name, as a designer would link them: `/fonts/noto-serif/400.css`.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GivenFile } from '../rendering/contract.ts';

/** Packages of @fontsource, and the faces of each. Arabic is Amiri's, whose text can be read out of a PDF as it was written. */
const families: Record<string, string[]> = {
  'cormorant-garamond': ['500', '500-italic', '600', '700'],
  'noto-serif': ['400', '400-italic', '700'],
  'noto-serif-tamil': ['400', '700'],
  'noto-serif-devanagari': ['400', '700'],
  manrope: ['500', '700', '800'],
  'noto-sans': ['400', '700'],
  'noto-sans-tamil': ['400', '700'],
  'noto-sans-devanagari': ['400', '700'],
  amiri: ['400', '700'],
  // Of the same widths as Helvetica, Times and Courier.
  arimo: ['400', '400-italic', '700', '700-italic'],
  tinos: ['400', '400-italic', '700', '700-italic'],
  cousine: ['400', '400-italic', '700', '700-italic'],
};

const fontsIn = (css: string) => [...css.matchAll(/url\(\.\/(files\/[\w.-]+\.woff2)\)/g)].map(([, name = '']) => name);

/** By path. Read once, and shared by all templates. */
export async function readFonts(): Promise<Map<string, GivenFile>> {
  const files = new Map<string, GivenFile>();
  for (const [family, faces] of Object.entries(families)) {
    const folder = dirname(fileURLToPath(import.meta.resolve(`@fontsource/${family}/package.json`)));
    const add = async (name: string, type: string) => {
      const bytes = await readFile(join(folder, name));
      files.set(`/fonts/${family}/${name}`, { type, bytes });
      return bytes;
    };
    for (const face of faces) {
      const css = await add(`${face}.css`, 'text/css');
      for (const name of fontsIn(css.toString())) await add(name, 'font/woff2');
    }
  }
  return files;
}
