// Proofs to the letter of the standard's own examples, and what has no canonical form.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { base58 } from '@scure/base';
import { canonicalJson, createStatements, NoCanonicalForm } from '../../src/credentials/canonical-forms.ts';
import { multikeyOf } from '../../src/credentials/own-names.ts';
import { prove, type Suite } from '../../src/credentials/proofs.ts';
import { keyOfSeed } from '../support/credentials.ts';

const exampleContext = 'https://www.w3.org/ns/credentials/examples/v2';
const statements = createStatements(
  new Map([[exampleContext, { '@context': { '@vocab': 'https://www.w3.org/ns/credentials/examples#' } }]]),
);
const ofStatements: Suite = { name: 'eddsa-rdfc-2022', canonize: statements, namesContext: false };
const ofJson: Suite = { name: 'eddsa-jcs-2022', canonize: canonicalJson, namesContext: true };

/** Of the recommendation "Data Integrity EdDSA Cryptosuites v1.0", appendix B. */
const key = keyOfSeed(base58.decode('3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq').subarray(2));
const multikey = 'z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2';
const example = {
  '@context': ['https://www.w3.org/ns/credentials/v2', exampleContext],
  id: 'urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33',
  type: ['VerifiableCredential', 'AlumniCredential'],
  name: 'Alumni Credential',
  description: 'A minimum viable example of an Alumni Credential.',
  issuer: 'https://vc.example/issuers/5678',
  validFrom: '2023-01-01T00:00:00Z',
  credentialSubject: { id: 'did:example:abcdefgh', alumniOf: 'The School of Examples' },
};
const signer = {
  key,
  verificationMethod: `https://vc.example/issuers/5678#${multikey}`,
  created: new Date('2023-02-24T23:36:38Z'),
};

test("proofs are the standard's own, byte for byte", async () => {
  expect(multikeyOf(key)).toBe(multikey);
  expect((await prove(ofStatements, example, signer)).proofValue).toBe(
    'z21EVs3eXERqTn4acNHT9viboqgzUaQ3kTmhPT3eA8qrVPE7CrQq78WkzctnMX5W4CrzcKnHw8V6dvy5pgWYCU5e9',
  );
  expect((await prove(ofJson, example, signer)).proofValue).toBe(
    'z63t83Y53KfzJ5ZosfKTnqfMcKB2dmTrfjSaQjeNNjAD5srBowQfmWqeRb8rRjmeEuCBEsddF9LsVogtuTsijJKh4',
  );
});

test('a context that is not bundled is refused, and not fetched', async () => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.setHeader('content-type', 'application/ld+json').end('{"@context":{}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  for (const context of [`http://127.0.0.1:${port}/`, 'file:///etc/hostname', '../context', 'constructor'])
    await expect(statements({ ...example, '@context': [context] })).rejects.toThrow(NoCanonicalForm);
  server.close();
  expect(requests).toBe(0);
});

test('a term that no context defines is refused, rather than signed by nobody', async () => {
  const undefinedTerms = createStatements(new Map());
  const own = { '@context': ['https://www.w3.org/2018/credentials/v1'], id: 'urn:a:b', type: ['VerifiableCredential'] };
  await expect(undefinedTerms(own)).resolves.toContain('VerifiableCredential');
  await expect(undefinedTerms({ ...own, firstName: 'Ada' })).rejects.toThrow(NoCanonicalForm);
  await expect(undefinedTerms({ ...own, credentialSubject: { firstName: 'Ada' } })).rejects.toThrow(NoCanonicalForm);
});

test('what is no JSON has no canonical form', async () => {
  await expect(canonicalJson({ a: 'half \ud800' })).rejects.toThrow(NoCanonicalForm);
  await expect(canonicalJson({ a: Number.NaN })).rejects.toThrow(NoCanonicalForm);
});
