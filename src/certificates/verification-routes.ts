// The endpoints by which anyone verifies a certificate, as pages or as JSON.

import { z } from 'zod';
import { fail, ServiceError } from '../errors.ts';
import { defineEndpoint, type Endpoint, type Exchange, fileErrors } from '../http/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { readUuid } from '../uuid.ts';
import { isCode } from './certificate.ts';
import { fileVerification, verification } from './contract.ts';
import { languageOf, type PageQuery, pageQuery, unindexed } from './page-request.ts';
import { publicPagePolicy } from './public-page.ts';
import type { Verifications } from './verification.ts';
import { buildVerificationPage, type Shown } from './verification-page.ts';
import type { FileNotice } from './verification-texts.ts';

/** Of one address: a class that verifies together has one. */
export const verificationLimit = { name: 'verifications', limit: 120, windowSeconds: 60 };
export const fileVerificationLimit = { name: 'file verifications', limit: 30, windowSeconds: 60 };

interface Dependencies {
  verifications: Verifications;
  codeLimit: RateLimiter;
  fileLimit: RateLimiter;
  issuerName: string;
}

/** Where files are sent, as seen from this page: a proxy may have it below a path of its own. */
const fileActionFrom = (path: string) => `${'../'.repeat(path.split('/').length - 2)}verify`;

interface Page {
  shown: Shown;
  issuerName: string;
  status?: number;
}

function sendPage(exchange: Exchange<PageQuery>, { shown, issuerName, status = 200 }: Page): void {
  const language = languageOf(exchange);
  const fileAction = fileActionFrom(exchange.req.path);
  exchange.res
    .status(status)
    .set({ 'Content-Security-Policy': publicPagePolicy, 'Content-Language': language })
    .type('html')
    .send(buildVerificationPage(shown, { language, issuerName, fileAction }));
}

const wantsPage = (req: Exchange['req'], preferred: 'html' | 'json' = 'html') =>
  req.accepts(preferred === 'html' ? ['html', 'json'] : ['json', 'html']) === 'html';

async function verifyCode(exchange: Exchange<PageQuery>, dependencies: Dependencies): Promise<void> {
  const { verifications, codeLimit, issuerName } = dependencies;
  const { req, res, params, clientAddress } = exchange;
  res.set(unindexed);
  await codeLimit.take(clientAddress);
  const { code = '' } = params;
  const certificate = await verifications.byCode(code);
  if (wantsPage(req)) {
    const shown: Shown = certificate === undefined ? { kind: 'no_certificate' } : { kind: 'certificate', certificate };
    const status = certificate === undefined ? 404 : 200;
    sendPage(exchange, { shown, issuerName, status });
    return;
  }
  if (certificate === undefined) throw fail('not_found');
  const { number: _, verifyUrl: __, ...told } = certificate;
  res.json(told);
}

const notices: readonly string[] = ['pdf_unreadable', 'pdf_encrypted', 'body_too_large', 'malformed_request'];
const isNotice = (code: string): code is FileNotice => notices.includes(code);

async function verifyFile(exchange: Exchange<PageQuery>, dependencies: Dependencies): Promise<void> {
  const { verifications, fileLimit, issuerName } = dependencies;
  const { req, res, clientAddress } = exchange;
  res.set(unindexed);
  await fileLimit.take(clientAddress);
  // A program that says nothing of what it wants gets JSON; browsers always say it.
  const isPage = wantsPage(req, 'json');
  try {
    const { certificate, valid, checks } = await verifications.byFile(await exchange.readFile());
    const shown: Shown =
      certificate === undefined ? { kind: 'no_file', notice: 'unknown' } : { kind: 'file', certificate, checks };
    if (isPage) sendPage(exchange, { shown, issuerName });
    else res.json({ valid, checks });
  } catch (error) {
    const isTold = isPage && error instanceof ServiceError && isNotice(error.code);
    if (!isTold) throw error;
    sendPage(exchange, {
      shown: { kind: 'no_file', notice: error.code as FileNotice },
      issuerName,
      status: error.entry.status,
    });
  }
}

async function sendBadge(
  { params, query: { code }, res, clientAddress }: Exchange<{ code?: string | undefined }>,
  { verifications, codeLimit }: Dependencies,
): Promise<void> {
  res.set({ 'X-Robots-Tag': 'noindex', 'Cache-Control': 'no-store', 'Access-Control-Allow-Origin': '*' });
  await codeLimit.take(clientAddress);
  const { id = '' } = params;
  const given = code === undefined ? { id: undefined, code: id } : { id: readUuid(id), code };
  const isNamed = code === undefined || given.id !== undefined;
  if (!isNamed || !isCode(given.code)) throw fail('not_found');
  res.type('application/vc').send(JSON.stringify(await verifications.badge(given)));
}

const common = { tag: 'Certificates', access: 'anyone' } as const;

export function verificationEndpoints(dependencies: Dependencies): Endpoint[] {
  return [...pageEndpoints(dependencies), ...documentEndpoints(dependencies)];
}

function pageEndpoints(dependencies: Dependencies): Endpoint[] {
  const { issuerName } = dependencies;
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/verify',
      summary: 'A page that verifies files',
      query: pageQuery,
      answers: { 200: { description: 'The page.', mediaType: 'text/html' } },
      errors: ['malformed_request', 'invalid_request'],
      handle: (exchange) => {
        exchange.res.set(unindexed);
        sendPage(exchange, { shown: { kind: 'start' }, issuerName });
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/verify/:code',
      summary: 'Verify a certificate',
      description:
        'By the code in its link: a page, or JSON where `Accept` asks for it. The same 404 for every code that is none.',
      query: pageQuery,
      answers: {
        200: { description: 'What it is worth.', schema: verification, mediaType: 'text/html' },
        404: { description: 'As a page', mediaType: 'text/html' },
      },
      errors: ['malformed_request', 'invalid_request', 'not_found', 'rate_limited', 'database_unavailable'],
      handle: (exchange) => verifyCode(exchange, dependencies),
    }),
  ];
}

function documentEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/verify',
      summary: 'Verify a file',
      description:
        'Any PDF that can be read is 200, `valid` or not; a file that is not known has no further checks. As JSON, or as a page where `Accept` asks for it.',
      query: pageQuery,
      fileTypes: ['application/pdf'],
      answers: { 200: { description: 'What is known of it.', schema: fileVerification, mediaType: 'text/html' } },
      errors: [
        ...fileErrors,
        'invalid_request',
        'pdf_unreadable',
        'pdf_encrypted',
        'rate_limited',
        'database_unavailable',
      ],
      handle: (exchange) => verifyFile(exchange, dependencies),
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/credentials/:id',
      summary: 'The badge of a certificate',
      description:
        'An Open Badge 3.0, for whoever has the code: `/credentials/{code}`, or `/credentials/{id}?code={code}`. Whether it is still good says its status list.',
      query: z.object({ code: z.string().max(100).optional() }),
      answers: { 200: { description: 'The badge.', mediaType: 'application/vc' } },
      errors: ['malformed_request', 'invalid_request', 'not_found', 'rate_limited', 'database_unavailable'],
      handle: (exchange) => sendBadge(exchange, dependencies),
    }),
  ];
}
