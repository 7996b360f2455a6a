import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { s3FromEnvironment } from '../test/support/s3.ts';
import { keyOf, makeStored, pathOf } from '../test/support/stored-reports.ts';
import { teacherToken } from '../test/support/tokens.ts';
import { putUnderLoad } from './load.ts';
import { startPlaten, startServer } from './processes.ts';
import type { Section } from './report.ts';
import { median, round } from './statistics.ts';

const size = 150_000;
const rounds = 5;
const roundSeconds = 5;
const connections = 50;
const studentId = 'STU001';
const stored = makeStored(studentId, { size });

const authorization = `Bearer ${teacherToken('T1', 'C1')}`;

/** Milliseconds that the process has used of processors, by Linux. */
function cpuOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticksPerSecond = 100;
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

interface Measured {
  perSecond: number;
  p99: number;
  cpuMs: number;
}

async function measure(pid: number | undefined, url: string): Promise<Measured> {
  const cpuBefore = cpuOf(pid);
  const startedAt = performance.now();
  const latencies = await putUnderLoad({ url, connections, seconds: roundSeconds, headers: { authorization } });
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    perSecond: latencies.length / seconds,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
    cpuMs: (cpuOf(pid) - cpuBefore) / latencies.length,
  };
}

const columns = [
  'round',
  ...['req/s', 'p99 ms', 'CPU ms per request'].flatMap((name) => [`bare ${name}`, `Platen ${name}`, 'ratio']),
];

async function measureFolder(): Promise<Section['tables'][number]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  const file = join(dataDir, 'documents', keyOf(studentId));
  const { body, metadata } = stored;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, body);
  await writeFile(`${file}.json`, JSON.stringify({ version: 'v', bytes: body.length, metadata }));
  await using bare = await startServer(['bench/bare-server.ts', file], {});
  await using platen = await startPlaten({ DATA_DIR: dataDir });
  const url = platen.url + pathOf(studentId);
  const measureBoth = async () => ({ least: await measure(bare.pid, bare.url), whole: await measure(platen.pid, url) });
  // Both are warm before the first round counts.
  await measureBoth();
  const rows: number[][] = [];
  for (let number = 0; number < rounds; number++) {
    const { least, whole } = await measureBoth();
    rows.push(
      (['perSecond', 'p99', 'cpuMs'] as const).flatMap((name) => [least[name], whole[name], whole[name] / least[name]]),
    );
  }
  await rm(dataDir, { recursive: true });
  const medians = columns.slice(1).map((_, column) => median(rows.map((row) => row[column] ?? Number.NaN)));
  const labelled = [...rows, medians].map((row, number) => [
    number < rounds ? String(number + 1) : 'median',
    ...row.map((value) => round(value, value < 10 ? 2 : 0)),
  ]);
  return { columns, rows: labelled };
}

/** Milliseconds of each of `count` calls, `atOnce` of them under way at a time. */
async function timeCalls(call: () => Promise<Buffer>, atOnce: number, count: number): Promise<number[]> {
  const times: number[] = [];
  let left = count;
  const work = async () => {
    while (left-- > 0) {
      const startedAt = performance.now();
      const bytes = await call();
      times.push(performance.now() - startedAt);
      if (bytes.length !== stored.body.length) throw new Error(`${bytes.length} bytes came`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return times;
}

function createHttpCall(url: string): () => Promise<Buffer> {
  const agent = new Agent({ keepAlive: true });
  return () =>
    new Promise((resolve, reject) => {
      get(url, { agent, headers: { authorization } }, (response) => buffer(response).then(resolve, reject)).on(
        'error',
        reject,
      );
    });
}

async function measureS3(): Promise<Section['tables'][number] | undefined> {
  const server = s3FromEnvironment();
  if (server === undefined) return undefined;
  const { config, keys } = server;
  const { bucket, region, endpoint = '' } = config;
  const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey };
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  const target = { Bucket: bucket, Key: keyOf(studentId) };
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  await client.send(new PutObjectCommand({ ...target, Body: stored.body, Metadata: stored.metadata }));
  const startWith = (memory: string) =>
    startPlaten({
      DATA_DIR: tmpdir(),
      DOCUMENT_CACHE_MB: memory,
      AWS_STORAGE_BUCKET_NAME: bucket,
      AWS_S3_ENDPOINT: endpoint,
      AWS_S3_FORCE_PATH_STYLE: 'true',
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: keys.accessKey,
      AWS_SECRET_ACCESS_KEY: keys.secretKey,
    });
  await using remembering = await startWith('64');
  await using reading = await startWith('0');
  const direct = async () => {
    const { Body } = await client.send(new GetObjectCommand(target));
    return buffer(Body as NodeJS.ReadableStream & AsyncIterable<Buffer>);
  };
  const calls = [
    direct,
    createHttpCall(remembering.url + pathOf(studentId)),
    createHttpCall(reading.url + pathOf(studentId)),
  ];
  for (const call of calls) await timeCalls(call, 10, 1000);
  const rows: (string | number)[][] = [];
  for (const atOnce of [1, 10]) {
    const times: number[][] = calls.map(() => []);
    for (let number = 0; number < rounds; number++)
      for (const [index, call] of calls.entries()) times[index]?.push(...(await timeCalls(call, atOnce, 200)));
    const [bare = Number.NaN, ...platen] = times.map(median);
    rows.push([atOnce, round(bare, 2), ...platen.flatMap((ms) => [round(ms, 2), round(ms / bare, 2)])]);
  }
  client.destroy();
  return {
    columns: ['at once', 'direct p50 ms', 'Platen p50 ms', 'ratio', 'Platen without memory p50 ms', 'ratio'],
    rows,
  };
}

/** Takes about three minutes. */
export async function measureStored(): Promise<Section> {
  const folder = await measureFolder();
  const bucket = await measureS3();
  return {
    title: 'Stored documents',
    text: [
      `A stored PDF of ${size / 1000} kB through everything (token, rate limit, log into a file) against a bare node:http server in a process of its own that streams the same file. ${connections} connections, ${rounds} rounds of ${roundSeconds} s each, in turn; client and servers share the machine. On a busy machine the processor time per request is the figure to trust.`,
      bucket === undefined
        ? 'S3: skipped, since S3_ENDPOINT and its keys are not set.'
        : 'From S3: a GET of Platen against a signed GetObject of the AWS SDK (which signs in the client) straight to the same server, in turn. Without memory: DOCUMENT_CACHE_MB=0. Platen is a second hop and asks the bucket for every answer, by the same SDK.',
    ],
    tables: bucket === undefined ? [folder] : [folder, bucket],
  };
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await measureStored(), null, 1)}\n`);
