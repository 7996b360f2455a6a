// Ready is a state, not an event: it may be deleted, defined anew, computed, taken back; and it must hold when the page is printed.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { shortTimeoutMs } from '../support/pace.ts';
import { html, openPageStage, type PageStage, ready, script } from '../support/page-stage.ts';
import { readPdf } from '../support/pdf.ts';

let stage: PageStage;
beforeAll(async () => {
  stage = await openPageStage({ PDF_TIMEOUT: '15000' });
});
afterAll(() => stage[Symbol.asyncDispose]());

const text = async () => (await readPdf(await stage.stored())).text;
const draw = "document.body.append('Figures of Amara');";
const silence = () => undefined;

describe('a page is ready that', () => {
  test.each([
    ['deletes the flag and sets it again', `delete window.__PDF_READY__; setTimeout(() => { ${draw} ${ready} }, 300)`],
    ['deletes it and sets it at once', `delete window.__PDF_READY__; ${draw} ${ready}`],
    [
      'defines it as a value',
      `Object.defineProperty(window, '__PDF_READY__', { value: false, writable: true, configurable: true }); setTimeout(() => { ${draw} ${ready} }, 300)`,
    ],
    [
      'defines it as a value that stays',
      `setTimeout(() => { ${draw} Object.defineProperty(window, '__PDF_READY__', { value: true }) }, 300)`,
    ],
    [
      'computes it',
      `let isDrawn = false; Object.defineProperty(window, '__PDF_READY__', { get: () => isDrawn, configurable: true }); setTimeout(() => { ${draw} isDrawn = true }, 300)`,
    ],
    [
      'computes it for good',
      `let isDrawn = false; Object.defineProperty(window, '__PDF_READY__', { get: () => isDrawn }); setTimeout(() => { ${draw} isDrawn = true }, 300)`,
    ],
    ['takes it back and says it again', `${ready} __PDF_READY__ = false; setTimeout(() => { ${draw} ${ready} }, 400)`],
    [
      'takes the attribute back and sets it again',
      `const root = document.documentElement; root.dataset.pdfReady = ''; delete root.dataset.pdfReady; setTimeout(() => { ${draw} root.dataset.pdfReady = '' }, 400)`,
    ],
  ])('%s', async (_how, code) => {
    expect(await stage.print(html(`<p>Report</p>${script(code)}`))).toMatchObject({ status: 202 });
    expect(await text()).toContain('Figures of Amara');
  });

  test.each([
    [
      'by the flag',
      `${ready} setTimeout(() => { __PDF_READY__ = false; ${draw} }, 100); setTimeout(() => { document.body.append(' and Babu'); ${ready} }, 900)`,
    ],
    [
      'by the attribute',
      `const d = document.documentElement.dataset; d.pdfReady = ''; setTimeout(() => { delete d.pdfReady; ${draw} }, 100); setTimeout(() => { document.body.append(' and Babu'); d.pdfReady = '' }, 900)`,
    ],
  ])('takes it back %s while an image is awaited, and says it again', async (_how, code) => {
    const slow = { '/slow.svg': silence };
    await using hasty = await openPageStage({ ASSET_GRACE_MS: '400', SETTLE_MS: '0' });
    expect(await hasty.print(html(`<p>Report</p><img src="/slow.svg" alt="">${script(code)}`), slow)).toMatchObject({
      status: 202,
    });
    expect((await readPdf(await hasty.stored())).text).toContain('Figures of Amara and Babu');
  });

  test('takes it back while it is being printed: what was printed then is thrown away', async () => {
    const code = `let prints = 0; addEventListener('beforeprint', () => { if (++prints > 1) return; __PDF_READY__ = false;
      setTimeout(() => { p.textContent = 'Figures of Amara'; ${ready} }, 300) }); ${ready}`;
    expect(await stage.print(html(`<p id="p">Too early</p>${script(code)}`))).toMatchObject({ status: 202 });
    expect(await text()).toContain('Figures of Amara');
  });

  test.each([
    ['reload()', 'location.reload()'],
    ['the same address with another query', "location.search = '?second'"],
  ])('loads again at the same address by %s once it is ready', async (_how, again) => {
    const page = html(
      `<p id="p">First</p>${script(`if (!sessionStorage.seen) { sessionStorage.seen = 1; ${ready} ${again} } else setTimeout(() => { p.textContent = 'Figures of Amara'; ${ready} }, 300)`)}`,
    );
    expect(await stage.print(page)).toMatchObject({ status: 202 });
    expect(await text()).toContain('Figures of Amara');
    expect(await text()).not.toContain('First');
  });

  test('is rendered on the server and awaits its own scripts', async () => {
    const page = `<!doctype html><html lang="en"><head><title>R</title><script type="module">document.body.append('Figures of Amara'); ${ready}</script></head><body><p>Shell</p></body></html>`;
    expect(await stage.print(page)).toMatchObject({ status: 202 });
    expect(await text()).toContain('Figures of Amara');
  });
});

describe('a page is page_not_ready that', () => {
  test.each([
    ['takes it back for good', `${ready} __PDF_READY__ = false`],
    ['deletes it for good', `${ready} delete window.__PDF_READY__`],
    ['computes something else than true', "Object.defineProperty(window, '__PDF_READY__', { get: () => 'true' })"],
    ['reloads for ever', `${ready} location.reload()`],
  ])('%s', async (_how, code) => {
    await using hasty = await openPageStage({ PDF_TIMEOUT: String(await shortTimeoutMs()) });
    const answer = await hasty.print(html(`<p>Report</p>${script(code)}`));
    expect(answer.status).toBe(504);
    expect(await hasty.service.storedKeys()).toEqual([]);
  });
});

test('a page whose script hangs once it is ready was ready: that is render_timeout', async () => {
  await using hasty = await openPageStage({ PDF_TIMEOUT: String(await shortTimeoutMs()) });
  const answer = await hasty.print(html(`<p>Report</p>${script(`${ready} setTimeout(() => { for (;;); }, 0)`)}`));
  expect(answer).toMatchObject({ status: 504, code: 'render_timeout' });
});

test('an error that a page computes ends the render', async () => {
  const code =
    "let said; Object.defineProperty(window, '__PDF_ERROR__', { get: () => said }); setTimeout(() => { said = { code: 'no_data', message: 'no figures' } }, 200)";
  const answer = await stage.print(html(`<p>Report</p>${script(code)}`));
  expect(answer).toMatchObject({
    status: 404,
    code: 'report_not_found',
    detail: expect.stringContaining('no_data: no figures'),
  });
});

test('markers are read when the page is still: one that comes in a later frame counts', async () => {
  await using strict = await openPageStage({ REQUIRE_PDF_SUBJECT: 'true' });
  const mark = (id: string) =>
    `document.head.insertAdjacentHTML('beforeend', '<meta name="pdf-subject" content="${id}">')`;
  const page = (id: string) =>
    html(
      `<p>Report</p>${script(`${ready} requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => ${mark(id)}), 200))`)}`,
    );
  for (let round = 0; round < 4; round++) expect(await strict.print(page('STU001'))).toMatchObject({ status: 202 });
  expect(await strict.print(page('STU002'))).toMatchObject({ status: 502, code: 'wrong_subject' });
});
