// Nothing of one token's render reaches another's: every page leaves marks wherever it can, and the next ones look for them.
//
// ISOLATION_RENDERS and ISOLATION_SEED change how many renders there are and in which order.

import { expect, test } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { startBareBrowser } from '../support/bare-browser.ts';
import { leftoversIn, startApi, startMarkingPages } from '../support/marking-pages.ts';
import { places, unfindable } from '../support/marks.ts';
import { startTestService } from '../support/service.ts';
import { signReportToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const renders = Number(process.env.ISOLATION_RENDERS ?? 32);
const seed = Number(process.env.ISOLATION_SEED ?? 20_261_127);
const atOnce = 4;
const principals = Array.from({ length: 12 }, (_, index) => `P${index + 1}`);
const tokenOf = (principal: string) =>
  signReportToken({ email: `${principal}@school.example`, role: 'educator', educator_id: principal });

/** Numbers from 0 to 1, the same for the same seed. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Everybody in turn, then anybody: each principal comes several times, and at times twice in a row. */
function drawOrder(): string[] {
  const random = randomFrom(seed);
  const any = () => principals[Math.floor(random() * principals.length)] ?? '';
  return Array.from({ length: renders }, (_, index) => principals[index] ?? any());
}

function countSerials(): () => number {
  let serial = 0;
  return () => ++serial;
}

test(
  `${renders} renders of ${principals.length} callers, ${atOnce} at once: none finds anything of another (seed ${seed})`,
  async () => {
    const nextSerial = countSerials();
    await using api = await startApi();
    // Two ports of one host: for cookies they are the same.
    await using first = await startMarkingPages({ api: api.origin, nextSerial, isDataCacheable: true });
    // Only here are tabs kept.
    await using second = await startMarkingPages({ api: api.origin, nextSerial, isDataCacheable: false });
    const frontends = [first, second];
    const frontendOf = (principal: string) => (principals.indexOf(principal) % 2 === 0 ? second : first);
    await using service = await startTestService({
      origin: first.origin,
      env: {
        FRONTEND_ORIGINS: `${first.origin} ${second.origin}=second`,
        DEFAULT_FRONTEND_ORIGIN: first.origin,
        RENDER_ALLOWED_ORIGINS: api.origin,
        RENDER_CONCURRENCY: String(atOnce),
        PDF_TIMEOUT: '60000',
      },
    });
    const order = drawOrder();
    const tokens = new Map(principals.map((principal) => [principal, tokenOf(principal)]));
    const failed: unknown[] = [];
    const work = async () => {
      for (let principal = order.shift(); principal !== undefined; principal = order.shift()) {
        const report = { testId: '1', classId: 'C1', reportType: 'student', studentId: principal };
        const { origin } = frontendOf(principal);
        const response = await service.trigger({ ...report, origin, reportToken: tokens.get(principal) });
        if (response.status !== 202) failed.push(await response.json());
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const looks = frontends.flatMap((each) => each.looks).sort((a, b) => a.serial - b.serial);
    const seen = new Set<string>();
    const leftovers = looks.flatMap((look) => {
      const hasBeenBefore = seen.has(look.principal);
      seen.add(look.principal);
      return leftoversIn(look, hasBeenBefore).map((each) => `${look.principal} found ${each}`);
    });
    expect(leftovers).toEqual([]);
    expect(failed).toEqual([]);
    // Each page came from its server, and has looked.
    expect(new Set(looks.map(({ serial }) => serial)).size).toBe(renders);
    for (const { principal, found } of looks)
      expect(Object.fromEntries(found)['answer to /me']).toMatch(new RegExp(`^mark\\.${principal}\\.\\d+$`));
    expect(frontends.flatMap(({ mixed }) => mixed)).toEqual([]);
    expect(await service.metric('platen_render_tabs_total{tab="kept"}')).toBeGreaterThan(0);
    // Whether a request may be made was asked anew for each caller.
    expect(api.done).toBeGreaterThanOrEqual(renders);
    expect(api.asked).toBeGreaterThanOrEqual(principals.length);
    await until(() => frontends.every((each) => each.alive().length === 0));
  },
  60_000 + renders * 10_000,
);

test('in one context of a bare browser the same pages find every kind of mark', async () => {
  await using api = await startApi();
  await using pages = await startMarkingPages({ api: api.origin, nextSerial: countSerials(), isDataCacheable: true });
  await using bare = await startBareBrowser({
    without: ['--proxy-server', '--proxy-bypass-list', '--host-resolver-rules'],
  });
  const context = await bare.browser.createBrowserContext();
  /** Lets `lead` load the page with the token of `principal`, and waits until it has left its marks. */
  const visit = async (page: Page, principal: string, lead: (url: string) => Promise<unknown>) => {
    const { identifier } = await page.evaluateOnNewDocument((token) => {
      const { document, localStorage } = globalThis as never as {
        document: { cookie: string };
        localStorage: { token: string };
      };
      localStorage.token = token;
      document.cookie = `jwt=${token}; path=/; SameSite=Strict`;
    }, tokenOf(principal));
    await lead(`${pages.origin}/report?studentId=${principal}`);
    await page.waitForFunction('window.__PDF_READY__ === true', { polling: 100 });
    await page.removeScriptToEvaluateOnNewDocument(identifier);
  };
  const [first, second] = [await context.newPage(), await context.newPage()];
  await visit(first, 'P1', (url) => first.goto(url));
  await visit(second, 'P2', (url) => second.goto(url));
  await visit(first, 'P3', (url) => first.goto(url));
  // The page itself leads on, and only once it was asked to: the page before it is ready too.
  const leadBy = (page: Page, url: string) =>
    page.evaluate((to) => {
      const { location } = globalThis as never as { location: object };
      setTimeout(() => Object.assign(location, { href: to }));
    }, url);
  await visit(first, 'P4', (url) => Promise.all([first.waitForNavigation(), leadBy(first, url)]));
  await visit(first, 'P5', () => first.reload());

  const found = new Set(
    pages.looks.flatMap((look) => leftoversIn(look, false)).map((each) => each.slice(0, each.indexOf(':'))),
  );
  const missed = Object.keys(places).filter((place) => !found.has(place));
  expect(missed).toEqual(unfindable);
  expect(found.size).toBeGreaterThanOrEqual(35);
  expect(pages.alive().length).toBeGreaterThan(0);
  // Beacons may be lost; what a page sends that is still open goes with the cookie of whoever came last.
  await second.evaluate(`fetch('/late', { method: 'POST', body: 'mark.P2.0' })`);
  await until(() => pages.mixed.length > 0);
  expect(api.asked).toBeLessThan(api.done);
  // The page that was reloaded came from the server, the others may have come from the cache.
  expect(pages.looks).toHaveLength(5);
});
