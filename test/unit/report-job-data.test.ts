// Which failures of a report may be gone the next time, and which are final: every code of the catalogue is one or the other.

import { describe, expect, test } from '@jest/globals';
import { catalogue, type ErrorCode, fail } from '../../src/errors.ts';
import { mayHeal } from '../../src/reports/report-job-data.ts';

/** Crashes, time-outs, what is away for a while, what is too busy. */
const healing: ErrorCode[] = [
  'resource_limit',
  'browser_unavailable',
  'queue_full',
  'storage_unavailable',
  'database_unavailable',
  'identity_unavailable',
  'deadline_exceeded',
  'shutting_down',
  'page_not_ready',
  'render_timeout',
];

/** What the page or its token says, and what is wrong with the request: it stays so. */
const final: ErrorCode[] = [
  'page_failed',
  'page_redirected',
  'token_rejected',
  'wrong_subject',
  'document_too_large',
  'report_token_expired',
  'report_token_invalid',
  'report_token_mismatch',
  'malformed_request',
  'unknown_field',
  'unauthorized',
  'forbidden',
  'not_found',
  'pdf_encrypted',
  'pdf_unreadable',
  'report_not_found',
  'method_not_allowed',
  'request_timeout',
  'body_too_large',
  'uri_too_long',
  'unsupported_media_type',
  'headers_too_large',
  'invalid_request',
  'already_ended',
  'not_failed',
  'idempotency_key_reused',
  'rate_limited',
  'too_many_renders',
  'internal_error',
  'bulk_failed',
  // Of certificates, not of reports.
  'already_revoked',
  'link_over',
  'asset_in_use',
  'asset_invalid',
  'built_in',
  'certificate_exists',
  'configuration_exists',
  'generator_failed',
  'retriever_failed',
  'run_active',
  'type_exists',
  'type_in_use',
  'issuer_unavailable',
  'learner_unavailable',
  'glyph_missing',
  'image_invalid',
  'image_missing',
  'name_required',
  'template_failed',
  'unknown_language',
  'unknown_template',
];

test('every code is known here', () => {
  expect([...healing, ...final].sort()).toEqual(Object.keys(catalogue).sort());
});

test.each(healing)('%s is tried again', (code) => {
  expect(mayHeal(fail(code))).toBe(true);
});

test.each(final)('%s is final', (code) => {
  expect(mayHeal(fail(code))).toBe(false);
});

describe('where the code alone does not say', () => {
  test('a page that broke off or answered with 5xx is tried again', () => {
    expect(mayHeal(fail('page_failed', { mayHeal: true }))).toBe(true);
    expect(mayHeal(fail('page_failed', { mayHeal: false }))).toBe(false);
  });

  test.each([
    ['a fault of ours', new TypeError('undefined is not a function')],
    ['a connection that was reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
    ['what is no error at all', 'thrown'],
  ])('%s is tried again', (_what, error) => {
    expect(mayHeal(error)).toBe(true);
  });
});
