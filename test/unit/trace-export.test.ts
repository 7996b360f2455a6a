// The sending of traces, by itself: a collector that does not answer holds up nobody's end.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { configureLog } from '../../src/log.ts';
import { startTraceExport } from '../../src/trace-export.ts';
import { inSpan } from '../../src/tracing.ts';

configureLog({ level: 'silent', secrets: [] });

test('what a silent collector was sent is given up at the end, while it is still silent', async () => {
  let open = 0;
  const server = createServer(({ method }, res) => {
    if (method === 'GET') {
      res.end();
      return;
    }
    open++;
    res.once('close', () => open--);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const telling = startTraceExport({ endpoint, serviceName: 'platen', share: 1 }, undefined);
  await inSpan('work', {}, async () => undefined);
  await telling[Symbol.asyncDispose]();
  // By itself the library waits until it has given up its request; an end of that would be heard before this answer.
  await fetch(endpoint, { headers: { connection: 'close' } });
  expect(open).toBe(1);
  server.close();
  server.closeAllConnections();
});
