// Clients that send slowly, read slowly, or stop: they lose what they hold, and nobody else notices.

import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pages } from '../support/pages.ts';
import { pdfOf } from '../support/pdf.ts';
import { type ScriptedS3, startScriptedS3 } from '../support/scripted-s3.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { steerPages } from '../support/steered-pages.ts';
import { keyOf, makeStored, pathOf } from '../support/stored-reports.ts';
import { serviceToken, teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
const teacher = teacherToken('T1', 'C1');
/** More than the buffers of both ends hold. */
const large = 20_000_000;
const limits = { headersMs: 1000, requestMs: 2000, stalledAnswerMs: 1000 };

let pages: Pages;
let s3: ScriptedS3;
let onS3: TestService;
let onFolder: TestService;
let sockets: Socket[] = [];
beforeAll(async () => {
  pages = await frontend.start();
  s3 = await startScriptedS3();
  onS3 = await startTestService({ origin: pages.origin, env: s3.env, limits });
  onFolder = await startTestService({ origin: pages.origin, limits });
});
afterAll(async () => {
  for (const part of [onS3, onFolder, pages, s3]) await part[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

/** A connection that says this, and then does nothing: what comes is not read beyond the first 64 KB. */
function say(service: TestService, message: string): Socket {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => undefined);
  socket.write(message);
  sockets.push(socket);
  return socket;
}

const getMessage = (id: string) => `GET ${pathOf(id)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${teacher}\r\n\r\n`;
const triggerHead = [
  'POST /internal/trigger-generate-pdf HTTP/1.1',
  'Host: x',
  `X-Service-Auth: Bearer ${serviceToken}`,
  'Content-Type: application/json',
  'Content-Length: 1000',
].join('\r\n');

/** Open descriptors of this process, which is the service and its clients, by what they lead to. */
const descriptors = () =>
  readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return [];
    }
  });
const openFiles = () => descriptors().filter((target) => target.endsWith('.pdf')).length;
const openSockets = () => descriptors().filter((target) => target.startsWith('socket:')).length;

const storeOnS3 = (id: string, size = large) => s3.objects.set(keyOf(id), makeStored(id, { size }));
async function storeInFolder(id: string): Promise<void> {
  const file = join(onFolder.dataDir, 'documents', keyOf(id));
  const { body, metadata } = makeStored(id, { size: large });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, body);
  await writeFile(`${file}.json`, JSON.stringify({ version: 'v', bytes: body.length, metadata }));
}
const health = async (service: TestService) => {
  const startedAt = performance.now();
  expect((await service.get('/health')).status).toBe(200);
  return performance.now() - startedAt;
};

test('a stream of events without news says so every 15 s, and asks a client that loses it to come back after 2 s', async () => {
  frontend.figuresFor = () => frontend.createGate().promise;
  const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'QUIET' };
  const prefer = { prefer: 'respond-async' };
  const accepted = await onFolder.internal('/internal/trigger-generate-pdf', body, prefer);
  const { jobId } = (await accepted.json()) as { jobId: string };
  await until(() => frontend.opened.length === 1);
  const headers = { 'x-service-auth': `Bearer ${serviceToken}` };
  const startedAt = performance.now();
  const response = await onFolder.get(`/api/certificates/progress/${jobId}`, undefined, headers);
  const beats: number[] = [];
  let events = '';
  for await (const chunk of response.body ?? []) {
    const words = Buffer.from(chunk).toString();
    events += words;
    if (words.includes(': still here\n\n')) beats.push(Math.round((performance.now() - startedAt) / 1000));
    if (beats.length === 2) break;
  }
  expect(events).toMatch(/^retry: 2000\n\n/);
  // On a busy machine they come late, but never early.
  for (const [index, seconds] of [15, 30].entries()) {
    expect(beats[index]).toBeGreaterThanOrEqual(seconds);
    expect(beats[index]).toBeLessThan(seconds + 5);
  }
});

describe('a reader that stops', () => {
  test('in the middle of a document in S3 loses its connection, and the one to the storage is closed', async () => {
    storeOnS3('STOPS');
    const socket = say(onS3, getMessage('STOPS'));
    await until(() => s3.openConnections() === 1 && socket.readableLength > 0);
    await until(() => s3.openConnections() === 0);
    socket.resume();
    await until(() => socket.closed);
    expect(socket.bytesRead).toBeLessThan(large);
  });

  test('in the middle of a file leaves none open', async () => {
    await storeInFolder('STOPS');
    const before = openSockets();
    const socket = say(onFolder, getMessage('STOPS'));
    await until(() => openFiles() === 1);
    await until(() => openFiles() === 0);
    socket.destroy();
    await until(() => openSockets() <= before);
  });

  test('in the middle of a ZIP ends what is made for it', async () => {
    const ids = Array.from({ length: 8 }, (_, number) => `ZIP${number}`);
    for (const id of ids) storeOnS3(id);
    const body = JSON.stringify({ studentIds: ids, testId: '1', classId: 'C1' });
    const before = s3.read.length;
    say(
      onS3,
      `POST /generate-bulk-pdf HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${teacher}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until(() => s3.read.length > before);
    await until(() => s3.openConnections() === 0);
    expect(s3.read.length - before).toBeLessThan(ids.length);
  });

  test('is one of 30 at once: everybody else is served meanwhile, and afterwards all is as before', async () => {
    // They stop long enough for all of them to be there at once.
    const patient = { ...limits, stalledAnswerMs: 6000 };
    await using service = await startTestService({ origin: pages.origin, env: s3.env, limits: patient });
    storeOnS3('MANY');
    storeOnS3('SMALL', 100_000);
    await health(service);
    const before = openSockets();
    for (let number = 0; number < 30; number++) say(service, getMessage('MANY'));
    await until(() => s3.openConnections() === 30);
    expect(await health(service)).toBeLessThan(5000);
    const small = await service.get(pathOf('SMALL'), teacher);
    expect(small.headers.get('cache-status')).toBe('platen; hit');
    await small.arrayBuffer();
    await until(() => s3.openConnections() === 0);
    for (const socket of sockets) socket.destroy();
    // Some that wait for a next request are kept.
    await until(() => openSockets() <= before + 40);
    expect(await health(service)).toBeLessThan(5000);
  });
});

describe('who is patient', () => {
  test('a reader that is slow but alive gets the whole document', async () => {
    storeOnS3('ALIVE');
    const socket = say(onS3, getMessage('ALIVE'));
    const startedAt = performance.now();
    while (socket.bytesRead < large && !socket.closed) {
      socket.read();
      await setTimeout(10);
    }
    expect(socket.bytesRead).toBeGreaterThanOrEqual(large);
    expect(performance.now() - startedAt).toBeGreaterThan(2 * limits.stalledAnswerMs);
  });

  test('whoever waits for a render longer than a reader may stop gets the PDF, and so does a trigger', async () => {
    frontend.figuresFor = async () => {
      await setTimeout(3 * limits.stalledAnswerMs);
      return { text: 'Figures' };
    };
    const answers = [onS3.get(pathOf('LATE'), teacher)];
    answers.push(onS3.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId: 'LATER' }));
    const [report, trigger] = await Promise.all(answers);
    expect((await pdfOf(report as Response)).text).toContain('Figures');
    expect(trigger?.status).toBe(202);
  });

  test('a reader of a ZIP between two files of which nothing comes for long', async () => {
    frontend.figuresFor = async ({ page }) => {
      if (page.includes('PAUSE')) await setTimeout(3 * limits.stalledAnswerMs);
      return { text: 'Figures' };
    };
    const response = await fetch(`${onS3.url}/generate-bulk-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${teacher}` },
      body: JSON.stringify({ studentIds: ['AT_ONCE', 'PAUSE'], testId: '1', classId: 'C1' }),
    });
    const zip = Buffer.from(await response.arrayBuffer());
    expect(zip.includes('PAUSE.pdf')).toBe(true);
    expect(zip.includes('manifest.json')).toBe(true);
  });
});

describe('a sender that is slow', () => {
  const problemIn = (answer: string) => JSON.parse(answer.split('\r\n\r\n')[1] ?? '{}');

  test.each([
    ['nothing', ''],
    ['half a request line', 'GET /hea'],
    ['half of its headers', 'GET /health HTTP/1.1\r\nHost: x\r\nX-A: '],
  ])('and has sent %s gets 408 when its time is over', async (_what, message) => {
    const startedAt = performance.now();
    const socket = say(onS3, message);
    const drip = setInterval(() => message !== '' && socket.write('a'), 100);
    const answer = await text(socket);
    clearInterval(drip);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(problemIn(answer)).toMatchObject({ status: 408, code: 'request_timeout', requestId: expect.any(String) });
  });

  test('of a body gets 408 and nothing is rendered', async () => {
    const socket = say(onS3, `${triggerHead}\r\n\r\n{`);
    const drip = setInterval(() => socket.write(' '), 100);
    const answer = await text(socket);
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(problemIn(answer)).toMatchObject({ code: 'request_timeout' });
    expect(frontend.opened).toEqual([]);
  });

  test('is one of 200 at once: everybody else is served meanwhile, and none is left', async () => {
    await health(onS3);
    const before = openSockets();
    for (let number = 0; number < 200; number++) say(onS3, 'GET /health HTTP/1.1\r\nHost: x\r\n').resume();
    expect(await health(onS3)).toBeLessThan(5000);
    await until(() => sockets.every(({ closed }) => closed));
    await until(() => openSockets() <= before + 2);
  });

  test('has 10 s for its headers when nothing else is set', async () => {
    await using usual = await startTestService({ origin: pages.origin });
    const startedAt = performance.now();
    expect(await text(say(usual, 'GET /health HTTP/1.1\r\nX'))).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - startedAt).toBeGreaterThan(9000);
    expect(performance.now() - startedAt).toBeLessThan(25_000);
  });
});

test('garbage after a request never falls into the answer to it', async () => {
  storeOnS3('GARBAGE');
  const socket = say(onS3, getMessage('GARBAGE'));
  await until(() => socket.readableLength > 0);
  socket.write('no HTTP at all\r\n\r\n');
  const answer = await text(socket.setEncoding('latin1')).catch(() => '');
  expect(answer).not.toContain('HTTP/1.1 400');
  expect(answer.length).toBeLessThan(large);
});
