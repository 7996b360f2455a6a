// Builds each page under pages/ into one script under dist/, as a developer's own build would.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const inWorkspace = (name) => fileURLToPath(new URL(name, import.meta.url));
const names = await readdir(inWorkspace('pages'));
const pages = names.filter((name) => !name.endsWith('.css')).map((name) => join(inWorkspace('pages'), name));
/** Strict mode does something only in React's development build. */
const isDevelopment = (path) => path.includes('react-fetch');

const buildFor = (mode, entryPoints) =>
  build({
    entryPoints,
    outdir: inWorkspace('dist'),
    bundle: true,
    minify: true,
    format: 'esm',
    jsx: 'automatic',
    alias: { vue: 'vue/dist/vue.esm-bundler.js' },
    define: {
      'process.env.NODE_ENV': JSON.stringify(mode),
      __VUE_OPTIONS_API__: 'true',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    logLevel: 'warning',
  });

await rm(inWorkspace('dist'), { recursive: true, force: true });
await buildFor(
  'production',
  pages.filter((path) => !isDevelopment(path)),
);
await buildFor('development', pages.filter(isDevelopment));
