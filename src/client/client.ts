// A client for browsers and Node: starts generations, follows their progress, ends them. It needs nothing but fetch.

import type { JobAnswer, JobError, JobStage, Progress, ProgressStatus, StageProgress } from '../jobs/contract.ts';
import { type FollowOptions, followStream } from './following.ts';
import { PlatenError, readProblem } from './problem.ts';

export type { FollowOptions, JobAnswer, JobError, JobStage, Progress, ProgressStatus, StageProgress };
export { PlatenError };

/** A token, or what gives one that is good now. */
export type TokenSource = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** Where Platen is, for instance `https://pdf.example`. */
  baseUrl: string;
  /** Of the person; goes as `Authorization: Bearer`. */
  userToken?: TokenSource;
  /** Of the backend; never for browsers. */
  serviceToken?: TokenSource;
}

export interface FollowProgressOptions extends FollowOptions {
  /** In place of a token: gives a new ticket for every connection. */
  ticket?: () => Promise<string>;
}

interface CallOptions {
  signal?: AbortSignal;
}

/** All throw a PlatenError where the service refuses, and the signal's reason once it is aborted. */
export interface PlatenClient {
  /**
   * Asks for a report that need not be there yet.
   * @param query as docs/http-api.md says, for instance `{ studentId, testId, classId }`.
   * @returns the id of its progress.
   */
  startReport(
    path: '/generate-pdf' | '/generate-student-pdf' | '/generate-teacher-pdf',
    query: Record<string, string>,
    options?: CallOptions,
  ): Promise<{ progressId: string }>;
  /** For the backend: has a report rendered anew. */
  triggerReport(body: Record<string, unknown>, options?: CallOptions): Promise<{ jobId: string; s3Key: string }>;
  /** The states from the current one to the last, over broken connections. */
  followProgress(id: string, options?: FollowProgressOptions): AsyncGenerator<Progress, void, undefined>;
  followJob(id: string, options?: FollowOptions): AsyncGenerator<JobAnswer, void, undefined>;
  /** @throws PlatenError `already_ended`. */
  cancelGeneration(id: string, options?: CallOptions): Promise<void>;
  /** With it somebody without a token, or an EventSource, can follow once: `?ticket=`. */
  createTicket(id: string, options?: CallOptions): Promise<{ ticket: string; expiresInSeconds: number }>;
}

const progressPath = (id: string) => `/api/certificates/progress/${encodeURIComponent(id)}`;
const isUnderWay = (state: string) => ['pending', 'in_progress', 'queued', 'active'].includes(state);

const read = (source: TokenSource) => (typeof source === 'string' ? source : source());

export function createClient({ baseUrl, userToken, serviceToken }: ClientOptions): PlatenClient {
  const base = baseUrl.replace(/\/+$/, '');

  async function call(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const headers: Record<string, string> = { ...init.headers };
    if (userToken !== undefined) headers.Authorization = `Bearer ${await read(userToken)}`;
    if (serviceToken !== undefined) headers['X-Service-Auth'] = `Bearer ${await read(serviceToken)}`;
    return fetch(base + path, { cache: 'no-store', ...init, headers });
  }

  async function ask<T>(path: string, init: Parameters<typeof call>[1]): Promise<T> {
    const response = await call(path, init);
    if (!response.ok) throw await readProblem(response);
    return (await response.json()) as T;
  }

  const withLastId = (lastEventId: string): Record<string, string> =>
    lastEventId === '' ? {} : { 'Last-Event-ID': lastEventId };
  const later = { Prefer: 'respond-async' };

  return {
    async startReport(path, query, options = {}) {
      const response = await call(`${path}?${new URLSearchParams(query)}`, { headers: later, ...options });
      if (!response.ok) throw await readProblem(response);
      if (response.status === 202) return (await response.json()) as { progressId: string };
      await response.body?.cancel();
      throw new PlatenError(
        'not_accepted',
        'The report is given at once only; ask for it without waiting for progress.',
        {
          status: response.status,
        },
      );
    },

    triggerReport: (body, options = {}) =>
      ask('/internal/trigger-generate-pdf', {
        method: 'POST',
        headers: { ...later, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
        ...options,
      }),

    followProgress: (id, { ticket, ...options } = {}) =>
      followStream<Progress>({
        ...options,
        isLast: ({ status }) => !isUnderWay(status),
        async open(lastEventId, signal) {
          const init = { headers: withLastId(lastEventId), signal };
          if (ticket === undefined) return call(progressPath(id), init);
          const query = new URLSearchParams({ ticket: await ticket() });
          return fetch(`${base}${progressPath(id)}?${query}`, { cache: 'no-store', ...init });
        },
      }),

    followJob: (id, options = {}) =>
      followStream<JobAnswer>({
        ...options,
        isLast: ({ state }) => !isUnderWay(state),
        open: (lastEventId, signal) =>
          call(`/jobs/${encodeURIComponent(id)}/events`, { headers: withLastId(lastEventId), signal }),
      }),

    async cancelGeneration(id, options = {}) {
      await ask(progressPath(id), { method: 'DELETE', ...options });
    },

    createTicket: (id, options = {}) => ask(`${progressPath(id)}/ticket`, { method: 'POST', ...options }),
  };
}
