// Secrets at rest: AES-256-GCM with the keys of the settings.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

export interface Sealing {
  /** Nonce, tag, and the text encrypted. */
  seal(text: string): Buffer;
  /** @throws when it was altered, or sealed with a key that is none of these. */
  open(sealed: Buffer): string;
}

function decrypt(key: Buffer, sealed: Buffer): string {
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
  return decipher.update(sealed.subarray(nonceBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8');
}

/**
 * @param key 32 bytes, with which is sealed.
 * @param formerKeys that may have been used before.
 */
export function createSealing(key: Buffer, ...formerKeys: Buffer[]): Sealing {
  return {
    seal(text) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce);
      const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), encrypted]);
    },
    open(sealed) {
      for (const each of [key, ...formerKeys]) {
        try {
          return decrypt(each, sealed);
        } catch {
          // Sealed with another one, or altered.
        }
      }
      throw new Error('a secret was sealed with none of the keys that are known, or was altered');
    },
  };
}

/** Seals equal secrets once, those of a class run for instance, which shares one. */
export function sealOnce(sealing: Sealing): (secret: string | undefined) => Buffer | undefined {
  const sealed = new Map<string, Buffer>();
  return (secret) => {
    if (secret === undefined) return undefined;
    const present = sealed.get(secret) ?? sealing.seal(secret);
    sealed.set(secret, present);
    return present;
  };
}
