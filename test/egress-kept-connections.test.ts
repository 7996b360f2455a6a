// The egress proxy on kept connections: an origin may close one in the very moment in which it is used again.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { startEgressProxy } from '../src/rendering/egress.ts';

test.each(['GET', 'POST', 'PUT', 'DELETE'])(
  'a %s does not fail by a kept connection that the origin closes',
  async (method) => {
    const used = new WeakSet<Socket>();
    let dropped = 0;
    const origin = http.createServer(({ socket }, res) => {
      if (used.has(socket)) {
        dropped++;
        socket.destroy();
        return;
      }
      used.add(socket);
      res.end('script');
    });
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    await using proxy = await startEgressProxy({ origins: [url], onRefused: () => undefined });
    const statuses: (number | undefined)[] = [];
    for (let count = 0; count < 4; count++) {
      const { port } = new URL(proxy.url);
      const request = http
        .request({ host: '127.0.0.1', port, path: `${url}/app.js`, method: count === 0 ? 'GET' : method })
        .end();
      const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
      answer.resume();
      await once(answer, 'end');
      statuses.push(answer.statusCode);
    }
    expect(statuses).toEqual([200, 200, 200, 200]);
    // What may be sent twice meets the closed one, and is sent again; the rest never uses one that was kept.
    expect(dropped > 0).toBe(method === 'GET');
    origin.close();
    origin.closeAllConnections();
  },
);
