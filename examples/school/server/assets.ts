// Serves the pages: one document for every report path, its scripts and styles, and the chart library and fonts it uses.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import express, { type Router } from 'express';

const pages = join(import.meta.dirname, '..', 'pages');
const pagePaths = ['/', '/report', '/student-report', '/teacher-report'];
const fonts = ['noto-sans', 'noto-sans-tamil', 'noto-sans-sc'];

let certificateScript: Promise<string> | undefined;

/** The one page with React in it, built as a frontend builds its own. */
async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(pages, name)],
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    minify: true,
    // The packages lie in this repository, not built: others leave this line out.
    conditions: ['platen-source'],
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles.map(({ text }) => text).join('');
}

export function createAssets(): Router {
  const router = express.Router();
  router.get(pagePaths, (_request, response) => {
    // The document names the scripts, so a cached copy could outlive them.
    response.set('Cache-Control', 'no-store').sendFile(join(pages, 'index.html'));
  });
  router.get('/certificate.js', async (_request, response) => {
    certificateScript ??= bundle('certificate.jsx');
    response.type('text/javascript').send(await certificateScript);
  });
  router.get('/platen.css', (_request, response) => response.sendFile(locate('@platen/react/styles.css')));
  router.use('/pages', express.static(pages, { index: false, redirect: false, maxAge: '1h' }));
  router.use('/vendor/echarts', serveFiles(dirname(locate('echarts/package.json')), 'dist'));
  router.use('/fonts/amiri', serveFiles(dirname(locate('@expo-google-fonts/amiri/package.json'))));
  for (const font of fonts) router.use(`/fonts/${font}`, serveFiles(dirname(locate(`@fontsource/${font}/400.css`))));
  return router;
}

function serveFiles(...folder: string[]) {
  return express.static(join(...folder), { index: false, redirect: false, maxAge: '1d' });
}

function locate(file: string): string {
  return createRequire(import.meta.url).resolve(file);
}
