// One template as a designer left it in its folder, read and checked.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { GivenFile } from '../rendering/contract.ts';
import { type Colours, checkColours, Repainting } from './colours.ts';
import { imageNames } from './contract.ts';
import { Coverage } from './coverage.ts';
import { compileSchema, type DataCheck } from './data-schema.ts';
import { readFonts } from './fonts.ts';
import { compilePage, type FillPage } from './page-filler.ts';
import { Phrasebook, type Texts } from './texts.ts';

export interface Template {
  id: string;
  languages: string[];
  schema: object;
  sample: Record<string, unknown>;
  /** Style sheets, pictures and fonts, its own and those of all, by path. */
  files: ReadonlyMap<string, GivenFile>;
  /** Those that may be changed, with its own values. */
  colours: Colours;
  /** Its files in other colours. */
  repainting: Repainting;
  /** Its words that may be changed, in one of its languages. */
  textsOf(language: string): Texts;
  check: DataCheck;
  fill: FillPage;
  /** Which letters its fonts have. */
  coverage: Coverage;
}

/** Where a page finds a picture of the institution. */
export const imagePath = (name: string): string => `/images/${name}`;

const types: Record<string, string> = {
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/** Undefined where there is no such file. */
export async function readJson<T>(folder: string, name: string): Promise<T | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${name} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

export async function readTexts(folder: string): Promise<Map<string, Texts>> {
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

/** What templates have in common: what one of them lacks of it is taken from here. */
export interface SharedParts {
  /** By path, for all pages. */
  fonts: ReadonlyMap<string, GivenFile>;
  schema: object | undefined;
  sample: Record<string, unknown> | undefined;
  texts: ReadonlyMap<string, Texts>;
  /** By path below `/shared`. */
  files: ReadonlyMap<string, GivenFile>;
}

/** @throws {Error} that says what is wrong with them. */
export async function readShared(folder: string): Promise<SharedParts> {
  const [fonts, schema, sample, texts, files] = await Promise.all([
    readFonts(),
    readJson<object>(folder, 'schema.json'),
    readJson<Record<string, unknown>>(folder, 'sample.json'),
    readTexts(folder),
    readFiles(folder),
  ]);
  return { fonts, schema, sample, texts, files: new Map([...files].map(([path, file]) => [`/shared${path}`, file])) };
}

/** @throws {Error} that says what is wrong with it: nothing that its sample shows is left for the first who prints. */
export async function readTemplate(id: string, folder: string, shared: SharedParts): Promise<Template> {
  const [page, schema = shared.schema, sample = shared.sample, texts, own, colours = {}] = await Promise.all([
    readFile(join(folder, 'page.html'), 'utf8'),
    readJson<object>(folder, 'schema.json'),
    readJson<Record<string, unknown>>(folder, 'sample.json'),
    readTexts(folder),
    readFiles(folder),
    readJson<Colours>(folder, 'colours.json'),
  ]);
  if (schema === undefined || sample === undefined) throw new Error('schema.json or sample.json is not there');
  const check = compileSchema(schema);
  check(sample);
  const fill = compilePage(page, new Phrasebook(texts, shared.texts));
  const languages = [...texts.keys()];
  const files = new Map([...shared.fonts, ...shared.files, ...own]);
  checkColours(colours, own);
  const styles = [...own.values()].filter(({ type }) => type === 'text/css');
  for (const { bytes } of styles) checkNamed(Buffer.from(bytes).toString(), files);
  for (const language of languages) {
    fillEveryWay(language, { fill, check, schema, sample });
    checkNamed(fill(language, sample, {}), files);
  }
  const coverage = new Coverage(page, files);
  const repainting = new Repainting(files, own, colours);
  const textsOf = (language: string) => ({ ...shared.texts.get(language), ...texts.get(language) });
  return { id, languages, schema, sample, files, colours, repainting, textsOf, check, fill, coverage };
}

/** With all that may be there, and with the least: a fault in a part that is shown now and then is known from the start. */
export function fillEveryWay(
  language: string,
  { fill, check, schema, sample }: Pick<Template, 'fill' | 'check' | 'schema' | 'sample'>,
): void {
  fill(language, sample, { images: Object.fromEntries(imageNames.map((name) => [name, imagePath(name)])) });
  const { required = [] } = schema as { required?: string[] };
  const least = Object.fromEntries(Object.entries(sample).filter(([name]) => required.includes(name)));
  if (isAccepted(check, least)) fill(language, least, {});
}

/** What it asks for by a path of its own is there. Other addresses are seen when it asks for them. */
export function checkNamed(text: string, files: ReadonlyMap<string, GivenFile>): void {
  for (const [, path = ''] of text.matchAll(/(?:\b(?:href|src)="|\burl\(["']?)(\/[^/"')][^"')]*)/g))
    if (!files.has(path)) throw new Error(`it asks for ${path}, which is not there`);
}

function isAccepted(check: DataCheck, data: unknown): boolean {
  try {
    check(data);
    return true;
  } catch {
    return false;
  }
}
