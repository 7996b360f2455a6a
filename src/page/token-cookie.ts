// The token as a cookie: there with the very first request for the page, and with no request to another origin.

import { randomUUID } from 'node:crypto';
import type { CDPEvents, CDPSession, Protocol } from 'puppeteer-core';

export interface TokenCookie {
  /** The page's address. */
  url: URL;
  name: string;
  token: string;
  /** Origins that the page may reach. */
  allowedOrigins: readonly string[];
  /** Whether the browser keeps cookies of one port from the others of its host; without that the page's script sets the cookie. */
  isBound: boolean;
  /** Whether the request is of the page's own document, not of a frame in it. */
  isOfTopFrame(requestId: string): Promise<boolean>;
  /** Told of each call of the page's to which the cookie was added by hand. */
  onAdded(requestId: string): void;
}

type OnPaused = (event: CDPEvents['Fetch.requestPaused']) => void;
type Headers = Protocol.Fetch.HeaderEntry[];

const portOf = ({ protocol, port }: URL) => Number(port) || (protocol === 'https:' ? 443 : 80);

const bound = ({ hostname, protocol, port }: URL) => ({
  // A name without a dot before it: this host, no subdomain.
  domain: hostname,
  path: '/',
  sameSite: 'Strict' as const,
  secure: protocol === 'https:',
  sourceScheme: protocol === 'https:' ? ('Secure' as const) : ('NonSecure' as const),
  sourcePort: portOf({ protocol, port } as URL),
});

/** Cookies of a header, without the one of that name. */
function splitCookies(header: string, name: string): { has: boolean; rest: string[] } {
  const all = header.split('; ').filter(Boolean);
  const rest = all.filter((cookie) => !cookie.startsWith(`${name}=`));
  return { has: rest.length < all.length, rest };
}

function withCookies(headers: Protocol.Network.Headers, cookies: string[]): Headers {
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'cookie');
  return [...others, ['Cookie', cookies.join('; ')]].map(([name = '', value = '']) => ({ name, value }));
}

/** How a cookie was set; `stop` before the tab shows another page. */
interface SetCookie {
  /** False when the browser takes no such cookie: the page has the token in its storage only. */
  isSet: boolean;
  stop(): void;
}

/**
 * Puts the cookie where the browser sends it with the document's request. An API on another port of the same host, which the settings
 * name, gets it with calls of the page's that ask for credentials, as it would from a person's browser; nothing else on that port does.
 */
export async function setTokenCookie(cdp: CDPSession, cookie: TokenCookie): Promise<SetCookie> {
  const { url, name, token, isBound, allowedOrigins } = cookie;
  const neighbours = allowedOrigins
    .map((origin) => new URL(origin))
    .filter(({ hostname, origin }) => hostname === url.hostname && origin !== url.origin);
  // The browser refuses what is longer than 4,096 characters, and names like `__Host-…` on http.
  const setting = cdp.send('Network.setCookie', { name, value: token, ...bound(url) }).then(
    () => true,
    () => false,
  );
  if (!(await setting)) return { isSet: false, stop: () => undefined };
  if (!isBound) {
    // As it would reach every port of the host.
    await cdp.send('Network.deleteCookies', { name, url: url.origin });
    return { isSet: true, stop: await addToDocument(cdp, cookie) };
  }
  return { isSet: true, stop: neighbours.length === 0 ? () => undefined : await addToCalls(cdp, cookie, neighbours) };
}

/** @returns a function that stops it. */
async function intercept(
  cdp: CDPSession,
  patterns: Protocol.Fetch.RequestPattern[],
  onPaused: OnPaused,
): Promise<() => void> {
  cdp.on('Fetch.requestPaused', onPaused);
  await cdp.send('Fetch.enable', { patterns });
  return () => void cdp.off('Fetch.requestPaused', onPaused);
}

/** One header on the one request for the document. */
function addToDocument(cdp: CDPSession, { url, name, token }: TokenCookie): Promise<() => void> {
  let isDone = false;
  // In a pattern a star and a question mark stand for any text.
  const urlPattern = (url.origin + url.pathname + url.search).replace(/[*?\\]/g, '\\$&');
  return intercept(cdp, [{ urlPattern, resourceType: 'Document' }], ({ requestId, request }) => {
    const headers = isDone ? {} : { headers: withCookies(request.headers, [`${name}=${token}`]) };
    isDone = true;
    cdp.send('Fetch.continueRequest', { requestId, ...headers }).catch(() => undefined);
  });
}

const callTypes = ['XHR', 'Fetch', 'EventSource'];

/**
 * The other port gets a cookie that says nothing, by which a call that asks for credentials is known; it is taken out of every request,
 * and the token is put in its place where the call is the page's own. So the token itself is never among that port's cookies.
 */
async function addToCalls(cdp: CDPSession, cookie: TokenCookie, neighbours: URL[]): Promise<() => void> {
  const mark = `credentials-${randomUUID()}`;
  await Promise.all(
    neighbours.map((each) => cdp.send('Network.setCookie', { name: mark, value: '1', httpOnly: true, ...bound(each) })),
  );
  const patterns = neighbours.map(({ origin }) => ({ urlPattern: `${origin}/*` }));
  const onPaused = async (event: Protocol.Fetch.RequestPausedEvent) => {
    const { requestId, networkId = '', request } = event;
    const { has, rest } = splitCookies(headerOf(request, 'cookie'), mark);
    const isCall = has && isCallOf(event, cookie.url) && (await cookie.isOfTopFrame(networkId));
    if (isCall) cookie.onAdded(networkId);
    const cookies = isCall ? [...rest, `${cookie.name}=${cookie.token}`] : rest;
    await cdp.send('Fetch.continueRequest', {
      requestId,
      ...(has && { headers: withCookies(request.headers, cookies) }),
    });
  };
  // Whom it can't be sent on for is gone.
  return intercept(cdp, patterns, (event) => void onPaused(event).catch(() => undefined));
}

const headerOf = ({ headers }: Protocol.Network.Request, name: string) =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';

const isCallOf = ({ resourceType, request }: Protocol.Fetch.RequestPausedEvent, page: URL) =>
  callTypes.includes(resourceType) && headerOf(request, 'origin') === page.origin;
