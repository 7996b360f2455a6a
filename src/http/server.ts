// The HTTP server around the application: its limits, its answer to broken HTTP, its end.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { abortable } from '../abortable.ts';
import { catalogue, type ErrorCode, fail } from '../errors.ts';
import { createLog } from '../log.ts';
import { StartError } from '../start-error.ts';
import { problemOf, problemType } from './problem.ts';

const log = createLog('http');

/** A port that is taken: who connects waits until it is served. */
export interface HttpServer extends AsyncDisposable {
  url: string;
  /**
   * Answers with the application from now on. Dispose it to finish what is under way and stop.
   * @param settle resolves when no work is under way behind the requests.
   */
  serve(app: RequestListener, settle: () => Promise<void>): AsyncDisposable;
}

/** How long a client may keep a connection busy. */
export interface HttpLimits {
  headersMs: number;
  requestMs: number;
  /** An answer of which nothing could be sent for so long is given up. */
  stalledAnswerMs: number;
  /** An answer that goes on says so after so long without news. */
  heartbeatMs: number;
}

const usualLimits: HttpLimits = { headersMs: 10_000, requestMs: 30_000, stalledAnswerMs: 60_000, heartbeatMs: 15_000 };
/** By its own default Node looks every 30 s only for requests that take too long. */
const checkIntervalMs = 1000;
/** Longer than a proxy's, so that the proxy closes first and no request meets a closing connection. */
const keepAliveTimeoutMs = 75_000;
const drainTimeoutMs = 25_000;
/** For the last answers to be sent. */
const dismissalMs = 500;
const idleSweepMs = 50;
/** Well above what the application takes, so that it is the one who refuses. */
const maxHeaderBytes = 65_536;

const codesOfParser: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** What Node could not read never reaches the application: it gets a problem all the same, unless it would fall into another answer. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Socket, answer: ServerResponse | undefined): void {
  const isAnswering = answer?.headersSent === true && !answer.writableFinished;
  if (!socket.writable || error.code === 'ECONNRESET' || isAnswering) {
    socket.destroy();
    return;
  }
  const code = codesOfParser[error.code ?? ''] ?? 'malformed_request';
  const { status, title } = catalogue[code];
  const requestId = randomUUID();
  const body = problemOf(fail(code), requestId);
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Connections that have not sent a request yet, as balancers open them in advance; Node does not count them as idle. */
function trackUnused(server: Server): Set<Socket> {
  const unused = new Set<Socket>();
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return unused;
}

/** Answers that have not ended. */
function trackAnswers(server: Server): Set<ServerResponse> {
  const open = new Set<ServerResponse>();
  server.on('request', (_, res) => {
    open.add(res);
    res.once('close', () => open.delete(res));
  });
  return open;
}

/** Who still waits for an answer is told to ask another process, or the next one. */
function dismiss(waiting: Iterable<ServerResponse>): void {
  const { status, retryAfterSeconds } = catalogue.shutting_down;
  for (const res of waiting) {
    if (res.headersSent) continue;
    const head = { 'Content-Type': problemType, 'Retry-After': retryAfterSeconds, Connection: 'close' };
    res
      .writeHead(status, head)
      .end(problemOf(fail('shutting_down'), String(res.getHeader('X-Request-Id') ?? 'unknown')));
  }
}

interface Draining {
  unused: Set<Socket>;
  open: Set<ServerResponse>;
  settle: () => Promise<void>;
}

/** Takes no new connection and waits, 25 s at most, for the requests that are being answered and for the work behind them. */
async function drain(server: Server, { unused, open, settle }: Draining): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const socket of unused) socket.destroy();
  // close() ends the connections that are idle now; those that become idle later would wait for their keep-alive time.
  const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
  const tooLong = AbortSignal.timeout(drainTimeoutMs);
  // Some work goes on although its caller has hung up.
  await abortable(Promise.all([closed, settle()]), tooLong).catch(async () => {
    dismiss(open);
    await abortable(closed, AbortSignal.timeout(dismissalMs)).catch(() => server.closeAllConnections());
  });
  clearInterval(sweep);
}

/**
 * Ends answers whose readers take nothing any more; the timer also runs while nothing is to be sent yet, and then means nothing.
 * Node starts it again whenever bytes move, also inside one large write.
 */
function endStalled(res: ServerResponse, stalledAnswerMs: number): void {
  res.setTimeout(stalledAnswerMs, () => {
    if (res.writableLength === 0) {
      res.socket?.setTimeout(stalledAnswerMs);
      return;
    }
    log.info('An answer is given up: its reader has stopped', { path: res.req.url?.split('?')[0] });
    res.destroy();
  });
}

/** What an answer that goes on has to know of its server. */
interface StreamTerms {
  /** Aborted when the server begins to stop. */
  stopping: AbortSignal;
  heartbeatMs: number;
}

const streamTerms = new WeakMap<ServerResponse, StreamTerms>();

export function streamTermsOf(res: ServerResponse): StreamTerms {
  const terms = streamTerms.get(res);
  if (terms === undefined) throw new Error('this answer has no server');
  return terms;
}

interface ServerOptions {
  host: string;
  port: number;
  limits?: Partial<HttpLimits> | undefined;
}

/** @throws {StartError} when that is not to be had. */
async function listen(server: Server, { host, port }: ServerOptions): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening').catch((cause) => {
    throw new StartError(explainRefusal(cause, { host, port }), { cause });
  });
  const { address, family, port: actualPort } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actualPort}`;
}

function explainRefusal({ code, message }: NodeJS.ErrnoException, { host, port }: ServerOptions): string {
  if (code === 'EADDRINUSE') return `PORT: ${port} is taken by another process. Stop that one, or choose another port.`;
  if (code === 'EACCES') return `PORT: ${port} is not for this user. Choose one above 1023.`;
  return `HOST: ${host} can not be listened on: ${message}.`;
}

/** Takes the port, before anything else is begun. @throws {StartError} */
export async function openHttpServer(options: ServerOptions): Promise<HttpServer> {
  const { headersMs, requestMs, stalledAnswerMs, heartbeatMs } = { ...usualLimits, ...options.limits };
  const stopping = new AbortController();
  const served = Promise.withResolvers<RequestListener>();
  const answers = new WeakMap<Socket, ServerResponse>();
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkIntervalMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
    },
    (req, res) => {
      answers.set(req.socket, res);
      streamTerms.set(res, { stopping: stopping.signal, heartbeatMs });
      endStalled(res, stalledAnswerMs);
      void served.promise.then((app) => app(req, res));
    },
  );
  const unused = trackUnused(server);
  const open = trackAnswers(server);
  server.on('clientError', (error, socket) => refuseBroken(error, socket as Socket, answers.get(socket as Socket)));
  return {
    url: await listen(server, options),
    serve(app, settle) {
      served.resolve(app);
      return {
        [Symbol.asyncDispose]() {
          const drained = drain(server, { unused, open, settle });
          stopping.abort();
          return drained;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
