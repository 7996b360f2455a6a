// The first thing that an integrator runs: one page printed, with what was waited for, warned of and refused, a PDF and a picture.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { shortTimeoutMs } from './support/pace.ts';
import { html, ready, script } from './support/page-stage.ts';
import { type Pages, startPages } from './support/pages.ts';
import { readPdf } from './support/pdf.ts';

const program = fileURLToPath(new URL('../bin/platen.mjs', import.meta.url));
const token = 'a-token-that-must-not-be-shown';
let pages: Pages;
let elsewhere: Pages;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-try-'));
  elsewhere = await startPages({ '/x': '' });
  pages = await startPages({
    '/report': html(
      `<p id="p"></p><img src="/gone.png" alt="">${script(`p.textContent = 'Figures of ' + (localStorage.token.length + document.cookie.length);
      fetch('${elsewhere.origin}/x').catch(() => 0).finally(() => { ${ready} })`)}`,
    ),
    '/never': html(`<p>x</p>${script("window.__PDF_PENDING__ = ['grades']; console.error(localStorage.token)")}`),
  });
});
afterAll(async () => {
  await Promise.all([pages, elsewhere].map((each) => each[Symbol.asyncDispose]()));
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  code: number;
  out: string;
  err: string;
}

const run = (args: string[], timeoutMs = 60_000) =>
  new Promise<Ended>((resolve) => {
    const env = {
      ...process.env,
      PDF_TIMEOUT: String(timeoutMs),
      AWS_REGION: 'of-an-unfinished-deployment',
      PORT: 'x',
    };
    execFile(process.execPath, [program, 'try', ...args], { env, cwd: folder }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });

test('a page that is printed: its stages, its warnings, what was refused, a PDF and a picture', async () => {
  const { code, out, err } = await run([`${pages.origin}/report?a=b`, '--token', token, '--out', 'report']);
  expect([code, err]).toEqual([0, '']);
  for (const stage of ['open', 'load', 'ready', 'settle', 'assets', 'print'])
    expect(out).toMatch(new RegExp(`^  ${stage} +\\d+ ms$`, 'm'));
  expect(out).toContain('printed_without /gone.png');
  expect(out).toContain(elsewhere.origin.replace('http://', ''));
  expect(out).toContain('1 page');
  expect(out).not.toContain(token);
  expect((await readPdf(await readFile(join(folder, 'report.pdf')))).text).toContain(
    `Figures of ${2 * token.length + 4}`,
  );
  expect((await readFile(join(folder, 'report.png'))).subarray(1, 4).toString()).toBe('PNG');
});

test('a page that is not printed: why, and what it waits for', async () => {
  const args = [`${pages.origin}/never`, '--token', token, '--allow', elsewhere.origin];
  const { code, out } = await run(args, await shortTimeoutMs());
  expect(code).toBe(1);
  expect(out).toContain('page_not_ready');
  expect(out).toContain('grades');
  expect(out).not.toContain(token);
});

test.each([
  [[], /An address is missing/],
  [['file:///etc/passwd'], /An address is missing/],
  [['--nonsense'], /nonsense/],
])('what can not be done (%j) says how it is used', async (args, message) => {
  const { code, err } = await run(args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

test('--help says what there is', async () => {
  expect((await run(['--help'])).out).toContain('--token');
});
