// Where a page may end: the address as asked, in another spelling or language, by an alias; and not at a login page, however it is reached.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isSamePage } from '../src/page/address.ts';
import { matchesPattern } from '../src/path-pattern.ts';
import { html, openPageStage, type PageStage, ready, script } from './support/page-stage.ts';

const origin = 'https://school.example';
const asked = (path = '/report?studentId=STU001') => new URL(path, origin);
const isSame = (path: string, from = asked(), aliases: string[] = []) =>
  isSamePage(new URL(path, origin).href, from, aliases);

describe('the same page', () => {
  test.each([
    '/report',
    '/report/',
    '/report?view=print',
    '/report#figures',
    '/report#/',
    '/report#!/',
    '/%72eport',
    '/en/report',
    '/en/report/',
    '/pt-BR/report',
    '/pt_BR/report?x',
    '/zh-Hans/report',
    '/ta/report',
  ])('%s', (path) => {
    expect(isSame(path)).toBe(true);
  });

  test.each([
    '/login',
    '/en/login',
    '/en',
    '/report/login',
    '/report#/login',
    '/report#!/login',
    '/report#/en/login',
    '/re%2Fport',
    '/app/report',
    '/api/report',
    '/auth/report',
    '/xx-YY-ZZ-QQ-RR/report',
    '/en/de/report',
    'https://other.example/report',
    'http://school.example/report',
    'https://school.example:8443/report',
  ])('is not %s', (path) => {
    expect(isSame(path)).toBe(false);
  });

  test('has its path behind the hash where that was asked for', () => {
    const from = asked('/app#/report?studentId=STU001');
    expect(
      ['/app#/report', '/app/#!/report/', '/app#/de/report?x', '/de/app#/report'].map((path) => isSame(path, from)),
    ).toEqual([true, true, true, true]);
    expect(['/app', '/app#/login', '/app#report', '/login#/report'].map((path) => isSame(path, from))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test('in one language is the same in another, and without', () => {
    expect(['/de/report', '/report'].map((path) => isSame(path, asked('/en/report')))).toEqual([true, true]);
  });

  test('of encoded ids is compared decoded, and a slash in an id is no slash of the path', () => {
    expect(isSame('/r/A@B/x', asked('/r/A%40B/x'))).toBe(true);
    expect(isSame('/r/A/B', asked('/r/A%2FB'))).toBe(false);
    expect(isSame('/r/%E0%A4%A', asked('/r/%E0%A4%A'))).toBe(true);
  });

  test.each([
    ['/classes/*/report', '/classes/7/report', true],
    ['/classes/*/report', '/classes/7/login', false],
    ['/app#/r*', '/app#/report', true],
    ['/done', '/done/', true],
    ['*', '/login', true],
  ])('by the alias %s: %s is %s', (alias, path, expected) => {
    expect(isSame(path, asked(), [alias])).toBe(expected);
  });
});

test.each([
  ['/a*c', '/abc', true],
  ['/a*c', '/ac', true],
  ['/a*c', '/acb', false],
  ['*/auth/*', 'https://api.example/auth/refresh', true],
  ['/a*b*c', '/a-b-c', true],
  ['/a*b*c', '/a-c-b', false],
  ['/ab*ba', '/aba', false],
  ['/x', '/x/y', false],
])('the pattern %s and the path %s: %s', (pattern, path, expected) => {
  expect(matchesPattern(path, pattern)).toBe(expected);
});

test('a pattern takes no more time for a path that was made for it', () => {
  const pattern = `/${'a*'.repeat(50)}b`;
  expect(matchesPattern(`/${'a'.repeat(200_000)}`, pattern)).toBe(false);
});

describe('through the front door', () => {
  let stage: PageStage;
  beforeAll(async () => {
    stage = await openPageStage({ PAGE_ALIASES: '/classes/*/report' });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const report = html(`<p>Figures of Amara</p>${script(ready)}`);
  const redirect =
    (location: string) =>
    (_req: IncomingMessage, res: ServerResponse): void =>
      void res.writeHead(307, { location }).end();

  test.each([
    ['a language before the path', redirect('/en/report?lang'), { '/en/report': report }],
    ['an alias', redirect('/classes/7/report'), { '/classes/7/report': report }],
    [
      'another query, by a script',
      html(`<p>Figures</p>${script(`history.replaceState(null, '', '/report/?view=print'); ${ready}`)}`),
      {},
    ],
    ['a hash that is a place', html(`<p>Figures</p>${script(`location.hash = 'top'; ${ready}`)}`), {}],
  ])('%s is printed', async (_what, page, more) => {
    expect(await stage.print(page, more)).toMatchObject({ status: 202 });
  });

  test.each([
    ['#/login', `location.replace('#/login'); setTimeout(() => { ${ready} }, 100)`],
    ['#!/login', `location.hash = '#!/login'; ${ready}`],
    ['a login page, by a script', `history.pushState(null, '', '/login'); ${ready}`],
    ['a login page in a language', `history.pushState(null, '', '/en/login'); ${ready}`],
  ])('%s gives no PDF', async (_what, code) => {
    expect(await stage.print(html(`<p>Sign in</p>${script(code)}`))).toMatchObject({
      status: 502,
      code: 'page_redirected',
    });
  });

  test('a language whose page is missing is page_failed, with the status', async () => {
    const gone = (_req: IncomingMessage, res: ServerResponse) => void res.writeHead(404).end('Gone');
    const answer = await stage.print(redirect('/en/report'), { '/en/report': gone });
    expect(answer).toMatchObject({ status: 502, code: 'page_failed', detail: expect.stringContaining('404') });
  });

  test('pages behind a hash are asked for as PAGE_STUDENT has them', async () => {
    await using hashed = await openPageStage({ PAGE_STUDENT: '/report#/students/{studentId}?testId={testId}' });
    const page = html(`<p id="p"></p>${script(`p.textContent = location.hash; ${ready}`)}`);
    expect(await hashed.print(page)).toMatchObject({ status: 202 });
    const lost = html(`<p id="p"></p>${script(`location.hash = '/login'; ${ready}`)}`);
    expect(await hashed.print(lost)).toMatchObject({ status: 502, code: 'page_redirected' });
  });
});
