// The only way out of a page: a loopback SOCKS proxy that lets through to a tenant's exact origins and to nothing else.
//
// Request interception is no such control (workers, WebSockets, prefetch and WebRTC go around it), so the browser is started with
// no other route. SOCKS, since whatever the page speaks goes through unread; names come to the proxy as names, and only it looks them up.

import { lookup as lookupName } from 'node:dns';
import { once } from 'node:events';
import net, { type AddressInfo, type LookupFunction } from 'node:net';
import { isLinkLocal } from '../addresses.ts';
import { readSocksGreeting, readSocksRequest, type SocksRequest, socksReplies } from './socks.ts';

export interface EgressProxy extends AsyncDisposable {
  /** Address of the proxy, for the browser: `socks5://127.0.0.1:port`. */
  url: string;
}

interface EgressOptions {
  /** Exact origins that may be reached. */
  origins: Iterable<string>;
  /** Told of each refused target, as host and port. */
  onRefused: (target: string) => void;
}

const handshakeTimeoutMs = 10_000;
const connectTimeoutMs = 10_000;

/** Resolves once per connection; the address that was checked is the one that is dialled. */
const lookup: LookupFunction = (host, options, callback) => {
  lookupName(host, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const allowed = addresses.filter(({ address }) => !isLinkLocal(address));
    if (allowed.length === 0) return callback(new Error('only link-local addresses'), []);
    callback(null, allowed);
  });
};

function dial({ host, port }: SocksRequest): net.Socket {
  if (net.isIP(host) !== 0 && isLinkLocal(host)) {
    // As a socket that fails: an exception here would leave the listener of the server, and end the process.
    return new net.Socket().destroy(new Error('link-local address'));
  }
  const socket = net.connect({ host, port, lookup, autoSelectFamily: true, noDelay: true });
  socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('connect timeout')));
  socket.once('connect', () => socket.setTimeout(0));
  return socket;
}

/** The origins that a connection to the target may be for: SOCKS does not say what is spoken, but a port speaks one thing. */
function originsOf({ host, port }: SocksRequest): string[] {
  const authority = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  return ['https', 'http']
    .map((scheme) => `${scheme}://${authority}`)
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url).origin);
}

/** Gives the client what it wants, and ends both sides together. */
function connectThrough(client: net.Socket, target: SocksRequest): void {
  const socket = dial(target);
  let isOpen = false;
  const end = () => {
    if (isOpen) client.destroy();
    else client.end(socksReplies.unreachable);
    socket.destroy();
  };
  socket.once('connect', () => {
    isOpen = true;
    client.write(socksReplies.granted);
    client.pipe(socket);
    socket.pipe(client);
  });
  for (const each of [client, socket]) each.on('error', end).on('close', end);
}

/** Calls `onRequest` when the client has said whither it wants; ends the connection when it does not speak SOCKS. */
function shakeHands(client: net.Socket, onRequest: (target: SocksRequest) => void): void {
  let said = Buffer.alloc(0);
  let isGreeted = false;
  const giveUp = () => client.destroy();
  const tooLong = setTimeout(giveUp, handshakeTimeoutMs).unref();
  const onData = (piece: Buffer) => {
    said = Buffer.concat([said, piece]);
    const read = isGreeted ? readSocksRequest(said) : readSocksGreeting(said);
    if (read === 'unfinished') return;
    if (read === 'nonsense') return giveUp();
    if (typeof read === 'number') {
      isGreeted = true;
      said = said.subarray(read);
      client.write(socksReplies.noPassword);
      if (said.length > 0) onData(Buffer.alloc(0));
      return;
    }
    clearTimeout(tooLong);
    client.off('data', onData).pause();
    onRequest(read);
  };
  client.on('error', giveUp).on('close', () => clearTimeout(tooLong));
  client.on('data', onData);
}

/** Starts a proxy on a free loopback port. */
export async function startEgressProxy({ origins, onRefused }: EgressOptions): Promise<EgressProxy> {
  const allowed = new Set(origins);
  const clients = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    shakeHands(client, (target) => {
      if (originsOf(target).some((origin) => allowed.has(origin))) return connectThrough(client, target);
      onRefused(`${target.host}:${target.port}`);
      client.end(socksReplies.notAllowed);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `socks5://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const client of clients) client.destroy();
    },
  };
}
