// Cleans a PNG: judged before anything is decoded, whole, and written anew from what is seen.

import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflate } from 'node:zlib';
import { type Cleaned, imageInvalid, type Size } from './contract.ts';
import { requireModest } from './size.ts';

const pngStart = Buffer.from('89504e470d0a1a0a', 'hex');
export const isPng = (bytes: Buffer): boolean => bytes.subarray(0, 8).equals(pngStart);

interface Chunk {
  type: string;
  data: Buffer;
}

/** What its pixels are and how they look; not what was written beside them: words, times, places, further pictures. */
const seen = new Set([
  'IHDR',
  'PLTE',
  'IDAT',
  'IEND',
  'tRNS',
  'bKGD',
  'cHRM',
  'gAMA',
  'iCCP',
  'sBIT',
  'sRGB',
  'cICP',
  'pHYs',
]);

/** @throws where one is cut off or altered. */
function* chunksOf(png: Buffer): Generator<Chunk> {
  for (let at = pngStart.length; at + 12 <= png.length; ) {
    const end = at + 8 + png.readUInt32BE(at);
    if (end + 4 > png.length || crc32(png.subarray(at + 4, end)) !== png.readUInt32BE(end)) break;
    const type = png.toString('latin1', at + 4, at + 8);
    yield { type, data: png.subarray(at + 8, end) };
    if (type === 'IEND') return;
    at = end + 4;
  }
  throw imageInvalid('It is cut off or altered.');
}

const samples: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** First column and row, and steps, of the seven pictures that an interlaced one consists of. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** How many bytes its pixels are. */
function decodedBytes(header: Buffer, { width, height }: Size): number {
  const bits = header.readUInt8(8) * (samples[header.readUInt8(9)] ?? 0);
  if (bits === 0) throw imageInvalid('Its colours are of no known kind.');
  const bytesOf = (columns: number, rows: number) =>
    columns > 0 && rows > 0 ? (1 + Math.ceil((columns * bits) / 8)) * rows : 0;
  if (header.readUInt8(12) === 0) return bytesOf(width, height);
  return passes.reduce(
    (sum, [left, top, right, down]) =>
      sum + bytesOf(Math.ceil((width - left) / right), Math.ceil((height - top) / down)),
    0,
  );
}

/** Counts what comes out of it, and keeps none of it. */
async function inflatedBytes(parts: Buffer[], most: number): Promise<number> {
  let count = 0;
  const counting = new Writable({
    write(chunk: Buffer, _encoding, done) {
      count += chunk.length;
      done(count > most ? imageInvalid('It holds more than its size says.') : null);
    },
  });
  await pipeline(Readable.from(parts), createInflate(), counting).catch((cause) => {
    throw cause.code === 'image_invalid' ? cause : imageInvalid('Its pixels can not be read.');
  });
  return count;
}

const spareBytes = 65_536;

function writeChunk({ type, data }: Chunk): Buffer {
  const whole = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), data, Buffer.alloc(4)]);
  whole.writeUInt32BE(data.length);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), whole.length - 4);
  return whole;
}

/** Writes it anew from what is seen. @throws image_invalid. */
export async function cleanPng(png: Buffer): Promise<Cleaned> {
  const header = png.subarray(16, 29);
  if (png.toString('latin1', 12, 16) !== 'IHDR' || header.length < 13) throw imageInvalid('It is cut off or altered.');
  const size = { width: header.readUInt32BE(0), height: header.readUInt32BE(4) };
  requireModest(size);
  const chunks = [...chunksOf(png)];
  const parts = chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data);
  const expected = decodedBytes(header, size);
  if ((await inflatedBytes(parts, expected + spareBytes)) < expected)
    throw imageInvalid('Some of its pixels are missing.');
  const kept = chunks.filter(({ type }) => seen.has(type));
  const leftOut = new Set(chunks.map(({ type }) => type).filter((type) => !seen.has(type)));
  return { bytes: Buffer.concat([pngStart, ...kept.map(writeChunk)]), size, leftOut: [...leftOut] };
}
