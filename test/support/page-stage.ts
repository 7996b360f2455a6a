// A service over a page of the test's own: serves it, has a report made of it, and gives what was answered and stored.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Pages, startPages } from './pages.ts';
import { startTestService, type TestService } from './service.ts';

export const student = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: 'STU001' };

export interface Answer {
  status: number;
  code?: string;
  detail?: string;
  pages?: number;
  warnings?: string[];
  durationMs?: number;
  diagnosis?: {
    stage: string;
    elapsedMs: number;
    pending: string[];
    failedRequests: { path: string; status?: number; error?: string }[];
    finalUrl?: string;
  };
}

export interface PageStage extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  service: TestService;
  pages: Pages;
  /** Serves `page` on the report paths beside `more`, has a report made of it, and gives the answer. */
  print(page: Pages['pages'][string], more?: Pages['pages'], body?: object): Promise<Answer>;
  /** The PDF that was stored by the last print of the student's report. */
  stored(): Promise<Buffer>;
}

export async function openPageStage(
  env: Record<string, string | undefined> = {},
  tls?: Parameters<typeof startPages>[1],
): Promise<PageStage> {
  await using parts = new AsyncDisposableStack();
  const pages = parts.use(await startPages({}, tls));
  const service = parts.use(await startTestService({ origin: pages.origin, env: { PDF_TIMEOUT: '20000', ...env } }));
  const running = parts.move();
  return {
    service,
    pages,
    async print(page, more = {}, body = student) {
      pages.pages = { ...more, '/report': page, '/teacher-report': page };
      const response = await service.trigger(body);
      return { ...((await response.json()) as object), status: response.status };
    },
    stored: () => readFile(join(service.dataDir, 'documents/reports/CLASS_1/Test_1/students/STU001.pdf')),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export const html = (body: string, head = '') =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report</title>${head}</head><body>${body}</body></html>`;
export const script = (code: string) => `<script>${code}</script>`;
export const ready = 'window.__PDF_READY__ = true;';
