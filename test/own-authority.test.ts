// The authority of a school's own: whose certificates the browser trusts by it, and whose it still refuses.

import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readAuthorities } from '../src/authority-file.ts';
import { findExecutable, NoBrowserError } from '../src/browser/executable.ts';
import { type BrowserProcess, startBrowserProcess } from '../src/browser/process.ts';
import { authorityOf, type ServerName, serverOf } from './support/authority.ts';
import { type Pages, startPages } from './support/pages.ts';

const school = authorityOf('school');
const stranger = authorityOf('stranger');
const server = serverOf('good');

describe('a file of authorities', () => {
  const subjects = (pem: string) => readAuthorities(pem).map(({ subject }) => subject);

  test.each([
    ['one', school, ['CN=Authority of a school']],
    ['several', school + stranger, ['CN=Authority of a school', 'CN=Another authority']],
    ['lines of Windows', school.replaceAll('\n', '\r\n'), ['CN=Authority of a school']],
    ['comments', `# Made in 2020\n${school}-- and more --\n${stranger}`, [expect.anything(), expect.anything()]],
  ])('may have %s', (_what, pem, expected) => {
    expect(subjects(pem)).toEqual(expected);
  });

  test.each([
    ['nothing', '', 'no certificate'],
    ['another text', '<!doctype html><title>Not found</title>', 'no certificate'],
    ['bytes that are not PEM', new X509Certificate(school).raw.toString('latin1'), 'no certificate'],
    ['a certificate that was cut off', school.slice(0, 300), 'block 1'],
    ['a cut one before a whole one', school.slice(0, 300) + stranger, 'block 1'],
    ['a spoilt one after a whole one', school + stranger.replace(/\nMII/, '\nMMM'), 'block 2'],
    ['a key', school + server.key, 'PRIVATE KEY'],
  ])('is refused where it has %s', (_what, pem, message) => {
    expect(() => readAuthorities(pem)).toThrow(message);
  });

  test('does not tell what it has instead', () => {
    expect(() => readAuthorities(server.key)).toThrow(/^block 1 is not a certificate but: PRIVATE KEY$/);
  });
});

/** Whether the browser is here; its name in BROWSER_PATH. */
async function isHere(browserPath: string): Promise<boolean> {
  return findExecutable(browserPath).then(
    () => true,
    (error) => {
      if (error instanceof NoBrowserError) return false;
      throw error;
    },
  );
}
const systemPath = '/usr/bin/chromium-headless-shell';
const describeSystem = (await isHere(systemPath)) ? describe : describe.skip;
const describeBundled = (await isHere('bundled')) ? describe : describe.skip;

const start = (browserPath: string, authorities?: string) =>
  startBrowserProcess({ browserPath, hasSandbox: process.getuid?.() !== 0, authorities });

/** What the page's heading says when it has one, or why the browser does not show the page. */
async function see({ browser }: BrowserProcess, url: string): Promise<string> {
  // The browser's own proxy is a dead one, with which it goes nowhere.
  const context = await browser.createBrowserContext({ proxyServer: 'direct://', proxyBypassList: ['<-loopback>'] });
  const page = await context.newPage();
  try {
    await page.goto(url);
    const heading = await page.waitForSelector('h1');
    return (await heading?.evaluate((element) => element.textContent)) ?? '';
  } catch (error) {
    return /net::ERR_\w+/.exec(String(error))?.[0] ?? String(error);
  } finally {
    await context.close();
  }
}

const plainPage = '<!doctype html><title>Report</title><body><h1>Report</h1>';
/** Its heading is what another origin answers. */
const fetchingPage = (url: string) => `<!doctype html><title>Report</title><body><script>
  const write = (text) => document.body.append(Object.assign(document.createElement('h1'), { textContent: text }));
  fetch('${url}').then((answer) => answer.text()).then(write, () => write('refused'));
</script>`;
const anyOriginMayRead = (_req: IncomingMessage, res: ServerResponse) =>
  void res.writeHead(200, { 'access-control-allow-origin': '*' }).end('Marks');

describe('pages of a school', () => {
  let parts: AsyncDisposableStack;
  const servers: Partial<Record<ServerName, Pages>> = {};
  const report = (name: ServerName) => `${servers[name]?.origin}/report`;
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    for (const name of ['good', 'expired', 'misnamed', 'strange'] as const) {
      const pages = { '/report': plainPage, '/marks': anyOriginMayRead };
      servers[name] = parts.use(await startPages(pages, serverOf(name)));
    }
  });
  afterAll(() => parts.disposeAsync());

  function suite(browserPath: string): void {
    describe('with its authority', () => {
      let browser: BrowserProcess;
      beforeAll(async () => {
        browser = await start(browserPath, school);
      });
      afterAll(() => browser.end());

      test('are trusted', async () => {
        expect(await see(browser, report('good'))).toBe('Report');
      });

      test.each([
        ['has expired', 'expired', 'net::ERR_CERT_DATE_INVALID'],
        ['has another name', 'misnamed', 'net::ERR_CERT_COMMON_NAME_INVALID'],
        ['comes from another authority', 'strange', 'net::ERR_CERT_AUTHORITY_INVALID'],
      ] as const)('are refused where the certificate %s', async (_why, name, error) => {
        expect(await see(browser, report(name))).toBe(error);
      });

      test.each([
        ['is trusted', 'good', 'Marks'],
        ['is refused where it comes from another authority', 'strange', 'refused'],
      ] as const)('read from another origin, whose certificate %s', async (_what, name, read) => {
        const page = fetchingPage(`${servers[name]?.origin}/marks`);
        await using other = await startPages({ '/report': page }, serverOf('good'));
        expect(await see(browser, `${other.origin}/report`)).toBe(read);
      });
    });

    async function seeWith(authorities: string | undefined, names: ServerName[]): Promise<string[]> {
      const browser = await start(browserPath, authorities);
      try {
        return await Promise.all(names.map((name) => see(browser, report(name))));
      } finally {
        await browser.end();
      }
    }

    test('are refused without its authority', async () => {
      expect(await seeWith(undefined, ['good'])).toEqual(['net::ERR_CERT_AUTHORITY_INVALID']);
    });

    test('are trusted whichever of several authorities is theirs, even if one is named twice', async () => {
      expect(await seeWith(stranger + school + stranger, ['good', 'strange'])).toEqual(['Report', 'Report']);
    });

    test('have no browser where the file of authorities is spoilt', async () => {
      await expect(start(browserPath, 'nothing')).rejects.toThrow('no certificate');
    });
  }

  describeSystem("in the system's browser", () => suite(systemPath));
  describeBundled('in the browser that npm brings', () => suite('bundled'));
});
