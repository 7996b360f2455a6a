// What a page lacks for those who do not see it, or do not use a mouse.

import axe from 'axe-core';
import type { Page } from 'puppeteer-core';

/** What axe finds; its script is put in by the debugger, so that the page's own policy stays. */
export async function findFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
