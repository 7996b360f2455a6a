// The HTTP application: what every request passes through, in order, and then its endpoint.

import { randomUUID } from 'node:crypto';
import { parse as parseQuery } from 'node:querystring';
import cors from 'cors';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { fail } from '../errors.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import { withLogContext } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { openSpan } from '../tracing.ts';
import { callerOf, createAuthentication, ownerOf } from './authentication.ts';
import { readJson } from './body.ts';
import type { Author, Endpoint, Exchange, RedeemTicket } from './contract.ts';
import { readFile } from './file-body.ts';
import { clientAddress, clientSignal, readBody, readQuery } from './input.ts';
import { answerWithProblem } from './problem.ts';
import { streamEvents } from './server-sent-events.ts';
import { streamBody } from './streamed-answer.ts';

interface Dependencies {
  identity: Identity;
  redeemTicket: RedeemTicket;
  metrics: Metrics;
  /** Runs work whose changes are the author's. */
  actAs<T>(author: Author | undefined, work: () => T): T;
  endpoints: readonly Endpoint[];
  /** Of further paths of its own: the documentation. */
  pages: RequestHandler;
  config: { trustProxy: string[]; rateLimitPer15Min: number; allowedOrigins: string[] };
}

const longestUri = 8192;

const exposedHeaders = [
  'Content-Disposition',
  'Content-Length',
  'ETag',
  'Cache-Status',
  'Platen-Warnings',
  'Location',
  'Retry-After',
  'X-Request-Id',
  'RateLimit',
  'RateLimit-Policy',
];

/** Gives the request an id (the caller's own, where it is a plain one) that its log lines and its answer carry. */
const identifyRequest: RequestHandler = (req, res, next) => {
  const given = req.get('X-Request-Id') ?? '';
  const requestId = /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  res.set('X-Request-Id', requestId);
  withLogContext({ requestId }, next);
};

/** Below what the caller was doing, where the request says so; without its address, which names people. */
const traceRequest: RequestHandler = (req, res, next) => {
  const { method } = req;
  const attributes = { 'http.request.method': method };
  const span = openSpan(method, { kind: 'server', parent: req.get('traceparent'), attributes });
  res.once('close', () => {
    const { route = 'none' } = res.locals as { route?: string };
    span.rename(`${method} ${route}`);
    span.describe({ 'http.route': route, 'http.response.status_code': res.statusCode });
    if (res.statusCode >= 500) span.fail(String(res.statusCode));
    span.end();
  });
  span.run(next);
};

function measureRequests(metrics: Metrics): RequestHandler {
  return (req, res, next) => {
    const stop = metrics.http.startTimer({ method: req.method });
    res.once('close', () => stop({ route: res.locals.route ?? 'none', status: res.statusCode }));
    next();
  };
}

const limitUri: RequestHandler = (req, _res, next) => {
  if (req.originalUrl.length > longestUri) throw fail('uri_too_long');
  next();
};

/** Undefined where nothing that is changed is written down: by what people do for themselves. */
function authorOf({ action }: Endpoint, exchange: Exchange): Author | undefined {
  if (action === undefined) return undefined;
  if (exchange.owner === serviceOwner) return { who: { kind: 'service', id: serviceOwner }, action };
  const { type, id } = exchange.caller;
  return type === 'admin' ? { who: { kind: 'admin', id }, action } : undefined;
}

function runEndpoint(endpoint: Endpoint, actAs: Dependencies['actAs']): RequestHandler {
  return async (req, res) => {
    const exchange: Exchange = {
      query: readQuery(endpoint, req),
      body: readBody(endpoint, req),
      params: plainParams(req.params),
      req,
      res,
      signal: clientSignal(res),
      clientAddress: clientAddress(req),
      get caller() {
        return callerOf(req);
      },
      get owner() {
        return ownerOf(req);
      },
      streamBody: (content) => streamBody(res, content),
      readFile: () => readFile(endpoint, req),
      streamEvents: (feed) => streamEvents(exchange, feed),
    };
    await actAs(authorOf(endpoint, exchange), async () => endpoint.handle(exchange));
  };
}

/** What a star stands for comes in pieces. */
const plainParams = (params: Record<string, string | string[]>) =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, [value].flat().join('/')]));

function mountEndpoints(
  app: Express,
  { endpoints, actAs }: Pick<Dependencies, 'endpoints' | 'actAs'>,
  handlersFor: ReturnType<typeof createAuthentication>,
): void {
  for (const [path, atPath] of Map.groupBy(endpoints, (endpoint) => endpoint.path)) {
    const route = app.route(path).all((_req, res, next) => {
      res.locals.route = path;
      next();
    });
    for (const endpoint of atPath) {
      const bodyHandlers = endpoint.body === undefined ? [] : [readJson(endpoint)];
      route[endpoint.method](...handlersFor(endpoint.access), ...bodyHandlers, runEndpoint(endpoint, actAs));
    }
    const allowed = atPath.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    route.all((_req, res) => {
      res.set('Allow', allowed.join(', '));
      throw fail('method_not_allowed');
    });
  }
}

export function createApp({ identity, redeemTicket, metrics, pages, config, ...mounted }: Dependencies): Express {
  const app = express();
  // Without the parser's limit of 1,000 keys, beyond which a parameter given twice would not be seen; the length is limited before.
  app.set('query parser', (text: string) => parseQuery(text, '&', '=', { maxKeys: 0 }));
  app.set('trust proxy', config.trustProxy.length === 0 ? false : config.trustProxy);
  app.set('etag', false);
  app.use(
    identifyRequest,
    traceRequest,
    measureRequests(metrics),
    helmet({ strictTransportSecurity: false }),
    limitUri,
  );
  app.use(cors({ origin: config.allowedOrigins, exposedHeaders, maxAge: 600 }));
  const limit = config.rateLimitPer15Min;
  mountEndpoints(app, mounted, createAuthentication({ identity, redeemTicket, limit }));
  app.use(pages);
  app.use(() => {
    throw fail('not_found');
  });
  app.use(answerWithProblem);
  return app;
}
