// What a file that was put in is, seen by its content: whatever it is said to be.

import { isUtf8 } from 'node:buffer';
import { fail } from '../errors.ts';
import { judgePicture } from '../images/images.ts';
import { readStrangersPdf } from '../pdf/pdf.ts';
import { type AssetFile, type AssetType, mostAssetBytes } from './contract.ts';

const invalid = (detail: string) => fail('asset_invalid', { detail });

const fonts: [string, AssetType][] = [
  ['\x00\x01\x00\x00', 'font/ttf'],
  ['true', 'font/ttf'],
  ['OTTO', 'font/otf'],
  ['wOFF', 'font/woff'],
  ['wOF2', 'font/woff2'],
];

async function judgePdf(bytes: Buffer): Promise<AssetFile> {
  const reading = await readStrangersPdf(bytes);
  if (reading === 'encrypted') throw fail('pdf_encrypted');
  if (reading === 'unreadable') throw fail('pdf_unreadable');
  return { type: 'application/pdf', bytes };
}

const isWide = (bytes: Buffer) => ['fffe', 'feff'].includes(bytes.subarray(0, 2).toString('hex'));

/** A list, if it is text at all. */
function judgeText(bytes: Buffer): AssetFile {
  if (!isWide(bytes) && bytes.includes(0)) throw invalid('It is neither a PDF, a picture or a font, nor text.');
  const begins = bytes
    .subarray(0, 1024)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (!/^[[{]/.test(begins)) return { type: 'text/csv', bytes };
  if (!isUtf8(bytes)) throw invalid('Its JSON is not UTF-8.');
  try {
    JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw invalid(`It begins as JSON and is none: ${(cause as Error).message.slice(0, 200)}`);
  }
  return { type: 'application/json', bytes };
}

async function judgeImage(bytes: Buffer): Promise<AssetFile | undefined> {
  const looksLikeOne = /^(\x89PNG|\xff\xd8\xff|[\s\S]{0,1000}<svg[\s>])/.test(
    bytes.subarray(0, 1100).toString('latin1'),
  );
  return looksLikeOne ? judgePicture(bytes) : undefined;
}

/** @throws asset_invalid, image_invalid, pdf_unreadable, pdf_encrypted, body_too_large; queue_full while many are looked at. */
export async function judgeAsset(bytes: Buffer): Promise<AssetFile> {
  const begins = bytes.subarray(0, 4).toString('latin1');
  const font = fonts.find(([magic]) => magic === begins);
  const isPdf = bytes.subarray(0, 1024).includes('%PDF-');
  const picture = isPdf || font !== undefined ? undefined : await judgeImage(bytes);
  const found = picture ?? (font === undefined ? undefined : { type: font[1], bytes });
  if ((isPdf || found !== undefined) && bytes.length > mostAssetBytes) throw fail('body_too_large');
  if (isPdf) return judgePdf(bytes);
  return found === undefined ? judgeText(bytes) : { type: found.type, bytes: found.bytes };
}
