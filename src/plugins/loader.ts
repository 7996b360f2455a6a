// Finds and loads the packages of PLATEN_PLUGINS, wherever they lie; what is wrong with any of them keeps the process from starting, all of it told at once.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { findPackageJSON, registerHooks } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartError } from '../start-error.ts';
import { contractVersion, type Plugin, z } from './contract.ts';
import { compileOptions } from './options.ts';

const contractUrl = new URL('./contract.ts', import.meta.url).href;
const ownPackage = findPackageJSON('..', import.meta.url);

let isOffered = false;

/** A plug-in may lie where no `node_modules` leads to us, and what it loads later too: from now on all who ask find the contract. */
function offerContract(): void {
  if (isOffered) return;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'platen/plugin' ? { url: contractUrl, shortCircuit: true } : next(specifier, context),
  });
  isOffered = true;
}

const isPath = (name: string) => /^(\.{0,2}\/|\.{1,2}$|[A-Za-z]:[\\/])/.test(name);

function folderOf(name: string): string | undefined {
  const places = [pathToFileURL(join(process.cwd(), 'plugins.js')).href, import.meta.url];
  for (const place of places) {
    try {
      const found = findPackageJSON(name, place);
      if (found !== undefined) return dirname(found);
    } catch {
      // The next place may have it.
    }
  }
  return undefined;
}

/** Of `exports`: what an `import` of the package itself gets. */
function exported(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const conditions = entry as Record<string, unknown>;
  if (conditions['.'] !== undefined) return exported(conditions['.']);
  const name = Object.keys(conditions).find((each) => ['node', 'import', 'module-sync', 'default'].includes(each));
  return name === undefined ? undefined : exported(conditions[name]);
}

function entryOf(folder: string): string {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) throw new Error('its folder has no package.json');
  const { exports, main = 'index.js' } = JSON.parse(readFileSync(path, 'utf8')) as { exports?: unknown; main?: string };
  return join(folder, exported(exports) ?? main);
}

function fileOf(name: string): string {
  const place = isPath(name) ? resolve(name) : folderOf(name);
  if (place === undefined || !existsSync(place)) throw new Error('there is no such package or path');
  return statSync(place).isDirectory() ? entryOf(place) : place;
}

const part = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'must be lower-case letters, digits and dashes' }),
  title: z.string().min(1).max(200),
  description: z.string().max(2000),
  options: z.custom<object>((value) => typeof value === 'object' && value !== null, { error: 'must be a schema' }),
});
const work = z.custom((value) => typeof value === 'function', { error: 'must be a function' });
const form = z.object({
  name: part.shape.name,
  version: z.string().min(1).max(100),
  retrievers: z.array(part.extend({ retrieve: work })).optional(),
  generators: z.array(part.extend({ generate: work })).optional(),
});

/** What is wrong with what a package exports. */
function faultsOf(plugin: unknown): string[] {
  const contract = (plugin as { contract?: unknown } | undefined)?.contract;
  if (plugin === undefined) return ['it has no default export'];
  if (contract !== contractVersion)
    return [`it speaks version ${String(contract)} of the contract, and this is ${contractVersion}`];
  const { data, error } = form.safeParse(plugin);
  if (error !== undefined) return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return [...(data.retrievers ?? []), ...(data.generators ?? [])].flatMap(({ name, options }) => {
    try {
      compileOptions(options as Record<string, unknown>);
      return [];
    } catch (cause) {
      return [`the options of ${name} are no schema: ${(cause as Error).message}`];
    }
  });
}

async function load(name: string): Promise<{ plugin?: Plugin; faults: string[] }> {
  try {
    const { href } = pathToFileURL(fileOf(name));
    // Our own files find it by the name of our package.
    if (findPackageJSON('.', href) !== ownPackage) offerContract();
    const { default: plugin } = await import(href);
    const faults = faultsOf(plugin);
    return faults.length === 0 ? { plugin, faults } : { faults };
  } catch (cause) {
    return { faults: [`can't be loaded: ${(cause as Error).message}`] };
  }
}

function doubles(plugins: readonly Plugin[]): string[] {
  const names = plugins.flatMap(({ name, retrievers = [], generators = [] }) => [
    ...retrievers.map((each) => `the retriever ${name}/${each.name}`),
    ...generators.map((each) => `the generator ${name}/${each.name}`),
  ]);
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].map((name) => `${name} is there twice`);
}

/** @throws {StartError} with all that is wrong. */
export async function loadPlugins(names: readonly string[]): Promise<Plugin[]> {
  if (names.length === 0) return [];
  const loaded: Plugin[] = [];
  const faults: string[] = [];
  for (const name of names) {
    const { plugin, faults: found } = await load(name);
    faults.push(...found.map((fault) => `${name}: ${fault}`));
    if (plugin !== undefined) loaded.push(plugin);
  }
  faults.push(...doubles(loaded));
  if (faults.length > 0)
    throw new StartError(['PLATEN_PLUGINS can not be used:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
  return loaded;
}
