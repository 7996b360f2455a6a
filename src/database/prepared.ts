// An empty database of this version that was made beforehand: making one takes seconds, unpacking it a tenth of one.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const folder = new URL('./prepared/', import.meta.url);
const migrations = new URL('./migrations/', import.meta.url);
const packageFile = new URL('../../package.json', import.meta.url);

/** What its files depend on; that of the queue's tables is among them. */
const libraries = ['@electric-sql/pglite', 'pg-boss'];

/** Paths and what lies there; a folder has no content. */
type Entries = [path: string, content: Buffer | null][];

/** Its name says for what it was made, so that none of other migrations or libraries is ever taken. */
export function preparedFile(): URL {
  const { dependencies } = JSON.parse(readFileSync(packageFile, 'utf8')) as { dependencies: Record<string, string> };
  const hash = createHash('sha256').update(JSON.stringify(libraries.map((name) => dependencies[name])));
  const names = readdirSync(migrations).sort();
  for (const name of names) hash.update(JSON.stringify([name, readFileSync(new URL(name, migrations), 'utf8')]));
  return new URL(`${hash.digest('hex').slice(0, 16)}.br`, folder);
}

/** Unpacks it into the folder. @returns false when there is none of this version: then one must be made. */
export function unpackPrepared(into: string): boolean {
  const packed = readIfThere(preparedFile());
  if (packed === undefined) return false;
  // At once, as its own thread may: a thousand small files one after the other take Node ten times as long.
  for (const [path, content] of deserialize(brotliDecompressSync(packed)) as Entries) {
    if (content === null) mkdirSync(join(into, path), { recursive: true, mode: 0o700 });
    else writeFileSync(join(into, path), content, { mode: 0o600 });
  }
  return true;
}

/** Packs a database that was closed, in place of that of any other version. */
export function packPrepared(from: string): URL {
  const found = readdirSync(from, { recursive: true, withFileTypes: true });
  const entries: Entries = found.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(from.length + 1), entry.isDirectory() ? null : readFileSync(path)];
  });
  // Folders before what lies in them.
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const file = preparedFile();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(file.pathname), { recursive: true });
  const text = serialize(entries);
  // It holds the same files several times, megabytes apart.
  const params = {
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  };
  writeFileSync(file, brotliCompressSync(text, { params }));
  return file;
}

function readIfThere(file: URL): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
