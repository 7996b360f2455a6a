// Text on the first page of a PDF: to the point where ReportLab would have put it, in any script, on any template.

import { spawnSync } from 'node:child_process';
import { degrees, PDFDocument, PDFName } from '@cantoo/pdf-lib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CertificateToMake, GeneratorTools } from '../src/plugins/contract.ts';
import { overlayGenerator } from '../src/plugins/overlay-generator.ts';
import { overlayOptions } from '../src/plugins/overlay-options.ts';
import { printPage } from '../src/plugins/page-printer.ts';
import type { Rendering } from '../src/rendering/rendering.ts';
import { drawQrCode } from '../src/templating/filters.ts';
import { openTemplating, type Templating } from '../src/templating/templating.ts';
import { type DrawnLine, readDrawnPage } from './support/drawn-lines.ts';
import { startOwnRendering } from './support/own-rendering.ts';
import { readPdf } from './support/pdf.ts';
import { lettersOf } from './support/text-of-pdf.ts';

let rendering: Rendering;
let templating: Templating;

beforeAll(async () => {
  rendering = await startOwnRendering();
  templating = await openTemplating({ rendering });
});
afterAll(async () => {
  await rendering[Symbol.asyncDispose]();
});

const certificate: CertificateToMake = {
  id: '8d0f3c61-3b29-4d0c-a8f1-52f1f3f6d001',
  number: 'ALG1-2026-000001',
  type: 'course-completion',
  studentId: 'STU001',
  courseId: 'ALG1',
  courseName: 'Algebra I',
  name: 'Anjali Kumar',
  firstName: 'Anjali',
  lastName: 'Kumar',
  issuanceDate: '2026-03-01T23:30:00-05:00',
  score: 91.5,
  language: 'en',
  issuerName: 'Example school',
  verifyUrl: 'https://school.example/verify/K7WQ',
};

const paper: [number, number] = [842, 596];

async function makeTemplate(change: (document: PDFDocument) => void = () => undefined): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  const page = document.addPage(paper);
  page.drawRectangle({ x: 20, y: 20, width: 802, height: 556, borderWidth: 2, opacity: 0 });
  change(document);
  return document.save();
}

async function overlay(
  template: Uint8Array,
  options: Record<string, unknown> = {},
  facts: Partial<CertificateToMake> = {},
): Promise<Buffer> {
  const { signal } = new AbortController();
  const tools = {
    signal,
    fetch,
    log: { info: () => undefined, warn: () => undefined },
    assets: { read: async () => ({ type: 'application/pdf', bytes: template }) },
    qrCode: drawQrCode,
    render: (request: Parameters<GeneratorTools['render']>[0]) => {
      if ('templateId' in request) throw new Error('it is a page');
      return printPage(request, (html, files) => templating.printPage({ html, files, signal }));
    },
  };
  const checked = overlayOptions.parse({ template: 'form', ...options });
  return Buffer.from(await overlayGenerator.generate({ ...certificate, ...facts }, checked, tools));
}

const round = (lines: DrawnLine[]) => lines.map(({ text, y }) => [text, Math.round(y)]);

test('name, context and date stand where they always stood, in the words of the language', async () => {
  const { lines, fonts, colors } = await readDrawnPage(await overlay(await makeTemplate()));
  expect(round(lines)).toEqual([
    ['Anjali Kumar', 290],
    ['Algebra I', 220],
    ['March 1, 2026', 120],
  ]);
  for (const { from, to } of lines) expect((from + to) / 2).toBeCloseTo(421, 0);
  expect([fonts, colors]).toEqual([['Arimo-Regular'], ['#000000']]);
});

test('one of them is taken away, others are added, and braces stay braces', async () => {
  const pdf = await overlay(await makeTemplate(), {
    text_elements: {
      date: false,
      name: { y: 300, uppercase: true },
      number: { text: '{number} {{{score}}} {verify_url}', y: 60, x: 100, align: 'left', size: 10, color: 'a00' },
      end: { text: 'to the right', y: 40, align: 'right' },
      long: { text: 'so long that it is broken', y: 520, x: 400, max_width: 80, font: 'Courier' },
    },
  });
  const { lines, colors } = await readDrawnPage(pdf);
  expect(round(lines)).toEqual([
    ['solong', 520],
    ['thatitis', 507],
    ['broken', 493],
    ['ANJALI KUMAR', 300],
    ['Algebra I', 220],
    ['ALG1-2026-000001 {91.5} https://school.example/verify/K7WQ', 60],
    ['to the right', 40],
  ]);
  expect(lines.at(-2)?.from).toBeCloseTo(100, 0);
  expect(lines.at(-1)?.to).toBeCloseTo(842, 0);
  expect(colors).toContain('#aa0000');
});

test('names in scripts that are joined and reordered are drawn as they are written', async () => {
  const template = await makeTemplate();
  const names = { ta: 'அஞ்சலி குமார்', hi: 'श्रीमती कृष्णा', ar: 'أنجالي كومار' };
  for (const [language, name] of Object.entries(names)) {
    const letters = await lettersOf(
      await overlay(template, { text_elements: { context: false, date: false } }, { language, name }),
    );
    if (letters !== undefined) expect(letters).toBe(name.replaceAll(' ', ''));
  }
});

test('a letter that no font has is told, not drawn as a box', async () => {
  const template = await makeTemplate();
  await expect(overlay(template, {}, { name: 'Anjali \u{13000}' })).rejects.toMatchObject({ code: 'glyph_missing' });
});

test('a code is drawn as lines, of its size at its place', async () => {
  const pdf = await overlay(await makeTemplate(), {
    text_elements: { code: { text: '{verify_url}', y: 40, x: 60, size: 70, qr: true } },
  });
  const without = await overlay(await makeTemplate());
  expect(pdf.length).toBeGreaterThan(without.length + 500);
  expect((await readDrawnPage(pdf)).lines).toHaveLength(3);
});

describe('templates', () => {
  const middleOf = (lines: DrawnLine[]) => lines.map(({ from, to, y }) => [Math.round((from + to) / 2), Math.round(y)]);

  test.each([0, 90, 180, 270])('one that is turned by %i degrees: upright as it is shown', async (angle) => {
    const template = await makeTemplate((document) => document.getPage(0).setRotation(degrees(angle)));
    const { lines } = await readDrawnPage(await overlay(template));
    const middle = angle % 180 === 0 ? 421 : 298;
    expect(middleOf(lines)).toEqual([
      [middle, 290],
      [middle, 220],
      [middle, 120],
    ]);
  });

  test('one of which only a part is shown', async () => {
    const template = await makeTemplate((document) => document.getPage(0).setCropBox(100, 50, 600, 400));
    const { lines } = await readDrawnPage(await overlay(template));
    expect(middleOf(lines)).toEqual([
      [300, 290],
      [300, 220],
      [300, 120],
    ]);
  });

  test('one whose paper has no whole pixels', async () => {
    const template = await makeTemplate((document) => document.getPage(0).setSize(841.89, 595.276));
    const { lines } = await readDrawnPage(await overlay(template));
    for (const [index, y] of [290, 220, 120].entries()) expect(Math.abs((lines[index]?.y ?? 0) - y)).toBeLessThan(0.5);
  });

  test('further pages and a form stay', async () => {
    const template = await makeTemplate((document) => {
      document.getForm().createTextField('remark').addToPage(document.getPage(0), { x: 50, y: 50 });
      document.addPage(paper).drawText('second');
    });
    const pdf = await overlay(template);
    expect((await readDrawnPage(pdf)).pages).toBe(2);
    expect((await readPdf(pdf)).text).toContain('second');
    const read = await PDFDocument.load(pdf);
    expect(read.getForm().getTextField('remark').getName()).toBe('remark');
  });

  test('one that leaves its drawing turned does not turn the text', async () => {
    const template = await makeTemplate((document) => {
      const page = document.getPage(0);
      const { context } = document;
      const drawing = context.register(context.stream('0 1 -1 0 0 0 cm 1 0 0 RG 10 10 50 50 re S'));
      page.node.set(PDFName.of('Contents'), drawing);
    });
    const { lines } = await readDrawnPage(await overlay(template));
    expect(middleOf(lines)[0]).toEqual([421, 290]);
  });

  test('one that is encrypted, and one that is broken, are told', async () => {
    const document = await PDFDocument.create();
    document.addPage(paper);
    document.encrypt({ userPassword: 'secret', ownerPassword: 'owner' });
    await expect(overlay(await document.save())).rejects.toMatchObject({
      message: expect.stringContaining('encrypted'),
    });
    const broken = (await makeTemplate()).subarray(0, 200);
    await expect(overlay(broken)).rejects.toMatchObject({ message: expect.stringContaining('could not be read') });
    // The thread goes on for the next.
    expect((await readDrawnPage(await overlay(await makeTemplate()))).lines).toHaveLength(3);
  });
});

test('an unknown placeholder, font or colour is refused with its place', () => {
  const pathsOf = (given: object) => {
    const { error } = overlayOptions.safeParse({ template: 'form', ...given });
    return error?.issues.flatMap(({ path, ...issue }) =>
      issue.code === 'invalid_union'
        ? issue.errors.flat().map((inner) => [...path, ...inner.path].join('/'))
        : [path.join('/')],
    );
  };
  expect(pathsOf({ text_elements: { more: { text: '{nmae}', y: 1 } } })).toContain('text_elements/more/text');
  expect(pathsOf({ text_elements: { name: { text: 'a } b' } } })).toContain('text_elements/name/text');
  expect(pathsOf({ defaults: { font: 'Comic Sans' } })).toContain('defaults/font');
  expect(pathsOf({ defaults: { color: 'red' } })).toContain('defaults/color');
  expect(pathsOf({ text_elements: { more: { text: 'no y' } } })).toContain('text_elements/more/y');
});

const python = [process.env.REPORTLAB_PYTHON, 'python3'].find(
  (path) => path !== undefined && spawnSync(path, ['-c', 'import reportlab']).status === 0,
);
const testReportLab = python === undefined ? test.skip : test;

testReportLab(
  'within half a point of the same texts by ReportLab: place, size, colour, space between letters',
  async () => {
    const look = { char_space: 0, line_height: 1.1, color: '#000000', font: 'Helvetica' };
    const texts = [
      { ...look, text: 'Anjali Kumar', y: 290, size: 32 },
      { ...look, text: 'Algebra I\nSecond part', y: 220, size: 28 },
      { ...look, text: 'March 1, 2026', y: 120, size: 12 },
      { ...look, text: 'WIDE APART', y: 400, size: 18, char_space: 4, color: '#aa3300', font: 'Times-Bold' },
      { ...look, text: 'AVATAR To fi', y: 350, size: 21.5, font: 'Helvetica-BoldOblique', color: '#123456' },
      { ...look, text: 'typed\non three\nlines', y: 80, size: 9.5, line_height: 1.4, font: 'Courier' },
    ];
    const input = JSON.stringify({ width: 842, height: 596, texts });
    const { stdout, stderr } = spawnSync(python ?? '', ['test/support/overlay_by_reportlab.py'], { input });
    expect(stderr.toString()).toBe('');
    const [name, context, date, ...more] = texts;
    const ours = await readDrawnPage(
      await overlay(await makeTemplate(), {
        text_elements: {
          name,
          context,
          date,
          ...Object.fromEntries(more.map((each, index) => [`more-${index}`, each])),
        },
      }),
    );
    const theirs = await readDrawnPage(stdout);
    const squeezed = (lines: DrawnLine[]) => lines.map(({ text }) => text.replaceAll(' ', ''));
    expect(squeezed(ours.lines)).toEqual(squeezed(theirs.lines));
    for (const [index, line] of ours.lines.entries()) {
      const other = theirs.lines[index] as DrawnLine;
      for (const what of ['from', 'to', 'y', 'size'] as const)
        if (Math.abs(line[what] - other[what]) >= 0.5) expect([line, what]).toEqual([other, what]);
    }
    expect(ours.colors.sort()).toEqual(theirs.colors.sort());
  },
);
