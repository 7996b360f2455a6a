// How large a picture may be drawn.

import { imageInvalid, type Size } from './contract.ts';

/** A sheet of A4 at 600 dots to the inch. */
const mostPixels = 36_000_000;
const longestSide = 10_000;

/** @throws image_invalid. */
export function requireModest({ width, height }: Size): void {
  if (width === 0 || height === 0) throw imageInvalid('It has no size.');
  if (width > longestSide || height > longestSide || width * height > mostPixels)
    throw imageInvalid(
      `It has ${width} × ${height} pixels; a side may have ${longestSide}, and all of it ${mostPixels}.`,
    );
}
