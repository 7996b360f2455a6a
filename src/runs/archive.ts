// The certificates that a run has issued, as a ZIP with a manifest for programs and one for spreadsheets.

import type { Readable } from 'node:stream';
import { archive } from '../archive.ts';
import type { Awards, CertificateDocument } from '../certificates/contract.ts';
import type { Documents } from '../documents/documents.ts';
import { createLog } from '../log.ts';
import type { ZippedFile } from '../zip.ts';
import type { Outcome } from './contract.ts';
import { isForAll } from './deciding.ts';
import { describeRun } from './describing.ts';
import type { ItemPlace, StoredItem } from './item-store.ts';
import type { RunPlan, StoredRun } from './run-store.ts';

const log = createLog('runs');

/** A learner with the file that they have in the archive, or why they have none. */
interface Entry {
  studentId: string;
  courseId?: string | undefined;
  outcome: Outcome;
  certificateId?: string | undefined;
  number?: string | undefined;
  /** Of the certificate, as it is now. */
  status?: string | undefined;
  file?: string | undefined;
  sha256?: string | undefined;
  code?: string | undefined;
}

const columns = ['studentId', 'outcome', 'certificateId', 'number', 'status', 'file', 'sha256', 'code'] as const;
const columnsOf = (plan: RunPlan) => [...columns, ...(isForAll(plan) ? (['courseId'] as const) : [])];

/** As keys write it: some file systems have no colons. Those of a run for all courses lie in a folder for each. */
const fileName = ({ studentId, courseId }: ItemPlace) =>
  `${courseId === '' ? '' : `${courseId}/`}${studentId}.pdf`.replaceAll(':', '%3A');

interface Sources {
  certificates: Awards;
  documents: Documents;
  /** All items, from the first on whenever it is asked. */
  pages(): AsyncIterable<StoredItem[]>;
}

type Found = Map<string, CertificateDocument>;

export function archiveRun(run: StoredRun, { certificates, documents, pages }: Sources): Readable {
  /** Whose file is in it. What else the manifests tell is looked up again, so that it need not be kept. */
  const written = new Set<string>();

  async function* withDocuments(): AsyncGenerator<{ items: StoredItem[]; found: Found }> {
    for await (const items of pages()) {
      const ids = items.flatMap(({ certificateId }) => certificateId ?? []);
      const found: Found = ids.length === 0 ? new Map() : await certificates.documents(run.tenant, ids);
      yield { items, found };
    }
  }

  async function open(item: StoredItem, found: Found): Promise<ZippedFile[]> {
    const certificate = item.outcome === 'issued' ? found.get(item.certificateId ?? '') : undefined;
    if (certificate === undefined) return [];
    const document = await documents
      .find(certificate.key, ({ sha256 }) => sha256 === certificate.sha256)
      .catch((error) => {
        log.error('The document of a certificate could not be read', { error, certificateId: certificate.id });
      });
    if (document === undefined) return [];
    written.add(fileName(item));
    return [{ name: fileName(item), content: document.content, modifiedAt: document.metadata.generatedAt }];
  }

  async function* files(): AsyncGenerator<ZippedFile> {
    for await (const { items, found } of withDocuments()) for (const item of items) yield* await open(item, found);
  }

  function entryOf(item: StoredItem, found: Found): Entry[] {
    const { studentId, courseId, outcome, certificateId, code } = item;
    if (outcome === null || outcome === 'not_eligible') return [];
    const certificate = found.get(certificateId ?? '');
    const isWritten = written.has(fileName(item));
    const file = isWritten ? { file: fileName(item), sha256: certificate?.sha256 ?? undefined } : {};
    // Issued, but not to be had now, or gone.
    const missing = outcome === 'issued' && !isWritten ? 'not_found' : undefined;
    const { number, status } = certificate ?? {};
    const certified = { certificateId: certificateId ?? undefined, number, status };
    const course = courseId === '' ? {} : { courseId };
    return [{ studentId, ...course, outcome, ...certified, ...file, code: code ?? missing }];
  }

  async function* entries(): AsyncGenerator<Entry> {
    for await (const { items, found } of withDocuments()) for (const item of items) yield* entryOf(item, found);
  }

  const { errors: _, ...head } = describeRun(run);
  return archive({ documents: files(), entries, head, columns: columnsOf(run.plan) });
}
