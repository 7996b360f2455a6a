// A loop of the browser driver that prints one page after the other, in tabs that it keeps. Runs as a process of its own, told over IPC.

import puppeteer, { type Page } from 'puppeteer-core';

export interface PrintOrder {
  url: string;
  count: number;
  atOnce: number;
}

const [, , executablePath = ''] = process.argv;
const browser = await puppeteer.launch({
  executablePath,
  headless: 'shell',
  pipe: true,
  args: ['--no-sandbox', '--font-render-hinting=none'],
});
const tabs: Page[] = [];

async function print(page: Page, url: string): Promise<void> {
  await page.goto(url, { waitUntil: 'load' });
  await page.evaluate('document.fonts.ready.then(() => true)');
  const pdf = await page.pdf({ printBackground: true, preferCSSPageSize: true, tagged: true });
  if (pdf.length < 10_000) throw new Error('this is no certificate');
}

async function obey({ url, count, atOnce }: PrintOrder): Promise<void> {
  let left = count;
  const work = async (slot: number) => {
    const page = tabs[slot] ?? (await browser.newPage());
    tabs[slot] = page;
    while (left-- > 0) await print(page, url);
  };
  await Promise.all(Array.from({ length: atOnce }, (_, slot) => work(slot)));
}

process.on('message', (order: PrintOrder) => {
  obey(order).then(
    () => process.send?.({}),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.once('disconnect', () => void browser.close());
process.send?.('ready');
