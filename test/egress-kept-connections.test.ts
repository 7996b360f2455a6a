// Kept connections through the egress proxy: an origin may close one in the very moment in which a page uses it again.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { startTestService } from './support/service.ts';
import { until } from './support/until.ts';

const page = (
  method: string,
) => `<!doctype html><html lang="en"><head><title>Report</title></head><body><p>Report</p><script>
  (async () => {
    const statuses = [];
    for (let count = 0; count < 4; count++)
      statuses.push(await fetch('/data', { method: '${method}' }).then(({ status }) => status, () => 'failed'));
    await fetch('/statuses?' + statuses);
    window.__PDF_READY__ = true;
  })();
</script></body></html>`;

test.each(['GET', 'POST', 'PUT', 'DELETE'])(
  'a %s does not fail by a kept connection that the origin closes',
  async (method) => {
    const used = new WeakSet<Socket>();
    let dropped = 0;
    let statuses: string | undefined;
    const drop = ({ socket }: IncomingMessage) => {
      dropped++;
      socket.destroy();
    };
    await using parts = new AsyncDisposableStack();
    const origin = createServer((req, res) => {
      const { pathname, search } = new URL(req.url ?? '', 'http://localhost');
      if (pathname === '/data' && used.has(req.socket)) return drop(req);
      used.add(req.socket);
      if (pathname === '/statuses') statuses = search.slice(1);
      res.writeHead(200, { 'content-type': 'text/html' }).end(pathname === '/report' ? page(method) : 'data');
    });
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
    parts.defer(() => {
      origin.close();
      origin.closeAllConnections();
    });
    const service = parts.use(
      await startTestService({ origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}` }),
    );
    const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' };
    expect((await service.trigger(body)).status).toBe(202);
    expect(await until(() => statuses)).toBe('200,200,200,200');
    expect(dropped).toBeGreaterThan(0);
  },
);
