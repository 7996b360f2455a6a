// A frontend whose report page tries every way out, and helps them from its own server: redirects, scripts of workers, headers.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Canaries } from './canaries.ts';
import { startPages } from './pages.ts';
import type { WayOut } from './ways-out.ts';

export interface HostilePages extends AsyncDisposable {
  origin: string;
  /** Lets the pages, which have tried everything, say that they are ready. */
  letPrint(): void;
}

const urlOf = ({ name, host = '127.0.0.1' }: WayOut, port: number) =>
  `http://${host}:${port}/${name.replaceAll(/\W/g, '-')}`;

const inPage = `
  const put = (tag, attributes = {}) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name in element) element[name] = value; else element.setAttribute(name, value);
    }
    document.body.append(element);
    return element;
  };
  const link = (rel, href, more = {}) => document.head.append(Object.assign(document.createElement('link'), { rel, href, ...more }));
  const style = (textContent) => put('style', { textContent });
  const rules = (value) => put('script', { type: 'speculationrules', textContent: JSON.stringify(value) });
  const echo = (type, body, headers = {}) => '/echo?' + new URLSearchParams({ type, body, headers: JSON.stringify(headers) });
  const hop = (to) => '/hop?' + new URLSearchParams({ to });
  const blob = (code) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));`;

/** One way as a statement; what throws, now or later, has not gone out. */
function attempt(way: WayOut, { ports }: Canaries): string {
  const port = ports.get(way.name) ?? 0;
  const url = urlOf(way, port);
  const isExpression = !way.code.includes(';');
  const target = [url, new URL(url).host, port].map((each) => JSON.stringify(each)).join(', ');
  return `attempt((url, at, port) => { ${isExpression ? `return ${way.code}` : way.code} }, ${target});`;
}

/** A page that tries its ways all at once, and waits to be let go. */
const hostilePage = (ways: readonly WayOut[], canaries: Canaries) =>
  `<!doctype html><html lang="en"><head><title>Report</title></head><body><p>Page that wants out</p><script>${inPage}
  const attempt = (way, ...target) => { try { Promise.resolve(way(...target)).catch(() => {}); } catch {} };
  ${ways.map((way) => attempt(way, canaries)).join('\n  ')}
  fetch('/enough').then(() => { window.__PDF_READY__ = true; });
</script></body></html>`;

/** Headers of a page itself that make a browser ask elsewhere. */
function hostileHeaders(ways: readonly WayOut[], { ports }: Canaries): Record<string, string | string[]> {
  const urlFor = (name: string) =>
    ways.some((way) => way.name === name) ? `http://127.0.0.1:${ports.get(name)}/` : undefined;
  const refresh = urlFor('leave-refresh-header');
  const preload = urlFor('header-link-preload');
  return {
    'content-type': 'text/html; charset=utf-8',
    ...(refresh === undefined ? {} : { refresh: `0;url=${refresh}` }),
    ...(preload === undefined
      ? {}
      : {
          link: [`<${preload}>; rel=preload; as=image`, `<${urlFor('header-link-preconnect')}>; rel=preconnect`],
          'content-security-policy-report-only': [
            `font-src 'none'; report-uri ${urlFor('header-csp-report')}`,
            `img-src 'none'; report-to reports`,
          ],
          'reporting-endpoints': `reports="${urlFor('header-report-endpoint')}"`,
          'report-to': JSON.stringify({
            group: 'nel',
            max_age: 60,
            endpoints: [{ url: urlFor('header-network-errors') }],
          }),
          nel: JSON.stringify({ report_to: 'nel', max_age: 60, success_fraction: 1 }),
        }),
  };
}

function echo(req: IncomingMessage, res: ServerResponse): void {
  const query = new URL(req.url ?? '', 'http://localhost').searchParams;
  const headers = JSON.parse(query.get('headers') ?? '{}') as Record<string, string>;
  res.writeHead(200, { 'content-type': query.get('type') ?? 'text/plain', ...headers }).end(query.get('body'));
}

function hop(req: IncomingMessage, res: ServerResponse): void {
  const to = new URL(req.url ?? '', 'http://localhost').searchParams.get('to') ?? '/';
  res.writeHead(302, { location: to, 'access-control-allow-origin': '*' }).end();
}

/** Serves the page of each group of ways as the report of the student who is called like it, and what it needs. */
export async function startHostilePages(ways: readonly WayOut[], canaries: Canaries): Promise<HostilePages> {
  const gate = Promise.withResolvers<void>();
  const giveReport = (req: IncomingMessage, res: ServerResponse) => {
    const group = new URL(req.url ?? '', 'http://localhost').searchParams.get('studentId');
    const own = ways.filter((way) => way.group === group);
    const portOf = (name: string) => canaries.ports.get(name);
    if (group === 'leave-redirect') {
      res.writeHead(302, { location: `http://127.0.0.1:${portOf(group)}/` }).end();
      return;
    }
    if (group === 'around')
      res.writeEarlyHints({ link: `<http://127.0.0.1:${portOf('early-hints')}>; rel=preconnect` });
    res.writeHead(200, hostileHeaders(own, canaries)).end(hostilePage(own, canaries));
  };
  const pages = await startPages({
    '/echo': echo,
    '/hop': hop,
    '/enough': (_req, res) => void gate.promise.then(() => res.end()),
    '/report': giveReport,
  });
  return {
    origin: pages.origin,
    letPrint: gate.resolve,
    [Symbol.asyncDispose]: () => pages[Symbol.asyncDispose](),
  };
}
