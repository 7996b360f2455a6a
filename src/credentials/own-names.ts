// The names by which credentials call us, our keys, learners and courses: all made from PUBLIC_URL and what is named, so that they are always the same.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { base58 } from '@scure/base';
import type { CertificateFacts } from './contract.ts';

/** Who speaks in a credential. */
export interface Speaker {
  did: string;
  name: string;
  /** Without a slash at its end. */
  publicUrl: string;
}

/** RFC 4122: the name space of addresses. */
const addressSpace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex');
/** Says of the bytes after it that they are an Ed25519 public key (multicodec). */
const ed25519Prefix = Buffer.from([0xed, 0x01]);

/** Only letters, digits, `.`, `-`, `_` and escapes may stand in a DID. */
const escapePart = (text: string) =>
  encodeURIComponent(text).replace(/[!~*'()]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

/** `did:web` of an address: `https://a.example:8443/b` is `did:web:a.example%3A8443:b`. */
export function didOf(publicUrl: string): string {
  const { host, pathname } = new URL(publicUrl);
  const path = pathname.split('/').filter((part) => part !== '');
  return ['did:web', ...[host, ...path.map(decodeURIComponent)].map(escapePart)].join(':');
}

/** The public half of a key, as Multikey writes it. @throws TypeError for any other kind of key. */
export function multikeyOf(key: KeyObject): string {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('Credentials are signed with Ed25519 keys only.');
  const publicKey = key.type === 'private' ? createPublicKey(key as never) : key;
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return `z${base58.encode(Buffer.concat([ed25519Prefix, Buffer.from(x, 'base64url')]))}`;
}

/** A UUID (version 5) that is always the same for the same words. */
function derivedUrn(...words: string[]): string {
  const hash = createHash('sha1').update(addressSpace).update(JSON.stringify(words)).digest().subarray(0, 16);
  hash.writeUInt8(((hash[6] ?? 0) & 0x0f) | 0x50, 6);
  hash.writeUInt8(((hash[8] ?? 0) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex');
  return `urn:uuid:${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')}`;
}

export const learnerUrn = ({ publicUrl }: Speaker, { tenant = '', userId }: CertificateFacts) =>
  derivedUrn(publicUrl, 'learner', tenant, userId);

export const courseUrn = ({ publicUrl }: Speaker, { tenant = '', courseId }: CertificateFacts) =>
  derivedUrn(publicUrl, 'course', tenant, courseId);
