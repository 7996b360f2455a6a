// The settings of a page's contract, for all origins and for one: language, time zone, sharpness, scale, own authorities.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.ts';
import { authorityFile, serverOf } from '../support/authority.ts';
import { html, openPageStage, ready, script, student } from '../support/page-stage.ts';
import { type Pages, startPages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { startTestService, type TestService } from '../support/service.ts';

const telling = html(
  `<p id="p"></p>${script(`p.textContent = [navigator.language, navigator.languages, new Date('2026-03-31T20:00:00Z').toLocaleString(), (1234.5).toLocaleString(), new Date('2026-03-31T20:00:00Z').getDate(), devicePixelRatio].join(' | '); ${ready}`)}`,
);
const textOf = async (pdf: Buffer) => (await readPdf(pdf)).text;

describe.each([
  ['of the process', { LANG: 'de_DE.UTF-8' }, ['de-DE | de-DE,de |', '31.3.2026', '1.234,5']],
  ['as it is set', { LANG: 'de_DE.UTF-8', PAGE_LANGUAGE: 'fr-CA' }, ['fr-CA | fr-CA,fr |', '1 234,5']],
  ['of a process that has none', { LANG: 'C.UTF-8' }, ['en-US | en-US,en |', '3/31/2026', '1,234.5']],
])('the language %s', (_where, env, texts) => {
  test('is that of numbers, dates and what servers are asked for', async () => {
    let asked: string | undefined;
    await using stage = await openPageStage({ PAGE_TIME_ZONE: 'UTC', ...env });
    const page: Pages['pages'][string] = (req, res) => {
      asked = req.headers['accept-language'];
      res.writeHead(200, { 'content-type': 'text/html' }).end(telling);
    };
    expect(await stage.print(page)).toMatchObject({ status: 202 });
    const text = (await textOf(await stage.stored())).replaceAll('\u00a0', ' ').replaceAll('\u202f', ' ');
    for (const each of texts) expect(text).toContain(each);
    expect(asked).toMatch(new RegExp(`^${texts[0]?.split(' ')[0]},`));
  });
});

test('the time zone is as it is set', async () => {
  await using stage = await openPageStage({ PAGE_TIME_ZONE: 'Asia/Kolkata' });
  await stage.print(telling);
  expect(await textOf(await stage.stored())).toMatch(/4\/1\/2026, 1:30:00.* \| 1 \| 2/);
});

test('canvases are drawn twice as sharp as on screen, or as it is set', async () => {
  await using stage = await openPageStage({ PAGE_PIXEL_RATIO: '3' });
  await stage.print(telling);
  expect(await textOf(await stage.stored())).toMatch(/\| 3$/);
});

test('PRINT_SCALE keeps a layout that wants 768 px', async () => {
  const page = html(
    `<p class="wide">Wide</p><p class="narrow">Narrow</p>${script(ready)}`,
    '<style>.wide { display: none } @media print and (min-width: 768px) { .wide { display: block } .narrow { display: none } }</style>',
  );
  await using usual = await openPageStage();
  await using scaled = await openPageStage({ PRINT_SCALE: '0.95' });
  await usual.print(page);
  await scaled.print(page);
  expect([(await textOf(await usual.stored())).trim(), (await textOf(await scaled.stored())).trim()]).toEqual([
    'Narrow',
    'Wide',
  ]);
});

describe('settings of one origin', () => {
  let first: Pages;
  let second: Pages;
  let service: TestService;
  beforeAll(async () => {
    [first, second] = [await startPages({ '/report': telling }), await startPages({ '/report': telling })];
    service = await startTestService({
      env: {
        FRONTEND_ORIGINS: `${first.origin} ${second.origin}=b`,
        PAGE_LANGUAGE: 'de-DE',
        PAGE_TIME_ZONE: 'UTC',
        ORIGIN_SETTINGS: JSON.stringify({
          [second.origin]: {
            PAGE_LANGUAGE: 'pt-BR',
            PAGE_TIME_ZONE: 'Asia/Tokyo',
            PAGE_PIXEL_RATIO: 1,
            REQUIRE_PDF_SUBJECT: false,
            STRICT_WARNINGS: ['page_error'],
          },
        }),
      },
      origin: first.origin,
    });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await Promise.all([first, second].map((each) => each[Symbol.asyncDispose]()));
  });

  test('are its own, and the others keep what is set for all', async () => {
    const pdfs: string[] = [];
    for (const origin of [first.origin, second.origin]) {
      const response = await service.trigger({ ...student, origin });
      expect(response.status).toBe(202);
      const { s3Key } = (await response.json()) as { s3Key: string };
      pdfs.push(await textOf(await readFile(join(service.dataDir, 'documents', s3Key))));
    }
    expect(pdfs[0]).toMatch(/^de-DE .* 31 \| 2$/);
    expect(pdfs[1]).toMatch(/^pt-BR .* 1 \| 1$/);
  });

  test('make a warning a failure for it alone', async () => {
    const broken = html(`<p>x</p>${script(`setTimeout(() => { ${ready} }, 50); throw new Error('broken')`)}`);
    [first.pages, second.pages] = [{ '/report': broken }, { '/report': broken }];
    const strict = await service.trigger({ ...student, origin: second.origin });
    expect(await strict.json()).toMatchObject({
      code: 'page_failed',
      detail: expect.stringContaining('page_error Error: broken'),
    });
    expect((await service.trigger({ ...student, origin: first.origin })).status).toBe(202);
  });
});

describe('settings that are wrong are said all at once', () => {
  const problemsOf = (env: Record<string, string>) => {
    try {
      loadConfig(env, false);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(({ variable, rule }) => `${variable} ${rule}`);
      throw error;
    }
    return [];
  };
  const origin = 'https://a.example';

  test('each on its own', () => {
    const wrong = {
      PAGE_LANGUAGE: 'not a language',
      PAGE_TIME_ZONE: 'Mars/Base',
      PAGE_PIXEL_RATIO: '9',
      PRINT_SCALE: '0',
      SETTLE_MS: '-1',
      PAGE_ALIASES: 'report',
      IGNORED_REFUSALS: '/a?b',
      STRICT_WARNINGS: 'printed_late',
      BROWSER_CA_FILE: '/nowhere.pem',
      ORIGIN_SETTINGS: '/nowhere.json',
    };
    const problems = problemsOf(wrong);
    expect(problems.map((problem) => problem.split(' ')[0]).toSorted()).toEqual(Object.keys(wrong).toSorted());
    expect(problems.join()).not.toMatch(/Mars|nowhere|printed_late/);
  });

  test.each([
    ['what is no JSON', '{', [/must be a JSON object/]],
    ['a list', '[]', [/must be a JSON object/]],
    [
      'an origin that is not named',
      '{"https://b.example":{}}',
      [/must name only origins of FRONTEND_ORIGINS, not https:\/\/b.example/],
    ],
    ['a value that is no object', `{"${origin}":5}`, [/must have an object of settings/]],
    [
      'several at once',
      `{"${origin}":{"PAGE_LANGUAGE":"?","SETTLE_MS":"x","PORT":1,"constructor":1}}`,
      [
        /PAGE_LANGUAGE a language tag \(https:\/\/a.example\)/,
        /SETTLE_MS a whole number/,
        /must not name PORT/,
        /must not name constructor/,
      ],
    ],
    ['nothing for a value', `{"${origin}":{"PAGE_LANGUAGE":null}}`, [/PAGE_LANGUAGE a language tag/]],
  ])('of ORIGIN_SETTINGS: %s', (_what, value, rules) => {
    const problems = problemsOf({ FRONTEND_ORIGINS: origin, ORIGIN_SETTINGS: value });
    expect(problems).toHaveLength(rules.length);
    for (const [index, rule] of rules.entries()) expect(problems[index]).toMatch(rule);
  });

  test('a file serves as well as a value', async () => {
    await using stage = await openPageStage();
    const file = join(stage.service.dataDir, 'origins.json');
    await writeFile(file, JSON.stringify({ [origin]: { SETTLE_MS: 500, PAGE_ALIASES: ['/a', '/b/*'] } }));
    const { config } = loadConfig({ FRONTEND_ORIGINS: origin, ORIGIN_SETTINGS: file }, false);
    expect(config.rendering.pages.get(origin)).toMatchObject({
      settleMs: 500,
      aliases: ['/a', '/b/*'],
      assetGraceMs: 2000,
    });
  });
});

describe("a frontend whose certificate is of the school's own authority", () => {
  const page = html(
    `<p id="p"></p>${script(`fetch('/api').then((a) => a.text()).then((text) => { p.textContent = text; ${ready} })`)}`,
  );
  const api: Pages['pages'][string] = (req, res) => void res.end(`Came with ${req.headers.cookie?.split('=')[0]}.`);

  test('is printed with BROWSER_CA_FILE, its cookie with the first request', async () => {
    await using stage = await openPageStage({ BROWSER_CA_FILE: authorityFile }, serverOf('good'));
    let cookie: string | undefined;
    const first: Pages['pages'][string] = (req, res) => {
      cookie = req.headers.cookie;
      res.writeHead(200, { 'content-type': 'text/html' }).end(page);
    };
    expect(await stage.print(first, { '/api': api })).toMatchObject({ status: 202, warnings: [] });
    expect(cookie).toMatch(/^jwt=ey/);
    expect(await textOf(await stage.stored())).toContain('Came with jwt.');
  });

  test('is page_failed without it, and says why', async () => {
    await using stage = await openPageStage({}, serverOf('good'));
    const answer = await stage.print(page);
    expect(answer).toMatchObject({
      status: 502,
      code: 'page_failed',
      detail: expect.stringContaining('CERT_AUTHORITY'),
    });
  });

  test('is trusted for the origin that names it, and for no other', async () => {
    await using other = await startPages({ '/report': page, '/api': api }, serverOf('good'));
    await using trusting = await startPages({ '/report': page, '/api': api }, serverOf('good'));
    await using service = await startTestService({
      env: {
        FRONTEND_ORIGINS: `${other.origin} ${trusting.origin}=b`,
        ORIGIN_SETTINGS: JSON.stringify({ [trusting.origin]: { BROWSER_CA_FILE: authorityFile } }),
      },
      origin: other.origin,
    });
    expect((await service.trigger({ ...student, origin: trusting.origin })).status).toBe(202);
    expect((await service.trigger({ ...student, origin: other.origin })).status).toBe(502);
  });
});
