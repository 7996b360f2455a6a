// Tries whether a plug-in keeps to the contract, and says of each promise whether it does.

import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { AssetFile } from '../src/assets/contract.ts';
import { createGeneratorTools } from '../src/certificates/plugin-render.ts';
import { loadConfig } from '../src/config.ts';
import { fail } from '../src/errors.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { loadPlugins } from '../src/plugins/loader.ts';
import { createOutwardFetch } from '../src/plugins/outward-fetch.ts';
import { type Check, checkPlugin } from '../src/plugins/suite.ts';
import { startRendering } from '../src/rendering/rendering.ts';
import { StartError } from '../src/start-error.ts';
import { openTemplating } from '../src/templating/templating.ts';

const usage = `platen plugin check <path or package> [options]

  --options <file>        JSON: by name of a retriever or generator, the options to try it with; without it their defaults
  --origin <origin>       what its fetch reaches, as PLUGIN_ORIGINS; can be given several times
  --asset <slug>=<file>   what it finds as that asset; can be given several times
`;

/** Where nothing is loaded from; a rendering wants to know one. */
const origin = 'http://127.0.0.1:9';
const assetTypes: Record<string, AssetFile['type']> = {
  '.pdf': 'application/pdf',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.otf': 'font/otf',
  '.woff2': 'font/woff2',
};
const line = (text: string) => process.stdout.write(`${text}\n`);

function readAssets(given: readonly string[]) {
  const files = new Map(
    given.map((each) => {
      const [slug = '', path = ''] = each.split(/=(.*)/s);
      const type = assetTypes[extname(path).toLowerCase()];
      if (type === undefined) throw new StartError(`--asset ${slug}: no asset has a name that ends so: ${path}`);
      return [slug, { type, bytes: readFileSync(path) }];
    }),
  );
  return async (slug: string) => {
    const file = files.get(slug);
    if (file === undefined) throw fail('not_found', { detail: `There is no asset ${slug}: give it by --asset.` });
    return file;
  };
}

function tell({ name, problem, skipped }: Check): void {
  if (problem !== undefined) line(`FAIL  ${name}\n      ${problem}`);
  else line(skipped === undefined ? `ok    ${name}` : `skip  ${name}\n      ${skipped}`);
}

/** What the sample certificate says to a template. */
const data = {
  name: 'Anjali Kumar',
  courseName: 'Algebra I',
  issuedOn: '2026-03-01',
  number: '2026-000001',
  verifyUrl: 'https://pdf.example/verify/AAAAAAAAAAAAAAAAAAAAAAAAAA',
  issuerName: 'Example School',
};

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      options: { type: 'string' },
      origin: { type: 'string', multiple: true, default: [] },
      asset: { type: 'string', multiple: true, default: [] },
    },
  });
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) {
    process.stderr.write(usage);
    return 64;
  }
  // Of the settings those of the browser: whatever else is set here is for a service.
  const { BROWSER_PATH, PUPPETEER_EXECUTABLE_PATH, BROWSER_SANDBOX } = process.env;
  const settings = {
    BROWSER_PATH,
    PUPPETEER_EXECUTABLE_PATH,
    BROWSER_SANDBOX,
    NODE_ENV: 'development',
    FRONTEND_ORIGINS: origin,
    DEFAULT_FRONTEND_ORIGIN: origin,
  };
  const { config } = loadConfig(settings, process.getuid?.() === 0);
  configureLog({ level: 'silent', secrets: [] });
  const [plugin] = await loadPlugins([existsSync(path) ? resolve(path) : path]);
  if (plugin === undefined) throw new StartError('It can not be loaded.');
  line(`ok    ${plugin.name} ${plugin.version} can be loaded`);
  await using rendering = await startRendering({
    config: config.rendering,
    origins: [origin],
    metrics: createMetrics(),
  });
  const templating = await openTemplating({ rendering });
  const read = readAssets(values.asset);
  const assets = { read: (_tenant: string, slug: string) => read(slug) };
  const options = values.options === undefined ? {} : JSON.parse(readFileSync(values.options, 'utf8'));
  const checks = checkPlugin(plugin, {
    options,
    tools: (signal) => ({
      signal,
      fetch: createOutwardFetch(values.origin, signal),
      log: { info: () => undefined, warn: () => undefined },
      assets: { read },
      reject: ({ message }) => line(`note  a record was rejected: ${message}`),
      ...createGeneratorTools({ templating, assets, tenant: '', language: 'en', data, images: {}, signal }),
    }),
  });
  const counts = { kept: 0, broken: 0, skipped: 0 };
  for await (const check of checks) {
    tell(check);
    counts[check.problem !== undefined ? 'broken' : check.skipped !== undefined ? 'skipped' : 'kept']++;
  }
  line(`\n${counts.kept} kept, ${counts.broken} broken, ${counts.skipped} not tried`);
  return counts.broken === 0 ? 0 : 1;
}

const report = (error: unknown): number => {
  const isKnown =
    error instanceof StartError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  const { message, stack } = error as Error;
  process.stderr.write(`${isKnown ? message.replace('PLATEN_PLUGINS can', 'It can') : stack}\n`);
  return isKnown ? 1 : 70;
};

const code = await run().catch(report);
// What a plug-in has left under way is not waited for.
process.stdout.write('', () => process.exit(code));
