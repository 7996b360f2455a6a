// People and a backend who want reports at once, without a pause, and who remember what they were promised.

import { createHash } from 'node:crypto';
import type { Pages } from './pages.ts';
import { startPages } from './pages.ts';
import { readPdf } from './pdf.ts';
import type { Chance } from './random.ts';
import { type Answer, askWith, BrokenOff, triggerAt, Unanswered } from './requests.ts';
import { keyOf, pathOf } from './stored-reports.ts';
import { adminToken } from './tokens.ts';

/** Figures that are counted per student: a later page shows a higher count. */
export interface CountingPages extends Pages {
  counts: Map<string, number>;
}

/** Shows whose figures they are, and which ones; after a moment. */
export async function startCountingPages(): Promise<CountingPages> {
  const counts = new Map<string, number>();
  const pages = await startPages({
    '/report': (req, res) => {
      const id = new URL(req.url ?? '', 'http://localhost').searchParams.get('studentId') ?? '';
      const count = (counts.get(id) ?? 0) + 1;
      counts.set(id, count);
      const html = `<!doctype html><html lang="en"><head><title>Report</title></head><body><h1>Figures of ${id} count ${count} end</h1>
<script>setTimeout(() => { window.__PDF_READY__ = true; }, ${(count * 37) % 120});</script></body></html>`;
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(html);
    },
  });
  return Object.assign(pages, { counts });
}

/** How a request ended that did not get what it asked for. */
export interface Miss {
  requestId: string;
  /** `refused`: by a coded answer; `unanswered`: no answer began; `broken`: inside an answer. */
  how: 'refused' | 'unanswered' | 'broken';
  why: string;
}

export interface Load {
  /** What a 202 was answered for: the least count that the document shows, and whether nobody asked for it a second time. */
  promised: Map<string, { count: number; isOnly: boolean }>;
  misses: Miss[];
  answered: number;
  /** What was answered, and wrongly. */
  wrong: string[];
}

export const newLoad = (): Load => ({ promised: new Map(), misses: [], answered: 0, wrong: [] });

/** What is stored before, by student: the sha256 of each. */
export type Stored = ReadonlyMap<string, string>;

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Whose figures a PDF shows, and which count of them. */
export async function figuresOf(body: Buffer): Promise<{ id: string; count: number }> {
  const { text } = await readPdf(body);
  const [, id = '', count = ''] = /Figures of (\w+) count (\d+) end/.exec(text) ?? [];
  return { id, count: Number(count) };
}

interface LoadOptions {
  url: string;
  load: Load;
  chance: Chance;
  stored: Stored;
  pages: CountingPages;
  signal: AbortSignal;
}

let requests = 0;

async function triggerOne({ url, load, chance, pages }: LoadOptions, requestId: string): Promise<Answer> {
  // Some again and again, some but once.
  const isOnly = chance.whole(2) === 0;
  const id = isOnly ? `ONCE${requestId.replace(/\W/g, '')}` : `OFTEN${chance.whole(4)}`;
  const least = (pages.counts.get(id) ?? 0) + 1;
  const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: id };
  const answer = await triggerAt(url, body, { headers: { 'x-request-id': requestId } });
  if (answer.status !== 202) return answer;
  const before = load.promised.get(id)?.count ?? 0;
  load.promised.set(id, { count: Math.max(before, least), isOnly });
  return answer;
}

async function readOne({ url, load, chance, stored }: LoadOptions, requestId: string): Promise<Answer> {
  const [id, digest] = chance.pick([...stored] as [[string, string], ...[string, string][]]);
  const answer = await askWith(adminToken(), url + pathOf(id), { headers: { 'x-request-id': requestId } });
  if (answer.status === 200 && sha256(answer.body) !== digest) load.wrong.push(`${keyOf(id)} was not what was stored`);
  return answer;
}

async function renderOne({ url, load }: LoadOptions, requestId: string): Promise<Answer> {
  const id = `ASKED${requestId.replace(/\W/g, '')}`;
  const answer = await askWith(adminToken(), url + pathOf(id), { headers: { 'x-request-id': requestId } });
  if (answer.status === 200 && (await figuresOf(answer.body)).id !== id) load.wrong.push(`${id} got another's PDF`);
  return answer;
}

async function work(options: LoadOptions): Promise<void> {
  const { load, chance, signal } = options;
  while (!signal.aborted) {
    const requestId = `load-${++requests}`;
    const kind = chance.pick([triggerOne, triggerOne, readOne, readOne, renderOne]);
    try {
      const { status, code = '' } = await kind(options, requestId);
      if (status === 200 || status === 202) load.answered++;
      else load.misses.push({ requestId, how: 'refused', why: `${status} ${code}` });
    } catch (error) {
      if (!(error instanceof BrokenOff || error instanceof Unanswered)) throw error;
      load.misses.push({ requestId, how: error instanceof BrokenOff ? 'broken' : 'unanswered', why: error.message });
      // The service has gone, or is going.
      if (error instanceof Unanswered) return;
    }
  }
}

/** Works with so many requests at once until the signal comes, or until nobody answers; kept when the last one has ended. */
export const putUnderLoad = (atOnce: number, options: LoadOptions): Promise<void> =>
  Promise.all(Array.from({ length: atOnce }, () => work(options))).then(() => undefined);
