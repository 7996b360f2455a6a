// The endpoints of certificates that were issued: their list, their documents, their revocation, and the lists of those revoked.

import contentDisposition from 'content-disposition';
import { z } from 'zod';
import { sendDocument } from '../document-answer.ts';
import { type ErrorCode, fail } from '../errors.ts';
import { bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { readUuid } from '../uuid.ts';
import { type PrefixOf, type Reader, readerOf, requireAdministrator } from './access.ts';
import { isId } from './certificate.ts';
import { certificateRow, type RevokeBody, revokeBody } from './contract.ts';
import type { FileLinks } from './file-links.ts';
import { fileNameOf, type Issued, type IssuedDocument, statusMemorySeconds } from './issued.ts';

interface Dependencies {
  issued: Issued;
  links: FileLinks;
  prefixOf: PrefixOf;
}

const common = { tag: 'Certificates' } as const;
const askerErrors = [
  'unauthorized',
  'not_found',
  'rate_limited',
  'identity_unavailable',
  'database_unavailable',
] as const satisfies ErrorCode[];

const longestText = 100;
const fileQuery = z.object({ expires: z.string().max(longestText), signature: z.string().max(longestText) });

function idOf({ params }: Pick<Exchange, 'params'>): string {
  const id = readUuid(params.id);
  if (id === undefined) throw fail('not_found');
  return id;
}

function requireReader(exchange: Exchange<unknown, unknown>, prefixOf: PrefixOf): Reader {
  const reader = readerOf(exchange, prefixOf);
  if (reader === undefined) throw fail('not_found');
  return reader;
}

export function issuedEndpoints(dependencies: Dependencies): Endpoint[] {
  return [...readingEndpoints(dependencies), fileEndpoint(dependencies), ...revokingEndpoints(dependencies)];
}

function readingEndpoints({ issued, prefixOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/certificates/:studentId',
      summary: 'The certificates of a learner',
      description: 'The newest first. For the learner, the backend and administrators.',
      access: 'either',
      answers: { 200: { description: 'All of them; none is an empty list.', schema: z.array(certificateRow) } },
      errors: askerErrors,
      async handle(exchange) {
        const { studentId = '' } = exchange.params;
        if (!isId(studentId)) throw fail('not_found');
        const rows = await issued.list(requireReader(exchange, prefixOf), studentId);
        exchange.res.set('Cache-Control', 'no-store').json(rows);
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/certificates/:id/download',
      summary: 'Where a certificate is downloaded',
      description:
        'The address opens the PDF without a token, for 3,600 s: that of the storage where it is S3, of the service else.',
      access: 'either',
      answers: { 200: { description: 'The address.', schema: z.object({ download_url: z.string() }) } },
      errors: askerErrors,
      async handle(exchange) {
        const download_url = await issued.linkTo(requireReader(exchange, prefixOf), idOf(exchange));
        exchange.res.set('Cache-Control', 'no-store').json({ download_url });
      },
    }),
  ];
}

/** To whoever has its address, which nobody else is to learn of. */
export async function sendCertificate(
  exchange: Pick<Exchange, 'req' | 'res' | 'streamBody'>,
  { number, metadata, ...document }: IssuedDocument,
): Promise<void> {
  exchange.res.set({
    'Content-Disposition': contentDisposition(fileNameOf({ number })),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
  });
  const { sha256, generatedAt } = metadata;
  await sendDocument(exchange, { ...document, sha256, generatedAt });
}

function fileEndpoint({ issued, links }: Dependencies): Endpoint {
  return defineEndpoint({
    ...common,
    method: 'get',
    path: '/certificates/:id/file',
    summary: 'The PDF of a certificate, by a signed address',
    access: 'anyone',
    query: fileQuery,
    answers: { 200: { description: 'The PDF.', mediaType: 'application/pdf' } },
    errors: ['malformed_request', 'invalid_request', 'not_found', 'storage_unavailable', 'database_unavailable'],
    async handle(exchange) {
      const id = idOf(exchange);
      if (!links.isValid(id, exchange.query)) throw fail('not_found');
      await sendCertificate(exchange, await issued.open(id));
    },
  });
}

function revokingEndpoints({ issued, prefixOf }: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      ...common,
      method: 'post',
      path: '/certificates/:id/revoke',
      action: 'certificate.revoke',
      summary: 'Revoke a certificate',
      description: 'Its page and its status list say so from then on. It can be reissued, and not be made good again.',
      access: 'either',
      body: revokeBody,
      answers: { 200: { description: 'As it is now.', schema: certificateRow } },
      errors: [...bodyErrors, ...askerErrors, 'forbidden', 'already_revoked'],
      async handle(exchange: Exchange<unknown, RevokeBody>) {
        const reader = requireAdministrator(exchange, prefixOf);
        const row = await issued.revoke(reader, { id: idOf(exchange), ...exchange.body });
        exchange.res.set('Cache-Control', 'no-store').json(row);
      },
    }),
    defineEndpoint({
      ...common,
      method: 'get',
      path: '/credentials/status/:list',
      summary: 'Which certificates are not good any more',
      description: 'A Bitstring status list, signed; it tells of a revocation after a minute at most.',
      access: 'anyone',
      answers: { 200: { description: 'The list, as a credential.', mediaType: 'application/vc' } },
      errors: ['not_found', 'database_unavailable'],
      async handle({ params: { list = '' }, res }) {
        if (!/^(0|[1-9]\d{0,6})$/.test(list)) throw fail('not_found');
        const credential = await issued.statusList(Number(list));
        res.set({
          'Cache-Control': `public, max-age=${60 - statusMemorySeconds}`,
          'Access-Control-Allow-Origin': '*',
        });
        res.type('application/vc').send(JSON.stringify(credential));
      },
    }),
  ];
}
