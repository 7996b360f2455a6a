// What a page can reach: its own origin, what the settings allow, and nothing else, by whatever way it tries.

import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { readPdf } from './support/pdf.ts';
import { startTestService, type TestService } from './support/service.ts';

const student = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: 'STU001' };
const html = (body: string, head = '') =>
  `<!doctype html><html lang="en"><head><title>Report</title>${head}</head><body>${body}</body></html>`;
const script = (code: string) => `<script>${code}</script>`;

/** A server that no page may reach: it notes every connection, whatever comes over it. */
interface Canary extends AsyncDisposable {
  address: string;
  port: number;
  connections: number;
}

async function startCanary(host: string): Promise<Canary> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    canary.connections++;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-length: 0\r\n\r\n');
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const canary: Canary = {
    address: `${net.isIPv6(host) ? `[${host}]` : host}:${port}`,
    port,
    connections: 0,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return canary;
}

/** A canary for UDP: where WebRTC looks for its own address. */
async function startUdpCanary(): Promise<AsyncDisposable & { port: number; packets: number }> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const canary = {
    port: socket.address().port,
    packets: 0,
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
  socket.on('message', () => canary.packets++);
  return canary;
}

/** An origin that pages may reach: answers everything, to anyone, and notes the paths. */
async function startOpenOrigin(): Promise<AsyncDisposable & { port: number; paths: Set<string> }> {
  const paths = new Set<string>();
  const server = createServer((req, res) => {
    paths.add(new URL(req.url ?? '', 'http://x').pathname);
    req.resume();
    const type = req.url?.includes('script') ? 'text/javascript' : req.url?.includes('css') ? 'text/css' : 'text/plain';
    res.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': type }).end();
  });
  server.on('upgrade', (req, socket) => {
    paths.add(req.url ?? '');
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    paths,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Ways out that need no time, as code; `at` is the host and port to reach. */
const waysOut = `async (at, from) => {
  const to = (path) => 'http://' + at + '/' + path;
  const put = (tag, attributes) => document.body.append(Object.assign(document.createElement(tag), attributes));
  const link = (rel, path, more = {}) => document.head.append(Object.assign(document.createElement('link'), { rel, href: to(path), ...more }));
  const ways = [
    () => fetch(to('fetch')),
    () => fetch(to('fetch-no-cors'), { mode: 'no-cors', keepalive: true }),
    () => fetch('/hop?to=' + encodeURIComponent(to('redirect')), { mode: 'no-cors' }),
    () => { const x = new XMLHttpRequest(); x.open('GET', to('xhr')); x.send(); },
    () => new WebSocket('ws://' + at + '/socket'),
    () => new EventSource(to('events')),
    () => navigator.sendBeacon(to('beacon'), 'x'),
    () => put('img', { src: to('img'), alt: '' }),
    () => put('iframe', { src: to('iframe') }),
    () => put('script', { src: to('script') }),
    () => put('object', { data: to('object') }),
    () => put('embed', { src: to('embed') }),
    () => put('video', { src: to('video'), preload: 'auto' }),
    () => put('style', { textContent: '@import url(' + to('css-import') + ')' }),
    () => put('style', { textContent: '.bg { background: url(' + to('background') + ') }' }),
    () => put('div', { className: 'bg', textContent: 'x' }),
    () => new FontFace('F' + from, 'url(' + to('font') + ')').load(),
    () => link('preconnect', ''),
    () => link('dns-prefetch', ''),
    () => link('prefetch', 'prefetch'),
    () => link('preload', 'preload', { as: 'fetch' }),
    () => link('prerender', 'prerender'),
    () => link('stylesheet', 'css'),
    () => link('icon', 'icon'),
    () => link('manifest', 'manifest'),
    () => put('script', { type: 'speculationrules', textContent: JSON.stringify({ prefetch: [{ source: 'list', urls: [to('speculation')] }] }) }),
    () => { const f = document.createElement('form'); f.method = 'post'; f.action = to('form'); f.target = 'sink'; document.body.append(f); f.submit(); },
    () => { const a = document.createElement('a'); a.href = location.href + '#'; a.ping = to('ping'); document.body.append(a); a.click(); },
    () => new Worker(URL.createObjectURL(new Blob(["fetch('" + to('worker') + "')"]))),
    () => new SharedWorker('/shared.js?at=' + at),
    () => navigator.serviceWorker.register('/service.js?at=' + at, { scope: '/scope-' + from }),
    () => import(to('module-script')),
    () => new WebTransport('https://' + at + '/transport'),
  ];
  for (const way of ways) { try { await Promise.race([way(), new Promise((r) => setTimeout(r, 20))]); } catch {} }
}`;
const stun = `async (port) => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:' + port }, { urls: 'turn:127.0.0.1:' + port, username: 'u', credential: 'c' }] });
  peer.createDataChannel('x');
  await peer.setLocalDescription(await peer.createOffer());
}`;
const escapingPage = (addresses: string[], udpPort: number) =>
  html(
    `<p>Page that wants out</p><iframe name="sink"></iframe>${script(`(async () => {
      let from = 0;
      await Promise.all([(${stun})(${udpPort}).catch(() => {}), ...${JSON.stringify(addresses)}.map((at) => (${waysOut})(at, from++))]);
      setTimeout(() => { window.__PDF_READY__ = true; }, 800);
    })()`)}`,
  );
const workerScript = (req: IncomingMessage) => {
  const at = new URL(req.url ?? '', 'http://x').searchParams.get('at');
  const kind = req.url?.startsWith('/shared') ? 'shared' : 'service';
  return `fetch('http://${at}/${kind}-worker', { mode: 'no-cors' });`;
};
const helpers: Pages['pages'] = {
  '/hop': (req, res) =>
    res.writeHead(302, { location: new URL(req.url ?? '', 'http://x').searchParams.get('to') ?? '' }).end(),
  '/shared.js': (req, res) => res.writeHead(200, { 'content-type': 'text/javascript' }).end(workerScript(req)),
  '/service.js': (req, res) => res.writeHead(200, { 'content-type': 'text/javascript' }).end(workerScript(req)),
};

describe('a page that wants out', () => {
  let parts: AsyncDisposableStack;
  let pages: Pages;
  let service: TestService;
  let open: Awaited<ReturnType<typeof startOpenOrigin>>;
  let neighbour: Canary;
  const canaries: Canary[] = [];
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    pages = parts.use(await startPages(helpers));
    open = parts.use(await startOpenOrigin());
    for (const host of ['127.0.0.1', '127.0.0.2', '::1']) canaries.push(parts.use(await startCanary(host)));
    neighbour = canaries[0] as Canary;
    service = parts.use(
      await startTestService({
        origin: pages.origin,
        env: { RENDER_ALLOWED_ORIGINS: `http://127.0.0.1:${open.port}`, PDF_TIMEOUT: '60000' },
      }),
    );
  });
  afterAll(() => parts.disposeAsync());

  test('reaches nothing by any way, on any address of this machine', async () => {
    await using udp = await startUdpCanary();
    const addresses = [...canaries.map(({ address }) => address), `localhost:${neighbour.port}`];
    pages.pages = { ...helpers, '/report': escapingPage(addresses, udp.port) };
    const refused = await service.metric('platen_egress_refused_total');
    expect((await service.trigger(student)).status).toBe(202);
    expect(canaries.map(({ address, connections }) => ({ address, connections }))).toEqual(
      canaries.map(({ address }) => ({ address, connections: 0 })),
    );
    expect(udp.packets).toBe(0);
    expect(await service.metric('platen_egress_refused_total')).toBeGreaterThan(refused + 40);
  });

  test('reaches the one origin that the settings allow, by all these ways', async () => {
    await using udp = await startUdpCanary();
    pages.pages = { ...helpers, '/report': escapingPage([`127.0.0.1:${open.port}`], udp.port) };
    expect((await service.trigger(student)).status).toBe(202);
    const ways =
      'fetch fetch-no-cors redirect xhr socket events beacon img iframe script object css-import background font';
    const more = 'prefetch css worker shared-worker service-worker form module-script';
    expect([...open.paths]).toEqual(expect.arrayContaining(`${ways} ${more}`.split(' ').map((way) => `/${way}`)));
    expect(neighbour.connections).toBe(0);
  });

  test('sends a request with a body and gets a large answer, both intact', async () => {
    const large = Buffer.alloc(5 << 20, 'large answer, ');
    let received = '';
    const told: unknown[] = [];
    const read = async (req: IncomingMessage) => {
      const hash = createHash('sha256');
      for await (const chunk of req) hash.update(chunk as Buffer);
      return hash.digest('hex');
    };
    const page = html(
      `<p>x</p>${script(`(async () => {
      const body = new Uint8Array(1 << 20).map((_, index) => index * 7);
      await fetch('/upload', { method: 'POST', body, headers: { 'x-mark': 'kept' } });
      const answer = await fetch('/large');
      const hash = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
      const hex = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      await fetch('/told', { method: 'POST', body: JSON.stringify({ hex, mark: answer.headers.get('x-mark') }) });
      window.__PDF_READY__ = true;
    })()`)}`,
    );
    let mark: unknown;
    pages.pages = {
      '/report': page,
      '/upload': async (req, res) => {
        mark = req.headers['x-mark'];
        received = await read(req);
        res.end();
      },
      '/large': (_req, res) => res.writeHead(200, { 'x-mark': 'kept too' }).end(large),
      '/told': async (req, res) => {
        const chunks: Buffer[] = [];
        for await (const chunk of req) chunks.push(chunk as Buffer);
        told.push(JSON.parse(Buffer.concat(chunks).toString()));
        res.end();
      },
    };
    expect((await service.trigger(student)).status).toBe(202);
    const sent = Uint8Array.from({ length: 1 << 20 }, (_, index) => index * 7);
    expect(received).toBe(createHash('sha256').update(sent).digest('hex'));
    expect(mark).toBe('kept');
    expect(told).toEqual([{ hex: createHash('sha256').update(large).digest('hex'), mark: 'kept too' }]);
  });

  test('never reads a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'platen-secret-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'secret.txt');
    await writeFile(file, 'SECRETOFTHEMACHINE');
    const url = `file://${file}`;
    const page = html(
      `<p>Wants files</p><iframe src="${url}" width="400"></iframe><object data="${url}"></object><embed src="${url}">
      <link rel="import" href="${url}"><script src="${url}"></script><pre id="out"></pre>
      ${script(`fetch('${url}').then((a) => a.text()).then((t) => { out.textContent = t }).catch(() => {});
        window.open('${url}', 'sink');
        setTimeout(() => { window.__PDF_READY__ = true; }, 300)`)}`,
    );
    pages.pages = { '/report': page };
    expect((await service.trigger(student)).status).toBe(202);
    const key = 'documents/reports/CLASS_1/Test_1/students/STU001.pdf';
    const { text } = await readPdf(await readFile(join(service.dataDir, key)));
    expect(text).toContain('Wants files');
    expect(text).not.toContain('SECRET');
    pages.pages = { '/report': (_req, res) => res.writeHead(302, { location: url }).end() };
    const redirected = await service.trigger({ ...student, studentId: 'STU002' });
    expect({ status: redirected.status, body: await redirected.json() }).toMatchObject({
      status: 502,
      body: { code: 'page_failed' },
    });
    expect(await service.storedKeys()).toEqual(['reports/CLASS_1/Test_1/students/STU001.pdf']);
  });
});

test('two tenants do not reach each other', async () => {
  const reach = (origin: string) =>
    html(
      `<p>x</p><iframe src="${origin}/frame"></iframe>${script(
        `fetch('${origin}/data', { mode: 'no-cors' }).catch(() => 0).then(() => fetch('/own')).then(() => { window.__PDF_READY__ = true; })`,
      )}`,
    );
  await using first = await startPages({ '/own': readyPage('') });
  await using second = await startPages({ '/own': readyPage('') });
  first.pages['/report'] = reach(second.origin);
  second.pages['/report'] = reach(first.origin);
  const env = { FRONTEND_ORIGINS: `${first.origin} ${second.origin}=b`, DEFAULT_FRONTEND_ORIGIN: first.origin };
  await using service = await startTestService({ origin: first.origin, env });
  const answers = await Promise.all(
    [first, second, first, second].map(({ origin }, index) =>
      service.trigger({ ...student, studentId: `STU${index}`, origin }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
  for (const { requests } of [first, second])
    expect([...new Set(requests)].filter((path) => path !== '/favicon.ico').sort()).toEqual(['/own', '/report']);
  const keys = await service.storedKeys();
  expect(keys.filter((key) => key.startsWith('b/reports/'))).toHaveLength(2);
});

test('a link-local address is not reached, though the settings allow it', async () => {
  const ask = (url: string) => `fetch('${url}', { mode: 'no-cors' }).catch(() => 0)`;
  const all = ['http://169.254.169.254/latest/meta-data', 'https://169.254.169.254/', 'http://[fe80::1]/'].map(ask);
  const page = html(`<p>x</p>${script(`Promise.all([${all}]).then(() => { window.__PDF_READY__ = true; })`)}`);
  await using pages = await startPages({ '/report': page });
  const env = {
    RENDER_ALLOWED_ORIGINS: 'http://169.254.169.254 https://169.254.169.254 http://[fe80::1]',
    PDF_TIMEOUT: '60000',
  };
  await using service = await startTestService({ origin: pages.origin, env });
  const response = await service.trigger(student);
  expect({ status: response.status, body: await response.json() }).toMatchObject({ status: 202 });
  expect((await service.trigger(student)).status).toBe(202);
});

// For localhost and 127.0.0.1, signed by itself, until 2126; it protects nothing.
const selfSigned = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyZ32sSN+MIL5epc8
RLf4sFIlMk+C5J+2kCVVYgV4iOKhRANCAATbJ6oxV9RPkZd7wo2yuqLcU/ZLDDs+
uMQMiRhoBQ4rSMxcktMMoShYiDzmQPN4RpZ+XdKmOKORXKp92k5OyFcz
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUNRuJPcpkW2mi4E3E1Bh8jwirM2UwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA0MDIwMloYDzIxMjYxMDI5
MDQwMjAyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATbJ6oxV9RPkZd7wo2yuqLcU/ZLDDs+uMQMiRhoBQ4rSMxcktMMoShY
iDzmQPN4RpZ+XdKmOKORXKp92k5OyFczo28wbTAdBgNVHQ4EFgQUguWIjekCvCrp
95InvFjQSrEeGBYwHwYDVR0jBBgwFoAUguWIjekCvCrp95InvFjQSrEeGBYwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAJt/ZDZCplaalNO0pA4bSihqB1lB0uun9upK5/Ypb9fOAiBa
lhvRwKGX6ix5kCo6C3CGM1/fJg9eiajX5BUOKHxVxg==
-----END CERTIFICATE-----`,
};

test('https goes through unopened: a certificate that nobody vouches for is page_failed', async () => {
  let requests = 0;
  const server = createSecureServer(selfSigned, (_req, res) => {
    requests++;
    res.end(readyPage('<p>Never shown</p>'));
  });
  let hellos = 0;
  server.on('connection', () => hellos++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await using service = await startTestService({ origin, env: { PDF_TIMEOUT: '60000' } });
    const response = await service.trigger(student);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 502,
      body: { code: 'page_failed', detail: expect.stringMatching(/CERT/) },
    });
    expect(await service.storedKeys()).toEqual([]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  // The browser itself spoke TLS with the server and turned away from its certificate.
  expect(hellos).toBeGreaterThan(0);
  expect(requests).toBe(0);
});
