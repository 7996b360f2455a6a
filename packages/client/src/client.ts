// A client for browsers and Node: certificates and reports are asked for, followed, ended, verified. It needs nothing but fetch.

import { type FollowOptions, followStream } from './following.ts';
import { PlatenError, readProblem } from './problem.ts';
import type {
  CertificateRow,
  GenerateRequest,
  IssuedCertificate,
  IssueRequest,
  JobAnswer,
  JobError,
  JobStage,
  Progress,
  ProgressStatus,
  StageProgress,
  Verification,
} from './states.ts';
import { isUnderWay, type WatchOptions, watch } from './watching.ts';

export type {
  CertificateRow,
  FollowOptions,
  GenerateRequest,
  IssuedCertificate,
  IssueRequest,
  JobAnswer,
  JobError,
  JobStage,
  Progress,
  ProgressStatus,
  StageProgress,
  Verification,
  WatchOptions,
};
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
  /** For the backend and administrators: issues a certificate; the same request again gives the same one. It is there when this is answered. */
  issue(request: IssueRequest, options?: CallOptions): Promise<IssuedCertificate>;
  /** The certificates of a learner, the newest first. */
  list(studentId: string, options?: CallOptions): Promise<CertificateRow[]>;
  /** What the certificate with this code, or with this address of its page, is worth; undefined where there is none. */
  verify(codeOrUrl: string, options?: CallOptions): Promise<Verification | undefined>;
  /** Where its PDF is downloaded, without a token, for an hour. */
  downloadUrl(certificateId: string, options?: CallOptions): Promise<string>;
  /** For learners: has made what is recorded for them. Gives the certificate where it is there already. */
  generate(
    request: GenerateRequest,
    options?: CallOptions,
  ): Promise<{ progressId: string; certificate?: never } | { certificate: CertificateRow; progressId?: never }>;
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
  /** The same; where events do not come through it asks the job again and again. For people who look on. */
  watchProgress(id: string, options?: WatchOptions): AsyncGenerator<Progress, void, undefined>;
  job(id: string, options?: CallOptions): Promise<JobAnswer>;
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
    return this.read<T>(await this.call(path, init));
  }

  async read<T>(response: Response): Promise<T> {
    if (!response.ok) throw await readProblem(response);
    return (await response.json()) as T;
  }
}

const progressPath = (id: string) => `/api/certificates/progress/${encodeURIComponent(id)}`;
const json = { 'Content-Type': 'application/json' };
/** Of an address, its last part. */
const codeOf = (codeOrUrl: string) => codeOrUrl.split(/[?#]/)[0]?.split('/').filter(Boolean).at(-1) ?? '';
const later = { Prefer: 'respond-async' };
const withLastId = (lastEventId: string): Record<string, string> =>
  lastEventId === '' ? {} : { 'Last-Event-ID': lastEventId };

export function createClient(options: ClientOptions): PlatenClient {
  const connection = new Connection(options);
  return { ...ofCertificates(connection), ...ofGenerations(connection) };
}

type OfCertificates = Pick<PlatenClient, 'issue' | 'list' | 'verify' | 'downloadUrl' | 'generate'>;

function ofCertificates(connection: Connection): OfCertificates {
  const post = <T>(path: string, body: object, more: CallOptions) =>
    connection.ask<T>(path, { method: 'POST', headers: json, body: JSON.stringify(body), ...more });
  return {
    async issue(request, more = {}) {
      const { data } = await post<{ data: IssuedCertificate }>('/certificate/issue', request, more);
      return data;
    },

    list: (studentId, more = {}) => connection.ask(`/certificates/${encodeURIComponent(studentId)}`, more),

    async verify(codeOrUrl, more = {}) {
      const headers = { Accept: 'application/json' };
      const response = await connection.open(`/verify/${encodeURIComponent(codeOf(codeOrUrl))}`, { headers, ...more });
      if (response.status !== 404) return connection.read<Verification>(response);
      await response.body?.cancel();
      return undefined;
    },

    async downloadUrl(certificateId, more = {}) {
      const path = `/certificates/${encodeURIComponent(certificateId)}/download`;
      return (await connection.ask<{ download_url: string }>(path, more)).download_url;
    },

    generate: (request, more = {}) => post('/api/certificates/generate', request, more),
  };
}

function ofGenerations(connection: Connection): Omit<PlatenClient, keyof OfCertificates> {
  const client: Omit<PlatenClient, keyof OfCertificates> = {
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
        headers: { ...later, ...json },
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
        isLast: ({ state }) => state !== 'queued' && state !== 'active',
        open: (lastEventId, signal) =>
          connection.call(`/jobs/${encodeURIComponent(id)}/events`, { headers: withLastId(lastEventId), signal }),
      }),

    async cancelGeneration(id, more = {}) {
      await connection.ask(progressPath(id), { method: 'DELETE', ...more });
    },

    createTicket: (id, more = {}) => connection.ask(`${progressPath(id)}/ticket`, { method: 'POST', ...more }),

    job: (id, more = {}) => connection.ask(`/jobs/${encodeURIComponent(id)}`, more),

    watchProgress: (id, more = {}) =>
      watch(
        {
          follow: (follow) => client.followProgress(id, follow),
          ask: (signal) => client.job(id, signal === undefined ? {} : { signal }),
        },
        more,
      ),
  };
  return client;
}
