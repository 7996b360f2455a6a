// The endpoints of certificates.

import type { Credentials } from '../credentials/contract.ts';
import { type ErrorCode, fail } from '../errors.ts';
import {
  askerErrors,
  bodyErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  idempotencyKey,
  readIdempotencyKey,
} from '../http/contract.ts';
import { readUuid } from '../uuid.ts';
import { type PrefixOf, requireAdministrator } from './access.ts';
import type { Certificates } from './certificates.ts';
import { type IssueAnswer, type IssueBody, issueAnswer, issueBody, type ReissueBody, reissueBody } from './contract.ts';

interface Dependencies {
  certificates: Certificates;
  /** Undefined where no key was given to sign with. */
  credentials: Credentials | undefined;
  prefixOf: PrefixOf;
}

async function issue(dependencies: Dependencies, exchange: Exchange<unknown, IssueBody>): Promise<void> {
  const { body, owner, signal, req, res } = exchange;
  const { tenant } = requireAdministrator(exchange, dependencies.prefixOf);
  const idempotencyKey = readIdempotencyKey(req);
  send(res, await dependencies.certificates.issue(body, { tenant, idempotencyKey, owner, signal }));
}

async function reissue(dependencies: Dependencies, exchange: Exchange<unknown, ReissueBody>): Promise<void> {
  const { body, owner, signal, res, params } = exchange;
  const reader = requireAdministrator(exchange, dependencies.prefixOf);
  const id = readUuid(params.id);
  if (id === undefined) throw fail('not_found');
  send(res, await dependencies.certificates.reissue(id, body, { reader, owner, signal }));
}

function send(res: Exchange['res'], data: IssueAnswer['data']): void {
  res
    .set('Cache-Control', 'no-store')
    .json({ success: true, statusCode: 200, message: 'Credential issued successfully', data });
}

export function certificateEndpoints(dependencies: Dependencies): Endpoint[] {
  return [...issuingEndpoints(dependencies), ...keyEndpoints(dependencies)];
}

/** A day: keys and terms change hardly ever, and one that is added is not used at once. */
const openly = { 'Cache-Control': 'public, max-age=86400', 'Access-Control-Allow-Origin': '*' };

/** What those read who verify a credential without asking us for it. */
function keyEndpoints({ credentials }: Dependencies): Endpoint[] {
  const common = { method: 'get', tag: 'Certificates', access: 'anyone', errors: ['not_found'] } as const;
  const publish = ({ res }: Exchange, type: string, document: object | undefined) => {
    if (document === undefined) throw fail('not_found');
    res.set(openly).type(type).send(JSON.stringify(document));
  };
  return [
    // Of a PUBLIC_URL with a path `did:web` reads the second.
    ...['/.well-known/did.json', '/did.json'].map((path) =>
      defineEndpoint({
        ...common,
        path,
        summary: 'The issuer of credentials: its DID and its keys',
        answers: { 200: { description: 'The DID document.', mediaType: 'application/did+json' } },
        handle: (exchange) => publish(exchange, 'application/did+json', credentials?.didDocument()),
      }),
    ),
    defineEndpoint({
      ...common,
      path: '/contexts/certificate/v1',
      summary: 'What the words of a certificate mean',
      answers: { 200: { description: 'The JSON-LD context.', mediaType: 'application/ld+json' } },
      handle: (exchange) => publish(exchange, 'application/ld+json', credentials?.certificateContext()),
    }),
  ];
}

const makingErrors: ErrorCode[] = [
  ...bodyErrors,
  ...askerErrors,
  'certificate_exists',
  'name_required',
  'glyph_missing',
  'unknown_template',
  'unknown_language',
  'image_invalid',
  'image_missing',
  'template_failed',
  'storage_unavailable',
  'issuer_unavailable',
  'browser_unavailable',
  'queue_full',
  'render_timeout',
  'database_unavailable',
];

function issuingEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'post',
      path: '/certificate/issue',
      action: 'certificate.issue',
      tag: 'Certificates',
      summary: 'Issue a certificate',
      description:
        'One for each learner, course and type: the same request again gets the same answer. It is answered when the document is stored and the event is written.',
      access: 'either',
      headers: {
        'Idempotency-Key': idempotencyKey.meta({
          description:
            'The same request with the same key gets the same answer for a week, whatever has become of the certificate.',
        }),
      },
      body: issueBody,
      answers: { 200: { description: 'Issued, now or before.', schema: issueAnswer } },
      errors: [...makingErrors, 'idempotency_key_reused'],
      handle: (exchange) => issue(dependencies, exchange),
    }),
    defineEndpoint({
      method: 'post',
      path: '/certificates/:id/reissue',
      action: 'certificate.reissue',
      tag: 'Certificates',
      summary: 'Put another certificate in the place of one',
      description:
        'With the changes that are named: any field of an issue but learner, course and type. The old one is `replaced` from then on and says by which.',
      access: 'either',
      body: reissueBody,
      answers: { 200: { description: 'The other one.', schema: issueAnswer } },
      errors: [...makingErrors, 'not_found', 'already_revoked'],
      handle: (exchange) => reissue(dependencies, exchange),
    }),
  ];
}
