// A name that leads elsewhere when it is asked a second time: the call goes where the first answer led, or nowhere.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { callWebhook } from '../../src/events/webhook-call.ts';

/** Whoever asks the system for it, as a connection without a pinned address does, is led to this machine. */
const host = 'localhost';
const call = { id: '1', body: '{}', secret: 'whsec_AAAA' };

const addressOf = (address: string) => ({ address, family: address.includes(':') ? 6 : 4 });

/** Gives one answer after the other, and the last one for ever. */
function answerInTurn(...answers: string[][]) {
  let asked = 0;
  const resolve = async () => (answers[Math.min(asked++, answers.length - 1)] ?? []).map(addressOf);
  return { resolve, asked: () => asked };
}

/** Addresses to which somebody has tried to connect. */
let tried: string[];
let onTry: () => void;
const follow = (message: unknown) =>
  (message as { socket: Socket }).socket.on('connectionAttempt', (address: string) => {
    tried.push(address);
    onTry();
  });
beforeEach(() => {
  tried = [];
  onTry = () => undefined;
  subscribe('net.client.socket', follow);
});
afterEach(() => {
  unsubscribe('net.client.socket', follow);
});

/** Listens at both addresses, at the same port. */
async function listen(addresses: readonly string[]) {
  const called: string[] = [];
  await using parts = new AsyncDisposableStack();
  let port = 0;
  for (const address of addresses) {
    const server = createServer((_req, res) => {
      called.push(address);
      res.writeHead(204).end();
    });
    await new Promise<void>((done) => server.listen(port, address, done));
    parts.defer(async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    });
    port = (server.address() as AddressInfo).port;
  }
  const all = parts.move();
  return { port, called, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

test('what the name leads to a second time is not called', async () => {
  await using servers = await listen(['127.0.0.1', '127.0.0.2']);
  const { resolve, asked } = answerInTurn(['127.0.0.2'], ['127.0.0.1']);
  const url = `http://${host}:${servers.port}/hook`;
  const { signal } = new AbortController();
  await callWebhook({ ...call, url }, { trustedHosts: [host], signal, resolve });
  expect(servers.called).toEqual(['127.0.0.2']);
  expect(tried).toEqual(['127.0.0.2']);
  expect(asked()).toBe(1);
});

test.each([
  ['a public address, then this machine', [['203.0.113.5'], ['127.0.0.1']]],
  ['a public address and this machine, then this machine', [['127.0.0.1', '203.0.113.5', '::1'], ['127.0.0.1']]],
  ['a public address, then the metadata of a cloud', [['203.0.113.5'], ['169.254.169.254']]],
])('of %s only the public one is tried', async (_what, answers) => {
  const { resolve, asked } = answerInTurn(...answers);
  const ending = new AbortController();
  onTry = () => ending.abort();
  const called = callWebhook(
    { ...call, url: `https://${host}/` },
    { trustedHosts: [], signal: ending.signal, resolve },
  );
  await expect(called).rejects.toThrow();
  expect(tried).toEqual(['203.0.113.5']);
  expect(asked()).toBe(1);
});

test.each([
  ['this machine', ['127.0.0.1']],
  ['this machine, mapped', ['::ffff:127.0.0.1']],
  ['two networks inside', ['10.0.0.1', 'fd00::1']],
  ['nothing', []],
])('a name that leads to %s first is not called, whatever it leads to then', async (_what, first) => {
  const { resolve, asked } = answerInTurn(first, ['203.0.113.5']);
  const { signal } = new AbortController();
  const called = callWebhook({ ...call, url: `https://${host}/` }, { trustedHosts: [], signal, resolve });
  await expect(called).rejects.toThrow('its host leads inside');
  expect(tried).toEqual([]);
  expect(asked()).toBe(1);
});
