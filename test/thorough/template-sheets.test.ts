// Every template that comes with Platen, in every language, with names of every length; and letters that no font shows.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { Rendering } from '../../src/rendering/rendering.ts';
import { openTemplating, type Templating } from '../../src/templating/templating.ts';
import { startOwnRendering } from '../support/own-rendering.ts';

let rendering: Rendering;
let templating: Templating;
beforeAll(async () => {
  rendering = await startOwnRendering();
  templating = await openTemplating({ rendering });
});
afterAll(async () => {
  await rendering[Symbol.asyncDispose]();
});

const picture = (width: number, height: number) => ({
  type: 'image/svg+xml' as const,
  bytes: Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}"><circle cx="9" cy="9" r="9" fill="#1d2f4f"/></svg>`,
  ),
});
const images = { logo: picture(60, 18), signature: picture(60, 18), background: picture(297, 210) };

async function print(id: string, language: string, data: object) {
  const sample = templating.list().find((each) => each.id === id)?.sample;
  const request = { templateId: id, language, data: { ...sample, ...data }, images, priority: 'trigger' as const };
  const { bytes, pages } = await templating.print(request);
  return { pages, pieces: await piecesOf(bytes) };
}

interface Piece {
  text: string;
  left: number;
  right: number;
  bottom: number;
  top: number;
}

/** Where each piece of text stands on the first sheet, in points from its lower left corner. */
async function piecesOf(pdf: Buffer): Promise<Piece[]> {
  const task = getDocument({ data: new Uint8Array(pdf), useSystemFonts: false, verbosity: 0 });
  const { items } = await (await (await task.promise).getPage(1)).getTextContent();
  await task.destroy();
  return items.flatMap((item) => {
    if (!('str' in item) || item.str.trim() === '') return [];
    const [, , , , left, bottom] = item.transform as [number, number, number, number, number, number];
    return [{ text: item.str, left, right: left + item.width, bottom, top: bottom + item.height }];
  });
}

/** Nothing is printed nearer to an edge; 8 mm. */
const margin = 22;
const isInside = ({ left, right, bottom, top }: Piece) =>
  left >= margin && right <= 842 - margin && bottom >= margin && top <= 595 - margin;

const letters = (text: string) => [...new Intl.Segmenter('und').segment(text)].map(({ segment }) => segment);
const long = (word: string) => letters(word.repeat(200)).slice(0, 200).join('').trim();

const names: Record<string, string[]> = {
  en: [
    'Li',
    'W'.repeat(200),
    long('Wolfeschlegelsteinhausen '),
    `${long('Wolfeschlegelsteinhausen ')} `.repeat(3).trim(),
  ],
  ta: ['கவி', long('கிருஷ்ணமூர்த்தி '), long('மூ')],
  hi: ['राम', long('श्रीवास्तव '), long('A\u0301\u0323\u0302')],
  ar: ['علي', long('عبد الرحمن '), long('محمد')],
};

describe.each(['course-completion', 'modern-certificate', 'plain-certificate'])('%s', (id) => {
  test.each(Object.keys(names))('keeps names of any length on its sheet, in %s', async (language) => {
    for (const name of names[language] ?? []) {
      const { pages, pieces } = await print(id, language, { name, courseName: long('Foundations of Mathematics ') });
      expect(pages).toBe(1);
      expect(pieces.filter((piece) => !isInside(piece))).toEqual([]);
      const text = pieces
        .map((piece) => piece.text)
        .join('')
        .replace(/\s/g, '');
      expect(text).not.toMatch(/undefined|null|NaN|\[object/);
      // What is written in ligatures comes out of the file in other pieces.
      if (language === 'en') expect(text).toContain(name.replace(/\s/g, '').slice(0, 20));
    }
  });
});

describe('letters', () => {
  const request = (name: string) => ({
    templateId: 'course-completion',
    language: 'en',
    data: { ...templating.list().find(({ id }) => id === 'course-completion')?.sample, name },
    priority: 'trigger' as const,
  });

  test.each([
    ['Ethiopic', 'Abel ሰላም', ['ሰ', 'ላ', 'ም']],
    ['for private use', 'Ann \ue000', ['\ue000']],
    ['that are none', 'Ann \u{10ffff}', ['\u{10ffff}']],
    ['an emoji of no font here', 'Ann \u{1faf6}', ['\u{1faf6}']],
  ])('%s are told, and not printed as empty boxes', async (_what, name, missing) => {
    expect(await templating.missingLetters(request(name))).toEqual(missing);
    const refused = templating.print(request(name));
    await expect(refused).rejects.toMatchObject({
      code: 'glyph_missing',
      details: { errors: [{ field: '/name', message: expect.stringContaining('U+') }] },
    });
  });

  test.each([
    ['marks', `A${'\u0301'.repeat(10)}nn e\u0301 x\u0323\u0302`],
    ['Arabic with vowels', 'مُحَمَّد بْن عَبْدِ اللّٰه'],
    ['Tamil', 'ஸ்ரீ க்ஷேத்ரா'],
    ['Devanagari', 'क्ष्म्य त्र्यम्बक'],
    ['what joins and what breaks', 'न\u200dन A\u00adnn Zo\u200bë \ufeff'],
    ['Cyrillic, Greek, Vietnamese', 'Щука Ωμέγα Nguyễn'],
  ])('%s are shown, and nothing is doubted', async (_what, name) => {
    expect(await templating.missingLetters(request(name))).toEqual([]);
    await expect(templating.print(request(name))).resolves.toMatchObject({ pages: 1 });
  });

  test('a font of the machine is as good: what it shows is printed, and what it does not is told', async () => {
    const name = '王小明';
    const missing = await templating.missingLetters(request(name));
    if (missing.length === 0) await expect(templating.print(request(name))).resolves.toMatchObject({ pages: 1 });
    else await expect(templating.print(request(name))).rejects.toMatchObject({ code: 'glyph_missing' });
  });
});
