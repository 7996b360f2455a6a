// Which refused calls mean that the token is not taken: those that carried it, until they are made good; the others are warnings.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { html, openPageStage, type PageStage, ready, script } from './support/page-stage.ts';
import { type Pages, startPages } from './support/pages.ts';

let api: Pages;
let stage: PageStage;
beforeAll(async () => {
  api = await startPages({});
  stage = await openPageStage({ RENDER_ALLOWED_ORIGINS: api.origin, IGNORED_REFUSALS: '/api/optional/*' });
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const withToken = "{ headers: { authorization: 'Bearer ' + localStorage.token } }";
/** A page that makes its calls one after the other, shows something, and is ready. */
const calling = (...calls: string[]) =>
  html(
    `<p>Figures</p>${script(`(async () => { ${calls.map((call) => `await fetch(${call}).catch(() => 0);`).join(' ')} ${ready} })()`)}`,
  );
const refuse =
  (status = 401) =>
  (req: IncomingMessage, res: ServerResponse): void => {
    const isAsking = req.method === 'OPTIONS';
    const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'authorization' };
    res.writeHead(isAsking ? 204 : status, cors).end();
  };
const taking: Pages['pages'][string] = '{}';
/** Refuses the first call only. */
const once = (): Pages['pages'][string] => {
  let calls = 0;
  return (req, res) => (++calls === 1 ? refuse()(req, res) : void res.end('{}'));
};

describe('token_rejected is', () => {
  test.each<[string, string[], Pages['pages']]>([
    ['a call with the token in a header', [`'/api/figures', ${withToken}`], { '/api/figures': refuse() }],
    ['one that is forbidden', [`'/api/figures', ${withToken}`], { '/api/figures': refuse(403) }],
    [
      'one with the token in a header of its own',
      ["'/api/figures', { headers: { 'x-token': localStorage.token } }"],
      { '/api/figures': refuse() },
    ],
    [
      'one that carries it by the cookie, where the page sends it in no header',
      ["'/api/figures'"],
      { '/api/figures': refuse() },
    ],
    [
      'one beside others that succeed',
      [`'/api/name', ${withToken}`, `'/api/figures', ${withToken}`],
      { '/api/figures': refuse(), '/api/name': taking },
    ],
    [
      'one to a path that only begins as the ignored ones do',
      [`'/api/optionally', ${withToken}`],
      { '/api/optionally': refuse() },
    ],
  ])('%s', async (_what, calls, more) => {
    const answer = await stage.print(calling(...calls), more);
    expect(answer).toMatchObject({ status: 502, code: 'token_rejected' });
    expect(answer.detail).toMatch(/at \/api\/\w+\b.*IGNORED_REFUSALS/);
  });

  test('a call to an API of another origin, which is named with it', async () => {
    api.pages = { '/figures': refuse() };
    const answer = await stage.print(calling(`'${api.origin}/figures', ${withToken}`));
    expect(answer).toMatchObject({ status: 502, code: 'token_rejected' });
    expect(answer.detail).toContain(`${api.origin}/figures`);
  });

  test('the report page itself', async () => {
    expect(await stage.print(refuse())).toMatchObject({ status: 502, code: 'token_rejected' });
  });

  test('why a page fails that says so itself', async () => {
    const page = html(
      `<p>x</p>${script(`fetch('/api/figures', ${withToken}).then((a) => { if (!a.ok) window.__PDF_ERROR__ = 'no figures' })`)}`,
    );
    expect(await stage.print(page, { '/api/figures': refuse() })).toMatchObject({
      status: 502,
      code: 'token_rejected',
    });
  });
});

describe('a warning is', () => {
  test.each<[string, string[], Pages['pages'], string[]]>([
    [
      'a refresh without the token that the page gets over',
      ["'/auth/refresh', { method: 'POST' }", `'/api/figures', ${withToken}`],
      { '/auth/refresh': refuse(), '/api/figures': taking },
      ['refused POST /auth/refresh'],
    ],
    [
      'an ignored path',
      [`'/api/optional/badges', ${withToken}`],
      { '/api/optional/badges': refuse(403) },
      ['refused GET /api/optional/badges'],
    ],
    [
      'a call without cookies on a page that sends the token in no header',
      ["'/api/news', { credentials: 'omit' }"],
      { '/api/news': refuse() },
      ['refused GET /api/news'],
    ],
  ])('%s', async (_what, calls, more, warnings) => {
    expect(await stage.print(calling(...calls), more)).toMatchObject({ status: 202, warnings });
  });

  test('a call to another origin that has neither header nor cookie', async () => {
    api.pages = { '/news': refuse() };
    expect(await stage.print(calling(`'${api.origin}/news'`))).toMatchObject({
      status: 202,
      warnings: [`refused GET ${api.origin}/news`],
    });
  });

  test('whatever is refused to a page that has no token', async () => {
    await using bare = await openPageStage({ REPORT_TOKEN_SECRET: undefined });
    expect(await bare.print(calling("'/api/figures'"), { '/api/figures': refuse() })).toMatchObject({
      status: 202,
      warnings: ['refused GET /api/figures'],
    });
  });
});

test.each<[string, string[]]>([
  ['by a second call with the token', [`'/api/figures', ${withToken}`, `'/api/figures', ${withToken}`]],
  [
    'by a call with another method',
    [`'/api/figures', ${withToken}`, `'/api/figures?again', { method: 'POST', ...${withToken} }`],
  ],
])('a refusal that is made good %s is neither', async (_how, calls) => {
  expect(await stage.print(calling(...calls), { '/api/figures': once() })).toMatchObject({ status: 202, warnings: [] });
});
