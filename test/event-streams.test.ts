// Server-sent events as they go over the wire: what a client has is not sent again, a slow one holds up nothing, a stop ends them.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createApp } from '../src/http/app.ts';
import type { EventFeed, EventSink } from '../src/http/contract.ts';
import { defineEndpoint } from '../src/http/contract.ts';
import { type HttpServer, openHttpServer } from '../src/http/server.ts';
import type { Identity } from '../src/identity/identity.ts';
import { createMetrics } from '../src/metrics.ts';
import { until } from './support/until.ts';

let server: HttpServer;
let serving: AsyncDisposable;
let sinks: EventSink[] = [];
let ended = 0;
let feed: EventFeed;
let sockets: Socket[] = [];
/** Whose a ticket is, when the test lets it be known. */
let redeemed: PromiseWithResolvers<string>;

beforeEach(async () => {
  sinks = [];
  ended = 0;
  redeemed = Promise.withResolvers();
  feed = (sink) => {
    sinks.push(sink);
    return () => {
      ended++;
    };
  };
  const endpoints = (['anyone', 'ticket'] as const).map((access) =>
    defineEndpoint({
      method: 'get',
      path: access === 'anyone' ? '/events' : '/events/:id',
      tag: 'Service',
      summary: '',
      access,
      answers: {},
      errors: [],
      handle: (exchange) => exchange.streamEvents((sink, lastEventId) => feed(sink, lastEventId)),
    }),
  );
  const app = createApp({
    identity: {} as Identity,
    redeemTicket: () => redeemed.promise,
    metrics: createMetrics(),
    actAs: (_author, work) => work(),
    endpoints,
    pages: (_req, _res, next) => next(),
    config: { trustProxy: [], rateLimitPer15Min: 10, allowedOrigins: [] },
  });
  const limits = { heartbeatMs: 50 };
  server = await openHttpServer({ host: '127.0.0.1', port: 0, limits });
  serving = server.serve(app, async () => undefined);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await serving[Symbol.asyncDispose]();
});

const get = (headers: Record<string, string> = {}) => fetch(`${server.url}/events`, { headers });
const isNews = (line: string) => line !== '' && !line.startsWith(':') && !line.startsWith('retry:');
const newsOf = async (response: Response) => (await response.text()).split('\n').filter(isNews);

test('states go out as they come, and the answer ends after the last', async () => {
  feed = (sink) => {
    sink.give({ id: '1', data: { done: 'a\nb' }, isLast: false });
    setTimeout(() => {
      sink.give({ id: '2', data: { done: 2 }, isLast: true });
      sink.give({ id: '3', data: {}, isLast: false });
    }, 20);
    return () => {
      ended++;
    };
  };
  const response = await get();
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  expect(await newsOf(response)).toEqual(['id: 1', 'data: {"done":"a\\nb"}', 'id: 2', 'data: {"done":2}']);
  await until(() => ended === 1);
});

test('a state that the client has is not sent again; where it was the last one the client need not come back', async () => {
  feed = (sink) => {
    sink.give({ id: '1', data: 1, isLast: false });
    sink.give({ data: { same: true }, isLast: true });
    return () => undefined;
  };
  const [, id = ''] = /^id: (.+)$/m.exec(await (await get({ 'last-event-id': '1' })).text()) ?? [];
  expect(id).toMatch(/^[\w-]{22}$/);
  const again = await get({ 'last-event-id': id });
  expect([again.status, await again.text()]).toEqual([204, '']);
});

test('without news it says that it is still there, and HEAD does not wait for any', async () => {
  const response = await get();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (/(?:: still here\n\n){2}/.test(text)) break;
  }
  await until(() => ended === 1);
  const head = await fetch(`${server.url}/events`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
});

test('a client that does not read gets the newest state and the last one when it reads again, and nothing piles up', async () => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname).pause();
  sockets.push(socket);
  socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  const sink = await until(() => sinks[0]);
  const padding = 'x'.repeat(100_000);
  for (let round = 0; round < 2000; round++) {
    sink.give({ id: String(round), data: { padding, round }, isLast: false });
    if (round % 20 === 0) await new Promise(setImmediate);
  }
  sink.give({ id: 'last', data: { end: true }, isLast: true });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.resume();
  await until(() => text.includes('data: {"end":true}'));
  // 200 MB were given; what was kept for it is what the buffers of the sockets hold, and one more.
  expect([...text.matchAll(/^id: \d+$/gm)].length).toBeLessThan(200);
  await until(() => ended === 1);
});

test('a client that goes away ends its feed', async () => {
  const leaving = new AbortController();
  await fetch(`${server.url}/events`, { signal: leaving.signal });
  leaving.abort();
  await until(() => ended === 1);
});

test('a client that goes away before it is known who it is leaves nothing behind', async () => {
  const leaving = new AbortController();
  const answer = fetch(`${server.url}/events/1?ticket=x`, { signal: leaving.signal }).catch(() => 'gone');
  await new Promise((resolve) => setTimeout(resolve, 100));
  leaving.abort();
  expect(await answer).toBe('gone');
  await new Promise((resolve) => setTimeout(resolve, 100));
  redeemed.resolve('service');
  await get();
  const [open] = [sinks.length - ended];
  // That of the second one.
  expect(open).toBe(1);
});

test('a server that stops ends them at once, also those that nobody reads', async () => {
  const open = await Promise.all([get(), get()]);
  const { hostname, port } = new URL(server.url);
  const silent = connect(Number(port), hostname).pause();
  sockets.push(silent);
  silent.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => sinks.length === 3);
  sinks[2]?.give({ id: '1', data: 'x'.repeat(20_000_000), isLast: false });
  const reader = open[0]?.body?.getReader();
  await reader?.read();
  const closed = once(silent, 'close');
  silent.on('error', () => undefined);
  const stoppedAt = performance.now();
  await serving[Symbol.asyncDispose]();
  // Requests under way would get 25 s.
  expect(performance.now() - stoppedAt).toBeLessThan(25_000);
  expect(ended).toBe(3);
  for (let chunk = await reader?.read(); chunk?.done === false; ) chunk = await reader?.read();
  expect(await open[1]?.text()).not.toContain('data:');
  silent.resume();
  await closed;
});
