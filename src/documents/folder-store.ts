// Objects as files below DATA_DIR, each with its metadata beside it.

import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createLog } from '../log.ts';
import type { ObjectHead, ObjectMetadata, ObjectStore, OpenOptions, PutOptions, StoredObject } from './object-store.ts';
import { Turns } from './turns.ts';

const log = createLog('documents');

const mostAttempts = 5;

/** The file beside each object. */
interface Sidecar {
  version: string;
  bytes: number;
  metadata: ObjectMetadata;
}

const sidecarSuffix = '.json';
/** Some file systems tell time by the second: a second change within it would not show. */
const youngMs = 2000;
const isMissing = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

class FolderStore implements ObjectStore {
  readonly #root: string;
  readonly #unfinished: string;
  /** Nobody reads a key while it is written, so that a file and its metadata belong together. */
  readonly #turns = new Turns();

  constructor(root: string, unfinished: string) {
    this.#root = root;
    this.#unfinished = unfinished;
  }

  async open(key: string, { known, range }: OpenOptions = {}): Promise<StoredObject | 'unchanged' | undefined> {
    if (known !== undefined && (await this.#fingerprint(key)) === known) return 'unchanged';
    return this.#turns.read(key, async () => {
      // Before anything is read: what is changed from now on has another one.
      const fingerprint = await this.#fingerprint(key);
      const sidecar = await this.#readSidecar(key);
      if (sidecar === undefined) return undefined;
      // Once it is open a later rename does not touch it.
      const file = await open(this.#path(key)).catch(ignoreMissing);
      return file === undefined ? undefined : { ...sidecar, fingerprint, body: file.createReadStream({ ...range }) };
    });
  }

  head(key: string): Promise<ObjectHead | undefined> {
    return this.#turns.read(key, () => this.#readSidecar(key));
  }

  put(key: string, bytes: Buffer, { metadata, replaces }: PutOptions): Promise<boolean> {
    return this.#turns.write(key, async () => {
      if ((await this.#readSidecar(key))?.version !== replaces) return false;
      const sidecar: Sidecar = { version: randomUUID(), bytes: bytes.length, metadata };
      for (let attempt = 1; ; attempt++) {
        await mkdir(dirname(this.#path(key)), { recursive: true });
        try {
          await this.#write(this.#path(key), bytes, Buffer.from(JSON.stringify(sidecar)));
          return true;
        } catch (error) {
          // The folder was empty until now, and has gone with what lay in it before.
          if (attempt === mostAttempts || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
    });
  }

  remove(key: string, version?: string): Promise<void> {
    return this.#turns.write(key, async () => {
      if (version !== undefined && (await this.#readSidecar(key))?.version !== version) return;
      // In this order: what a process has left that died between the two is still listed, and removed the next time.
      await rm(this.#path(key), { force: true });
      await rm(this.#path(key) + sidecarSuffix, { force: true });
      await this.#removeEmpty(dirname(key));
    });
  }

  /** Names of folders name people too. */
  async #removeEmpty(folder: string): Promise<void> {
    if (folder === '.') return;
    const isGone = await rmdir(this.#path(folder)).then(
      () => true,
      () => false,
    );
    if (isGone) await this.#removeEmpty(dirname(folder));
  }

  async *list(prefix: string): AsyncIterable<string> {
    // A folder that is none is a storage that does not work, not an empty one.
    const entries = await readdir(join(this.#root, prefix), { withFileTypes: true }).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
    // A process that died before it had written may have left it.
    if (entries?.length === 0) await rmdir(join(this.#root, prefix)).catch(() => undefined);
    for (const entry of entries ?? []) {
      if (entry.isDirectory()) yield* this.list(`${prefix}${entry.name}/`);
      else if (entry.name.endsWith(sidecarSuffix)) yield prefix + entry.name.slice(0, -sidecarSuffix.length);
    }
  }

  #path(key: string): string {
    if (key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'))
      throw new Error('unsafe key');
    return join(this.#root, key);
  }

  /** What the file system says of both files: no change by anybody leaves all of it as it was. */
  async #fingerprint(key: string): Promise<string | undefined> {
    const path = this.#path(key);
    const files = await Promise.all([path, path + sidecarSuffix].map((each) => stat(each, { bigint: true }))).catch(
      ignoreMissing,
    );
    const youngest = Date.now() - youngMs;
    if (files === undefined || files.some(({ ctimeMs }) => ctimeMs > youngest)) return undefined;
    return files.map(({ ino, size, mtimeNs, ctimeNs }) => [ino, size, mtimeNs, ctimeNs].join(' ')).join(' ');
  }

  async #readSidecar(key: string): Promise<Sidecar | undefined> {
    const text = await readFile(this.#path(key) + sidecarSuffix, 'utf8').catch(ignoreMissing);
    const sidecar = text === undefined ? undefined : parseSidecar(text);
    if (text !== undefined && sidecar === undefined) log.error('The record of a document is unreadable', { key });
    return sidecar;
  }

  /** Both files are on the disk before either takes its place: a full disk changes nothing. */
  async #write(path: string, bytes: Buffer, sidecar: Buffer): Promise<void> {
    const unfinished = join(this.#unfinished, randomUUID());
    try {
      await writeDurably(unfinished, bytes);
      await writeDurably(unfinished + sidecarSuffix, sidecar);
      // A crash between the two leaves a new digest beside old bytes, seen as altered and rendered anew, or beside none: never bytes that nothing lists.
      await rename(unfinished + sidecarSuffix, path + sidecarSuffix);
      await rename(unfinished, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(unfinished, { force: true });
      await rm(unfinished + sidecarSuffix, { force: true });
      throw error;
    }
  }
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  await using file = await open(path, 'wx');
  await file.writeFile(bytes);
  await file.sync();
}

/** Undefined for what was not written by us: its document counts as absent, and is replaced by the next one. */
function parseSidecar(text: string): Sidecar | undefined {
  const isText = (value: unknown) => typeof value === 'string';
  try {
    const { version, bytes, metadata } = JSON.parse(text) as Sidecar;
    return isText(version) && Number.isInteger(bytes) && Object.values(metadata).every(isText)
      ? { version, bytes, metadata }
      : undefined;
  } catch {
    return undefined;
  }
}

function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** Makes a rename durable. */
async function syncFolder(folder: string): Promise<void> {
  await using handle: FileHandle = await open(folder);
  await handle.sync();
}

/** Opens the store below `dataDir`, which belongs to the caller alone. */
export async function openFolderStore(dataDir: string): Promise<ObjectStore> {
  const unfinished = join(dataDir, 'unfinished');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  return new FolderStore(join(dataDir, 'documents'), unfinished);
}
