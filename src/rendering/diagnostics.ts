// Keeps a screenshot and the page's HTML of a failed render, for the engineer who wants to see it.

import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CDPSession } from 'puppeteer-core';
import { createLog, currentRequestId } from '../log.ts';
import { redactText } from '../redaction.ts';

const log = createLog('diagnostics');
const timeoutMs = 2000;
const mostKept = 100;

/** As `save` names them: what begins with the time comes in order of time. */
const ours = /^(\d{4}-\d\d-\d\dT[\w.-]+)\.(html|png)$/;

/** Takes all away but the newest; what others have put there stays. */
async function removeOld(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => ours.test(name));
  const kept = new Set([...new Set(names.map((name) => ours.exec(name)?.[1]))].sort().slice(-mostKept));
  const old = names.filter((name) => !kept.has(ours.exec(name)?.[1]));
  await Promise.all(old.map((name) => rm(join(folder, name), { force: true })));
}

async function save(cdp: CDPSession, folder: string, token: string | undefined): Promise<void> {
  const name = join(folder, `${new Date().toISOString().replaceAll(':', '-')}-${currentRequestId() ?? 'render'}`);
  const expression = 'document.documentElement.outerHTML';
  const { result } = await cdp.send('Runtime.evaluate', { expression, returnByValue: true });
  await writeFile(`${name}.html`, redactText(String(result.value), token === undefined ? [] : [token]));
  const { data } = await cdp.send('Page.captureScreenshot', {});
  await writeFile(`${name}.png`, data, 'base64');
  await removeOld(folder);
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
