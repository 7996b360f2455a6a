// Cleans a JPEG: judged without being decoded, whole, and written anew from what is seen, without what a camera tells of place and time.

import { type Cleaned, imageInvalid, type Size } from './contract.ts';
import { isTurned, readOrientation, writeOrientation } from './orientation.ts';
import { requireModest } from './size.ts';

export const isJpeg = (bytes: Buffer): boolean => bytes.subarray(0, 3).toString('hex') === 'ffd8ff';

/** Baseline, extended and progressive ones: those that every reader has. */
const frames = new Set([0xc0, 0xc1, 0xc2]);
const startOfScan = 0xda;
const endOfImage = 0xd9;
/** Tables of a decoder. */
const tables = new Set([0xc4, 0xdb, 0xdd]);
const comment = 0xfe;

const invalid = () => imageInvalid('It is cut off or altered, or a JPEG of a rare kind.');

interface Segment {
  marker: number;
  data: Buffer;
  /** Of a scan: its pixels. */
  pixels: Buffer;
}

/** Where the pixels of a scan end: at the next marker that is none of theirs. */
function endOfPixels(jpeg: Buffer, from: number): number {
  let at = from;
  for (;;) {
    at = jpeg.indexOf(0xff, at);
    const next = at < 0 ? undefined : jpeg[at + 1];
    if (next === undefined) throw invalid();
    const isTheirs = next === 0 || (next >= 0xd0 && next <= 0xd7);
    if (!isTheirs && next !== 0xff) return at;
    at += isTheirs ? 2 : 1;
  }
}

/** Until its end; what comes after it is no part of the picture. @throws where it is cut off. */
function* segmentsOf(jpeg: Buffer): Generator<Segment> {
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff; ) {
    const marker = jpeg[at + 1] ?? 0;
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (end > jpeg.length) break;
    const next = marker === startOfScan ? endOfPixels(jpeg, end) : end;
    yield { marker, data: jpeg.subarray(at + 4, end), pixels: jpeg.subarray(end, next) };
    if (jpeg[next] === 0xff && jpeg[next + 1] === endOfImage) return;
    at = next;
  }
  throw invalid();
}

function writeSegment({ marker, data, pixels }: Segment): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data, pixels]);
}

const beginsWith = (data: Buffer, word: string) => data.toString('latin1', 0, word.length) === word;

const isExif = ({ marker, data }: Segment) => marker === 0xe1 && beginsWith(data, 'Exif\0\0');
const orientationOf = ({ data }: Segment) => readOrientation(data.subarray(6));
const isOfColours = ({ marker, data }: Segment) =>
  (marker === 0xe2 && beginsWith(data, 'ICC_PROFILE\0')) || (marker === 0xee && beginsWith(data, 'Adobe'));

/** What of a segment is seen; undefined for one that tells something else. */
function seenOf(segment: Segment): Buffer | undefined {
  const { marker, data } = segment;
  if (frames.has(marker) || tables.has(marker) || marker === startOfScan || isOfColours(segment)) return data;
  // Its density, without the small picture.
  if (marker === 0xe0 && beginsWith(data, 'JFIF\0') && data.length >= 14)
    return Buffer.concat([data.subarray(0, 12), Buffer.alloc(2)]);
  const tiff = isExif(segment) ? writeOrientation(orientationOf(segment)) : undefined;
  return tiff && Buffer.concat([data.subarray(0, 6), tiff]);
}

function nameOf({ marker, data }: Segment): string {
  if (marker === comment) return 'comment';
  const [word = ''] = /^[A-Za-z]{2,20}/.exec(data.toString('latin1', 0, 20)) ?? [];
  return word === '' ? `segment ${marker.toString(16)}` : word;
}

/** As it lies. @throws image_invalid. */
function sizeOf(segments: readonly Segment[]): Size {
  const frame = segments.findIndex(({ marker, data }) => frames.has(marker) && data.length >= 5);
  const scan = segments.findIndex(({ marker }) => marker === startOfScan);
  const data = segments[frame]?.data;
  if (data === undefined || scan < frame) throw invalid();
  return { height: data.readUInt16BE(1), width: data.readUInt16BE(3) };
}

/** Writes it anew from what is seen. @throws image_invalid. */
export function cleanJpeg(jpeg: Buffer): Cleaned {
  const segments = [...segmentsOf(jpeg)];
  const size = sizeOf(segments);
  requireModest(size);
  // Of several the first counts.
  const exif = segments.find(isExif);
  const leftOut = new Set<string>();
  const kept = segments.flatMap((segment) => {
    const seen = isExif(segment) && segment !== exif ? undefined : seenOf(segment);
    if (seen === undefined || !seen.equals(segment.data)) leftOut.add(nameOf(segment));
    return seen === undefined ? [] : [writeSegment({ ...segment, data: seen })];
  });
  const bytes = Buffer.concat([jpeg.subarray(0, 2), ...kept, Buffer.from([0xff, endOfImage])]);
  const isOnItsSide = exif !== undefined && isTurned(orientationOf(exif));
  const shown = isOnItsSide ? { width: size.height, height: size.width } : size;
  return { bytes, size: shown, leftOut: [...leftOut] };
}
