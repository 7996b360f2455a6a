// Makes the browser trust a school's own certificate authorities, by the store that Chromium on Linux looks for below its HOME.

import { createHash, type X509Certificate } from 'node:crypto';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readAuthorities } from '../authority-file.ts';

/** Of an element of DER: where its content begins, and where that ends. */
function boundsAt(der: Buffer, start: number): { content: number; end: number } {
  const length = der.readUInt8(start + 1);
  if (length < 0x80) return { content: start + 2, end: start + 2 + length };
  const content = start + 2 + (length & 0x7f);
  return { content, end: content + der.readUIntBE(start + 2, length & 0x7f) };
}

/** Serial number, issuer and subject as they are encoded: node:crypto gives them as texts only. */
function encodedNames(der: Buffer): { serial: Buffer; issuer: Buffer; subject: Buffer } {
  const versionTag = 0xa0;
  let start = boundsAt(der, boundsAt(der, 0).content).content;
  // A certificate of the first version does not say its version.
  if (der[start] === versionTag) start = boundsAt(der, start).end;
  const next = () => {
    const element = der.subarray(start, boundsAt(der, start).end);
    start += element.length;
    return element;
  };
  const [serial, , issuer, , subject] = [next(), next(), next(), next(), next()];
  return { serial, issuer, subject };
}

const yes = Buffer.of(1);
const uint32 = (value: number) => Buffer.of(value >>> 24, value >>> 16, value >>> 8, value);

// Named by the numbers of PKCS #11's attributes. These are the fewest with which a certificate is trusted: what else a store
// has, its keys above all, the browser adds when it opens this one.
const columns = {
  class: 'a0',
  isKept: 'a1',
  value: 'a11',
  issuer: 'a81',
  serial: 'a82',
  subject: 'a101',
  trustForServers: 'ace536358',
  sha1: 'ace5363b4',
};
type StoredObject = Partial<Record<keyof typeof columns, Buffer>>;

/** The certificate, and beside it the trust in it: that servers may have theirs from it. */
function objectsOf({ raw }: X509Certificate): StoredObject[] {
  const [certificateClass, trustClass, authority] = [0x1, 0xce534353, 0xce534352];
  const { serial, issuer, subject } = encodedNames(raw);
  // The browser ignores a trust without this sum of its certificate.
  const sha1 = createHash('sha1').update(raw).digest();
  return [
    { class: uint32(certificateClass), isKept: yes, value: raw, issuer, serial, subject },
    { class: uint32(trustClass), isKept: yes, issuer, serial, sha1, trustForServers: uint32(authority) },
  ];
}

function insert(database: DatabaseSync, object: StoredObject, id: number): void {
  const names = Object.keys(columns) as (keyof typeof columns)[];
  const statement = database.prepare(`INSERT INTO nssPublic VALUES (?${', ?'.repeat(names.length)})`);
  statement.run(id, ...names.map((name) => object[name] ?? null));
}

/**
 * Makes the store of a browser that is still to be started: with the same checks as any other site's, those pages are trusted
 * whose certificates come from an authority in `pem`.
 * @param home a folder that has no store yet; the browser's HOME, in an environment without XDG_DATA_HOME.
 */
export async function writeTrustStore(home: string, pem: string): Promise<void> {
  const objects = readAuthorities(pem).flatMap(objectsOf);
  const folder = join(home, '.local/share/pki/nssdb');
  const formerFolder = join(home, '.pki/nssdb');
  await mkdir(folder, { recursive: true });
  await mkdir(dirname(formerFolder), { recursive: true });
  // Before version 146 the browser knows the former folder only; since then it looks there first, as long as it does.
  await symlink(folder, formerFolder);
  using database = new DatabaseSync(join(folder, 'cert9.db'));
  // One transaction, for which nothing waits: a store that a crash has spoilt is never used again.
  database.exec('PRAGMA synchronous=OFF; BEGIN');
  database.exec(`CREATE TABLE nssPublic (id PRIMARY KEY, ${Object.values(columns).join(', ')})`);
  for (const [index, object] of objects.entries()) insert(database, object, index + 1);
  database.exec('COMMIT');
}
