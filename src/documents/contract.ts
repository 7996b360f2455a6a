// What is known of a stored PDF, and how it is written beside it.

import type { ObjectMetadata } from './object-store.ts';

export type { ObjectStore } from './object-store.ts';

/** `canonical`: the educator's page; `student`: the student's own page, under the same key. */
export type View = 'canonical' | 'student';

export interface DocumentMetadata {
  classId: string;
  test: string;
  type: string;
  subject: string;
  view: View;
  generatedAt: Date;
  dataVersion: string | undefined;
  /** Ordered: of two renders of one key the later accepted has the greater. */
  revision: bigint;
  sha256: string;
  pages: number;
}

export function toObjectMetadata(metadata: DocumentMetadata): ObjectMetadata {
  return {
    class: metadata.classId,
    test: metadata.test,
    type: metadata.type,
    subject: metadata.subject,
    view: metadata.view,
    'generated-at': metadata.generatedAt.toISOString(),
    ...(metadata.dataVersion === undefined ? {} : { 'data-version': metadata.dataVersion }),
    revision: String(metadata.revision),
    sha256: metadata.sha256,
    pages: String(metadata.pages),
  };
}

/** Undefined for an object that Platen has not written: without its digest it can't be trusted. */
export function fromObjectMetadata(stored: ObjectMetadata): DocumentMetadata | undefined {
  const generatedAt = new Date(stored['generated-at'] ?? '');
  const isOurs =
    /^[0-9a-f]{64}$/.test(stored.sha256 ?? '') &&
    /^\d+$/.test(stored.revision ?? '') &&
    !Number.isNaN(generatedAt.getTime());
  if (!isOurs) return undefined;
  return {
    classId: stored.class ?? '',
    test: stored.test ?? '',
    type: stored.type ?? '',
    subject: stored.subject ?? '',
    view: stored.view === 'student' ? 'student' : 'canonical',
    generatedAt,
    dataVersion: stored['data-version'],
    revision: BigInt(stored.revision ?? 0),
    sha256: stored.sha256 ?? '',
    pages: Number(stored.pages ?? 0),
  };
}
