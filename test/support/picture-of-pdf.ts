// Looks at a printed page as an eye does: its colours.

import { createCanvas, loadImage } from '@napi-rs/canvas';
import { drawFirstPage } from '../../scripts/picture.ts';

type Test = (red: number, green: number, blue: number) => boolean;

export const isBlue: Test = (red, green, blue) => blue > 180 && red < 90 && green < 90;
export const isRed: Test = (red, green, blue) => red > 180 && green < 90 && blue < 90;

/** Share of the first sheet, from 0 to 1, that has such a colour. */
export async function shareOf(pdf: Buffer, test: Test): Promise<number> {
  const png = await drawFirstPage(pdf);
  if (png === undefined) throw new Error('what draws pages is not installed');
  const image = await loadImage(png);
  const canvas = createCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  let hits = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (test(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0)) hits++;
  }
  return hits / (data.length / 4);
}
