// Proves at a browser's start that it keeps cookies of one port from the others of its host, and of one scheme from the other.

import type { CDPSession } from 'puppeteer-core';
import { createLog } from '../log.ts';

const log = createLog('browser');

/** What is to be said where it does not. */
export const unboundCookies = 'this browser does not bind cookies to ports: a token reaches every port of its host';

const proof = {
  name: 'proof',
  value: '1',
  domain: '127.0.0.1',
  path: '/',
  sourceScheme: 'NonSecure',
  sourcePort: 8001,
} as const;
const own = 'http://127.0.0.1:8001';
const others = ['http://127.0.0.1:8002', 'https://127.0.0.1:8001'];

/** Opens no socket: asks the browser which cookies it would send. `session` is the line to the browser itself. */
export async function bindsCookies(session: CDPSession): Promise<boolean> {
  const { browserContextId } = await session.send('Target.createBrowserContext');
  try {
    const { targetId } = await session.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: true });
    const page = session.connection()?.session(sessionId);
    if (page === null || page === undefined) throw new Error('the browser gave no session');
    await page.send('Network.setCookie', proof);
    const counts = await Promise.all(
      [own, ...others].map(async (url) => (await page.send('Network.getCookies', { urls: [url] })).cookies.length),
    );
    const isBinding = counts.join() === '1,0,0';
    if (!isBinding) log.warn('Cookies are not bound', { reason: unboundCookies });
    return isBinding;
  } finally {
    await session.send('Target.disposeBrowserContext', { browserContextId });
  }
}
