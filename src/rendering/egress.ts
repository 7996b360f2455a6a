// The only way out of a page: a loopback proxy that lets through a tenant's exact origins and nothing else.
//
// Request interception is no such control (workers, WebSockets, prefetch and WebRTC go around it), so the browser is started with
// no other route. https is tunnelled, never opened.

import { lookup as lookupName } from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type LookupFunction } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';

export interface EgressProxy extends AsyncDisposable {
  /** Address of the proxy, for the browser: `http://127.0.0.1:port`. */
  url: string;
}

interface EgressOptions {
  /** Exact origins that may be reached. */
  origins: Iterable<string>;
  /** Told of each refused target, as host and port. */
  onRefused: (target: string) => void;
}

/** Set on answers that the proxy itself gives, so that a reader of a failed request can tell them from the origin's. */
const verdictHeader = 'x-platen-egress';
const connectTimeoutMs = 10_000;

// Consent to an origin is consent to wherever its name leads, but never to the machine's own metadata services.
const linkLocal = new net.BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');

const isLinkLocal = (address: string) => linkLocal.check(address, net.isIPv6(address) ? 'ipv6' : 'ipv4');

/** Resolves once per connection; the address that was checked is the one that is dialled. */
const lookup: LookupFunction = (host, options, callback) => {
  lookupName(host, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const allowed = addresses.filter(({ address }) => !isLinkLocal(address));
    if (allowed.length === 0) return callback(new Error('only link-local addresses'), []);
    callback(null, allowed);
  });
};

const bareHost = (hostname: string) => hostname.replace(/^\[|\]$/g, '');

function dial(hostname: string, port: number): net.Socket {
  const host = bareHost(hostname);
  if (net.isIP(host) !== 0 && isLinkLocal(host)) {
    // As a socket that fails: an exception here would leave the listener of the server, and end the process.
    return new net.Socket().destroy(new Error('link-local address'));
  }
  const socket = net.connect({ host, port, lookup, autoSelectFamily: true });
  socket.setNoDelay(true);
  socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('connect timeout')));
  socket.once('connect', () => socket.setTimeout(0));
  return socket;
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Raw headers without those that belong to one connection; raw, so that case and repetitions survive. */
function endToEnd(rawHeaders: string[]): string[] {
  return rawHeaders.filter((_, index) => !hopByHop.has((rawHeaders[index - (index % 2)] ?? '').toLowerCase()));
}

function refuse(response: http.ServerResponse, status: number, verdict: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { [verdictHeader]: verdict, 'content-length': 0 }).end();
}

/** `host:port` of a CONNECT as the origins it may mean: tunnels carry https, and WebSockets of either kind. */
function originsOf(authority: string): { origins: string[]; hostname: string; port: number } | undefined {
  if (!/^[^/?#@\s]+:\d{1,5}$/.test(authority) || !URL.canParse(`https://${authority}`)) return undefined;
  const { hostname } = new URL(`https://${authority}`);
  const origins = ['https', 'http'].map((scheme) => new URL(`${scheme}://${authority}`).origin);
  return { origins, hostname, port: Number(authority.slice(authority.lastIndexOf(':') + 1)) };
}

type Forwarding = { agent: http.Agent; isRepeated?: boolean };

const hasBody = ({ headers }: http.IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/** Whether the request may be sent twice. */
const isSafe = (request: http.IncomingMessage) => ['GET', 'HEAD'].includes(request.method ?? '') && !hasBody(request);

function forward(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { agent, isRepeated = false }: Forwarding,
): void {
  const target = new URL(request.url ?? '');
  const upstream = http.request(
    {
      agent,
      host: bareHost(target.hostname),
      port: target.port || 80,
      method: request.method,
      path: target.pathname + target.search,
      headers: endToEnd(request.rawHeaders),
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      pipeline(answer, response, () => answer.destroy());
    },
  );
  upstream.on('error', () => {
    // The origin closed a kept connection in the moment in which it was used again: a page's script would be missing.
    if (upstream.reusedSocket && !isRepeated && !response.headersSent && !response.destroyed) {
      forward(request, response, { agent, isRepeated: true });
    } else refuse(response, 502, 'unreachable');
  });
  response.on('close', () => upstream.destroy());
  if (!hasBody(request)) {
    upstream.end();
    return;
  }
  pipeline(request, upstream, (error) => {
    if (error) upstream.destroy();
  });
}

function tunnel(client: Duplex, head: Buffer, socket: net.Socket): void {
  let isOpen = false;
  const end = () => {
    if (isOpen) client.destroy();
    else client.end(`HTTP/1.1 502 Bad Gateway\r\n${verdictHeader}: unreachable\r\n\r\n`);
    socket.destroy();
  };
  socket.once('connect', () => {
    isOpen = true;
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.write(head);
    client.pipe(socket);
    socket.pipe(client);
  });
  for (const each of [client, socket]) each.on('error', end).on('close', end);
}

/** Starts a proxy on a free loopback port. */
export async function startEgressProxy({ origins, onRefused }: EgressOptions): Promise<EgressProxy> {
  const allowed = new Set(origins);
  const createConnection = (options: { host: string; port: number }) => dial(options.host, Number(options.port));
  const agent = Object.assign(new http.Agent({ keepAlive: true }), { createConnection });
  // The origin may close a kept connection under a request: what can't be sent twice gets a connection of its own.
  const oneConnection = Object.assign(new http.Agent({ keepAlive: false }), { createConnection });
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    if (URL.canParse(url) && allowed.has(new URL(url).origin) && url.startsWith('http:'))
      forward(request, response, { agent: isSafe(request) ? agent : oneConnection });
    else {
      onRefused(URL.canParse(url) ? new URL(url).host : 'unknown');
      refuse(response, 403, 'refused');
    }
  });
  server.on('connect', (request: http.IncomingMessage, client: Duplex, head: Buffer) => {
    const target = originsOf(request.url ?? '');
    if (target?.origins.some((origin) => allowed.has(origin))) {
      tunnel(client, head, dial(target.hostname, target.port));
      return;
    }
    onRefused(target === undefined ? 'unknown' : `${target.hostname}:${target.port}`);
    client.on('error', () => client.destroy());
    client.end(`HTTP/1.1 403 Forbidden\r\n${verdictHeader}: refused\r\n\r\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}
