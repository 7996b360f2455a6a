// The endpoints of assets.

import { type ErrorCode, fail } from '../errors.ts';
import {
  askerErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  fileErrors,
  queryErrors,
} from '../http/contract.ts';
import { cutPage } from '../pages.ts';
import { type OriginQuery, originQuery, type TenantOf } from '../tenant-access.ts';
import type { Assets } from './assets.ts';
import {
  type Asset,
  type AssetsQuery,
  assetAnswer,
  assetsAnswer,
  assetsQuery,
  assetTypes,
  mostListBytes,
  slugPattern,
} from './contract.ts';

interface Dependencies {
  assets: Assets;
  tenantOf: TenantOf;
}

const readErrors: readonly ErrorCode[] = [...askerErrors, ...queryErrors, 'database_unavailable'];

const describe = ({ createdAt, ...asset }: Asset) => ({ ...asset, createdAt: createdAt.toISOString() });

/** @throws not_found for what can be no name. */
function slugOf({ params }: Exchange<OriginQuery>): string {
  const { slug = '' } = params;
  if (!slugPattern.test(slug)) throw fail('not_found');
  return slug;
}

async function send({ assets, tenantOf }: Dependencies, exchange: Exchange<OriginQuery>): Promise<void> {
  const tenant = tenantOf(exchange, exchange.query.origin);
  const { type, bytes } = await assets.read(tenant, slugOf(exchange));
  // It came from outside: it is saved, and never shown as a page of ours.
  exchange.res.set({ 'Content-Type': type, 'Cache-Control': 'no-store', 'Content-Disposition': 'attachment' });
  exchange.res.end(bytes);
}

const common = { tag: 'Pipeline', access: 'either' } as const;
const one = { ...common, path: '/internal/assets/:slug', query: originQuery } as const;

export function assetEndpoints(dependencies: Dependencies): Endpoint[] {
  return [...reading(dependencies), ...writing(dependencies)];
}

function reading({ assets, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/internal/assets',
      summary: 'Assets: files for certificates',
      query: assetsQuery,
      answers: { 200: { description: 'By their names.', schema: assetsAnswer } },
      errors: readErrors,
      async handle(exchange: Exchange<AssetsQuery>) {
        const { limit, cursor = '', origin } = exchange.query;
        const found = await assets.list(tenantOf(exchange, origin), { cursor, most: limit + 1 });
        const { items, next } = cutPage(found, limit, ({ slug }) => slug);
        exchange.res.set('Cache-Control', 'no-store').json({ items: items.map(describe), next });
      },
    }),
    defineEndpoint({
      ...one,
      method: 'get',
      summary: 'The file of an asset',
      answers: { 200: { description: 'As it is kept.', mediaType: 'application/octet-stream' } },
      errors: [...readErrors, 'not_found', 'storage_unavailable'],
      handle: (exchange: Exchange<OriginQuery>) => send({ assets, tenantOf }, exchange),
    }),
  ];
}

function writing({ assets, tenantOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...one,
      method: 'put',
      action: 'asset.put',
      summary: 'Put an asset in',
      description:
        'A PDF, a picture, a font (20 MB), or a list as CSV or JSON (50 MB), seen by its content. It takes the place of the one of its name.',
      fileTypes: [...assetTypes, 'application/octet-stream'],
      mostBodyBytes: mostListBytes,
      answers: { 200: { description: 'It is kept.', schema: assetAnswer } },
      errors: [
        ...readErrors,
        ...fileErrors,
        'asset_invalid',
        'image_invalid',
        'pdf_unreadable',
        'pdf_encrypted',
        'storage_unavailable',
      ],
      async handle(exchange: Exchange<OriginQuery>) {
        const tenant = tenantOf(exchange, exchange.query.origin);
        const { slug = '' } = exchange.params;
        exchange.res.json(describe(await assets.put(tenant, slug, await exchange.readFile())));
      },
    }),
    defineEndpoint({
      ...one,
      method: 'delete',
      action: 'asset.remove',
      summary: 'Take an asset away',
      answers: { 204: { description: 'It is gone.' } },
      errors: [...readErrors, 'not_found', 'asset_in_use'],
      async handle(exchange: Exchange<OriginQuery>) {
        await assets.remove(tenantOf(exchange, exchange.query.origin), slugOf(exchange));
        exchange.res.status(204).end();
      },
    }),
  ];
}
