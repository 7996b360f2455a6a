// What a class run has stored, as a ZIP with a manifest for programs and one for spreadsheets.

import type { Readable } from 'node:stream';
import { archive } from '../archive.ts';
import type { DocumentMetadata } from '../documents/contract.ts';
import type { Documents } from '../documents/documents.ts';
import { createLog } from '../log.ts';
import type { ZippedFile } from '../zip.ts';
import type { FollowedRun, RunItem } from './contract.ts';

const log = createLog('class-runs');

/** What the run has made; a student who asks later may have put their own view in its place. */
const isCanonical = ({ view }: DocumentMetadata) => view === 'canonical';

/** Items that are read from the database at once. */
export const itemsAtOnce = 500;

interface Sources {
  page(offset: number): Promise<RunItem[]>;
  documents: Documents;
}

/** An item with the file that it has in the archive, or why it has none. */
type Entry = RunItem & { file?: string; sha256?: string };

const columns = ['reportType', 'studentId', 'teacherId', 'state', 'code', 'file', 'sha256', 'warnings'] as const;

/** A student whose id looks like the name of a teacher's file gets one that no other has. */
function fileName({ reportType, studentId = '', teacherId }: RunItem): string {
  if (reportType === 'student') return `${/^(student_)*teacher_/.test(studentId) ? 'student_' : ''}${studentId}.pdf`;
  return reportType === 'teacher' ? `teacher_${teacherId}.pdf` : 'overall.pdf';
}

async function* itemsOf(page: Sources['page']): AsyncGenerator<RunItem> {
  for (let offset = 0, items = await page(0); items.length > 0; offset += itemsAtOnce, items = await page(offset))
    yield* items;
}

export function archiveRun(run: FollowedRun, { page, documents }: Sources): Readable {
  const entries: Entry[] = [];

  /** The item's file; the entry says why there is none. */
  async function open(item: RunItem): Promise<ZippedFile | undefined> {
    const isCompleted = item.state === 'completed';
    const document = isCompleted ? await documents.find(item.s3Key, isCanonical).catch(logFailure) : undefined;
    if (document === undefined) {
      // Completed, but removed since, replaced by the student's own view, or not to be had now.
      entries.push(isCompleted ? { ...item, code: 'not_found' } : item);
      return undefined;
    }
    const name = fileName(item);
    entries.push({ ...item, file: name, sha256: document.metadata.sha256 });
    return { name, content: document.content, modifiedAt: document.metadata.generatedAt };
  }

  async function* files(): AsyncGenerator<ZippedFile> {
    for await (const item of itemsOf(page)) {
      const file = await open(item);
      if (file !== undefined) yield file;
    }
  }
  const { id, state, classId, testId, total, counts, warnings } = run;
  const head = { id, state, classId, testId, total, counts, warnings };
  return archive({ documents: files(), entries: () => entries, head, columns });
}

function logFailure(error: unknown): undefined {
  log.error('A document of a class run could not be read', { error });
}
