// Certificates issued, beside a bare loop that prints the same page; and how many verifications are answered.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findExecutable } from '../src/browser/executable.ts';
import type { GivenDocument } from '../src/rendering/contract.ts';
import { openTemplating } from '../src/templating/templating.ts';
import { createPostgresDatabase } from '../test/support/postgres-database.ts';
import { serviceToken } from '../test/support/tokens.ts';
import type { PrintOrder } from './bare-certificates.ts';
import { type Measured, measureReports } from './class-run.ts';
import { startPlaten, startWorker } from './processes.ts';
import type { Section, Table } from './report.ts';
import { median, quantile, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 4);
const perRound = 40;
const oneByOne = 20;
const atOnce = 4;
const width = 2;
const verifySeconds = 5;
const verifiers = 16;

const asService = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` };

let learners = 0;
const nextBody = () => ({
  userId: `STU${++learners}`,
  courseId: 'ALG1',
  courseName: 'Algebra I',
  firstName: 'Anjali',
  lastName: 'Kumar',
  issuanceDate: '2026-03-01',
});

interface Issued {
  certificate: { id: string; verifyUrl: string };
}

async function issue(url: string): Promise<Issued> {
  const request = { method: 'POST', headers: asService, body: JSON.stringify(nextBody()) };
  const response = await fetch(`${url}/certificate/issue`, request);
  if (response.status !== 200) throw new Error(await response.text());
  return ((await response.json()) as { data: Issued }).data;
}

async function issueMany(url: string, count: number): Promise<void> {
  let left = count;
  const work = async () => {
    while (left-- > 0) await issue(url);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** The page of a certificate as a browser is given it, on a server that says nothing of how long its files last, and on one that lets them be kept. */
async function servePage(): Promise<{ plain: string; lasting: string } & AsyncDisposable> {
  const { promise, resolve } = Promise.withResolvers<GivenDocument>();
  const capture = async (document: GivenDocument): Promise<never> => {
    resolve(document);
    throw new Error('only looked at');
  };
  const templating = await openTemplating({ rendering: { printDocument: capture } as never });
  const sample = templating.list().find(({ id }) => id === 'course-completion')?.sample ?? {};
  templating.print({ templateId: 'course-completion', language: 'en', data: sample }).catch(() => undefined);
  const { html, files } = await promise;
  const begin = async (headers: Record<string, string>) => {
    const server = createServer((req, res) => {
      const file = files.get(req.url ?? '');
      if (file === undefined) res.writeHead(200, { 'content-type': 'text/html' }).end(html);
      else res.writeHead(200, { 'content-type': file.type, ...headers }).end(file.bytes);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return server;
  };
  const servers = [await begin({}), await begin({ 'cache-control': 'max-age=86400, immutable' })];
  const [plain = '', lasting = ''] = servers.map(
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  );
  return {
    plain,
    lasting,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

interface Compared {
  name: string;
  p50: number;
  rounds: { ours: Measured; plain: Measured; lasting: Measured }[];
}

interface Place {
  name: string;
  env: Record<string, string | undefined>;
}

interface Loop {
  pid: number;
  print(where: 'plain' | 'lasting'): Promise<void>;
}

async function compare({ name, env }: Place, bare: Loop): Promise<Compared> {
  await using platen = await startPlaten({ RENDER_CONCURRENCY: String(width), ...env });
  await issueMany(platen.url, width * 2);
  const times: number[] = [];
  for (let number = 0; number < oneByOne; number++) {
    const startedAt = performance.now();
    await issue(platen.url);
    times.push(performance.now() - startedAt);
  }
  const sides = {
    ours: () => measureReports(platen.pid, perRound, () => issueMany(platen.url, perRound)),
    plain: () => measureReports(bare.pid, perRound, () => bare.print('plain')),
    lasting: () => measureReports(bare.pid, perRound, () => bare.print('lasting')),
  };
  const names = ['ours', 'plain', 'lasting'] as const;
  const measured: Compared['rounds'] = [];
  for (let number = 0; number < rounds; number++) {
    const round: Partial<Compared['rounds'][number]> = {};
    for (const at of names.keys()) {
      const side = names[(number + at) % names.length] ?? 'ours';
      round[side] = await sides[side]();
    }
    measured.push(round as Compared['rounds'][number]);
  }
  return { name, p50: median(times), rounds: measured };
}

/** Answers per second and their p95, of so many who ask at once, each from another address. */
async function ask(
  send: (caller: Record<string, string>) => Promise<Response>,
): Promise<[perSecond: number, p95: number]> {
  const times: number[] = [];
  let callers = 0;
  const startedAt = performance.now();
  const work = async () => {
    while (performance.now() - startedAt < verifySeconds * 1000) {
      const number = ++callers;
      const before = performance.now();
      const response = await send({
        'x-forwarded-for': `10.${(number >> 14) & 255}.${(number >> 6) & 255}.${number & 63}`,
      });
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`it answered ${response.status}`);
      times.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: verifiers }, work));
  return [times.length / ((performance.now() - startedAt) / 1000), quantile(times, 0.95)];
}

async function measureVerifying({ name, env }: Place, dataDir: string): Promise<(string | number)[][]> {
  await using platen = await startPlaten({ TRUST_PROXY: 'loopback', ...env });
  const { certificate } = await issue(platen.url);
  const path = new URL(certificate.verifyUrl).pathname;
  const file = await readFile(join(dataDir, 'documents/certificates/ALG1', `STU${learners}`, `${certificate.id}.pdf`));
  const page = await ask((headers) => fetch(platen.url + path, { headers: { ...headers, accept: 'text/html' } }));
  const sent = await ask((headers) =>
    fetch(`${platen.url}/verify`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/pdf' },
      body: file,
    }),
  );
  const rowOf = (what: string, [perSecond, p95]: [number, number]) => [name, what, round(perSecond), round(p95)];
  return [
    rowOf('`GET /verify/{code}`, the page', page),
    rowOf(`\`POST /verify\`, ${round(file.length / 1024)} KB`, sent),
  ];
}

/** Takes about four minutes. */
export async function measureCertificates(): Promise<Section> {
  await using parts = new AsyncDisposableStack();
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  const page = parts.use(await servePage());
  const worker = parts.use(await startWorker<PrintOrder, object>('bench/bare-certificates.ts', [path]));
  const print = async (where: 'plain' | 'lasting') => {
    await worker.obey({ url: page[where], count: perRound, atOnce: width });
  };
  await print('plain');
  await print('lasting');
  const { DATABASE_URL } = process.env;
  const compared: Compared[] = [];
  const verified: (string | number)[][] = [];
  for (const server of DATABASE_URL === undefined ? [undefined] : [undefined, DATABASE_URL]) {
    await using place = server === undefined ? undefined : await createPostgresDatabase(server);
    const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
    parts.defer(() => rm(dataDir, { recursive: true }));
    const given = {
      name: server === undefined ? 'embedded' : 'PostgreSQL',
      env: { DATA_DIR: dataDir, DATABASE_URL: place?.url },
    };
    compared.push(await compare(given, { pid: worker.pid, print }));
    verified.push(...(await measureVerifying(given, dataDir)));
  }
  return describe(compared, verified);
}

function describe(compared: Compared[], verified: (string | number)[][]): Section {
  const rowOf = ({ name, p50, rounds }: Compared, what: keyof Measured, digits: number) => {
    const of = (side: 'ours' | 'plain' | 'lasting') => round(median(rounds.map((each) => each[side][what])), digits);
    const ratio = (side: 'plain' | 'lasting') =>
      round(median(rounds.map((each) => each.ours[what] / each[side][what])), 2);
    const label = what === 'perSecond' ? `certificates/s (p50 ${round(p50)} ms)` : 'CPU ms each';
    return [name, label, of('ours'), of('plain'), ratio('plain'), of('lasting'), ratio('lasting')];
  };
  const issued: Table = {
    columns: ['database', '', 'Platen', 'bare loop', 'ratio', 'bare loop, files kept', 'ratio'],
    rows: compared.flatMap((each) => [rowOf(each, 'perSecond', 1), rowOf(each, 'cpuMs', 0)]),
  };
  return {
    title: 'Certificates',
    text: [
      `Issued by \`POST /certificate/issue\`, ${atOnce} requests at once, ${width} prints at once: record, number, PDF, two credentials with three proofs, stored document and event. Beside it a loop of the browser driver that prints ` +
        `one filled page again and again, with its fonts, in ${width} kept tabs and does nothing with it: from a server that says nothing of how long files last, and from one that lets fonts and styles be kept, as Platen does. ${rounds} rounds of ${perRound} in turn; medians of the rounds, and of the ratios inside each round. The p50, from request to answer, is of ${oneByOne} requests one after the other.`,
      `Verifying, by ${verifiers} who ask at once (the client is a Node program on the same cores):`,
    ],
    tables: [issued, { columns: ['database', 'verifying', 'answers/s', 'p95 ms'], rows: verified }],
  };
}
