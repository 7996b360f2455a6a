// A school's own certificate authorities, as a PEM file has them.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Up to the end that belongs to it, or to the end of the text where that is missing. */
const block = /-----BEGIN ([^-\r\n]+)-----[\s\S]*?(?:-----END \1-----|$)/g;

/**
 * The certificates in a PEM text, in its order; what stands between them is comment.
 * @throws when there is none, or something else: half a certificate, or a key, is a mistake that should be seen.
 */
export function readAuthorities(pem: string): X509Certificate[] {
  const found = [...pem.matchAll(block)].map(([text, label], index) => {
    if (label !== 'CERTIFICATE') throw new Error(`block ${index + 1} is not a certificate but: ${label}`);
    try {
      return new X509Certificate(text);
    } catch (cause) {
      throw new Error(`block ${index + 1} is a certificate that can't be read`, { cause });
    }
  });
  if (found.length === 0) throw new Error('there is no certificate in PEM form');
  return found;
}

/** The text of the file; undefined when there is no such file, or something else is in it. */
export function readAuthorityFile(path: string): string | undefined {
  try {
    const pem = readFileSync(path, 'utf8');
    readAuthorities(pem);
    return pem;
  } catch {
    return undefined;
  }
}
