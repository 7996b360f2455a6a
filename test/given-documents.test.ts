// Documents that are given whole: printed as they are, with nothing that runs and no way out, under the limits of every render.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Rendering } from '../src/rendering/rendering.ts';
import { startOwnRendering } from './support/own-rendering.ts';
import { readPdf } from './support/pdf.ts';

let rendering: Rendering;
let canary: Server;
let outside: string;
let heard = 0;

beforeAll(async () => {
  rendering = await startOwnRendering();
  // Of connections, not of requests: the browser asks by https where a page of https names http.
  canary = createServer((socket) => {
    heard++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(canary, 'listening');
  outside = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await rendering[Symbol.asyncDispose]();
  canary.close();
});
beforeEach(() => {
  heard = 0;
});

const page = (body: string, head = '') =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Given</title>${head}</head><body>${body}</body></html>`;
const css = (text: string) => ({ type: 'text/css', bytes: Buffer.from(text) });
const print = (html: string, files: [string, { type: string; bytes: Buffer }][] = [], signal?: AbortSignal) =>
  rendering.printDocument({ html, files: new Map(files) }, { priority: 'trigger', signal });
const sheet = '<link rel="stylesheet" href="/print.css">';

test('a document is printed with its files, on the paper that it names', async () => {
  const { bytes, pages, refused } = await print(page('<h1>Given</h1><p>whole</p>', sheet), [
    ['/print.css', css('@page { size: A5 landscape } p { display: none }')],
  ]);
  const pdf = await readPdf(bytes);
  expect([pages, refused]).toEqual([1, []]);
  expect(pdf).toMatchObject({ title: 'Given', isTagged: true, hasOutline: true, size: [595, 420] });
  expect(pdf.text.trim()).toBe('Given');
});

/** What a document may try, by name: in its body, its head, or its style sheet. */
const ways: Record<string, (url: string) => { body?: string; head?: string; style?: string }> = {
  script: (url) => ({ body: `<p id="a"></p><script>document.body.append('ran'); new Image().src = '${url}'</script>` }),
  'script from outside': (url) => ({ body: `<script src="${url}"></script>` }),
  handler: (url) => ({ body: `<img src="/none.png" onerror="this.src='${url}'" alt="">` }),
  frame: (url) => ({ body: `<iframe src="${url}"></iframe>` }),
  'frame of own text': (url) => ({ body: `<iframe srcdoc="<img src='${url}'>"></iframe>` }),
  object: (url) => ({ body: `<object data="${url}"></object><embed src="${url}">` }),
  image: (url) => ({ body: `<img src="${url}" alt=""><picture><source srcset="${url}"><img alt=""></picture>` }),
  media: (url) => ({
    body: `<video src="${url}" autoplay poster="${url}"></video><audio src="${url}" autoplay></audio>`,
  }),
  'image of a drawing': (url) => ({ body: `<svg><image href="${url}"/><use href="${url}#a"/></svg>` }),
  'drawing that asks for more': (url) => ({
    body: `<img alt="" src="data:image/svg+xml;base64,${Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg"><image href="${url}"/><style>@import url(${url})</style></svg>`,
    ).toString('base64')}">`,
  }),
  'style sheet': (url) => ({ head: `<link rel="stylesheet" href="${url}">` }),
  'hint of what comes next': (url) => ({
    head: `<link rel="prefetch" href="${url}"><link rel="preload" as="image" href="${url}"><link rel="preconnect" href="${url}"><link rel="dns-prefetch" href="${url}"><link rel="icon" href="${url}"><link rel="manifest" href="${url}">`,
  }),
  'addresses in a style sheet': (url) => ({
    style: `@import url("${url}"); @font-face { font-family: f; src: url("${url}") } body { font-family: f; background: url("${url}") } p::after { content: url("${url}") }`,
  }),
  refresh: (url) => ({ head: `<meta http-equiv="refresh" content="0; url=${url}">` }),
  base: (url) => ({ head: `<base href="${url}/"><link rel="stylesheet" href="more.css">` }),
  form: (url) => ({ body: `<form action="${url}"><input autofocus></form>` }),
  'speculation rules': (url) => ({
    head: `<script type="speculationrules">{"prefetch":[{"source":"list","urls":["${url}"]}]}</script>`,
  }),
};

test.each(Object.keys(ways))('no way out, and nothing runs: %s', async (name) => {
  const { body = '', head = '', style = '' } = ways[name]?.(`${outside}/${encodeURIComponent(name)}`) ?? {};
  const { bytes } = await print(page(`<p>stays</p>${body}`, sheet + head), [['/print.css', css(style)]]);
  expect((await readPdf(bytes)).text.trim()).toMatch(/^stays(?! ran| reached)/);
  expect(heard).toBe(0);
});

test('what is listened with does hear', async () => {
  await fetch(outside).catch(() => undefined);
  expect(heard).toBe(1);
});

test('files of the machine are not there, and what was not given is told', async () => {
  const { bytes, refused } = await print(
    page(
      '<p>stays</p><iframe src="file:///etc/hostname"></iframe><img src="file:///etc/hostname" alt=""><img src="/none.png" alt="">',
    ),
  );
  expect((await readPdf(bytes)).text.trim()).toBe('stays');
  expect(refused).toContain('/none.png');
});

test('fonts and pictures are there before it is printed', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="20"><text y="15">drawn</text></svg>';
  const { bytes } = await print(page('<img src="/a.svg" alt="">'), [
    ['/a.svg', { type: 'image/svg+xml', bytes: Buffer.from(svg) }],
  ]);
  expect((await readPdf(bytes)).text.trim()).toBe('drawn');
});

const drawn = (text: string) => ({
  type: 'image/svg+xml',
  bytes: Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="99" height="20"><text y="15">${text}</text></svg>`,
  ),
});

test("what documents have in common is read once; what is one document's own is never another's", async () => {
  await using own = await startOwnRendering();
  const html = page('<img src="/common.svg" alt=""><img src="/own.svg" alt="">', sheet);
  const textWith = async (files: ReadonlyMap<string, { type: string; bytes: Buffer }>, picture: string) => {
    const ownFiles = new Map([['/own.svg', drawn(picture)]]);
    const { bytes } = await own.printDocument({ html, files, ownFiles }, { priority: 'trigger' });
    return (await readPdf(bytes)).text.trim();
  };
  const files = new Map([
    ['/common.svg', drawn('school')],
    ['/print.css', css('img { display: block }')],
  ]);
  expect(await textWith(files, 'Asha')).toBe('school Asha');
  // The files of a map do not change; where one did, the tab that was kept shows that it had read it.
  files.set('/common.svg', drawn('other'));
  expect(await textWith(files, 'Ravi')).toBe('school Ravi');
  expect(await textWith(new Map(files), 'Mina')).toBe('other Mina');
  expect(await textWith(files, 'Ravi')).toBe('school Ravi');
});

test('the same document gives the same bytes in a new tab and in one that was kept', async () => {
  const html = page('<h1>Given</h1><p>whole</p>', sheet);
  const files = new Map([['/print.css', css('p { color: red }')]]);
  const printed = async () => (await rendering.printDocument({ html, files }, { priority: 'trigger' })).bytes;
  const plain = async () => (await printed()).toString('latin1').replace(/\/(Creation|Mod)Date \([^)]*\)/g, '');
  const first = await plain();
  expect(await plain()).toBe(first);
  expect(await plain()).toBe(first);
});

test('an empty document is a failure, and one that is not wanted any more ends with its reason', async () => {
  await expect(print(page(''))).rejects.toMatchObject({ code: 'page_failed' });
  const reason = new Error('not wanted');
  await expect(print(page('<p>x</p>'), [], AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(rendering.status()).toMatchObject({ active: 0, waiting: 0 });
});

test('one with more sheets than MAX_PAGES is too large', async () => {
  await using strict = await startOwnRendering({ MAX_PAGES: '1' });
  const html = page('<p>one</p><p style="break-before: page">two</p><h2>three</h2>', sheet);
  const files = new Map([['/print.css', css('h2 { break-before: page }')]]);
  await expect(strict.printDocument({ html, files }, { priority: 'trigger' })).rejects.toMatchObject({
    code: 'document_too_large',
  });
});
