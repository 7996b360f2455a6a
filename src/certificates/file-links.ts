// Addresses that open one document for an hour, signed so that nobody makes or changes one.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

export const linkSeconds = 3600;
/** A signature is 32 bytes. */
const signatureForm = /^[\w-]{43}$/;

export interface FileLinks {
  /** The address of the document of this certificate, good from now on for an hour. */
  sign(id: string): string;
  /** Whether it is an address that was given out, and not too long ago. */
  isValid(id: string, given: { expires: string; signature: string }): boolean;
}

/** @param secrets of which keys are derived: the first signs, and what the others signed is still good. */
export function createFileLinks({
  secrets,
  publicUrl,
}: {
  secrets: readonly [Buffer, ...Buffer[]];
  publicUrl: string;
}): FileLinks {
  const derive = (secret: Buffer) => Buffer.from(hkdfSync('sha256', secret, '', 'platen certificate links', 32));
  const [key, ...formerKeys] = [derive(secrets[0]), ...secrets.slice(1).map(derive)];
  const signatureOf = (id: string, expires: string, by = key) =>
    createHmac('sha256', by)
      .update(JSON.stringify([id, expires]))
      .digest();
  const now = () => Math.floor(Date.now() / 1000);

  return {
    sign(id) {
      const expires = String(now() + linkSeconds);
      const signature = signatureOf(id, expires).toString('base64url');
      return `${publicUrl}/certificates/${id}/file?expires=${expires}&signature=${signature}`;
    },
    isValid(id, { expires, signature }) {
      if (!signatureForm.test(signature)) return false;
      const given = Buffer.from(signature, 'base64url');
      // All of them, so that the time taken says nothing of which it was.
      const matching = [key, ...formerKeys].filter((each) => timingSafeEqual(given, signatureOf(id, expires, each)));
      return matching.length > 0 && Number(expires) > now();
    },
  };
}
