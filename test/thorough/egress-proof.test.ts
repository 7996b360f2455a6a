// The egress rule proved: a hostile page with more than a hundred ways out, each seen to work where nothing is protected, and none
// of which arrives from Platen; and each protection alone taken away, to see what it is for.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BrowserContext, Page } from 'puppeteer-core';
import { type EgressProxy, startEgressProxy } from '../../src/rendering/egress.ts';
import { type BareBrowser, startBareBrowser } from '../support/bare-browser.ts';
import { type Canaries, startCanaries } from '../support/canaries.ts';
import { type HostilePages, startHostilePages } from '../support/hostile-pages.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';
import { type WayOut, waysOut } from '../support/ways-out.ts';

const live = waysOut.filter(({ isDead }) => !isDead);
const staying = live.filter(({ group }) => !group.startsWith('leave-'));
const namesOf = (ways: readonly WayOut[]) => ways.map(({ name }) => name).sort();
const groupsOf = (ways: readonly WayOut[]) => [...new Set(ways.map(({ group }) => group))];
/** Their time comes when the page is printed or closed. */
const isLate = ({ name }: WayOut) => ['before-print', 'style-print', 'page-hide', 'fetch-later'].includes(name);
/** What goes by TCP and in time meets the proxy. */
const meetsProxy = (way: WayOut) => way.protocol === undefined && !isLate(way);

/** Opens a page for each group of ways, all at once. */
async function openAll(context: BrowserContext, origin: string, ways: readonly WayOut[]): Promise<Page[]> {
  return Promise.all(
    groupsOf(ways).map(async (group) => {
      const page = await context.newPage();
      // Some lead elsewhere before they have loaded.
      await page.goto(`${origin}/report?studentId=${group}`, { waitUntil: 'domcontentloaded' }).catch(() => undefined);
      return page;
    }),
  );
}

/** Waits for all, and says which are missing when they don't come. */
async function waitForAll(names: readonly string[], seen: (name: string) => boolean): Promise<void> {
  const missing = () => names.filter((name) => !seen(name));
  await until(() => missing().length === 0).catch(() => undefined);
  expect(missing()).toEqual([]);
}

/** Prints and closes the pages, and gives what comes then the time to come. */
async function printAndClose(pages: readonly Page[]): Promise<void> {
  await Promise.all(pages.map((page) => page.pdf().catch(() => undefined)));
  await Promise.all(pages.map((page) => page.close().catch(() => undefined)));
}

/** Everything by which the browser is kept from going out. */
const protections = [
  '--proxy-server',
  '--proxy-bypass-list',
  '--host-resolver-rules',
  '--webrtc-ip-handling-policy',
  '--force-webrtc-ip-handling-policy',
  '--disable-quic',
  '--no-pings',
];

test('where nothing is protected, every way out arrives', async () => {
  await using canaries = await startCanaries(waysOut);
  await using pages = await startHostilePages(waysOut, canaries);
  await using bare = await startBareBrowser({ without: protections });
  const context = await bare.browser.createBrowserContext();
  const open = await openAll(context, pages.origin, waysOut);
  const arrived = (name: string) => canaries.arrived.has(name);
  await waitForAll(namesOf(live.filter((way) => !isLate(way))), arrived);
  pages.letPrint();
  await printAndClose(open);
  await waitForAll(namesOf(live), arrived);
  expect(live.length).toBeGreaterThanOrEqual(100);
  // One of these that begins to work belongs among the others.
  expect(namesOf(waysOut.filter(({ name, isDead }) => isDead && arrived(name)))).toEqual([]);
});

describe('from Platen', () => {
  let parts: AsyncDisposableStack;
  let canaries: Canaries;
  let pages: HostilePages;
  let service: ServiceProcess;
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    canaries = parts.use(await startCanaries(waysOut));
    pages = parts.use(await startHostilePages(waysOut, canaries));
    service = parts.use(
      await startServiceProcess({
        FRONTEND_ORIGINS: pages.origin,
        // At other levels the log names the first targets only.
        LOG_LEVEL: 'debug',
        RENDER_CONCURRENCY: String(groupsOf(waysOut).length),
      }),
    );
  });
  afterAll(() => parts.disposeAsync());

  const trigger = async (studentId: string) => {
    const response = await fetch(`${service.url}/internal/trigger-generate-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
      body: JSON.stringify({ testId: '1', classId: 'C1', reportType: 'student', studentId }),
    });
    return { group: studentId, status: response.status, ...((await response.json()) as { code?: string }) };
  };
  /** Whether the log says that the proxy refused the port of this way. */
  const isRefused = (name: string) => new RegExp(`"target":"[^"]*:${canaries.ports.get(name)}"`).test(service.output());

  test('none arrives: each was tried, and was refused or never left the browser; the pages are printed', async () => {
    const answers = groupsOf(waysOut).map(trigger);
    const tried = namesOf(live.filter(meetsProxy));
    await waitForAll(tried, (name) => canaries.arrived.size > 0 || isRefused(name));
    expect([...canaries.arrived]).toEqual([]);
    pages.letPrint();
    const given = await Promise.all(answers);
    const [away, printed] = [true, false].map((isAway) =>
      given.filter(({ group }) => group.startsWith('leave-') === isAway),
    );
    expect(printed).toEqual(printed?.map(({ group }) => expect.objectContaining({ group, status: 202 })));
    const refusal = { status: 502, code: expect.stringMatching(/^page_(failed|redirected)$/) };
    expect(away).toEqual(away?.map(({ group }) => expect.objectContaining({ group, ...refusal })));
    await waitForAll(namesOf(live.filter((way) => isLate(way) && way.name !== 'page-hide')), isRefused);
    expect([...canaries.arrived]).toEqual([]);
    await service.stop('SIGTERM');
    expect([...canaries.arrived]).toEqual([]);
  });
});

interface Without {
  /** Arguments of the browser that are left out. */
  without?: string[];
  /** How the context of the pages is made; as Platen does it unless said otherwise. */
  contextOptions?: (proxy: EgressProxy) => object;
  /** Origins that the proxy allows beside the page's own. */
  allowed?: (canaries: Canaries) => string[];
}

interface Trial extends AsyncDisposable {
  canaries: Canaries;
  pages: HostilePages;
  bare: BareBrowser;
  context: BrowserContext;
  isRefused: (name: string) => boolean;
}

const asPlatenDoes = ({ url }: EgressProxy) => ({ proxyServer: url, proxyBypassList: ['<-loopback>'] });

/** A browser and a proxy as Platen has them, but for what is changed. */
async function startTrial({ without = [], contextOptions = asPlatenDoes, allowed }: Without): Promise<Trial> {
  await using parts = new AsyncDisposableStack();
  const canaries = parts.use(await startCanaries(waysOut));
  const pages = parts.use(await startHostilePages(waysOut, canaries));
  const refused = new Set<string>();
  const proxy = parts.use(
    await startEgressProxy({
      origins: [pages.origin, ...(allowed?.(canaries) ?? [])],
      onRefused: (target) => refused.add(target.slice(target.lastIndexOf(':') + 1)),
    }),
  );
  const bare = parts.use(await startBareBrowser({ without }));
  const context = await bare.browser.createBrowserContext(contextOptions(proxy));
  const running = parts.move();
  return {
    canaries,
    pages,
    bare,
    context,
    isRefused: (name) => refused.has(String(canaries.ports.get(name))),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

const inGroups = (...groups: string[]) => staying.filter(({ group }) => groups.includes(group));
const ofTcp = (ways: WayOut[]) => ways.filter(meetsProxy);
const udpOfWebRtc = staying.filter(({ name, protocol }) => name.startsWith('webrtc-') && protocol === 'udp');
const originsOfAll = (canaries: Canaries) => [...canaries.ports.values()].map((port) => `http://127.0.0.1:${port}`);
const withoutProxy = () => ({});

describe('without a single protection something arrives', () => {
  test.each<[string, Without, WayOut[]]>([
    [
      "the context's rule that loopback goes through the proxy too",
      { contextOptions: ({ url }) => ({ proxyServer: url }) },
      ofTcp(inGroups('requests', 'elements', 'workers', 'sockets')),
    ],
    [
      'the dead proxy that is the default, for a context without one of its own',
      { contextOptions: withoutProxy, without: ['--proxy-server'] },
      ofTcp(inGroups('requests', 'workers')),
    ],
    [
      'the default rule that loopback goes through it too',
      { contextOptions: withoutProxy, without: ['--proxy-bypass-list'] },
      ofTcp(inGroups('requests', 'workers')),
    ],
    ['the policy that UDP goes through the proxy', { without: ['--force-webrtc-ip-handling-policy'] }, udpOfWebRtc],
    [
      "the proxy's list of origins",
      { allowed: originsOfAll },
      ofTcp(inGroups('requests', 'styles', 'hints', 'sockets')),
    ],
  ])('%s', async (_protection, changes, ways) => {
    await using trial = await startTrial(changes);
    expect(ways.length).toBeGreaterThan(0);
    await openAll(trial.context, trial.pages.origin, ways);
    await waitForAll(namesOf(ways), (name) => trial.canaries.arrived.has(name));
  });
});

describe('nothing arrives', () => {
  /** Tries everything, prints and closes; every way that meets the proxy has met it. */
  async function tryEverything(changes: Without): Promise<string[]> {
    await using trial = await startTrial(changes);
    const open = await openAll(trial.context, trial.pages.origin, staying);
    await waitForAll(namesOf(staying.filter(meetsProxy)), trial.isRefused);
    trial.pages.letPrint();
    await printAndClose(open);
    return [...trial.canaries.arrived];
  }

  test('from a bare browser with all of them', async () => {
    expect(await tryEverything({})).toEqual([]);
  });

  test('from a context without a proxy of its own', async () => {
    await using trial = await startTrial({ contextOptions: withoutProxy });
    const page = await trial.context.newPage();
    await expect(page.goto(trial.pages.origin)).rejects.toThrow('ERR_PROXY_CONNECTION_FAILED');
    const code = waysOut.map(
      ({ name }) => `fetch('http://127.0.0.1:${trial.canaries.ports.get(name)}', { mode: 'no-cors' }).catch(() => 0)`,
    );
    await page.setContent(`<p>x</p><script>Promise.all([${code}]).then(() => { document.title = 'tried' })</script>`);
    await page.waitForFunction("document.title === 'tried'");
    expect([...trial.canaries.arrived]).toEqual([]);
  });

  // Belt and braces, and said so: with the proxy in place nothing has come without any of these, not even without all of them.
  // The headless shell takes its WebRTC policy from the forced one only; QUIC and pings do not go around a proxy.
  test('without those that are redundant beside the others', async () => {
    const redundant = protections.filter((each) => /^--(webrtc|disable-quic|no-pings)/.test(each));
    expect(redundant).toHaveLength(3);
    expect(await tryEverything({ without: redundant })).toEqual([]);
  });
});
