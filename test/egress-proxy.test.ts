// The egress proxy itself: what it lets through, what it refuses, and what it makes of nonsense.

import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startEgressProxy } from '../src/rendering/egress.ts';
import { type Pages, startPages } from './support/pages.ts';

const refused: string[] = [];
let target: Pages;
let proxy: Awaited<ReturnType<typeof startEgressProxy>>;
beforeAll(async () => {
  target = await startPages({ '/page': 'reached' });
  proxy = await startEgressProxy({
    origins: [
      target.origin,
      'http://169.254.169.254',
      'https://169.254.169.254',
      'http://[fe80::1]',
      new URL('http://[::ffff:169.254.1.1]').origin,
    ],
    onRefused: (address) => refused.push(address),
  });
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

/** What the proxy's answer to a wish to be connected says, `granted` by its code 0; or that there was none. */
async function ask(address: Buffer, type: number, port: number): Promise<number | 'closed'> {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  const portBytes = Buffer.from([port >> 8, port & 255]);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), Buffer.from([5, 1, 0, type]), address, portBytes]));
  let said = Buffer.alloc(0);
  for await (const piece of socket) {
    said = Buffer.concat([said, piece]);
    if (said.length >= 4) break;
  }
  socket.destroy();
  return said[3] ?? 'closed';
}
const named = (name: string, port: number) =>
  ask(Buffer.concat([Buffer.from([name.length]), Buffer.from(name)]), 3, port);
const numbered = (address: number[], port: number) => ask(Buffer.from(address), address.length === 4 ? 1 : 4, port);
const notAllowed = 2;
const unreachable = 4;

test('lets exactly its origins through', async () => {
  const port = Number(new URL(target.origin).port);
  expect(await numbered([127, 0, 0, 1], port)).toBe(0);
  expect(await named('127.0.0.1', port)).toBe(0);
  const others: [string, number][] = [
    ['localhost', port],
    ['127.0.0.1', port + 1],
    ['127.0.0.1.evil.example', port],
    [`127.0.0.1:${port}@127.0.0.2`, 80],
    ['127.0.0.1/', port],
    ['127.0.0.2', port],
    ['::1', port],
    ['', port],
    ['x y', port],
  ];
  for (const [name, at] of others) expect({ name, code: await named(name, at) }).not.toEqual({ name, code: 0 });
  for (const address of [
    [127, 0, 0, 2],
    [0, 0, 0, 0],
    [...Buffer.alloc(15), 1],
  ])
    expect({ address, code: await numbered(address, port) }).toEqual({ address, code: notAllowed });
  expect(refused).toContain(`localhost:${port}`);
});

test('refuses link-local addresses that its settings allow, and lives on', async () => {
  for (const [name, at] of [
    ['169.254.169.254', 80],
    ['169.254.169.254', 443],
    ['fe80::1', 80],
  ] as const)
    expect({ name, code: await named(name, at) }).toEqual({ name, code: unreachable });
  expect(await numbered([169, 254, 169, 254], 80)).toBe(unreachable);
  expect(await numbered([0xfe, 0x80, ...Buffer.alloc(13), 1], 80)).toBe(unreachable);
  expect(await numbered([...Buffer.alloc(10), 255, 255, 169, 254, 1, 1], 80)).toBe(unreachable);
  expect(await numbered([127, 0, 0, 1], Number(new URL(target.origin).port))).toBe(0);
});

test.each([
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['another version', Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0])],
  ['a wish for a password', Buffer.from([5, 1, 2])],
  ['a wish to listen', Buffer.from([5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80])],
  ['an unknown kind of address', Buffer.from([5, 1, 0, 5, 1, 0, 9, 127, 0, 0, 1, 0, 80])],
])('closes the connection of who speaks %s', async (_what, words) => {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  socket.write(words);
  const said = await buffer(socket);
  expect(said.length).toBeLessThanOrEqual(2);
});

test('understands what comes in pieces', async () => {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  const port = Number(new URL(target.origin).port);
  for (const byte of [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  socket.write('GET /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  expect((await buffer(socket)).toString('latin1')).toContain('200 OK');
});
