// Names go to no name server: what a page knows could leave in a name that is only looked up. Wants root, for a name server of its own.

import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startEgressProxy } from '../src/rendering/egress.ts';
import { startBareBrowser } from './support/bare-browser.ts';
import { startPages } from './support/pages.ts';
import { until } from './support/until.ts';

const address = '127.0.0.77';
const canUnshare =
  process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
const describeNames = canUnshare ? describe : describe.skip;

/** Asks for a name in every way; when it is done with those that answer, it says so. */
const page = `<!doctype html><link rel=dns-prefetch href="//hint.example"><link rel=preconnect href="http://connect.example">
<p>x</p><img src="http://image.example/"><a href="http://anchor.example/">a</a><script>
  const peer = (urls) => {
    const p = new RTCPeerConnection({ iceServers: [{ urls, username: 'u', credential: 'c' }] });
    p.createDataChannel('x');
    p.createOffer().then((offer) => p.setLocalDescription(offer));
  };
  peer('stun:stun.example');
  peer('turn:turn.example');
  peer('turn:turn-tcp.example?transport=tcp');
  const a = new RTCPeerConnection(), b = new RTCPeerConnection();
  a.createDataChannel('x');
  a.createOffer().then((offer) => a.setLocalDescription(offer)).then(() => b.setRemoteDescription(a.localDescription))
    .then(() => b.createAnswer()).then((answer) => b.setLocalDescription(answer)).then(() => a.setRemoteDescription(b.localDescription))
    .then(() => a.addIceCandidate({ candidate: 'candidate:1 1 udp 2122260223 peer.example 5000 typ host', sdpMid: '0', sdpMLineIndex: 0 }));
  new WebSocket('ws://socket.example/');
  try { new WebTransport('https://transport.example/'); } catch {}
  Promise.allSettled([fetch('http://fetch.example/', { mode: 'no-cors' }), fetch('https://fetch-tls.example/')])
    .then(() => fetch('/tried'));
</script>`;

/** A name server that knows nothing, and keeps what it was asked for. */
async function startNameServer(): Promise<AsyncDisposable & { asked: Set<string> }> {
  const asked = new Set<string>();
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address: from }) => {
    const labels: string[] = [];
    for (let at = 12; query[at]; at += (query[at] ?? 0) + 1)
      labels.push(query.subarray(at + 1, at + 1 + (query[at] ?? 0)).toString());
    asked.add(labels.join('.'));
    const answer = Buffer.from(query);
    // An answer, and there is no such name.
    answer.writeUInt16BE(0x8183, 2);
    socket.send(answer, port, from);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return {
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
}

describeNames('a name that a page mentions', () => {
  let names: Awaited<ReturnType<typeof startNameServer>>;
  beforeAll(async () => {
    names = await startNameServer();
  });
  afterAll(async () => {
    await names[Symbol.asyncDispose]();
  });

  /** Opens the page, waits until it has tried and `isEnough`, and gives the names that were asked for. */
  async function askedBy(without: string[], { isGuarded = true, expected = [] as string[] } = {}): Promise<string[]> {
    names.asked.clear();
    let hasTried = false;
    await using pages = await startPages({
      '/report': page,
      '/tried': (_req, res) => {
        hasTried = true;
        res.end();
      },
    });
    const refused = new Set<string>();
    await using proxy = await startEgressProxy({ origins: [pages.origin], onRefused: (target) => refused.add(target) });
    await using bare = await startBareBrowser({ without, nameServer: address });
    const guard = { proxyServer: proxy.url, proxyBypassList: ['<-loopback>'] };
    const context = await bare.browser.createBrowserContext(isGuarded ? guard : {});
    await (await context.newPage()).goto(`${pages.origin}/report`, { waitUntil: 'domcontentloaded' });
    await until(() => hasTried && expected.every((name) => names.asked.has(name)));
    if (isGuarded) await until(() => refused.has('socket.example:80') && refused.has('fetch-tls.example:443'));
    // For what is not expected there is nothing to wait for.
    if (expected.length === 0) await delay(1500);
    return [...names.asked].filter((name) => name.endsWith('.example')).sort();
  }

  test('is asked for where nothing is protected', async () => {
    const open = ['--proxy-server', '--proxy-bypass-list', '--host-resolver-rules', '--force-webrtc', '--webrtc-ip'];
    const expected = 'fetch fetch-tls image peer socket stun transport turn turn-tcp'
      .split(' ')
      .map((each) => `${each}.example`);
    expect(await askedBy(open, { isGuarded: false, expected })).toEqual(expect.arrayContaining(expected));
  });

  test('is asked for by WebRTC where the browser may look names up', async () => {
    const expected = ['peer.example', 'turn-tcp.example'];
    expect(await askedBy(['--host-resolver-rules'], { expected })).toEqual(expected);
  });

  test('is not asked for', async () => {
    expect(await askedBy([])).toEqual([]);
  });
});
