// A page is printed when it is whole: received to its end, with what is on its way, as paper shows it; what was not reached is named.

import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { html, openPageStage, type PageStage, ready, script } from '../support/page-stage.ts';
import { startPages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { isRed, shareOf } from '../support/picture-of-pdf.ts';

let stage: PageStage;
beforeAll(async () => {
  stage = await openPageStage({ ASSET_GRACE_MS: '1000' });
});
afterAll(() => stage[Symbol.asyncDispose]());

const text = async () => (await readPdf(await stage.stored())).text;
const printed = (warnings: string[] = []) => ({ status: 202, warnings });
/** Sends after a while. */
const later =
  (ms: number, type: string, content: string) =>
  (_req: unknown, res: ServerResponse): void =>
    void setTimeout(() => res.writeHead(200, { 'content-type': type }).end(content), ms);
const silence = () => undefined;
const redDrawing =
  '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200"><rect width="400" height="200" fill="#f00"/></svg>';

describe('a document that is still being received', () => {
  /** Its first half at once, the second after longer than late assets get. */
  const inHalves =
    (first: string, second: string) =>
    (_req: unknown, res: ServerResponse): void => {
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      res.write(`<!doctype html>${first}${' '.repeat(2000)}`);
      setTimeout(() => res.end(second), 2500);
    };

  test.each([
    ['by the root element', '<html lang="en" data-pdf-ready><title>Report</title><p>Heading</p>'],
    ['by a script in its first half', `<html lang="en"><title>Report</title>${script(ready)}<p>Heading</p>`],
  ])('is waited for although it says that it is ready %s', async (_how, first) => {
    expect(await stage.print(inHalves(first, '<p>Figures of Amara</p></html>'))).toMatchObject(printed());
    expect(await text()).toContain('Figures of Amara');
  });

  test('that never ends is render_timeout or page_not_ready, and not a print of its beginning', async () => {
    await using hasty = await openPageStage({ PDF_TIMEOUT: '3000' });
    const answer = await hasty.print((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html' });
      res.write(`<p>Half of the report</p>${script(ready)}`);
    });
    expect(answer.status).toBe(504);
    expect(await hasty.service.storedKeys()).toEqual([]);
  });

  test('behind a script that is late is read to its end first', async () => {
    const page = html(`<p>Heading</p>${script(ready)}<script src="/late.js"></script><p>Figures of Amara</p>`);
    expect(await stage.print(page, { '/late.js': later(2500, 'text/javascript', '') })).toMatchObject(printed());
    expect(await text()).toContain('Figures of Amara');
  });
});

describe('what is on its way comes onto paper:', () => {
  test('a part of the application that comes later', async () => {
    const page = html(`<p id="p">Report</p>${script(`import('/late.js'); ${ready}`)}`);
    const more = { '/late.js': later(500, 'text/javascript', "p.textContent = 'Figures of Amara'") };
    expect(await stage.print(page, more)).toMatchObject(printed());
    expect(await text()).toContain('Figures of Amara');
  });

  const frame = html('<p>Chart of Amara</p>');
  test.each<[string, string, Record<string, ReturnType<typeof later>>]>([
    [
      'a style sheet',
      `<link rel="stylesheet" href="/late.css"><p class="nav">NAVIGATION</p><p>Figures</p>`,
      { '/late.css': later(400, 'text/css', '.nav { display: none }') },
    ],
    [
      'a style sheet for print',
      `<link rel="stylesheet" media="print" href="/late.css"><p class="nav">NAVIGATION</p><p>Figures</p>`,
      { '/late.css': later(400, 'text/css', '.nav { display: none }') },
    ],
    [
      'a style sheet that a script adds',
      `<p class="nav">NAVIGATION</p><p>Figures</p>${script("document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: '/late.css' }))")}`,
      { '/late.css': later(400, 'text/css', '.nav { display: none }') },
    ],
    [
      'one that another imports',
      '<style>@import url(/first.css);</style><p class="nav">NAVIGATION</p><p>Figures</p>',
      {
        '/first.css': later(200, 'text/css', '@import url(/second.css);'),
        '/second.css': later(200, 'text/css', '.nav { display: none }'),
      },
    ],
  ])('%s', async (_what, body, more) => {
    expect(await stage.print(html(body + script(ready)), more)).toMatchObject(printed());
    expect(await text()).toContain('Figures');
    expect(await text()).not.toContain('NAVIGATION');
  });

  test.each<[string, string]>([
    ['a frame', '<iframe src="/chart" width="400" height="200"></iframe>'],
    [
      'a lazy frame below the fold',
      '<div style="height: 6000px"></div><iframe loading="lazy" src="/chart" width="400" height="200"></iframe>',
    ],
    [
      'a frame that a script adds',
      script("document.body.append(Object.assign(document.createElement('iframe'), { src: '/chart' }))"),
    ],
    ['a frame in a frame', '<iframe src="/outer" width="400" height="300"></iframe>'],
  ])('%s', async (_what, body) => {
    const more = {
      '/chart': later(500, 'text/html', frame),
      '/outer': later(100, 'text/html', html('<iframe src="/chart"></iframe>')),
    };
    expect(await stage.print(html(`<p>Figures</p>${body}${script(ready)}`), more)).toMatchObject(printed());
    expect(await text()).toContain('Chart of Amara');
  });

  test('a frame of another origin', async () => {
    await using elsewhere = await startPages({ '/chart': later(500, 'text/html', frame) });
    const other = elsewhere.origin.replace('127.0.0.1', 'localhost');
    await using framing = await openPageStage({ RENDER_ALLOWED_ORIGINS: `${elsewhere.origin} ${other}` });
    for (const origin of [elsewhere.origin, other]) {
      const page = html(
        `<p>Figures</p><iframe src="${origin}/chart" width="400" height="200"></iframe>${script(ready)}`,
      );
      expect(await framing.print(page)).toMatchObject(printed());
      expect((await readPdf(await framing.stored())).text).toContain('Chart of Amara');
    }
  });

  test.each<[string, string, string]>([
    [
      'a background that only the print style names',
      '<div class="head"></div>',
      '@media print { .head { height: 200px; width: 400px; background: url(/head.svg) } }',
    ],
    [
      'an image that is shown in print only',
      '<picture><source media="print" srcset="/head.svg"><img src="data:," alt=""></picture>',
      '',
    ],
    ['an image in a frame', '<iframe src="/inner" width="500" height="300"></iframe>', ''],
  ])('%s', async (_what, body, style) => {
    const page = html(`${body}<p>Figures</p>${script(ready)}`, `<style>${style}</style>`);
    const more = {
      '/head.svg': later(300, 'image/svg+xml', redDrawing),
      '/inner': html('<img src="/head.svg" alt="">'),
    };
    expect(await stage.print(page, more)).toMatchObject(printed());
    expect(await shareOf(await stage.stored(), isRed)).toBeGreaterThan(0.05);
  });

  test('what the page draws when it hears that it is printed', async () => {
    const page = html(
      `<p id="p">Screen</p>${script(`matchMedia('print').addEventListener('change', (e) => { if (e.matches) fetch('/x').then(() => {}); p.textContent = 'Paper' }); ${ready}`)}`,
    );
    expect(await stage.print(page, { '/x': '' })).toMatchObject(printed());
    expect(await text()).toContain('Paper');
  });

  test.each([
    ['sections', '<section id="s" style="min-height: 50px"></section>', "s.textContent = 'Second section'"],
    [
      'a chart that moves when it is seen',
      '<section id="s" style="min-height: 50px"></section>',
      "const t0 = performance.now(); const f = () => { const t = (performance.now() - t0) / 500; s.textContent = t < 1 ? 'Growing' : 'Second section'; if (t < 1) requestAnimationFrame(f) }; f()",
    ],
    ['an image', '<img id="s" alt="" width="300" height="40">', "s.src = '/second.svg'"],
  ])('%s that wait to be scrolled to', async (_what, body, show) => {
    const many = Array.from({ length: 3 }, (_, index) => `<div style="height: 1500px">Part ${index}</div>`).join('');
    const page = html(
      `<p>Figures</p>${many}${body}${script(`new IntersectionObserver((entries, observer) => { if (entries[0].isIntersecting) { observer.disconnect(); ${show} } }).observe(s);
      setTimeout(() => { ${ready} }, 100)`)}`,
    );
    const second =
      '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="40"><text y="20">Second section</text></svg>';
    expect(await stage.print(page, { '/second.svg': later(200, 'image/svg+xml', second) })).toMatchObject(printed());
    expect(await text()).toContain('Second section');
  });
});

describe('sections that are transparent until the page is scrolled', () => {
  const parts = Array.from(
    { length: 4 },
    (_, index) => `<section class="part" style="height: 900px; opacity: 0"><p>Part ${index}</p></section>`,
  );
  const listening = (code: string) =>
    html(
      `<p>Figures</p>${parts.join('')}${script(`const show = () => { for (const part of document.querySelectorAll('.part')) ${code} }; addEventListener('scroll', show); show(); ${ready}`)}`,
    );

  test('are scrolled to', async () => {
    const page = listening('if (part.getBoundingClientRect().top < innerHeight) part.style.opacity = 1');
    expect(await stage.print(page)).toMatchObject(printed());
    for (const index of parts.keys()) expect(await text()).toContain(`Part ${index}`);
  });

  test('and stay so are named; hints that are hidden until somebody points at them are not', async () => {
    const page = html(
      `<p>Figures</p>${parts.slice(2).join('')}<div style="position: absolute; top: 1500px; opacity: 0">Hint</div>${script(ready)}`,
    );
    expect(await stage.print(page)).toMatchObject(printed(['content_cut_off section.part']));
  });
});

describe('what was not reached is named:', () => {
  test.each<[string, string, string, Record<string, typeof silence>]>([
    ['an image', '<img src="/never.png?token=secret" alt="">', 'printed_without /never.png', { '/never.png': silence }],
    [
      'a style sheet for print',
      '<link rel="stylesheet" media="print" href="/never.css">',
      'printed_without /never.css',
      { '/never.css': silence },
    ],
    [
      'a frame',
      script("document.body.append(Object.assign(document.createElement('iframe'), { src: '/never' }))"),
      'printed_without /never',
      { '/never': silence },
    ],
    ['an image that is not there', '<img src="/gone.png" alt="Letterhead">', 'printed_without /gone.png', {}],
    [
      'a font that is not there',
      '<style>@font-face { font-family: Gone; src: url(/gone.woff2) } p { font-family: Gone, serif }</style>',
      'printed_without /gone.woff2',
      {},
    ],
  ])('%s', async (_what, body, warning, more) => {
    expect(await stage.print(html(`<p>Figures</p>${body}${script(ready)}`), more)).toMatchObject(printed([warning]));
  });

  test('of many only the first, and how many more', async () => {
    const images = Array.from({ length: 300 }, (_, index) => `<img src="/gone-${index}.png" alt="">`).join('');
    const { warnings = [] } = await stage.print(html(`<p>Figures</p>${images}${script(ready)}`));
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toBe('printed_without and 290 more');
  });

  const rows = Array.from({ length: 60 }, (_, index) => `<p>Row ${index}</p>`).join('');
  test.each([
    [
      'a list that scrolls',
      `<div id="list" class="rows wide" style="height: 200px; overflow: auto">${rows}</div>`,
      'div#list.rows.wide',
    ],
    [
      'the whole application',
      `<style>html, body { height: 100%; margin: 0 }</style><main style="height: 100%; overflow-y: scroll">${rows}</main>`,
      'main',
    ],
    [
      'a table that is too wide',
      `<div id="wide" style="overflow-x: auto"><table><tr>${'<td style="min-width: 90px">Cell</td>'.repeat(40)}</tr></table></div>`,
      'div#wide',
    ],
    [
      'what is as high as the window, and no higher',
      `<div id="app" style="height: 100vh; overflow: hidden">${rows}</div>`,
      'div#app',
    ],
    ['a frame that is too small', '<iframe src="/inner" id="f" width="400" height="100"></iframe>', 'iframe#f'],
    ['a field', `<textarea rows="3">${'Line\n'.repeat(40)}</textarea>`, 'textarea'],
  ])('%s that is cut off', async (_what, body, element) => {
    expect(await stage.print(html(`<p>Figures</p>${body}${script(ready)}`), { '/inner': html(rows) })).toMatchObject(
      printed([`content_cut_off ${element}`]),
    );
  });

  test.each([
    [
      'its print style gives it its height',
      `<style>@media print { #list { height: auto !important; overflow: visible !important } }</style><div id="list" style="height: 200px; overflow: auto">${rows}</div>`,
    ],
    ['there is nothing to scroll', '<div style="height: 200px; overflow: auto"><p>Row</p></div>'],
    [
      'it is a box that cuts off its decoration',
      '<div style="height: 400px; overflow: hidden; position: relative"><p>Row</p><div style="position: absolute; top: 300px; height: 300px; width: 300px; background: #eee"></div></div>',
    ],
    ['it is folded up', `<div style="max-height: 0; overflow: hidden">${rows}</div>`],
    ['it is not shown', `<div style="display: none"><div style="height: 20px; overflow: auto">${rows}</div></div>`],
    ['it is the page itself', `<style>body { overflow-y: scroll }</style>${rows}`],
  ])('nothing is cut off where %s', async (_why, body) => {
    expect(await stage.print(html(`<p>Figures</p>${body}${script(ready)}`))).toMatchObject(printed());
  });
});
