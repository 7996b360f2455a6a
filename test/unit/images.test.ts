// Which pictures are taken, by their bytes, and what is left of an SVG.

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { openFolderStore } from '../../src/documents/folder-store.ts';
import { createImages, type Images } from '../../src/images/images.ts';

let folder: string;
let images: Images;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-images-'));
  images = createImages({ store: await openFolderStore(folder), prefix: 'images/' });
});
afterAll(() => rm(folder, { recursive: true }));

const svg = (content: string, attributes = '') =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"${attributes}>${content}</svg>`);
const clean = async (content: string, attributes = '') => {
  const { bytes, leftOut } = await images.put('', 'logo.svg', svg(content, attributes));
  return { text: bytes.toString(), leftOut };
};
const refusal = (path: string, bytes: Buffer) =>
  images.put('', path, bytes).then(
    () => 'taken',
    ({ code, details }) => `${code} ${details.detail}`,
  );

function chunk(type: string, data: Buffer): Buffer {
  const whole = Buffer.concat([Buffer.alloc(4), Buffer.from(type), data, Buffer.alloc(4)]);
  whole.writeUInt32BE(data.length);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), whole.length - 4);
  return whole;
}

function png(width: number, height: number, pixels: Buffer, interlace = 0): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, interlace], 8);
  const start = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([
    start,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const drawn = (type: 'png' | 'jpeg') => {
  const canvas = createCanvas(40, 30);
  canvas.getContext('2d').fillRect(5, 5, 20, 20);
  return type === 'png' ? canvas.toBuffer('image/png') : canvas.toBuffer('image/jpeg');
};

describe('a picture', () => {
  test('is known by its bytes', async () => {
    expect(await images.put('', 'logo.png', drawn('png'))).toMatchObject({
      type: 'image/png',
      size: { width: 40, height: 30 },
    });
    expect(await images.put('', 'backgrounds/course-completion.jpg', drawn('jpeg'))).toMatchObject({
      type: 'image/jpeg',
      size: { width: 40, height: 30 },
    });
    expect(await images.put('', 'logo.png', png(2, 2, Buffer.alloc(6)))).toMatchObject({
      size: { width: 2, height: 2 },
    });
    expect(await images.put('', 'logo.png', png(9, 9, Buffer.alloc(81 + 19), 1))).toMatchObject({ size: { width: 9 } });
  });

  test.each([
    ['of another kind', 'logo.png', Buffer.from('GIF89a'), /neither PNG nor JPEG nor SVG/],
    ['of no kind', 'logo.png', Buffer.alloc(0), /neither/],
    ['a PDF', 'logo.png', Buffer.from('%PDF-1.7'), /neither/],
    ['a page', 'logo.svg', Buffer.from('<!doctype html><html><script>1</script></html>'), /document type|well-formed/],
    ['of another kind than its name says', 'logo.png', drawn('jpeg'), /Its name says image\/png/],
    ['of another kind than its name says', 'logo.jpg', svg('<path d="M0 0"/>'), /Its name says image\/jpeg/],
    ['of 30,000 × 30,000 pixels', 'logo.png', png(30_000, 30_000, Buffer.alloc(9)), /30000 × 30000 pixels/],
    ['of one long side', 'logo.png', png(30_000, 1, Buffer.alloc(9)), /pixels/],
    ['of no size', 'logo.png', png(0, 5, Buffer.alloc(9)), /no size/],
    ['with pixels missing', 'logo.png', png(100, 100, Buffer.alloc(50)), /missing/],
    ['that holds more than it says', 'logo.png', png(2, 2, Buffer.alloc(50_000_000)), /more than its size says/],
    ['that is cut off', 'logo.png', drawn('png').subarray(0, -20), /cut off/],
    ['that was altered', 'logo.png', Buffer.from(drawn('png')).fill(7, 60, 64), /altered/],
    ['a JPEG that is cut off', 'logo.jpg', drawn('jpeg').subarray(0, 100), /cut off/],
    ['of too many bytes', 'logo.png', Buffer.alloc(10 * 1024 * 1024 + 1), /bytes/],
  ])('%s is refused: %s', async (_what, path, bytes, reason) => {
    const answer = await refusal(path, bytes);
    expect(answer).toMatch(/^image_invalid/);
    expect(answer).toMatch(reason);
  });

  describe('keeps nothing of what was written beside its pixels', () => {
    const secret = 'Home of Anjali, 12.9716 N';
    /** As a camera writes it: big or little end first, an orientation, and a word. */
    const tiff = (orientation: number, isLittle: boolean) => {
      const bytes = Buffer.alloc(26);
      bytes.write(isLittle ? 'II*\0\x08' : 'MM\0*\0\0\0\x08', 'latin1');
      const write16 = (value: number, at: number) =>
        isLittle ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
      for (const [value, at] of [
        [1, 8],
        [0x0112, 10],
        [3, 12],
        [orientation, 18],
      ] as const)
        write16(value, at);
      return Buffer.concat([bytes, Buffer.from(secret)]);
    };
    const segment = (marker: number, data: Buffer) => {
      const head = Buffer.from([0xff, marker, 0, 0]);
      head.writeUInt16BE(data.length + 2, 2);
      return Buffer.concat([head, data]);
    };
    const exif = (orientation: number, isLittle = false) =>
      segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), tiff(orientation, isLittle)]));
    const photograph = (...beside: Buffer[]) => {
      const plain = drawn('jpeg');
      return Buffer.concat([plain.subarray(0, 2), ...beside, plain.subarray(2)]);
    };
    const pixelsOf = async (bytes: Buffer) => {
      const image = await loadImage(bytes);
      const context = createCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      return Buffer.from(context.getImageData(0, 0, image.width, image.height).data);
    };

    test.each([
      ['Exif', exif(1), ['Exif']],
      ['a rotation and a place', exif(6), ['Exif']],
      ['a rotation and a place, little end first', exif(6, true), ['Exif']],
      ['XMP', segment(0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0${secret}`)), ['http']],
      ['IPTC', segment(0xed, Buffer.from(`Photoshop 3.0\0${secret}`)), ['Photoshop']],
      ['a remark', segment(0xfe, Buffer.from(secret)), ['comment']],
      ['a second picture', segment(0xe2, Buffer.from(`MPF\0${secret}`)), ['MPF']],
    ])('a JPEG with %s', async (what, beside, leftOut) => {
      const given = Buffer.concat([photograph(beside), Buffer.from(secret)]);
      const kept = await images.put('', 'signature.jpg', given);
      expect(kept.bytes.includes('Anjali')).toBe(false);
      expect(kept.leftOut).toEqual(leftOut);
      const isOnItsSide = what.startsWith('a rotation');
      expect(kept.size).toEqual(isOnItsSide ? { width: 30, height: 40 } : { width: 40, height: 30 });
      const shown = await loadImage(kept.bytes);
      expect({ width: shown.width, height: shown.height }).toEqual(kept.size);
      expect((await pixelsOf(kept.bytes)).equals(await pixelsOf(given))).toBe(true);
      // What lies there is judged again when it is read, and stays what it is.
      expect(await images.put('', 'signature.jpg', kept.bytes)).toMatchObject({ sha256: kept.sha256, leftOut: [] });
    });

    test.each(['tEXt', 'zTXt', 'iTXt', 'eXIf', 'tIME', 'prVt'])('a PNG with %s', async (type) => {
      const plain = drawn('png');
      const [head, rest] = [plain.subarray(0, 33), plain.subarray(33)];
      const kept = await images.put('', 'logo.png', Buffer.concat([head, chunk(type, Buffer.from(secret)), rest]));
      expect(kept.bytes.includes('Anjali')).toBe(false);
      expect(kept.leftOut).toContain(type);
      expect((await pixelsOf(kept.bytes)).equals(await pixelsOf(plain))).toBe(true);
      expect(await images.put('', 'logo.png', kept.bytes)).toMatchObject({ sha256: kept.sha256, leftOut: [] });
    });

    test('that others put into the bucket, or that an earlier version kept', async () => {
      const store = await openFolderStore(folder);
      const given = photograph(exif(1));
      const sha256 = createHash('sha256').update(given).digest('hex');
      for (const name of ['signature.jpg', `kept/${sha256}`])
        await store.put(`other/images/${name}`, given, { metadata: {}, replaces: undefined });
      const { signature } = await images.find('other', 'course-completion');
      expect(signature?.bytes.includes('Anjali')).toBe(false);
      const kept = await images.findKept('other', { signature: sha256 });
      expect(kept.signature?.bytes.includes('Anjali')).toBe(false);
      expect(await images.findKept('other', await images.keep('other', { signature } as typeof kept))).toMatchObject({
        signature: { sha256: signature?.sha256 },
      });
    });
  });

  test.each([
    '../logo.png',
    'backgrounds/../../documents/x.png',
    'backgrounds/..png',
    'backgrounds/a/b.png',
    '/logo.png',
    'logo.png/',
    'logo.PNG',
    'logo.gif',
    'other.png',
    'kept/logo.png',
    'logo.png\0',
    'backgrounds/.png',
    'reports/x.png',
  ])('is put under a known name only: %j is refused', async (path) => {
    expect(await refusal(path, drawn('png'))).toMatch(/^invalid_request/);
  });
});

describe('an SVG', () => {
  test('that only shows something stays as it is, however often it is cleaned', async () => {
    const content =
      '<title>A &amp; B</title><defs><linearGradient id="g"><stop offset="0" stop-color="#fff"></stop></linearGradient></defs><style>.a{fill:url(#g)}</style><g class="a" transform="scale(2)"><path d="M0 0h9"></path><use href="#g"></use></g>';
    const once = await clean(content);
    expect(once.leftOut).toEqual([]);
    expect(once.text).toContain('<path d="M0 0h9">');
    expect(once.text).toContain('.a{fill:url(#g)}');
    const { bytes } = await images.put('', 'logo.svg', Buffer.from(once.text));
    expect(bytes.toString()).toBe(once.text);
  });

  test.each([
    ['a script', '<script>alert(1)</script>', 'script'],
    ['a script of another namespace', '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>', 'script'],
    ['a handler', '<path d="M0 0" onclick="alert(1)"/>', 'onclick'],
    ['HTML', '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>', 'foreignObject'],
    ['a picture from elsewhere', '<image href="https://example.org/a.png"/>', 'example.org'],
    ['a use of elsewhere', '<use href="https://example.org/a.svg#x"/>', 'example.org'],
    [
      'a use of elsewhere, as it was written before',
      '<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="//example.org/a#x"/>',
      'example.org',
    ],
    ['a link', '<a href="javascript:alert(1)"><path d="M0 0"/></a>', 'javascript'],
    ['a fill from elsewhere', '<path d="M0 0" fill="url(https://example.org/#x)"/>', 'example.org'],
    ['a style from elsewhere', '<style>@import "https://example.org/a.css";</style>', 'example.org'],
    ['a style with an address', '<style>.a{background:url( "https://example.org/a")}</style>', 'example.org'],
    ['a style that hides an address', '<style>.a{fill:u\\72l(https://example.org/a)}</style>', 'example.org'],
    ['a style in CDATA', '<style><![CDATA[.a{fill:url(https://example.org/a)}]]></style>', 'example.org'],
    ['a style of an element', '<path d="M0 0" style="fill:url(//example.org/a)"/>', 'example.org'],
    ['an animation', '<path d="M0 0"><set attributeName="href" to="javascript:alert(1)"/></path>', 'javascript'],
    ['a filter from elsewhere', '<filter id="f"><feImage href="https://example.org/a"/></filter>', 'example.org'],
    ['a base', '<path xml:base="https://example.org/" d="M0 0"/>', 'example.org'],
    ['a remark', '<!-- https://example.org --><path d="M0 0"/>', 'example.org'],
    ['an instruction', '<?xml-stylesheet href="https://example.org/a.css"?>', 'example.org'],
  ])('has %s taken out', async (_what, content, word) => {
    const { text } = await clean(content);
    expect(text).not.toContain(word);
    expect(text.startsWith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">')).toBe(true);
  });

  test('says what was left out', async () => {
    const { leftOut } = await clean('<script>1</script><path d="M0 0" onclick="x"/>', ' onload="alert(1)"');
    expect(leftOut).toEqual(['onload', '<script>', 'onclick']);
  });

  const doubling = Array.from(
    { length: 30 },
    (_, index) => `<g id="a${index + 1}"><use href="#a${index}"/><use href="#a${index}"/></g>`,
  ).join('');

  test.each([
    [
      'entities',
      Buffer.from(
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">&a;</svg>',
      ),
      /document type/,
    ],
    ['an unknown entity', svg('&nbsp;'), /well-formed/],
    ['a tag left open', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><g>'), /well-formed/],
    ['no namespace', Buffer.from('<svg viewBox="0 0 1 1"/>'), /no SVG/],
    ['no size', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /no size/],
    ['letters that are none', Buffer.concat([svg('<title>'), Buffer.from([0xff])]), /UTF-8/],
    ['uses that double each other', svg(`<path id="a0" d="M0 0"/>${doubling}`), /too much/],
    ['a use of itself', svg('<g id="a"><use href="#a"/></g>'), /itself/],
    ['too many elements', svg('<path d="M0 0"/>'.repeat(20_001)), /elements/],
    ['too deep a nest', svg('<g>'.repeat(200) + '</g>'.repeat(200)), /deep/],
    ['too deep a nest of what is left out', svg('<x>'.repeat(200) + '</x>'.repeat(200)), /deep/],
  ])('with %s is refused', async (_what, bytes, reason) => {
    const answer = await refusal('logo.svg', bytes);
    expect(answer).toMatch(/^image_invalid/);
    expect(answer).toMatch(reason);
  });
});
