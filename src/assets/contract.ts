// What an asset is: a file that an institution has put in for its certificates, under a name of its own.

import { z } from 'zod';
import { pageOf, pageQuery } from '../pages.ts';
import { originField } from '../tenant-access.ts';

export const assetTypes = [
  'application/pdf',
  'image/png',
  'image/jpeg',
  'image/svg+xml',
  'font/ttf',
  'font/otf',
  'font/woff',
  'font/woff2',
  'text/csv',
  'application/json',
] as const;
export type AssetType = (typeof assetTypes)[number];

export const mostAssetBytes = 20 * 1024 * 1024;
export const mostListBytes = 50 * 1024 * 1024;

export const slugPattern = /^[a-z0-9][a-z0-9-]{0,63}$/;

export interface Asset {
  slug: string;
  type: AssetType;
  bytes: number;
  sha256: string;
  createdAt: Date;
}

export interface AssetFile {
  type: AssetType;
  bytes: Buffer;
}

export const assetAnswer = z.object({
  slug: z.string(),
  type: z.enum(assetTypes),
  bytes: z.int(),
  sha256: z.string(),
  createdAt: z.iso.datetime(),
});
export const assetsAnswer = pageOf(assetAnswer);

export const assetsQuery = z.object({ ...pageQuery(slugPattern), origin: originField });
export type AssetsQuery = z.output<typeof assetsQuery>;
