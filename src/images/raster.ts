// Judges PNG and JPEG by their bytes: how large they are drawn, known before anything is decoded, and whether all of it is there.

import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflate } from 'node:zlib';
import { imageInvalid, type Size } from './contract.ts';

/** A sheet of A4 at 600 dots to the inch. */
const mostPixels = 36_000_000;
const longestSide = 10_000;

function requireModest({ width, height }: Size): void {
  if (width === 0 || height === 0) throw imageInvalid('It has no size.');
  if (width > longestSide || height > longestSide || width * height > mostPixels)
    throw imageInvalid(
      `It has ${width} × ${height} pixels; a side may have ${longestSide}, and all of it ${mostPixels}.`,
    );
}

const pngStart = Buffer.from('89504e470d0a1a0a', 'hex');
export const isPng = (bytes: Buffer): boolean => bytes.subarray(0, 8).equals(pngStart);
export const isJpeg = (bytes: Buffer): boolean => bytes.subarray(0, 3).toString('hex') === 'ffd8ff';

interface Chunk {
  type: string;
  data: Buffer;
}

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

/** @throws image_invalid. */
export async function judgePng(png: Buffer): Promise<Size> {
  const header = png.subarray(16, 29);
  if (png.toString('latin1', 12, 16) !== 'IHDR' || header.length < 13) throw imageInvalid('It is cut off or altered.');
  const size = { width: header.readUInt32BE(0), height: header.readUInt32BE(4) };
  requireModest(size);
  const parts = [...chunksOf(png)].filter(({ type }) => type === 'IDAT').map(({ data }) => data);
  const expected = decodedBytes(header, size);
  if ((await inflatedBytes(parts, expected + spareBytes)) < expected)
    throw imageInvalid('Some of its pixels are missing.');
  return size;
}

/** Baseline, extended and progressive ones: those that every reader has. */
const frames = new Set([0xc0, 0xc1, 0xc2]);
const startOfScan = 0xda;

/** @throws image_invalid. */
export function judgeJpeg(jpeg: Buffer): Size {
  let size: Size | undefined;
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff; at += 2 + jpeg.readUInt16BE(at + 2)) {
    const marker = jpeg[at + 1] ?? 0;
    if (frames.has(marker) && at + 9 <= jpeg.length)
      size = { height: jpeg.readUInt16BE(at + 5), width: jpeg.readUInt16BE(at + 7) };
    if (marker !== startOfScan) continue;
    if (size === undefined || jpeg.lastIndexOf(Buffer.from('ffd9', 'hex')) < at) break;
    requireModest(size);
    return size;
  }
  throw imageInvalid('It is cut off or altered, or a JPEG of a rare kind.');
}
