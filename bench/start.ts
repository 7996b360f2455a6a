// The start: until Platen listens, until its first PDF; beside what the browser alone takes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { findExecutable } from '../src/browser/executable.ts';
import { readyPage, startPages } from '../test/support/pages.ts';
import { serviceToken } from '../test/support/tokens.ts';
import { startPlaten } from './processes.ts';
import type { Section } from './report.ts';
import { median, round } from './statistics.ts';

const rounds = 7;

/** Milliseconds until the browser alone is there, and until its first PDF. */
async function startBare(executablePath: string, url: string): Promise<[number, number]> {
  const startedAt = performance.now();
  const browser = await puppeteer.launch({ executablePath, headless: 'shell', pipe: true, args: ['--no-sandbox'] });
  const startedMs = performance.now() - startedAt;
  const page = await browser.newPage();
  await page.goto(url);
  await page.pdf();
  const printedMs = performance.now() - startedAt;
  await browser.close();
  return [startedMs, printedMs];
}

/** Milliseconds until Platen listens, and until its first PDF is stored. */
async function startOurs(origin: string): Promise<[number, number]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  const startedAt = performance.now();
  await using platen = await startPlaten({ DATA_DIR: dataDir, FRONTEND_ORIGINS: origin });
  const listeningMs = performance.now() - startedAt;
  const response = await fetch(`${platen.url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify({ reportType: 'student', classId: 'C1', testId: '1', studentId: 'S1' }),
  });
  if (response.status !== 202) throw new Error(await response.text());
  const printedMs = performance.now() - startedAt;
  await rm(dataDir, { recursive: true });
  return [listeningMs, printedMs];
}

/** Takes about half a minute. */
export async function measureStart(): Promise<Section> {
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
  const times: { ours: [number, number]; bare: [number, number] }[] = [];
  for (let number = 0; number < rounds; number++) {
    times.push({ ours: await startOurs(pages.origin), bare: await startBare(path, `${pages.origin}/report`) });
  }
  const of = (side: 'ours' | 'bare', index: 0 | 1) => round(median(times.map((each) => each[side][index])));
  return {
    title: 'Start',
    text: [
      `Milliseconds from the start of the process, medians of ${rounds} starts in turn, a page of one heading. The browser starts while Platen ` +
        'reads its settings and begins to listen.',
    ],
    tables: [
      {
        columns: ['', 'ready', 'first PDF'],
        rows: [
          ['Platen (ready: it listens)', of('ours', 0), of('ours', 1)],
          ['the browser alone, started by the driver', of('bare', 0), of('bare', 1)],
        ],
      },
    ],
  };
}
