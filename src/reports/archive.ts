// Many reports as one ZIP, made while it is sent: nothing is rendered ahead of a slow reader by more than a few reports.

import { addAbortSignal, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import type { Caller } from '../identity/contract.ts';
import { createLog } from '../log.ts';
import { type ZippedFile, zip } from '../zip.ts';
import type { BulkOutcome } from './contract.ts';
import type { ObtainedReport, ReportRequest } from './public-reports.ts';
import type { Report } from './report.ts';
import type { Reports } from './reports.ts';

const log = createLog('archive');

export interface ArchiveRequest {
  caller: Caller;
  originHeader: string | undefined;
  reports: readonly (Report & { type: 'student' })[];
  /** As the request gave them, for the manifest. */
  testId: string;
  classId: string | undefined;
}

interface ArchiveOptions {
  signal: AbortSignal;
  /** Reports obtained at once. */
  concurrency: number;
}

type Item = BulkOutcome & { content?: Buffer };

function codeOf(error: unknown): ErrorCode {
  return error instanceof ServiceError ? error.code : 'internal_error';
}

class Archive {
  readonly #reports: Reports;
  readonly #request: ArchiveRequest;
  readonly #options: ArchiveOptions;
  readonly outcomes: BulkOutcome[] = [];

  constructor(reports: Reports, request: ArchiveRequest, options: ArchiveOptions) {
    this.#reports = reports;
    this.#request = request;
    this.#options = options;
  }

  /** Items in the order asked, a few of them under way ahead of the one that is given. */
  async *items(): AsyncGenerator<Item> {
    const { reports } = this.#request;
    const underWay: Promise<Item>[] = [];
    for (let next = 0; next < reports.length || underWay.length > 0; ) {
      while (underWay.length < this.#options.concurrency && next < reports.length) {
        underWay.push(this.#obtain(reports[next++] as Report & { type: 'student' }));
      }
      const item = (await underWay.shift()) as Item;
      this.#options.signal.throwIfAborted();
      const { content, ...outcome } = item;
      this.outcomes.push(outcome);
      yield item;
    }
  }

  /** A large document whole, so that one that was altered is noticed before it is in the archive; it is gone then, and rendered anew. */
  async #read(request: ReportRequest): Promise<Pick<ObtainedReport, 'source' | 'warnings'> & { content: Buffer }> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { content, source, warnings } = await this.#reports.obtain(request, {
        signal,
        priority: 'background',
        mayRender: true,
        isCounted: false,
      });
      if (Buffer.isBuffer(content)) return { content, source, warnings };
      const whole = await buffer(addAbortSignal(signal, content)).catch((error) => {
        if (attempt === 2 || signal.aborted) throw error;
      });
      if (whole !== undefined) return { content: whole, source, warnings };
    }
  }

  async #obtain(report: Report & { type: 'student' }): Promise<Item> {
    const { caller, originHeader } = this.#request;
    const { studentId } = report;
    const request = { caller, report, originHeader, educatorId: undefined, dataVersion: undefined };
    try {
      const { content, source, warnings } = await this.#read(request);
      const outcome = source === 'hit' ? 'stored' : 'rendered';
      return { studentId, outcome, file: `${studentId}.pdf`, ...(warnings.length > 0 && { warnings }), content };
    } catch (error) {
      if (!(error instanceof ServiceError) && !this.#options.signal.aborted)
        log.error('A report of a bulk request failed', { error, studentId });
      return { studentId, outcome: 'failed', code: codeOf(error) };
    }
  }
}

/** The problem for a request of which nothing succeeded: the code that all share, else bulk_failed. */
function nothingSucceeded(outcomes: BulkOutcome[]): ServiceError {
  const codes = new Set(outcomes.map(({ code }) => code as ErrorCode));
  const [shared] = codes;
  const errors = outcomes.map(({ studentId, code }) => ({ field: studentId, message: code ?? 'failed' }));
  return fail(codes.size === 1 && shared !== undefined ? shared : 'bulk_failed', { errors });
}

/**
 * Waits for the first report that succeeds, then gives the ZIP as a stream that makes the others as it is read.
 * @throws when none succeeds.
 */
export async function openArchive(
  reports: Reports,
  request: ArchiveRequest,
  options: ArchiveOptions,
): Promise<Readable> {
  const archive = new Archive(reports, request, options);
  const items = archive.items();
  let first = await items.next();
  while (first.done !== true && first.value.content === undefined) first = await items.next();
  if (first.done === true) throw nothingSucceeded(archive.outcomes);
  const firstItem = first.value;

  async function* files(): AsyncGenerator<ZippedFile> {
    yield fileOf(firstItem);
    for await (const item of items) if (item.content !== undefined) yield fileOf(item);
    const { testId, classId } = request;
    const manifest = JSON.stringify({ testId, classId, students: archive.outcomes }, null, 2);
    yield { name: 'manifest.json', content: manifest, modifiedAt: new Date() };
  }
  return zip(files());
}

function fileOf({ file = '', content }: Item): ZippedFile {
  return { name: file, content: content ?? '', modifiedAt: new Date() };
}
