// Assets: files of an institution for its certificates (PDF templates, pictures, fonts, lists), looked at before they are kept.

import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { recordChange } from '../audit/audit.ts';
import type { Database, Queries } from '../database/database.ts';
import type { ObjectStore } from '../documents/contract.ts';
import { fail, invalidField, ServiceError } from '../errors.ts';
import { type Asset, type AssetFile, mostListBytes, slugPattern } from './contract.ts';
import { judgeAsset } from './judging.ts';
import { findAsset, findAssets, putAsset, removeAsset } from './store.ts';

const storageMs = 20_000;

export interface Assets {
  /**
   * Puts a file in the place of the one of this name.
   * @param tenant prefix of the keys of whoever it belongs to.
   * @throws invalid_request for another name; what is wrong with the file; storage_unavailable.
   */
  put(tenant: string, slug: string, bytes: Buffer): Promise<Asset>;
  list(tenant: string, page: { cursor: string; most: number }): Promise<Asset[]>;
  /** @throws not_found, storage_unavailable. */
  read(tenant: string, slug: string): Promise<AssetFile>;
  /** @throws not_found; asset_in_use. */
  remove(tenant: string, slug: string): Promise<void>;
}

interface Dependencies {
  database: Database;
  store: ObjectStore;
  /** Whether something that is configured names it. */
  isUsed(tx: Queries, tenant: string, slug: string): Promise<boolean>;
}

interface Place {
  tenant: string;
  slug: string;
  sha256: string;
}

/** Of what lies there under its digest: who has just read which one it is finds that one. */
const keyOf = ({ tenant, slug, sha256 }: Place) => `${tenant === '' ? '' : `${tenant}/`}assets/${slug}/${sha256}`;

const targetOf = (slug: string) => `assets/${slug}`;

class StoredAssets implements Assets {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async put(tenant: string, slug: string, given: Buffer): Promise<Asset> {
    if (!slugPattern.test(slug))
      throw invalidField('slug', 'must be 1 to 64 lower-case letters, digits and dashes, not beginning with a dash');
    const { type, bytes } = await judgeAsset(given);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await this.#write(keyOf({ tenant, slug, sha256 }), { type, bytes });
    const { asset, former } = await this.#dependencies.database.transaction(async (tx) => {
      const put = await putAsset(tx, { tenant, slug, type, bytes: bytes.length, sha256 });
      const before = put.former === undefined ? null : { sha256: put.former };
      await recordChange(tx, { tenant, target: targetOf(slug), before, after: { type, bytes: bytes.length, sha256 } });
      return put;
    });
    if (former !== undefined && former !== sha256) await this.#discard({ tenant, slug, sha256: former });
    return asset;
  }

  list(tenant: string, page: { cursor: string; most: number }): Promise<Asset[]> {
    return findAssets(this.#dependencies.database.queries, { tenant, ...page });
  }

  async read(tenant: string, slug: string): Promise<AssetFile> {
    const { database, store } = this.#dependencies;
    // Between the one and the other it may have been replaced.
    for (let attempt = 0; attempt < 3; attempt++) {
      const asset = await findAsset(database.queries, tenant, slug);
      if (asset === undefined) throw fail('not_found', { detail: `There is no asset ${slug}.` });
      const key = keyOf({ tenant, slug, sha256: asset.sha256 });
      const object = await asked(() => store.open(key, { signal: AbortSignal.timeout(storageMs) }));
      if (object === undefined || object === 'unchanged') continue;
      if (object.bytes > mostListBytes) object.body.destroy();
      const bytes = await asked(() => buffer(object.body));
      if (createHash('sha256').update(bytes).digest('hex') === asset.sha256) return { type: asset.type, bytes };
    }
    throw fail('storage_unavailable', { detail: `The asset ${slug} is not stored as it was put in.` });
  }

  async remove(tenant: string, slug: string): Promise<void> {
    const { database, isUsed } = this.#dependencies;
    const removed = await database.transaction(async (tx) => {
      const asset = await removeAsset(tx, tenant, slug);
      if (asset === undefined) throw fail('not_found');
      if (await isUsed(tx, tenant, slug)) throw fail('asset_in_use');
      const { type, bytes, sha256 } = asset;
      await recordChange(tx, { tenant, target: targetOf(slug), before: { type, bytes, sha256 } });
      return asset;
    });
    await this.#discard({ tenant, slug, sha256: removed.sha256 });
  }

  async #write(key: string, { type, bytes }: AssetFile): Promise<void> {
    const { store } = this.#dependencies;
    await asked(async () => {
      const signal = AbortSignal.timeout(storageMs);
      const present = await store.head(key, { signal });
      // Another may have written the very same meanwhile, which is as good.
      await store.put(key, bytes, { metadata: {}, type, replaces: present?.version, signal });
    });
  }

  /** What stays behind is in nobody's way. */
  async #discard(place: Place): Promise<void> {
    await this.#dependencies.store.remove(keyOf(place)).catch(() => undefined);
  }
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof ServiceError ? cause : fail('storage_unavailable', {}, { cause });
  }
}

export function createAssets(dependencies: Dependencies): Assets {
  return new StoredAssets(dependencies);
}
