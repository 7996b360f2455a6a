// Which way up a photograph is shown: the one thing that is kept of what a camera writes into it.

const tag = 0x0112;
const short = 3;
const asItLies = 1;
const most = 8;

/** From what a camera writes (TIFF); 1 where it says nothing. */
export function readOrientation(tiff: Buffer): number {
  const order = tiff.toString('latin1', 0, 2);
  if (tiff.length < 8 || (order !== 'II' && order !== 'MM')) return asItLies;
  const read16 = (at: number) => (order === 'II' ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const first = order === 'II' ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  if (first + 2 > tiff.length) return asItLies;
  const entries = Array.from({ length: read16(first) }, (_, index) => first + 2 + index * 12);
  const found = entries.find((at) => at + 12 <= tiff.length && read16(at) === tag && read16(at + 2) === short);
  const orientation = found === undefined ? asItLies : read16(found + 8);
  return orientation >= asItLies && orientation <= most ? orientation : asItLies;
}

/** The same with nothing else in it; undefined where nothing need be said. */
export function writeOrientation(orientation: number): Buffer | undefined {
  if (orientation === asItLies) return undefined;
  const tiff = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
  tiff.writeUInt16BE(orientation, 18);
  return tiff;
}

/** Whether it is shown on its side. */
export const isTurned = (orientation: number): boolean => orientation > 4;
