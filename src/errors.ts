// The catalogue of everything that can go wrong in public: code, status, title, and what to do about it.

import { pipelineErrors } from './pipeline-errors.ts';

interface CatalogueEntry {
  status: number;
  title: string;
  /** Default public explanation: what failed and how to mend it. */
  detail: string;
  /** Seconds for `Retry-After`, where trying again may help. */
  retryAfterSeconds?: number;
}

export const catalogue = {
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    detail: 'The request could not be read. Check its syntax.',
  },
  unknown_field: {
    status: 400,
    title: 'Unknown field',
    detail: 'The body has a field that this endpoint does not know.',
  },
  unauthorized: { status: 401, title: 'Unauthorized', detail: 'A valid bearer token is needed.' },
  forbidden: { status: 403, title: 'Forbidden', detail: 'This token does not open this report.' },
  not_found: { status: 404, title: 'Not found', detail: 'There is nothing here.' },
  report_not_found: {
    status: 404,
    title: 'Report not found',
    detail:
      'The page says that there is nothing to show: no such student, test or class, or no figures. See diagnosis.pageCode.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'This path does not know this method. The Allow header lists those it knows.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: 'The request did not come whole in time: its headers have 10 s, all of it 30 s.',
  },
  body_too_large: { status: 413, title: 'Body too large', detail: 'The body is larger than this endpoint takes.' },
  uri_too_long: { status: 414, title: 'URI too long', detail: 'Path and query may have 8,192 bytes together.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send uncompressed JSON in UTF-8 with Content-Type: application/json.',
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    detail: 'Request line and headers may have 64 KB together.',
  },
  invalid_request: { status: 422, title: 'Invalid request', detail: 'A value is missing or not allowed; see errors.' },
  report_token_expired: {
    status: 422,
    title: 'Report token expired',
    detail: 'The report token has run out. Send a fresh one.',
  },
  report_token_invalid: {
    status: 422,
    title: 'Report token invalid',
    detail: 'The report token could not be verified: signature, algorithm, issuer or form.',
  },
  report_token_mismatch: {
    status: 422,
    title: 'Report token mismatch',
    detail: 'The report token was made for another report than the one asked for.',
  },
  unknown_template: { status: 422, title: 'Unknown template', detail: 'There is no such template.' },
  unknown_language: { status: 422, title: 'Unknown language', detail: 'The template has no texts in this language.' },
  glyph_missing: {
    status: 422,
    title: 'Letters without a font',
    detail: 'No font here shows some of the letters: they would be empty boxes on paper.',
  },
  image_invalid: {
    status: 422,
    title: 'Not a picture for paper',
    detail: 'It is neither a PNG nor a JPEG nor an SVG that can be printed.',
  },
  name_required: { status: 422, title: 'Name required', detail: 'There is no name to be seen.' },
  pdf_unreadable: { status: 422, title: 'PDF unreadable', detail: 'The file is no PDF that can be read.' },
  pdf_encrypted: {
    status: 422,
    title: 'PDF encrypted',
    detail: 'The PDF is encrypted: nobody can read it without its password.',
  },
  document_too_large: {
    status: 422,
    title: 'Document too large',
    detail: 'The page prints to more pages or bytes than MAX_PAGES or MAX_PDF_BYTES allow.',
  },
  already_ended: {
    status: 409,
    title: 'Already ended',
    detail: 'This has ended already; there is nothing left to cancel.',
  },
  already_revoked: {
    status: 409,
    title: 'Already revoked',
    detail: 'This certificate is not good any more: it was revoked, or replaced by another.',
  },
  link_over: {
    status: 410,
    title: 'Link over',
    detail: 'This link was good once. It is too old, was taken away, or its certificate was revoked or replaced.',
  },
  certificate_exists: {
    status: 409,
    title: 'Certificate exists',
    detail: 'This learner has a certificate of this type for this course already, issued with other data.',
  },
  ...pipelineErrors,
  not_failed: {
    status: 409,
    title: 'Not failed',
    detail: 'Only a job that has failed can be begun again.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency key reused',
    detail: 'This Idempotency-Key came with another body before. Send a new key for new work.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'This caller has sent too many requests. Wait for as long as Retry-After says.',
    retryAfterSeconds: 60,
  },
  too_many_renders: {
    status: 429,
    title: 'Too many renders at once',
    detail: 'This caller has as many renders under way as one caller may have. Wait for one to end.',
    retryAfterSeconds: 5,
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Something unexpected failed. The log has the cause.',
  },
  image_missing: {
    status: 500,
    title: 'Picture missing',
    detail: 'A picture that this certificate was made with is not stored any more.',
  },
  template_failed: {
    status: 500,
    title: 'Template failed',
    detail: 'The template is broken, or took more time or place than it may. The log says what is wrong with it.',
  },
  page_failed: { status: 502, title: 'Page failed', detail: 'The report page did not load or said that it failed.' },
  page_redirected: {
    status: 502,
    title: 'Page redirected',
    detail: 'The report page led elsewhere, for instance to a login page.',
  },
  token_rejected: {
    status: 502,
    title: 'Token rejected',
    detail: 'The platform answered 401 or 403 to the token with which the page was opened.',
  },
  wrong_subject: {
    status: 502,
    title: 'Wrong subject',
    detail: 'The page shows another subject than the one asked for, or does not say whom it shows.',
  },
  resource_limit: {
    status: 502,
    title: 'Resource limit',
    detail: 'The page used more memory, windows or messages than it may.',
  },
  bulk_failed: { status: 502, title: 'Bulk failed', detail: 'None of the reports could be produced; see errors.' },
  browser_unavailable: {
    status: 503,
    title: 'Browser unavailable',
    detail: 'The browser is not running. It is being started again; stored documents are still served.',
    retryAfterSeconds: 10,
  },
  queue_full: {
    status: 503,
    title: 'Queue full',
    detail: 'Too many renders are waiting already.',
    retryAfterSeconds: 15,
  },
  storage_unavailable: {
    status: 503,
    title: 'Storage unavailable',
    detail: 'The PDF was made but could not be stored.',
    retryAfterSeconds: 10,
  },
  database_unavailable: {
    status: 503,
    title: 'Database unavailable',
    detail: 'The database does not answer. Stored documents are still served; nothing new was accepted.',
    retryAfterSeconds: 10,
  },
  identity_unavailable: {
    status: 503,
    title: 'Identity provider unavailable',
    detail: 'The key set that verifies tokens cannot be fetched.',
    retryAfterSeconds: 10,
  },
  learner_unavailable: {
    status: 503,
    title: 'Learner data unavailable',
    detail: 'Keycloak does not say who this learner is: it is down, slow, or does not let us ask.',
    retryAfterSeconds: 30,
  },
  issuer_unavailable: {
    status: 503,
    title: 'Issuer unavailable',
    detail: 'The registry that issues credentials does not give one. The certificate is kept and tried again.',
    retryAfterSeconds: 30,
  },
  deadline_exceeded: {
    status: 503,
    title: 'Deadline exceeded',
    detail: 'The PDF could not be finished within the time that callers wait for it.',
    retryAfterSeconds: 30,
  },
  shutting_down: {
    status: 503,
    title: 'Shutting down',
    detail: 'This process is about to stop. Another one, or its successor, will answer.',
    retryAfterSeconds: 5,
  },
  page_not_ready: {
    status: 504,
    title: 'Page not ready',
    detail:
      'The page loaded but never said that it is ready: window.__PDF_READY__ = true, or data-pdf-ready on the root element. What it waits for is in diagnosis.pending.',
  },
  render_timeout: { status: 504, title: 'Render timeout', detail: 'The page took longer than PDF_TIMEOUT allows.' },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(catalogue, text);

export interface FieldError {
  field: string;
  message: string;
}

export interface ErrorDetails {
  /** Public explanation instead of the catalogue's: what failed, which values are valid, how to mend it. */
  detail?: string;
  errors?: FieldError[];
  /** What the page was doing when its render failed; never holds a token. */
  diagnosis?: object;
  retryAfterSeconds?: number;
  /** Whether the same may succeed later, where the code alone does not say. */
  mayHeal?: boolean;
}

/** An error with a public face (code, status, details) and a private cause that only the log sees. */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails, options?: ErrorOptions) {
    super(`${code}: ${details.detail ?? catalogue[code].detail}`, options);
    this.name = 'ServiceError';
    this.code = code;
    this.details = details;
  }

  get entry(): CatalogueEntry {
    return catalogue[this.code];
  }

  /** Seconds after which trying again may help, or undefined where it will not. */
  get retryAfterSeconds(): number | undefined {
    return this.details.retryAfterSeconds ?? this.entry.retryAfterSeconds;
  }
}

/** Makes the error for `code`; write `throw fail(…)`. */
export function fail(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions): ServiceError {
  return new ServiceError(code, details, options);
}

/** JSON pointer (RFC 6901) to what lies there in a body: `/items/3/name`. */
export const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * The 422 that names one field.
 * @param field a JSON pointer from the root of the body; the name of a parameter.
 */
export function invalidField(field: string, message: string): ServiceError {
  return fail('invalid_request', { detail: `${field.replace('/', '')}: ${message}`, errors: [{ field, message }] });
}
