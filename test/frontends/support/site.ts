// Serves the built pages, and the figures to those who bring the token.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pages, startPages } from '../../support/pages.ts';
import { rows } from '../figures.ts';

const workspace = join(import.meta.dirname, '..');

export const areBuilt = existsSync(join(workspace, 'dist'));

/** `/report/NAME` and what it needs, for each name. */
export function startSite(names: readonly string[]): Promise<Pages> {
  const shell = readFileSync(join(workspace, 'index.html'), 'utf8');
  const read = (path: string) => (existsSync(join(workspace, path)) ? readFileSync(join(workspace, path)) : '');
  const pages: Pages['pages'] = {};
  // As frontends are served whose files have names of their own for each build.
  const serve = (path: string, type: string, body: string | Buffer) => {
    pages[path] = (_req, res) =>
      res.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'max-age=600' }).end(body);
  };
  serve('/style.css', 'text/css', read('style.css'));
  for (const name of names) {
    pages[`/report/${name}`] = shell.replaceAll('%page%', name);
    serve(`/${name}.css`, 'text/css', read(`dist/${name}.css`));
    serve(`/${name}.js`, 'text/javascript', read(`dist/${name}.js`));
  }
  pages['/api/marks'] = (req, res) => {
    const isKnown = req.headers.authorization?.split('.').length === 3;
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    res.writeHead(isKnown ? 200 : 401, headers).end(JSON.stringify(isKnown ? rows : {}));
  };
  return startPages(pages);
}
