// What a template can do with a value: say it in its language, write dates and numbers, measure a name, draw a code.

import QRCode from 'qrcode';

/** How many ems a letter takes, about, by its script; what no line fits takes half of one. */
const widths: [RegExp, number][] = [
  [/[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]|\p{Emoji_Presentation}/u, 1],
  [/\p{Script=Tamil}/u, 1.3],
  [/[\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}]/u, 0.8],
  [/\p{Lu}|[mwMW@%]/u, 0.78],
  [/\p{White_Space}/u, 0.3],
];
const otherWidth = 0.52;
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** About how wide a text is on one line, in ems: nothing runs on the page that could measure it. */
export function emsOf(text: string): number {
  const letters = [...graphemes.segment(text)].map(({ segment }) => segment);
  const ems = letters.reduce(
    (sum, letter) => sum + (widths.find(([script]) => script.test(letter))?.[1] ?? otherWidth),
    0,
  );
  return Math.max(1, Math.round(ems * 100) / 100);
}

/** The day as it was written, whatever the zone of its time: a certificate of the 1st is not one of the 30th elsewhere. */
export function formatDay(language: string, iso: string, style: string): string {
  const day = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  const dateStyle = style as NonNullable<Intl.DateTimeFormatOptions['dateStyle']>;
  return new Intl.DateTimeFormat(language, { dateStyle, timeZone: 'UTC' }).format(day);
}

/** A code that a telephone reads, as the address of a picture of lines. */
export function drawQrCode(text: string): string {
  let svg = '';
  QRCode.toString(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 0 }, (error, drawn) => {
    if (error) throw error;
    svg = drawn;
  });
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}
