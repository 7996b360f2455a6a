// What a stored PDF leads to: pages, mails and calls; nothing that runs or opens something where it is read.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { html, openPageStage, type PageStage, ready, script } from './support/page-stage.ts';

let stage: PageStage;
beforeAll(async () => {
  stage = await openPageStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Addresses of all links of the stored PDF, as a reader of PDFs takes them. */
async function linksOfStored(): Promise<string[]> {
  const task = getDocument({ data: new Uint8Array(await stage.stored()), useSystemFonts: false, verbosity: 0 });
  const pdf = await task.promise;
  const links: string[] = [];
  for (let number = 1; number <= pdf.numPages; number++) {
    const annotations = await (await pdf.getPage(number)).getAnnotations();
    // The unsafe one is what stands there; the other is what this reader would follow.
    links.push(...annotations.map(({ unsafeUrl, url }) => unsafeUrl ?? url).filter((each) => each !== undefined));
  }
  await task.destroy();
  return links;
}

const linkTo = (address: string) => `<p><a href="${address}">A link</a></p>`;
const pageWith = (body: string) => html(`<h1 id="top">Report</h1>${body}${script(ready)}`);

test.each([
  'https://school.example/',
  'http://school.example/a?b=(c)&amp;d=)e(',
  'https://school.example/Übung/1%20a',
  'mailto:office@school.example',
  'tel:+4930123456',
  'sms:+4930123456',
])('a link to %s stays', async (address) => {
  expect(await stage.print(pageWith(linkTo(address)))).toMatchObject({ status: 202 });
  const [link] = await linksOfStored();
  expect(decodeURI(link ?? '')).toBe(decodeURI(new URL(address.replaceAll('&amp;', '&')).href));
});

test.each([
  'javascript:alert(1)',
  "JaVaScRiPt:alert('(a) \\\\ )b(')",
  'java\nscript:alert(1)',
  ' &#1;javascript:alert(1)',
  'file:///etc/passwd',
  'data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;',
  'vbscript:x',
  'blob:x',
  'smb://server/share',
  'search-ms:query=x',
])('a link to %j leads nowhere, and its neighbours stay', async (address) => {
  const neighbours = `${linkTo('https://before.example/')}${linkTo(address)}
    <svg width="50" height="20"><a href="${address}"><text y="15">Drawn</text></a></svg>${linkTo('https://after.example/')}`;
  expect(await stage.print(pageWith(neighbours))).toMatchObject({ status: 202 });
  expect(await linksOfStored()).toEqual(['https://before.example/', 'https://after.example/']);
  const text = (await stage.stored()).toString('latin1');
  expect(text).not.toMatch(/javascript:|file:|vbscript:|smb:|search-ms:|alert\(1/i);
});

test('links within the document stay', async () => {
  expect(await stage.print(pageWith(`${linkTo('#top')}${linkTo('javascript:alert(1)')}`))).toMatchObject({
    status: 202,
  });
  expect((await stage.stored()).toString('latin1')).toMatch(/\/Dest/);
});
