// Pictures of an institution: logo, signature, backgrounds; judged before they are kept, and kept as they were for what was issued with them.

import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../documents/contract.ts';
import { fail, invalidField, ServiceError } from '../errors.ts';
import {
  type ImageName,
  imageInvalid,
  type KeptPicture,
  type Picture,
  type PictureDigests,
  type Pictures,
} from './contract.ts';
import { cleanJpeg, isJpeg } from './jpeg.ts';
import { cleanPng, isPng } from './png.ts';
import { cleanSvg, looksLikeSvg } from './svg.ts';

/** Bytes of one picture. */
export const mostImageBytes = 10 * 1024 * 1024;
/** What was looked up is believed for so long: a new picture is used everywhere after it. */
const memoryMs = 10_000;
const mostRemembered = 1000;
const mostRememberedBytes = 32 * 1024 * 1024;
const storageMs = 5000;

const endings = { png: 'image/png', jpg: 'image/jpeg', svg: 'image/svg+xml' } as const;
const ending = Object.keys(endings).join('|');
const pathPattern = new RegExp(`^(logo|signature|backgrounds/[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99})\\.(${ending})$`);

export interface Images {
  /**
   * Puts a picture in the place of the one of this name, whatever its ending.
   * @param tenant prefix of the keys of whoever it belongs to.
   * @throws invalid_request for another name; image_invalid; storage_unavailable.
   */
  put(tenant: string, path: string, bytes: Buffer): Promise<KeptPicture>;
  /** Those that a document of this template shows now. @throws image_invalid, storage_unavailable. */
  find(tenant: string, templateId: string): Promise<Pictures>;
  /** Keeps them as they are: what is put in their place later changes nothing that shows them. @throws storage_unavailable. */
  keep(tenant: string, pictures: Pictures): Promise<PictureDigests>;
  /** Those that were kept. @throws image_missing, storage_unavailable. */
  findKept(tenant: string, digests: PictureDigests): Promise<Pictures>;
}

interface Dependencies {
  store: ObjectStore;
  /** Of the keys of all pictures, behind that of the tenant; ends with a slash. */
  prefix: string;
}

/** What it is, of the kinds that can be printed; an SVG is written anew. @throws image_invalid. */
export async function judgePicture(bytes: Buffer): Promise<Picture> {
  if (bytes.length > mostImageBytes) throw imageInvalid(`A picture may have ${mostImageBytes} bytes.`);
  if (isPng(bytes)) return { type: 'image/png', ...(await cleanPng(bytes)) };
  if (isJpeg(bytes)) return { type: 'image/jpeg', ...cleanJpeg(bytes) };
  if (looksLikeSvg(bytes)) return { type: 'image/svg+xml', ...cleanSvg(bytes) };
  throw imageInvalid('It is neither PNG nor JPEG nor SVG.');
}

/** What is kept is known by the bytes that lie there. */
type StoredPicture = KeptPicture & { liesAs: string };

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

class StoredImages implements Images {
  readonly #store: ObjectStore;
  readonly #prefix: string;
  readonly #memory = new Map<string, { picture: StoredPicture | undefined; until: number }>();
  /** Keys of those that are known to be kept. */
  readonly #kept = new Set<string>();

  constructor({ store, prefix }: Dependencies) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async put(tenant: string, path: string, bytes: Buffer): Promise<KeptPicture> {
    const [, stem = '', given = ''] = pathPattern.exec(path) ?? [];
    if (stem === '' || path.includes('..'))
      throw invalidField('path', `must be logo, signature or backgrounds/{templateId}, with .${ending}`);
    const picture = await judgePicture(bytes);
    const type = endings[given as keyof typeof endings];
    if (picture.type !== type) throw imageInvalid(`Its name says ${type}, and its content is ${picture.type}.`);
    const kept = { ...picture, sha256: digestOf(picture.bytes) };
    const others = Object.keys(endings).filter((each) => each !== given);
    await this.#asked(async (signal) => {
      await this.#write(this.#key(tenant, path), kept, signal);
      for (const other of others) await this.#store.remove(this.#key(tenant, `${stem}.${other}`));
    });
    this.#memory.clear();
    return kept;
  }

  async find(tenant: string, templateId: string): Promise<Pictures> {
    const stems: [ImageName, string][] = [
      ['logo', 'logo'],
      ['signature', 'signature'],
      ['background', `backgrounds/${templateId}`],
    ];
    const found = await Promise.all(
      stems.map(async ([name, stem]) => {
        const all = Object.keys(endings).map((each) => this.#read(this.#key(tenant, `${stem}.${each}`)));
        return [name, (await Promise.all(all)).find((each) => each !== undefined)] as const;
      }),
    );
    return Object.fromEntries(found.filter(([, picture]) => picture !== undefined));
  }

  async keep(tenant: string, pictures: Pictures): Promise<PictureDigests> {
    const digests = Object.entries(pictures).map(async ([name, picture]) => {
      const key = this.#keptKey(tenant, picture.sha256);
      if (!this.#kept.has(key)) await this.#asked((signal) => this.#write(key, picture, signal));
      this.#kept.add(key);
      return [name, picture.sha256] as const;
    });
    return Object.fromEntries(await Promise.all(digests));
  }

  async findKept(tenant: string, digests: PictureDigests): Promise<Pictures> {
    const pictures = Object.entries(digests).map(async ([name, sha256]) => {
      const picture = await this.#read(this.#keptKey(tenant, sha256));
      if (picture?.liesAs === sha256) return [name, { ...picture, sha256 }] as const;
      throw fail('image_missing', {
        detail: `The ${name} of this certificate (SHA-256 ${sha256}) is not stored any more.`,
      });
    });
    return Object.fromEntries(await Promise.all(pictures));
  }

  #key(tenant: string, path: string): string {
    return `${tenant === '' ? '' : `${tenant}/`}${this.#prefix}${path}`;
  }

  #keptKey(tenant: string, sha256: string): string {
    return this.#key(tenant, `kept/${sha256}`);
  }

  async #read(key: string): Promise<StoredPicture | undefined> {
    const remembered = this.#memory.get(key);
    if (remembered !== undefined && remembered.until > Date.now()) return remembered.picture;
    const bytes = await this.#asked((signal) => this.#bytesOf(key, signal));
    const picture = bytes === undefined ? undefined : await this.#judgeStored(key, bytes);
    this.#memory.delete(key);
    this.#memory.set(key, { picture, until: Date.now() + memoryMs });
    this.#forget();
    return picture;
  }

  /** The oldest ones, beyond what may be remembered. */
  #forget(): void {
    let bytes = 0;
    let count = 0;
    for (const [key, { picture }] of [...this.#memory].reverse()) {
      bytes += picture?.bytes.length ?? 0;
      count++;
      if (bytes > mostRememberedBytes || count > mostRemembered) this.#memory.delete(key);
    }
  }

  async #bytesOf(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const object = await this.#store.open(key, { signal });
    if (object === undefined || object === 'unchanged') return undefined;
    if (object.bytes <= mostImageBytes) return buffer(object.body);
    object.body.destroy();
    throw imageInvalid(`${key} has more than ${mostImageBytes} bytes.`);
  }

  /** Others may have put it there, or an earlier version, which left less out. */
  async #judgeStored(key: string, bytes: Buffer): Promise<StoredPicture> {
    const picture = await judgePicture(bytes).catch((error) => {
      throw error instanceof ServiceError ? imageInvalid(`${key}: ${error.details.detail}`) : error;
    });
    return { ...picture, sha256: digestOf(picture.bytes), liesAs: digestOf(bytes) };
  }

  async #write(key: string, { bytes, type }: Picture, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const replaces = (await this.#store.head(key, { signal }))?.version;
      if (await this.#store.put(key, bytes, { metadata: {}, type, replaces, signal })) return;
    }
    throw new Error('others wrote the same picture at the same time');
  }

  async #asked<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await work(AbortSignal.timeout(storageMs));
    } catch (cause) {
      throw cause instanceof ServiceError ? cause : fail('storage_unavailable', {}, { cause });
    }
  }
}

export function createImages(dependencies: Dependencies): Images {
  return new StoredImages(dependencies);
}
