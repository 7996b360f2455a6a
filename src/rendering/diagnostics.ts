// Keeps a screenshot and the page's HTML of a failed render, for the engineer who wants to see it.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { createLog, currentRequestId } from '../log.ts';
import { redactText } from '../redaction.ts';

const log = createLog('diagnostics');
const timeoutMs = 2000;

async function save(page: Page, folder: string, token: string | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  const name = join(folder, `${new Date().toISOString().replaceAll(':', '-')}-${currentRequestId() ?? 'render'}`);
  const html = await page.content();
  await writeFile(`${name}.html`, redactText(html, token === undefined ? [] : [token]));
  await writeFile(`${name}.png`, await page.screenshot());
}

/** Does nothing without a folder; gives up after 2 s, since a failed page may hang. Never throws. */
export async function saveDiagnostics(
  page: Page,
  folder: string | undefined,
  token: string | undefined,
): Promise<void> {
  if (folder === undefined) return;
  const saved = save(page, folder, token).catch((error) => log.warn('Diagnostics could not be saved', { error }));
  await Promise.race([saved, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
}
