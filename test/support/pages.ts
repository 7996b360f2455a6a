// A frontend of a test's own: pages that behave as the test wants, good or bad.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

type Page = string | ((req: IncomingMessage, res: ServerResponse) => void);

export interface Pages extends AsyncDisposable {
  origin: string;
  /** Paths asked for so far, without queries. */
  requests: string[];
  /** Pages by path; may be changed while it runs. A text is sent as HTML. */
  pages: Record<string, Page>;
}

/** The smallest page that keeps the contract. */
export const readyPage = (
  body: string,
  head = '',
) => `<!doctype html><html lang="en"><head><title>Report</title>${head}</head>
<body>${body}<script>window.__PDF_READY__ = true</script></body></html>`;

/** Serves `pages` on a free port of loopback; by https where it has a key and a certificate. */
export async function startPages(pages: Record<string, Page>, secure?: { key: string; cert: string }): Promise<Pages> {
  const requests: string[] = [];
  const running = { pages };
  const answer: RequestListener = (req, res) => {
    const path = new URL(req.url ?? '', 'http://localhost').pathname;
    requests.push(path);
    const page = running.pages[path];
    if (page === undefined) res.writeHead(404, { 'content-type': 'text/html' }).end('<p>Not here</p>');
    else if (typeof page === 'function') page(req, res);
    else res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  };
  const server = secure === undefined ? createServer(answer) : createSecureServer(secure, answer);
  // Longer than a test: a connection that is closed while a POST comes over it is a failure that no test here is about.
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `${secure === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get pages() {
      return running.pages;
    },
    set pages(next) {
      running.pages = next;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
