// A client for browsers and Node: starts generations, follows their progress, ends them. It needs nothing but fetch.

import type { JobAnswer } from '../jobs/contract.ts';
import type { JobError, JobStage, Progress, ProgressStatus, StageProgress } from '../progress/contract.ts';
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

type Init = RequestInit & { headers?: Record<string, string> };

const read = (source: TokenSource) => (typeof source === 'string' ? source : source());

/** One request after the other, each with a token that is good now. */
class Connection {
  readonly #options: ClientOptions;
  readonly #base: string;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#base = options.baseUrl.replace(/\/+$/, '');
  }

  /** Without a token. */
  open(path: string, init: Init): Promise<Response> {
    return fetch(this.#base + path, { cache: 'no-store', ...init });
  }

  async call(path: string, init: Init): Promise<Response> {
    const { userToken, serviceToken } = this.#options;
    const headers: Record<string, string> = { ...init.headers };
    if (userToken !== undefined) headers.Authorization = `Bearer ${await read(userToken)}`;
    if (serviceToken !== undefined) headers['X-Service-Auth'] = `Bearer ${await read(serviceToken)}`;
    return this.open(path, { ...init, headers });
  }

  async ask<T>(path: string, init: Init): Promise<T> {
    const response = await this.call(path, init);
    if (!response.ok) throw await readProblem(response);
    return (await response.json()) as T;
  }
}

const progressPath = (id: string) => `/api/certificates/progress/${encodeURIComponent(id)}`;
const isUnderWay = (state: string) => ['pending', 'in_progress', 'queued', 'active'].includes(state);
const later = { Prefer: 'respond-async' };
const withLastId = (lastEventId: string): Record<string, string> =>
  lastEventId === '' ? {} : { 'Last-Event-ID': lastEventId };

export function createClient(options: ClientOptions): PlatenClient {
  const connection = new Connection(options);
  return {
    async startReport(path, query, more = {}) {
      const response = await connection.call(`${path}?${new URLSearchParams(query)}`, { headers: later, ...more });
      if (!response.ok) throw await readProblem(response);
      if (response.status === 202) return (await response.json()) as { progressId: string };
      await response.body?.cancel();
      const { status } = response;
      throw new PlatenError('not_accepted', 'This report can only be had by waiting for it.', { status });
    },

    triggerReport: (body, more = {}) =>
      connection.ask('/internal/trigger-generate-pdf', {
        method: 'POST',
        headers: { ...later, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
        ...more,
      }),

    followProgress: (id, { ticket, ...more } = {}) =>
      followStream<Progress>({
        ...more,
        isLast: ({ status }) => !isUnderWay(status),
        async open(lastEventId, signal) {
          const init = { headers: withLastId(lastEventId), signal };
          if (ticket === undefined) return connection.call(progressPath(id), init);
          return connection.open(`${progressPath(id)}?${new URLSearchParams({ ticket: await ticket() })}`, init);
        },
      }),

    followJob: (id, more = {}) =>
      followStream<JobAnswer>({
        ...more,
        isLast: ({ state }) => !isUnderWay(state),
        open: (lastEventId, signal) =>
          connection.call(`/jobs/${encodeURIComponent(id)}/events`, { headers: withLastId(lastEventId), signal }),
      }),

    async cancelGeneration(id, more = {}) {
      await connection.ask(progressPath(id), { method: 'DELETE', ...more });
    },

    createTicket: (id, more = {}) => connection.ask(`${progressPath(id)}/ticket`, { method: 'POST', ...more }),
  };
}
