// The endpoints that the link of a mail opens: its page, and the document itself.

import { fail } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { isCode } from './certificate.ts';
import { buildDownloadPage, type Opened } from './download-page.ts';
import type { Issued } from './issued.ts';
import { sendCertificate } from './issued-routes.ts';
import { languageOf, type PageQuery, pageQuery, unindexed } from './page-request.ts';
import { publicPagePolicy } from './public-page.ts';

/** Of one address: a class that opens its mails together has one. */
export const mailLinkLimit = { name: 'mail links', limit: 120, windowSeconds: 60 };

interface Dependencies {
  events: Pick<Events, 'findMailLink'>;
  issued: Issued;
  limit: RateLimiter;
}

/** Which certificate it opens, or why none. */
async function open({ params, clientAddress }: Exchange<unknown>, { events, issued, limit }: Dependencies) {
  await limit.take(clientAddress);
  const { code = '' } = params;
  const link = isCode(code) ? await events.findMailLink(code) : undefined;
  if (link === undefined) return 'unknown';
  const certificate = link.isOver ? undefined : await issued.titleOf(link.certificateId);
  return certificate ?? 'over';
}

async function sendPage(exchange: Exchange<PageQuery>, dependencies: Dependencies): Promise<void> {
  const { res, params } = exchange;
  res.set(unindexed);
  const found = await open(exchange, dependencies);
  // As seen from this page: a proxy may have it below a path of its own.
  const fileAddress = `${params.code}/file`;
  const opened: Opened = typeof found === 'string' ? { kind: found } : { kind: 'ready', ...found, fileAddress };
  const language = languageOf(exchange);
  const statuses = { ready: 200, over: 410, unknown: 404 } as const;
  res
    .status(statuses[opened.kind])
    .set({ 'Content-Security-Policy': publicPagePolicy, 'Content-Language': language })
    .type('html')
    .send(buildDownloadPage(opened, language));
}

async function sendFile(exchange: Exchange, dependencies: Dependencies): Promise<void> {
  exchange.res.set(unindexed);
  const found = await open(exchange, dependencies);
  if (found === 'unknown') throw fail('not_found');
  if (found === 'over') throw fail('link_over');
  await sendCertificate(exchange, await dependencies.issued.open(found.id));
}

export function downloadEndpoints(dependencies: Dependencies): Endpoint[] {
  const common = { tag: 'Certificates', access: 'anyone', method: 'get' } as const;
  const errors = ['malformed_request', 'not_found', 'rate_limited', 'database_unavailable'] as const;
  return [
    defineEndpoint({
      ...common,
      path: '/d/:code',
      summary: 'The page that a mail leads to',
      description: 'By the code in its link, for 30 days, while the certificate is neither revoked nor replaced.',
      query: pageQuery,
      answers: {
        200: { description: 'The page, with the download.', mediaType: 'text/html' },
        404: { description: 'As a page: no mail has this code', mediaType: 'text/html' },
        410: { description: 'As a page: the link is over', mediaType: 'text/html' },
      },
      errors: [...errors, 'invalid_request', 'link_over'],
      handle: (exchange: Exchange<PageQuery>) => sendPage(exchange, dependencies),
    }),
    defineEndpoint({
      ...common,
      path: '/d/:code/file',
      summary: 'The PDF that a mail leads to',
      answers: {
        200: { description: 'The PDF.', mediaType: 'application/pdf' },
        206: { description: 'The range that was asked for.', mediaType: 'application/pdf' },
      },
      errors: [...errors, 'link_over', 'storage_unavailable'],
      handle: (exchange) => sendFile(exchange, dependencies),
    }),
  ];
}
