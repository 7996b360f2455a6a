// A frontend whose pages look for the marks of earlier pages, tell what they have found, and leave marks of their own.
//
// A mark is `mark.<principal>.<serial>`. Serials only grow, so a mark from before the page, or of another principal, is a leftover.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import jwt from 'jsonwebtoken';
import { marksSource, places } from './marks.ts';
import { type Pages, startPages } from './pages.ts';

export interface Look {
  principal: string;
  serial: number;
  /** Place and what was found there. */
  found: [place: string, text: string][];
}

export interface MarkingPages extends AsyncDisposable {
  origin: string;
  /** What the pages have found so far. */
  looks: Look[];
  /** Marks of the pages that still do something: timers that ask, sockets that are open. */
  alive(): string[];
  /** Requests that carried the session of one principal and the mark of another. */
  mixed: string[];
}

const principalOf = (token: string | undefined): string => {
  const claims = token === undefined ? undefined : jwt.decode(token);
  return String((claims as { educator_id?: string } | null | undefined)?.educator_id ?? 'nobody');
};
const ofCookie = ({ headers }: IncomingMessage) => principalOf(/\bjwt=([^;]+)/.exec(headers.cookie ?? '')?.[1]);
const ofHeader = ({ headers }: IncomingMessage) => principalOf(headers.authorization?.replace('Bearer ', ''));
const queryOf = (req: IncomingMessage) => new URL(req.url ?? '', 'http://localhost').searchParams;

const page = (serial: number, api: string) => `<!doctype html><html lang="en"><head><title>Report</title></head>
<body style="min-height: 5000px"><p>Marking page</p><input><script>
  window.api = ${JSON.stringify(api)};
  ${marksSource}
  (async () => {
    const principal = JSON.parse(atob(localStorage.token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).educator_id;
    const mark = 'mark.' + principal + '.${serial}';
    const found = await look();
    await fetch('/found', { method: 'POST', body: JSON.stringify({ principal, serial: ${serial}, found }) });
    await fetch(window.api + '/preflight', { method: 'PUT', headers: { 'x-mark': 'x' } });
    await leave(mark);
    setInterval(() => fetch('/tick?' + mark), 200);
    window.events = new EventSource('/events?' + mark);
    addEventListener('pagehide', () => navigator.sendBeacon('/beacon', mark));
    fetch('/late', { method: 'POST', keepalive: true, body: mark });
    window.__PDF_READY__ = true;
  })();
</script></body></html>`;

const sharedWorker = `const marks = [];
  onconnect = ({ ports: [port] }) => { port.onmessage = ({ data }) => { if (data) marks.push(data); else port.postMessage(marks); }; };`;
const serviceWorker = `oninstall = () => skipWaiting();
  onactivate = (event) => event.waitUntil(clients.claim());
  onfetch = (event) => {
    if (new URL(event.request.url).pathname === '/from-worker') event.respondWith(new Response(location.search));
  };`;
const dedicatedWorker = `const room = new BroadcastChannel('worker');
  room.onmessage = ({ data }) => { if (data === 'who?') room.postMessage(location.search); };
  setInterval(() => fetch('/tick' + location.search), 200);`;

const javascript = { 'content-type': 'text/javascript' };
const long = { 'cache-control': 'max-age=600' };
const send = (res: ServerResponse, body: string, headers: Record<string, string> = {}) =>
  void res.writeHead(200, { 'content-type': 'text/plain', ...headers }).end(body);

/** What a browser keeps although it is somebody's: each answer names who asked, and may be kept for ten minutes. */
function cacheables(nextSerial: () => number, data: Record<string, string>): Pages['pages'] {
  const mark = (req: IncomingMessage) => `mark.${ofCookie(req)}.${nextSerial()}`;
  const script = { ...javascript, ...long };
  return {
    '/me': (req, res) => send(res, `mark.${ofHeader(req)}.${nextSerial()}`, data),
    '/cached/fetch': (req, res) => send(res, mark(req), data),
    '/cached/xhr': (req, res) => send(res, mark(req), data),
    '/cached/redirect': (req, res) => void res.writeHead(301, { location: `/landed?${mark(req)}`, ...data }).end(),
    '/cached/script.js': (req, res) => send(res, `window.fromScript = '${mark(req)}'`, script),
    '/cached/module.js': (req, res) => send(res, `export const mark = '${mark(req)}'`, script),
    '/cached/style.css': (req, res) =>
      send(res, `body { --mark: "${mark(req)}" }`, { 'content-type': 'text/css', ...long }),
    '/cached/image.svg': (req, res) => {
      const [, principal, serial] = mark(req).split('.');
      const size = `width="${Number(principal?.slice(1)) + 1}" height="${serial}"`;
      send(res, `<svg xmlns="http://www.w3.org/2000/svg" ${size}/>`, { 'content-type': 'image/svg+xml', ...long });
    },
    '/cached/font': (_req, res) => send(res, 'x', { 'content-type': 'font/woff2', ...long }),
    '/cached/frame.html': (req, res) => send(res, `<p>${mark(req)}</p>`, { 'content-type': 'text/html', ...data }),
    '/validated': (req, res) =>
      send(res, String(req.headers['if-none-match'] ?? ''), { etag: `"${mark(req)}"`, 'cache-control': 'no-cache' }),
  };
}

/** Cookies and passwords. */
function credentials(): Pages['pages'] {
  const echoCookies = (req: IncomingMessage, res: ServerResponse) =>
    send(res, (req.headers.cookie ?? '').replace(/\bjwt=[^;]+/, ''));
  return {
    '/cookies': echoCookies,
    '/deep/cookies': echoCookies,
    '/set-cookie': (req, res) => {
      const query = queryOf(req);
      send(res, '', { 'set-cookie': `${query.get('name')}=${query.get('mark')}; ${query.get('more')}` });
    },
    '/basic/leave': (req, res) => {
      if (req.headers.authorization?.startsWith('Basic ')) send(res, '');
      else res.writeHead(401, { 'www-authenticate': 'Basic realm="room"' }).end();
    },
    '/basic/look': (req, res) => {
      const [kind, value = ''] = req.headers.authorization?.split(' ') ?? [];
      send(res, kind === 'Basic' ? Buffer.from(value, 'base64').toString() : '');
    },
  };
}

/** An API of another origin. */
export interface MarkedApi extends AsyncDisposable {
  origin: string;
  /** How often browsers asked whether they may, and how often they did it. */
  asked: number;
  done: number;
}

export async function startApi(): Promise<MarkedApi> {
  const allowed = {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'x-mark',
    'access-control-max-age': '600',
  };
  const pages = await startPages({
    '/preflight': (req, res) => {
      if (req.method === 'OPTIONS') api.asked++;
      else api.done++;
      send(res, '', allowed);
    },
  });
  const api: MarkedApi = {
    origin: pages.origin,
    asked: 0,
    done: 0,
    [Symbol.asyncDispose]: () => pages[Symbol.asyncDispose](),
  };
  return api;
}

/** What a look has found of others, or of its own principal where nothing of it may be kept: `place: mark`. */
export function leftoversIn({ principal, serial, found }: Look, hasBeenBefore: boolean): string[] {
  return found.flatMap(([place, text]) => {
    if (text.startsWith('failed')) return [`${place}: ${text}`];
    const mayStay = places[place]?.own === 'maybe';
    return [...text.matchAll(/mark\.(\w+)\.(\d+)/g)]
      .filter(([, owner, at]) => {
        // A copy of nobody's: this principal's own, if it may be one.
        if (owner === 'anyone') return !(mayStay && hasBeenBefore);
        return owner !== principal || (!mayStay && Number(at) < serial);
      })
      .map(([mark]) => `${place}: ${mark}`);
  });
}

interface MarkingOptions {
  /** Origin of the other API. */
  api: string;
  /** Shared by all frontends of a test. */
  nextSerial: () => number;
  /** Whether pages and figures may be kept for ten minutes, as images and scripts may everywhere; else they are never to be. */
  isDataCacheable: boolean;
}

/** Serves the pages on a free port. */
export async function startMarkingPages({ api, nextSerial, isDataCacheable }: MarkingOptions): Promise<MarkingPages> {
  const data: Record<string, string> = isDataCacheable ? long : { 'cache-control': 'no-store' };
  const looks: Look[] = [];
  const blobs: string[] = [];
  const mixed: string[] = [];
  const lastSeen = new Map<string, number>();
  const streams = new Map<string, ServerResponse>();
  const compare = async (req: IncomingMessage, res: ServerResponse) => {
    const mark = await text(req);
    // What is sent while a tab is emptied may find its own cookies gone, but never another's in their place.
    if (![mark.split('.')[1], 'nobody'].includes(ofCookie(req)))
      mixed.push(`${req.url}: ${mark} with the cookie of ${ofCookie(req)}`);
    res.end();
  };
  const report = (_req: IncomingMessage, res: ServerResponse) =>
    send(res, page(nextSerial(), api), { 'content-type': 'text/html', ...data });
  const pages = await startPages({
    ...cacheables(nextSerial, data),
    ...credentials(),
    '/report': report,
    '/x': (_req, res) => send(res, ''),
    '/landed': (_req, res) => send(res, ''),
    '/from-worker': (_req, res) => send(res, ''),
    '/shared.js': (_req, res) => send(res, sharedWorker, javascript),
    '/worker.js': (_req, res) => send(res, serviceWorker, javascript),
    '/dedicated.js': (_req, res) => send(res, dedicatedWorker, javascript),
    '/found': async (req, res) => {
      looks.push(JSON.parse(await text(req)) as Look);
      res.end();
    },
    '/blobs': async (req, res) => {
      if (req.method === 'POST') blobs.push(await text(req));
      send(res, blobs.slice(-20).join(' '));
    },
    '/tick': (req, res) => {
      lastSeen.set(String([...queryOf(req).keys()][0]), performance.now());
      send(res, '');
    },
    '/events': (req, res) => {
      const mark = String([...queryOf(req).keys()][0]);
      streams.set(mark, res);
      res.once('close', () => streams.delete(mark));
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    },
    '/beacon': compare,
    '/late': compare,
  });
  return {
    origin: pages.origin,
    looks,
    mixed,
    alive: () => [
      ...streams.keys(),
      ...[...lastSeen].filter(([, at]) => performance.now() - at < 1000).map(([mark]) => mark),
    ],
    [Symbol.asyncDispose]: () => pages[Symbol.asyncDispose](),
  };
}
