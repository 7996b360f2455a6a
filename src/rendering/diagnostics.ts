// Keeps a screenshot and the page's HTML of a failed render, for the engineer who wants to see it.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CDPSession } from 'puppeteer-core';
import { createLog, currentRequestId } from '../log.ts';
import { redactText } from '../redaction.ts';

const log = createLog('diagnostics');
const timeoutMs = 2000;

async function save(cdp: CDPSession, folder: string, token: string | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  const name = join(folder, `${new Date().toISOString().replaceAll(':', '-')}-${currentRequestId() ?? 'render'}`);
  const expression = 'document.documentElement.outerHTML';
  const { result } = await cdp.send('Runtime.evaluate', { expression, returnByValue: true });
  await writeFile(`${name}.html`, redactText(String(result.value), token === undefined ? [] : [token]));
  const { data } = await cdp.send('Page.captureScreenshot', {});
  await writeFile(`${name}.png`, data, 'base64');
}

/** Does nothing without a folder; gives up after 2 s, since a failed page may hang. Never throws. */
export async function saveDiagnostics(
  cdp: CDPSession,
  folder: string | undefined,
  token: string | undefined,
): Promise<void> {
  if (folder === undefined) return;
  const saved = save(cdp, folder, token).catch((error) => log.warn('Diagnostics could not be saved', { error }));
  await Promise.race([saved, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
}
