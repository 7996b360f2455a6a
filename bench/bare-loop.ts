// What a competent engineer writes in an afternoon: the browser driver in a loop. Runs as a process of its own, told over IPC.

import puppeteer, { type BrowserContext, type Page } from 'puppeteer-core';

/** `fresh`: a new context for each document. `kept`: each of the tabs at once is used again for its one token, storage cleared. */
export interface BareOrder {
  mode: 'fresh' | 'kept';
  atOnce: number;
  pages: { url: string; token: string }[];
  /** A proxy for all of them. */
  proxyUrl?: string;
}

const [, , executablePath = ''] = process.argv;
const browser = await puppeteer.launch({
  executablePath,
  headless: 'shell',
  pipe: true,
  args: ['--no-sandbox', '--generate-pdf-document-outline', '--font-render-hinting=none'],
});

const setToken = (token: string) => localStorage.setItem('token', token);

async function openPage(token: string, proxyUrl?: string): Promise<{ context: BrowserContext; page: Page }> {
  const proxy = proxyUrl === undefined ? {} : { proxyServer: proxyUrl, proxyBypassList: ['<-loopback>'] };
  const context = await browser.createBrowserContext(proxy);
  const page = await context.newPage();
  await page.evaluateOnNewDocument(setToken, token);
  return { context, page };
}

async function print(page: Page, url: string): Promise<number> {
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.waitForFunction('window.__PDF_READY__ === true');
  const pdf = await page.pdf({
    format: 'A4',
    printBackground: true,
    preferCSSPageSize: true,
    tagged: true,
    outline: true,
  });
  return pdf.length;
}

const keptPages = new Map<string, Page>();

async function printKept(slot: number, { url, token }: BareOrder['pages'][number]): Promise<number> {
  const key = `${slot} ${token}`;
  const page = keptPages.get(key) ?? (await openPage(token)).page;
  keptPages.set(key, page);
  const bytes = await print(page, url);
  const session = await page.createCDPSession();
  await session.send('Storage.clearDataForOrigin', { origin: new URL(url).origin, storageTypes: 'all' });
  await session.detach();
  return bytes;
}

async function printFresh({ url, token }: BareOrder['pages'][number], proxyUrl?: string): Promise<number> {
  const { context, page } = await openPage(token, proxyUrl);
  const bytes = await print(page, url);
  await context.close();
  return bytes;
}

/** Milliseconds of each document. */
async function obey({ mode, atOnce, pages, proxyUrl }: BareOrder): Promise<number[]> {
  const waiting = [...pages];
  const times: number[] = [];
  const work = async (slot: number) => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const startedAt = performance.now();
      const bytes = await (mode === 'kept' ? printKept(slot, next) : printFresh(next, proxyUrl));
      if (bytes < 10_000) throw new Error('this is no report');
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, slot) => work(slot)));
  return times;
}

process.on('message', (order: BareOrder) => {
  obey(order).then(
    (times) => process.send?.({ times }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.once('disconnect', () => void browser.close());
process.send?.('ready');
