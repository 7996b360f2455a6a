// Sees a PDF as a person does: its pages as pixels, how much two of them differ, how high the bars of a chart are.

import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Picture {
  width: number;
  height: number;
  /** Red, green and blue of each pixel, row by row. */
  pixels: Buffer;
}

/** Pixels per inch: one of the picture is one of the page. */
const density = '96';

export const isPopplerThere = spawnSync('pdftoppm', ['-v']).error === undefined;

function rasterise(pdf: Uint8Array, options: string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('pdftoppm', ['-r', density, ...options, '-'], {
    input: pdf,
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`pdftoppm: ${stderr}`);
  return stdout;
}

/** One picture per page. */
export function picturesOf(pdf: Uint8Array): Picture[] {
  const bytes = rasterise(pdf, []);
  const pictures: Picture[] = [];
  for (let start = 0; start < bytes.length; ) {
    const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString('latin1', start, start + 50));
    if (header === null) throw new Error('pdftoppm gave something else than pictures');
    const [width, height] = [Number(header[1]), Number(header[2])];
    const from = start + header[0].length;
    start = from + width * height * 3;
    pictures.push({ width, height, pixels: bytes.subarray(from, start) });
  }
  return pictures;
}

/** For looking at by eye. */
export async function keepForEyes(folder: string, name: string, pdf: Uint8Array): Promise<void> {
  await writeFile(join(folder, `${name}.pdf`), pdf);
  await writeFile(join(folder, `${name}.png`), rasterise(pdf, ['-png', '-singlefile']));
}

/** More than a shade that was rounded otherwise. */
const tolerance = 48;

/** Whether one channel lies between what is there and beside it in `other`: an edge may lie half a pixel further. */
function isShown(one: Picture, other: Picture, at: number): boolean {
  const value = one.pixels[at] ?? 0;
  if (Math.abs(value - (other.pixels[at] ?? 0)) <= tolerance) return true;
  let least = 255;
  let most = 0;
  for (let line = -1; line <= 1; line++) {
    for (let step = -1; step <= 1; step++) {
      const beside = other.pixels[at + (line * one.width + step) * 3] ?? value;
      if (beside < least) least = beside;
      if (beside > most) most = beside;
    }
  }
  return value >= least - tolerance && value <= most + tolerance;
}

function countMissing(one: Picture, other: Picture): number {
  const row = one.width * 3;
  let missing = 0;
  for (let start = 0; start < one.pixels.length; start += row) {
    if (one.pixels.compare(other.pixels, start, start + row, start, start + row) === 0) continue;
    for (let at = start; at < start + row; at += 3) {
      if (![at, at + 1, at + 2].every((channel) => isShown(one, other, channel))) missing++;
    }
  }
  return missing;
}

/** The share of pixels, from 0 to 1, that one of two documents shows and the other does not; 1 when they have other pages. */
export function differenceOf(some: Picture[], others: Picture[]): number {
  const sizes = (pictures: Picture[]) => pictures.map(({ width, height }) => `${width}×${height}`).join();
  if (sizes(some) !== sizes(others)) return 1;
  let [missing, all] = [0, 0];
  for (const [index, one] of some.entries()) {
    const other = others[index] ?? one;
    missing += Math.max(countMissing(one, other), countMissing(other, one));
    all += one.width * one.height;
  }
  return missing / all;
}

interface Bar {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Shorter ones are the marks of a legend. */
const leastBar = 20;

/** Whether the pixel has the colour of the bars, which no library makes much lighter. */
function isOfBar({ pixels, width }: Picture, x: number, y: number): boolean {
  const at = (y * width + x) * 3;
  const [red, green, blue] = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
  return blue > 180 && red < 110 && green < 160;
}

/** Where the longest piece of a bar is in this column. */
function pieceOf(picture: Picture, x: number): { top: number; bottom: number } | undefined {
  let longest = { top: 0, bottom: 0 };
  for (let y = 0, top = 0; y <= picture.height; y++) {
    if (y < picture.height && isOfBar(picture, x, y)) continue;
    if (y - top > longest.bottom - longest.top) longest = { top, bottom: y };
    top = y + 1;
  }
  return longest.bottom - longest.top < leastBar ? undefined : longest;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function findBars(picture: Picture): Bar[] {
  const bars: Bar[] = [];
  let pieces: { top: number; bottom: number }[] = [];
  for (let x = 0; x <= picture.width; x++) {
    const piece = x < picture.width ? pieceOf(picture, x) : undefined;
    if (piece !== undefined) pieces.push(piece);
    else if (pieces.length > 0) {
      // A label inside of a bar is in less than half of its columns.
      const [top, bottom] = [median(pieces.map((each) => each.top)), median(pieces.map((each) => each.bottom))];
      bars.push({ left: x - pieces.length, right: x, top, bottom });
      pieces = [];
    }
  }
  return bars;
}

function isLine({ pixels, width }: Picture, y: number, left: number, right: number): boolean {
  let coloured = 0;
  for (let x = left; x < right; x++) {
    const at = (y * width + x) * 3;
    if (Math.min(pixels[at] ?? 255, pixels[at + 1] ?? 255, pixels[at + 2] ?? 255) < 250) coloured++;
  }
  return coloured > 0.9 * (right - left);
}

/**
 * How high each bar of the chart is, from left to right, where 100 is the uppermost line of its grid.
 * @throws when there is no such line near above the highest bar: it is not as high as it should be.
 */
export function readChart(picture: Picture | undefined): number[] {
  if (picture === undefined) throw new Error('there is no page');
  const bars = findBars(picture);
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) throw new Error('there are no bars');
  const [top, bottom] = [Math.min(...bars.map((bar) => bar.top)), Math.max(...bars.map((bar) => bar.bottom))];
  for (let y = Math.round(top - (bottom - top) / 4); y < top; y++) {
    if (isLine(picture, y, first.left, last.right))
      return bars.map((bar) => ((bar.bottom - bar.top) / (bottom - y)) * 100);
  }
  throw new Error(`there is no line of 100 above bars of ${bars.map((bar) => bar.bottom - bar.top).join(', ')} pixels`);
}
