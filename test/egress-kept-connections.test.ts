// The egress proxy on kept connections: an origin may close one in the very moment in which it is used again.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { startEgressProxy } from '../src/rendering/egress.ts';

test('a request on a kept connection that the origin closes is asked again, and the page notices nothing', async () => {
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
    const request = http.get({ host: '127.0.0.1', port: new URL(proxy.url).port, path: `${url}/app.js` });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    statuses.push(answer.statusCode);
  }
  expect(statuses).toEqual([200, 200, 200, 200]);
  expect(dropped).toBeGreaterThan(0);
  origin.close();
  origin.closeAllConnections();
});
