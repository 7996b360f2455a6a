// Servers that no page may reach: one port for each way out, and a note of every way by which something came.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/** What a way out aims at: a protocol, and the address on which a canary waits for it. */
export interface Target {
  name: string;
  protocol?: 'tcp' | 'udp' | undefined;
  /** Address to listen on; 127.0.0.1 unless said otherwise. */
  listen?: string | undefined;
}

export interface Canaries extends AsyncDisposable {
  /** Port by name of the way. */
  ports: ReadonlyMap<string, number>;
  /** Names of the ways by which a connection or a packet came. */
  arrived: ReadonlySet<string>;
}

/** Good enough for every kind of request, a preflight among them. */
const answer = [
  'HTTP/1.1 200 OK',
  'access-control-allow-origin: *',
  'access-control-allow-headers: *',
  'content-length: 0',
  'connection: close',
  '\r\n',
].join('\r\n');

async function listenTcp(host: string, onArrival: () => void): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    onArrival();
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(answer));
  });
  server.listen(0, host);
  await once(server, 'listening');
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function listenUdp(host: string, onArrival: () => void): Promise<{ port: number; close: () => void }> {
  const socket = createSocket('udp4');
  socket.on('message', onArrival);
  socket.bind(0, host);
  await once(socket, 'listening');
  return { port: socket.address().port, close: () => socket.close() };
}

/** Starts a canary for each target; any connection counts, whatever comes over it. */
export async function startCanaries(targets: readonly Target[]): Promise<Canaries> {
  const arrived = new Set<string>();
  const opened = await Promise.all(
    targets.map(async ({ name, protocol = 'tcp', listen = '127.0.0.1' }) => {
      const start = protocol === 'tcp' ? listenTcp : listenUdp;
      return [name, await start(listen, () => arrived.add(name))] as const;
    }),
  );
  return {
    ports: new Map(opened.map(([name, { port }]) => [name, port])),
    arrived,
    async [Symbol.asyncDispose]() {
      for (const [, { close }] of opened) close();
    },
  };
}
