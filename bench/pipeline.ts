// The pipeline: attempts read and certified, learners rehearsed and certified by runs, texts laid over a PDF.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PDFDocument } from '@cantoo/pdf-lib';
import { type Pipeline, pipelineOf, type Run } from '../test/support/pipeline.ts';
import { createPostgresDatabase } from '../test/support/postgres-database.ts';
import { attemptOf, startTestingService, type TestingService } from '../test/support/testing-service.ts';
import { until } from '../test/support/until.ts';
import { startPlaten } from './processes.ts';
import type { Section } from './report.ts';
import { median, quantile, round } from './statistics.ts';

const attempts = 20_000;
const oneByOne = 20;
const rehearsed = 100_000;
const certified = 1000;
const overlaid = 200;
const width = 2;
const longMs = 900_000;

type Row = (string | number)[];

const perSecond = (count: number, ms: number) => round(count / (ms / 1000), 1);
const ended = (run: Run) => !['queued', 'active'].includes(run.state);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Most of them have not passed: what is measured is reading them, not issuing. */
async function readAttempts(testing: TestingService, pipeline: Pipeline): Promise<number> {
  const failing = { score: 10 };
  const items = Array.from({ length: attempts }, (_, number) => attemptOf(`S${number}`, failing));
  const last = `S${attempts - 1}`;
  return timed(() => {
    testing.items.push(...items);
    return until(async () => {
      const path = `/internal/attempts?studentId=${last}`;
      const { items: found } = await pipeline.json<{ items: { state: string }[] }>('GET', path);
      return found[0]?.state === 'processed';
    }, longMs);
  });
}

/** From when the service has it to when the certificate can be had. */
async function certifyOne(testing: TestingService, pipeline: Pipeline, number: number): Promise<number> {
  const student = `PASSED${number}`;
  return timed(() => {
    testing.items.push(attemptOf(student));
    return until(async () => {
      const found = await pipeline.json<{ status: string }[]>('GET', `/certificates/${student}`);
      return found[0]?.status === 'available';
    }, longMs);
  });
}

const listOf = (count: number) =>
  ['studentId,firstName,lastName', ...Array.from({ length: count }, (_, at) => `S${at},Learner,Number ${at}`)].join(
    '\n',
  );

/** @returns the milliseconds of one run, and the most memory that the service had meanwhile, in MB. */
async function carryOut(
  pipeline: Pipeline,
  pid: number,
  { name, count, kind, type }: { name: string; count: number; kind: 'run' | 'dry-run'; type: object },
): Promise<{ ms: number; mostMb: number }> {
  await pipeline.putList(name, listOf(count));
  const configured = { name, retriever: 'list', generator: 'template', options: { asset: name }, ...type };
  const id = await pipeline.configure({ type: configured });
  let mostMb = 0;
  const ms = await timed(async () => {
    const runId = await pipeline.begin(id, kind);
    const run = await until(async () => {
      const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      mostMb = Math.max(mostMb, Number(kilobytes) / 1024);
      await pause(100);
      const found = await pipeline.find(runId, 1);
      return ended(found) && found;
    }, longMs);
    if (run.state !== 'completed' || run.counts.failed !== 0) throw new Error(JSON.stringify(run));
  });
  return { ms, mostMb };
}

async function makePaper(): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.addPage([842, 596]);
  return document.save();
}

async function measure(name: string, env: Record<string, string | undefined>): Promise<Row[]> {
  await using testing = await startTestingService();
  const intervals = {
    STATS_WORKER_FETCH_INTERVAL: '1',
    STATS_WORKER_PROCESS_INTERVAL: '1',
    STATS_WORKER_GENERATE_INTERVAL: '1',
  };
  await using platen = await startPlaten({
    FRONTEND_ORIGINS: 'http://127.0.0.1:1',
    RENDER_CONCURRENCY: String(width),
    TESTING_SERVICE_URL: testing.url,
    TESTING_SERVICE_TOKEN: 'testing-token',
    ...intervals,
    ...env,
  });
  const pipeline = pipelineOf(platen);
  await until(async () => (await fetch(`${platen.url}/readyz`)).ok, longMs);
  const reading = await readAttempts(testing, pipeline);
  const times: number[] = [];
  for (let number = 0; number < oneByOne; number++) times.push(await certifyOne(testing, pipeline, number));
  const rehearsal = await carryOut(pipeline, platen.pid, { name: 'many', count: rehearsed, kind: 'dry-run', type: {} });
  const run = await carryOut(pipeline, platen.pid, { name: 'some', count: certified, kind: 'run', type: {} });
  await pipeline.putFile('paper', 'application/pdf', await makePaper());
  const overlay = { generator: 'pdf-overlay', options: { asset: 'overlaid', template: 'paper' } };
  const laid = await carryOut(pipeline, platen.pid, { name: 'overlaid', count: overlaid, kind: 'run', type: overlay });
  return [
    [name, `attempts fetched and read, of ${attempts}`, `${perSecond(attempts, reading)} a second`],
    [name, 'from attempt to certificate, p50', `${round(median(times))} ms`],
    [name, 'from attempt to certificate, p95', `${round(quantile(times, 0.95))} ms`],
    [
      name,
      `rehearsal of ${rehearsed} learners`,
      `${round(rehearsal.ms / 1000, 1)} s, ${round(rehearsal.mostMb)} MB at most`,
    ],
    [name, `certificates by a run, of ${certified}`, `${perSecond(certified, run.ms)} a second`],
    [name, `certificates over a PDF by a run, of ${overlaid}`, `${perSecond(overlaid, laid.ms)} a second`],
  ];
}

/** In one process, with nothing but the drawing: no record, no signature, no storage. */
async function measureReportLab(folder: string): Promise<Row[]> {
  const { REPORTLAB_PYTHON } = process.env;
  if (REPORTLAB_PYTHON === undefined) return [];
  const template = join(folder, 'paper.pdf');
  await writeFile(template, await makePaper());
  const input = JSON.stringify({ template, count: overlaid });
  const seconds = Number(execFileSync(REPORTLAB_PYTHON, ['bench/overlay_by_reportlab.py'], { input }));
  return [['-', 'the same texts by ReportLab and pypdf alone', `${round(overlaid / seconds, 1)} a second`]];
}

/** Takes about five minutes for each database. */
export async function measurePipeline(): Promise<Section> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'platen-bench-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const { DATABASE_URL } = process.env;
  const rows = await measure('embedded', { DATA_DIR: join(folder, 'embedded') });
  if (DATABASE_URL !== undefined) {
    await using place = await createPostgresDatabase(DATABASE_URL);
    rows.push(...(await measure('PostgreSQL', { DATA_DIR: join(folder, 'postgres'), DATABASE_URL: place.url })));
  }
  rows.push(...(await measureReportLab(folder)));
  return {
    title: 'Pipeline',
    text: [
      `Attempts come from a small testing service, in pages of 500, with all three intervals at their least, a second. From attempt to certificate: from when the service has it, one after the other, ${oneByOne} times. Rehearsals and runs are of a list (CSV); certificates are records with number, two credentials and event, ${width} prints at once. ReportLab draws in one process and does nothing else (\`REPORTLAB_PYTHON\`).`,
    ],
    tables: [{ columns: ['database', 'what', 'figure'], rows }],
  };
}
