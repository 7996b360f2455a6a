// The endpoints for those who look after templates: which there are, how they look, and the pictures that they show.

import { z } from 'zod';
import { recordChange } from '../audit/audit.ts';
import type { Database } from '../database/database.ts';
import { fail } from '../errors.ts';
import {
  askerErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  fileErrors,
  queryErrors,
} from '../http/contract.ts';
import { type Images, mostImageBytes } from '../images/images.ts';
import { cutPage, pageOf, pageQuery } from '../pages.ts';
import type { Templating } from '../templating/templating.ts';
import { type PrefixOf, requireAdministrator } from './access.ts';

interface Dependencies {
  database: Database;
  templating: Templating;
  images: Images;
  prefixOf: PrefixOf;
}

const common = { tag: 'Certificates', access: 'either' } as const;
const listQuery = z.object(pageQuery(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/));
type ListQuery = z.output<typeof listQuery>;

const templateAnswer = z.object({
  id: z.string(),
  languages: z.array(z.string()),
  schema: z.looseObject({}),
  sample: z.looseObject({}),
  colours: z.record(z.string(), z.string()).meta({ description: 'Those that a configuration may change.' }),
  texts: z
    .record(z.string(), z.string())
    .meta({ description: 'Those that a configuration may change, in English or else the first language.' }),
  problem: z.string().optional(),
});
const listAnswer = pageOf(templateAnswer);

const previewQuery = z.object({
  language: z.string().max(35).optional().meta({ description: 'Default: `en`, or the first that the template has.' }),
  name: z.string().max(2000).optional().meta({ description: 'In the place of the name of the sample.' }),
});
type PreviewQuery = z.output<typeof previewQuery>;

const imageAnswer = z.object({
  path: z.string(),
  type: z.string(),
  bytes: z.number().int(),
  width: z.number(),
  height: z.number(),
  sha256: z.string(),
  leftOut: z.array(z.string()),
});

function list({ templating, prefixOf }: Dependencies, exchange: Exchange<ListQuery>): void {
  requireAdministrator(exchange, prefixOf);
  const { limit, cursor = '' } = exchange.query;
  const all = templating
    .list()
    .sort((one, other) => (one.id < other.id ? -1 : 1))
    .filter(({ id }) => id > cursor);
  exchange.res.set('Cache-Control', 'no-store').json(cutPage(all, limit, ({ id }) => id));
}

/** As for a certificate that is issued without naming one. */
const usualLanguage = (languages: readonly string[]) => (languages.includes('en') ? 'en' : (languages[0] ?? ''));

async function preview({ templating, images, prefixOf }: Dependencies, exchange: Exchange<PreviewQuery>) {
  const { tenant } = requireAdministrator(exchange, prefixOf);
  const { query, params, res, signal } = exchange;
  const template = templating.list().find(({ id }) => id === params.id);
  if (template === undefined) throw fail('not_found');
  const { bytes } = await templating.print({
    templateId: template.id,
    language: query.language ?? usualLanguage(template.languages),
    data: { ...template.sample, ...(query.name === undefined ? {} : { name: query.name }) },
    images: await images.find(tenant, template.id),
    signal,
    priority: 'trigger',
  });
  res.set({ 'Content-Type': 'application/pdf', 'Cache-Control': 'no-store', 'Content-Length': String(bytes.length) });
  res.end(bytes);
}

async function putImage({ database, images, prefixOf }: Dependencies, exchange: Exchange): Promise<void> {
  const { tenant } = requireAdministrator(exchange, prefixOf);
  const { params, res } = exchange;
  const { path = '' } = params;
  const { type, bytes, size, sha256, leftOut } = await images.put(tenant, path, await exchange.readFile());
  // It lies in the storage by now, which knows no transactions: whoever is told of a failure sends it again.
  const after = { type, bytes: bytes.length, sha256 };
  await recordChange(database.queries, { tenant, target: `images/${path}`, after });
  res.json({ path, type, bytes: bytes.length, ...size, sha256, leftOut });
}

export function templateEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/templates',
      summary: 'The templates',
      description: 'Broken ones too, each with its `problem`.',
      query: listQuery,
      answers: { 200: { description: 'By their ids.', schema: listAnswer } },
      errors: [...askerErrors, ...queryErrors],
      handle: (exchange: Exchange<ListQuery>) => list(dependencies, exchange),
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/templates/:id/preview',
      summary: 'A template, printed with its sample',
      query: previewQuery,
      answers: { 200: { description: 'The PDF.', mediaType: 'application/pdf' } },
      errors: [
        ...askerErrors,
        'malformed_request',
        'invalid_request',
        'not_found',
        'unknown_language',
        'name_required',
        'glyph_missing',
        'image_invalid',
        'template_failed',
        'storage_unavailable',
        'browser_unavailable',
        'queue_full',
        'render_timeout',
      ],
      handle: (exchange: Exchange<PreviewQuery>) => preview(dependencies, exchange),
    }),
    imageEndpoint(dependencies),
  ];
}

function imageEndpoint(dependencies: Dependencies): Endpoint {
  return defineEndpoint({
    ...common,
    method: 'put',
    path: '/internal/images/*path',
    action: 'image.put',
    summary: 'Put a picture that templates show',
    description:
      '`logo`, `signature` or `backgrounds/{templateId}`, with `.png`, `.jpg` or `.svg`. It is written anew from what can only be seen; `leftOut` names the rest. Certificates that were made before keep the picture that they were made with.',
    // What it is said to be is not believed, but looked at.
    fileTypes: ['image/png', 'image/jpeg', 'image/svg+xml', 'application/octet-stream'],
    mostBodyBytes: mostImageBytes,
    answers: { 200: { description: 'It is used from now on, by other processes within 10 s.', schema: imageAnswer } },
    errors: [
      ...askerErrors,
      ...fileErrors,
      'invalid_request',
      'image_invalid',
      'storage_unavailable',
      'database_unavailable',
    ],
    handle: (exchange) => putImage(dependencies, exchange),
  });
}
