// Bitstring status lists: one bit for each certificate, set when it isn't good any more.

import { gzipSync } from 'node:zlib';
import { type Credential, statusListSize } from './contract.ts';
import type { Speaker } from './own-names.ts';

const addressOf = (list: number, publicUrl: string) => `${publicUrl}/credentials/status/${list}`;

/** Where a verifier finds out whether it was revoked. */
export function statusEntry(statusIndex: number, publicUrl: string): Credential {
  const address = addressOf(Math.floor(statusIndex / statusListSize), publicUrl);
  const place = String(statusIndex % statusListSize);
  return {
    id: `${address}#${place}`,
    type: 'BitstringStatusListEntry',
    statusPurpose: 'revocation',
    statusListIndex: place,
    statusListCredential: address,
  };
}

/** The place 0 is the left-most bit of the first byte. */
function encode(places: Iterable<number>): string {
  const bits = Buffer.alloc(statusListSize / 8);
  for (const place of places) {
    const index = place >> 3;
    bits.writeUInt8(bits.readUInt8(index) | (0x80 >> (place & 7)), index);
  }
  return `u${gzipSync(bits, { level: 9 }).toString('base64url')}`;
}

/** @throws RangeError for an index that belongs to another list: to pass over it would say that it is good. */
export function buildStatusList(
  of: { list: number; revoked: Iterable<number>; now: string },
  speaker: Speaker,
): Credential {
  const places = Array.from(of.revoked, (index) => {
    const place = index - of.list * statusListSize;
    if (!Number.isInteger(place) || place < 0 || place >= statusListSize)
      throw new RangeError(`Status list ${of.list} has no index ${index}.`);
    return place;
  });
  const address = addressOf(of.list, speaker.publicUrl);
  return {
    '@context': ['https://www.w3.org/ns/credentials/v2'],
    id: address,
    type: ['VerifiableCredential', 'BitstringStatusListCredential'],
    issuer: speaker.did,
    validFrom: of.now,
    credentialSubject: {
      id: `${address}#list`,
      type: 'BitstringStatusList',
      statusPurpose: 'revocation',
      encodedList: encode(places),
    },
  };
}
