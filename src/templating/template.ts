// One template as a designer left it in its folder, read and checked.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { GivenFile } from '../rendering/contract.ts';
import { compileSchema, type DataCheck } from './data-schema.ts';
import { compilePage, type FillPage } from './page-filler.ts';
import { Phrasebook, type Texts } from './texts.ts';

export interface Template {
  id: string;
  languages: string[];
  schema: object;
  sample: Record<string, unknown>;
  /** Style sheets, pictures and fonts of its own, by path. */
  files: ReadonlyMap<string, GivenFile>;
  check: DataCheck;
  fill: FillPage;
}

const types: Record<string, string> = {
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

async function readJson<T>(folder: string, name: string): Promise<T> {
  const text = await readFile(join(folder, name), 'utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${name} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

async function readTexts(folder: string): Promise<Map<string, Texts>> {
  const names = (await readdir(join(folder, 'texts'))).filter((name) => name.endsWith('.json')).sort();
  if (names.length === 0) throw new Error('texts/ has no language');
  const read = async (name: string) => [name.slice(0, -'.json'.length), await readJson<Texts>(folder, `texts/${name}`)];
  return new Map(await Promise.all(names.map((name) => read(name) as Promise<[string, Texts]>)));
}

/** Those of known types; a link to elsewhere is none of them. */
async function readFiles(folder: string): Promise<Map<string, GivenFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, GivenFile>();
  for (const entry of entries) {
    const type = types[extname(entry.name).toLowerCase()];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(encodeURI(`/${relative(folder, path).split(sep).join('/')}`), { type, bytes: await readFile(path) });
  }
  return files;
}

/** @throws {Error} that says what is wrong with it: nothing that its sample shows is left for the first who prints. */
export async function readTemplate(id: string, folder: string): Promise<Template> {
  const [page, schema, sample, texts, files] = await Promise.all([
    readFile(join(folder, 'page.html'), 'utf8'),
    readJson<object>(folder, 'schema.json'),
    readJson<Record<string, unknown>>(folder, 'sample.json'),
    readTexts(folder),
    readFiles(folder),
  ]);
  const check = compileSchema(schema);
  check(sample);
  const fill = compilePage(page, new Phrasebook(texts));
  const languages = [...texts.keys()];
  for (const language of languages) fill(language, sample, {});
  return { id, languages, schema, sample, files, check, fill };
}
