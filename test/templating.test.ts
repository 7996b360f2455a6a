// Templates: filled in each language with whatever data, printed, and told apart when they are broken.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import jsQR from 'jsqr';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { drawFirstPage } from '../scripts/picture.ts';
import type { Rendering } from '../src/rendering/rendering.ts';
import { openTemplating, type Templating } from '../src/templating/templating.ts';
import { startOwnRendering } from './support/own-rendering.ts';
import { readPdf } from './support/pdf.ts';
import { lettersOf } from './support/text-of-pdf.ts';

const builtIn = join(import.meta.dirname, '../templates/course-completion');
const templateId = 'course-completion';

let rendering: Rendering;
let folder: string;
let templating: Templating;
let sample: Record<string, unknown>;

const minimal: Record<string, string> = {
  'page.html': '<!doctype html><html lang="{{ page.language }}"><title>x</title><body><p>{{ name }}</p></body></html>',
  'schema.json': JSON.stringify({
    type: 'object',
    required: ['name', 'count'],
    properties: { name: { type: 'string' }, count: { type: 'number' } },
  }),
  'sample.json': '{"name":"Ada","count":2}',
  'texts/en.json': '{"points_one":"{{count}} point","points_other":"{{count}} points"}',
};

/** A template of the test's own, for all that its files say. */
async function add(id: string, files: Record<string, string>): Promise<void> {
  await mkdir(join(folder, id, 'texts'), { recursive: true });
  for (const [name, text] of Object.entries({ ...minimal, ...files })) await writeFile(join(folder, id, name), text);
}

const html = (body: string) => `<!doctype html><html lang="en"><title>x</title><body>${body}</body></html>`;
const broken: Record<string, [Record<string, string>, RegExp]> = {
  loops: [
    { 'page.html': html('{% for i in (1..999999) %}{% for j in (1..999999) %}x{% endfor %}{% endfor %}') },
    /limit/,
  ],
  slow: [
    { 'page.html': html(`${'{% for i in (1..9999) %}'.repeat(2)}{{ i | number }}${'{% endfor %}'.repeat(2)}`) },
    /limit/,
  ],
  grows: [{ 'page.html': html(`{% for i in (1..9999) %}${'x'.repeat(9999)}{% endfor %}`) }, /letters/],
  'doubles-itself': [
    { 'page.html': html(`{% assign a = 'xx' %}${'{% assign a = a | append: a %}'.repeat(40)}{{ a }}`) },
    /limit/,
  ],
  'unread-tag': [{ 'page.html': html('{% if name %}') }, /not closed/],
  'unknown-filter': [{ 'page.html': html('{{ name | shout }}') }, /undefined filter/],
  'writes-raw': [{ 'page.html': html('{{ name | raw }}') }, /undefined filter/],
  'includes-files': [{ 'page.html': html("{% render '../../../../etc/hostname' %}") }, /tag "render" not found/],
  'names-nothing': [{ 'page.html': html('{{ nmae }}') }, /undefined variable/],
  'names-nothing-with-a-logo': [
    { 'page.html': html('{% if page.images.logo %}{{ nmae }}{% endif %}{{ name }}') },
    /undefined variable/,
  ],
  'needs-what-may-be-missing': [
    {
      'page.html': html('{{ name }} {{ grade }}'),
      'schema.json': JSON.stringify({ type: 'object', required: ['name'] }),
      'sample.json': '{"name":"Ada","grade":"A"}',
    },
    /undefined variable/,
  ],
  'asks-for-no-style': [
    { 'page.html': '<!doctype html><html><link rel="stylesheet" href="/pirnt.css"><body>{{ name }}</body></html>' },
    /asks for \/pirnt\.css/,
  ],
  'asks-for-no-picture': [{ 'print.css': 'body { background: url("/bordre.svg") }' }, /asks for \/bordre\.svg/],
  'unknown-text': [{ 'page.html': html("{{ 'hello' | t }}") }, /no "hello"/],
  'lacks-text': [{ 'texts/de.json': '{}' }, /de\.json lacks points/],
  'not-json': [{ 'schema.json': '{' }, /schema\.json is not JSON/],
  'not-a-schema': [{ 'schema.json': '{"type":"text"}' }, /schema is invalid/],
  'wrong-sample': [{ 'sample.json': '{"name":7,"count":2}' }, /must be string/],
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-templates-'));
  for (const [id, [files]] of Object.entries(broken)) await add(id, files);
  await add('plural', { 'page.html': html("<p>{{ 'points' | t: count: count }}</p>") });
  await add('asks-outside', { 'page.html': html('<p>x</p><img src="https://example.org/a.png" alt="">') });
  await add('grows-with-data', {
    'page.html': html('<p>{% for i in (1..count) %}{% for j in (1..count) %}x{% endfor %}{% endfor %}</p>'),
  });
  rendering = await startOwnRendering();
  templating = await openTemplating({ rendering, templatesDir: folder });
  sample = templating.list().find(({ id }) => id === templateId)?.sample ?? {};
});
afterAll(async () => {
  await rendering[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const print = async (data: object, language = 'en', images = {}) => {
  const printed = await templating.print({
    templateId,
    language,
    data: { ...sample, ...data },
    images,
    priority: 'trigger',
  });
  return { ...(await readPdf(printed.bytes)), bytes: printed.bytes };
};

/** Letters in the order in which they are read, for what a PDF has in pieces. */
const letters = (text: string) => text.replace(/\s+/g, '');

const logo = {
  type: 'image/svg+xml',
  bytes: Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1" fill="#1d2f4f"/></svg>',
  ),
};

/** How far above the foot of the sheet each of the words stands, in points. */
async function heightsOf(pdf: Buffer, words: string[]): Promise<number[]> {
  const task = getDocument({ data: new Uint8Array(pdf), useSystemFonts: false, verbosity: 0 });
  const { items } = await (await (await task.promise).getPage(1)).getTextContent();
  await task.destroy();
  return words.map((word) => {
    const item = items.find((each) => 'str' in each && each.str.includes(word));
    return item !== undefined && 'transform' in item ? Number(item.transform[5]) : Number.NaN;
  });
}

describe('the certificate', () => {
  test.each([
    ['en', 'Ada Lovelace', 'Certificate of Completion', 'May 14, 2026'],
    ['ta', 'மீனாட்சி சுந்தரம்', 'நிறைவுச் சான்றிதழ்', '14 மே, 2026'],
    ['hi', 'अनुष्का श्रीवास्तव', 'पूर्णता प्रमाण पत्र', '14 मई 2026'],
    ['ar', 'فاطمة الزهراء', 'شهادة إتمام', '2026'],
  ])('says all in %s, on one sheet', async (language, name, title, day) => {
    const pdf = await print({ name }, language);
    expect(pdf).toMatchObject({ pages: 1, size: [842, 595], isTagged: true, title: `${title} · ${name}` });
    expect(pdf.language).toBe(language);
    const written = await lettersOf(pdf.bytes);
    for (const text of [name, title, day, '2026-000123', 'Foundations of Mathematics', 'Riverside College'])
      if (written !== undefined) expect(written).toContain(letters(text));
    expect(pdf.text).not.toMatch(/undefined|null|NaN|\[object/);
  });

  test('has a code that leads to its page, as lines and not as a picture', async () => {
    const { bytes } = await print({});
    const image = await loadImage((await drawFirstPage(bytes)) as Buffer);
    const context = createCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    expect(jsQR.default(data, image.width, image.height)?.data).toBe(sample.verifyUrl);
    expect(bytes.includes('/Subtype /Image')).toBe(false);
  });

  test.each([
    ['markup', '<b>Ann</b><img src=x onerror=alert(1)><script>1</script>'],
    ['entities', 'Ann &amp; Bob &lt;i&gt;'],
    ['template syntax', '{{ 7 | times: 6 }} {% raw %} {%- if'],
    ['the syntax of texts', '{{name}} $t(title) $t(issued)'],
    ['style', '</style><style>*{display:none}</style>'],
    ['an address', 'https://example.org/?a=1&b="2"'],
    ['an attribute', '" onclick="x" data-x=\''],
  ])('shows %s in a name as text', async (_what, name) => {
    const pdf = await print({ name, courseName: name });
    expect(letters(pdf.text).split(letters(name))).toHaveLength(3);
    expect(pdf.text).toContain('Date of issue');
  });

  test.each([
    ['200 letters of one word', 'W'.repeat(200)],
    ['200 letters of words', 'Wolfeschlegelsteinhausen '.repeat(8)],
    ['200 letters of Tamil', 'கிருஷ்ணமூர்த்தி '.repeat(20)],
    ['200 letters of Devanagari', 'श्रीवास्तव'.repeat(40)],
    ['200 letters of Arabic', 'عبد الرحمن '.repeat(18)],
    ['200 letters of Cyrillic', 'Щ'.repeat(200)],
    ['three names of 200 letters', `${'Wolfeschlegel'.repeat(16)} `.repeat(3)],
    ['many marks', `A${'\u0301'.repeat(150)}nn`],
    ['an override of direction', '\u202Ennov\u202E Ann'],
  ])('has place for %s', async (_what, name) => {
    const courseName = 'Foundations of Mathematics and more '.repeat(6).trim();
    const { pages, bytes } = await print({ name, courseName }, 'en', { logo });
    expect(pages).toBe(1);
    const heights = await heightsOf(bytes, ['Completion', 'certify', 'completed', 'score', 'issue']);
    // From the head of the sheet to its foot: nothing has pushed anything out, or onto another.
    expect(heights).toEqual([...heights].sort((one, other) => other - one));
    expect(heights.every((height) => height > 50 && height < 530)).toBe(true);
    expect((heights[3] ?? 0) - (heights[4] ?? 0)).toBeGreaterThan(12);
  });

  test('is the same page for the same input', async () => {
    const [one, other] = [await print({}), await print({})];
    expect(await drawFirstPage(one.bytes)).toEqual(await drawFirstPage(other.bytes));
  });

  test('leaves out what it is not given, and writes the day as it was given', async () => {
    const { score: _score, maxScore: _maxScore, expiresOn: _expires, ...least } = sample;
    const { bytes } = await templating.print({
      templateId,
      language: 'en',
      data: { ...least, issuedOn: '2026-05-14T00:30:00+05:30' },
      priority: 'trigger',
    });
    const { text } = await readPdf(bytes);
    expect(text).toContain('May 14, 2026');
    expect(text).not.toMatch(/score|Valid until|undefined/);
  });
});

describe('data', () => {
  const check = (data: object, language = 'en', id = templateId) =>
    templating.check(id, language, { ...sample, ...data });
  const failure = (work: () => void) => {
    try {
      work();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test.each([
    ['empty', ''],
    ['spaces', ' \u00a0\u3000\t'],
    ['what is not to be seen', '\u200b\u2060\ufeff\u3164\u00ad\u202e\u2800'],
    ['marks alone', '\u0301\u0301'],
    ['missing', undefined],
    ['null', null],
  ])('a name of %s is name_required', (_what, name) => {
    const data =
      name === undefined
        ? Object.fromEntries(Object.entries(sample).filter(([key]) => key !== 'name'))
        : { ...sample, name };
    expect(failure(() => templating.check(templateId, 'en', data))).toMatchObject({ code: 'name_required' });
  });

  test.each([
    ['/issuedOn', { issuedOn: '2026-02-30' }],
    ['/issuedOn', { issuedOn: '99999-01-01' }],
    ['/issuedOn', { issuedOn: 'yesterday' }],
    ['/verifyUrl', { verifyUrl: 'javascript:alert(1)' }],
    ['/courseName', { courseName: '  ' }],
    ['/name', { name: 'x'.repeat(10_000) }],
    ['/score', { score: '92' }],
    ['/colour', { colour: 'red' }],
  ])('what does not fit the schema is told by its place: %s', (field, data) => {
    expect(failure(() => check(data))).toMatchObject({
      code: 'invalid_request',
      details: { errors: expect.arrayContaining([expect.objectContaining({ field })]) },
    });
  });

  test('a template and a language that are not there have their codes', () => {
    expect(failure(() => check({}, 'en', 'nothing'))).toMatchObject({ code: 'unknown_template' });
    expect(failure(() => check({}, 'en', '../course-completion'))).toMatchObject({ code: 'unknown_template' });
    expect(failure(() => check({}, 'en', '__proto__'))).toMatchObject({ code: 'unknown_template' });
    expect(failure(() => check({}, 'xx'))).toMatchObject({ code: 'unknown_language' });
    expect(check({})).toBeUndefined();
  });
});

describe('a template', () => {
  test.each(Object.keys(broken))('that is broken is known from the start, and why: %s', (id) => {
    expect(templating.list().find((each) => each.id === id)?.problem).toMatch(broken[id]?.[1] as RegExp);
    expect(() => templating.check(id, 'en', {})).toThrow(expect.objectContaining({ code: 'template_failed' }));
  });

  const printOwn = (id: string, count: number) =>
    templating.print({ templateId: id, language: 'en', data: { name: 'Ada', count }, priority: 'trigger' });

  test('has the plural forms of its language', async () => {
    expect((await readPdf((await printOwn('plural', 1)).bytes)).text).toContain('1 point');
    expect((await readPdf((await printOwn('plural', 3)).bytes)).text).toContain('3 points');
  });

  test('that grows with its data, or asks for what it has not, fails by its own code', async () => {
    await expect(printOwn('grows-with-data', 50_000)).rejects.toMatchObject({ code: 'template_failed' });
    await expect(printOwn('asks-outside', 1)).rejects.toMatchObject({ code: 'template_failed' });
  });

  test('of the same name takes the place of a built-in one; a folder that is not there stops the start', async () => {
    const other = await mkdtemp(join(tmpdir(), 'platen-templates-'));
    try {
      await cp(builtIn, join(other, templateId), { recursive: true });
      const page = await readFile(join(builtIn, 'page.html'), 'utf8');
      await writeFile(join(other, templateId, 'page.html'), page.replace('<main>', '<main><p>Of our own</p>'));
      const own = await openTemplating({ rendering, templatesDir: other });
      const { bytes } = await own.print({ templateId, language: 'en', data: sample, priority: 'trigger' });
      expect((await readPdf(bytes)).text).toContain('Of our own');
    } finally {
      await rm(other, { recursive: true, force: true });
    }
    await expect(openTemplating({ rendering, templatesDir: join(folder, 'none') })).rejects.toThrow('TEMPLATES_DIR');
  });
});
