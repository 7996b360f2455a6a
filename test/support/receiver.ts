// A small server that is called as a webhook, and does with each call what a test wants.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedCall {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

export interface Receiver extends AsyncDisposable {
  url: string;
  /** In the order in which they came. */
  calls: ReceivedCall[];
  /** Calls that have come and were not answered. */
  open: number;
  /** 204 unless the test says otherwise. */
  answer: (res: ServerResponse, call: ReceivedCall) => void;
}

export async function startReceiver(): Promise<Receiver> {
  const server = createServer((req, res) => {
    receiver.open++;
    res.once('close', () => receiver.open--);
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      const call = { path: req.url ?? '', headers: req.headers, body, at: Date.now() };
      receiver.calls.push(call);
      receiver.answer(res, call);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    calls: [],
    open: 0,
    answer: (res) => res.writeHead(204).end(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  return receiver;
}
