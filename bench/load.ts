// Many connections that each ask for one address again and again. Counts bytes instead of parsing HTTP: a client that works harder than the
// server (autocannon took ten times as long per answer) measures itself.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Load {
  url: string;
  headers: Record<string, string>;
  connections: number;
  seconds: number;
}

/** Milliseconds of each answer, sorted. */
export type Latencies = number[];

const endOfHead = '\r\n\r\n';

/** Bytes of the whole answer whose beginning this is. @throws when it is no 200 with a length. */
function bytesOfAnswer(beginning: Buffer): number {
  const headLength = beginning.indexOf(endOfHead) + endOfHead.length;
  const head = beginning.toString('latin1', 0, headLength);
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (headLength < endOfHead.length || !head.startsWith('HTTP/1.1 200 ') || length === undefined)
    throw new Error(`unexpected answer: ${head.slice(0, 200)}`);
  return headLength + Number(length);
}

async function askAgainAndAgain(socket: Socket, request: string, until: number): Promise<Latencies> {
  const latencies: Latencies = [];
  let startedAt = 0;
  let missing = 0;
  const ask = () => {
    startedAt = performance.now();
    socket.write(request);
  };
  socket.on('data', (piece) => {
    if (missing === 0) {
      try {
        missing = bytesOfAnswer(piece);
      } catch (error) {
        socket.destroy(error as Error);
        return;
      }
    }
    missing -= piece.length;
    if (missing > 0) return;
    const now = performance.now();
    latencies.push(now - startedAt);
    if (now < until) ask();
    else socket.end();
  });
  ask();
  await once(socket, 'close');
  if (missing !== 0) throw new Error('a connection closed inside an answer');
  return latencies;
}

export async function putUnderLoad({ url, headers, connections, seconds }: Load): Promise<Latencies> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const until = performance.now() + seconds * 1000;
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      return socket;
    }),
  );
  const latencies = await Promise.all(sockets.map((socket) => askAgainAndAgain(socket, request, until)));
  return latencies.flat().sort((a, b) => a - b);
}
