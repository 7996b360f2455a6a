// /openapi.json and /docs, to which / leads: the documentation that a browser shows, without any other server.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { fail } from '../errors.ts';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Platen API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const startScript = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
`;

// The documentation draws its pictures from data: addresses and sets styles inline; everything else is its own.
const contentSecurity = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
});

const allowReading: RequestHandler = (req, res, next) => {
  if (['GET', 'HEAD'].includes(req.method)) return next();
  res.set('Allow', 'GET, HEAD');
  throw fail('method_not_allowed');
};

/** The pages of the documentation, for `document` as OpenAPI. */
export function documentationPages(document: object): RequestHandler {
  const assets = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  const docs = Router();
  docs.use(contentSecurity);
  docs.get('/', (_req, res) => void res.type('html').send(page));
  docs.get('/start.js', (_req, res) => void res.type('text/javascript').send(startScript));
  docs.use(express.static(assets, { index: false, redirect: false }));
  const pages = Router();
  pages.all('/', allowReading, (_req, res) => res.redirect('/docs'));
  pages.all('/openapi.json', allowReading, (_req, res) => void res.json(document));
  pages.use('/docs', allowReading, docs);
  return pages;
}
