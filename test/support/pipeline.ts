// The pipeline for tests: what is configured, run and waited for through the front door.

import type { TestService } from './service.ts';
import { serviceToken } from './tokens.ts';
import { until } from './until.ts';

export interface Run {
  id: string;
  configurationId: string;
  state: string;
  code?: string;
  detail?: string;
  counts: Record<string, number>;
  errors: { line?: number; message: string }[];
  items: {
    studentId: string;
    courseId?: string;
    isEligible: boolean;
    outcome?: string;
    code?: string;
    certificateId?: string;
    criteria: object[];
    steps?: { id: string; isEligible: boolean }[];
  }[];
  next: string | null;
}

export interface Pipeline {
  call(method: string, path: string, body?: object): Promise<Response>;
  /** Status and code of a refusal, with the fields that it names. */
  refusal(method: string, path: string, body?: object): Promise<string>;
  json<T>(method: string, path: string, body?: object): Promise<T>;
  putList(slug: string, text: string | Uint8Array): Promise<void>;
  putFile(slug: string, type: string, bytes: Uint8Array): Promise<void>;
  /** Begins a run or a rehearsal. @returns its id. */
  begin(configurationId: string, kind: 'run' | 'dry-run', body?: object): Promise<string>;
  find(runId: string, limit?: number): Promise<Run>;
  ended(runId: string): Promise<Run>;
  /** Makes a type and a configuration of it for a course. @returns the id of the configuration. */
  configure(configuration: {
    type: Record<string, unknown> & { name: string };
    context?: Record<string, unknown> & { id: string };
    more?: object;
  }): Promise<string>;
}

export function pipelineOf({ url }: Pick<TestService, 'url'>): Pipeline {
  const headers = { 'x-service-auth': `Bearer ${serviceToken}`, 'content-type': 'application/json' };
  const call: Pipeline['call'] = (method, path, body) =>
    fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const json: Pipeline['json'] = async (method, path, body) => {
    const response = await call(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const find: Pipeline['find'] = (runId, limit = 500) => json('GET', `/internal/runs/${runId}?limit=${limit}`);
  const putFile: Pipeline['putFile'] = async (slug, type, bytes) => {
    const sent = { method: 'PUT', headers: { ...headers, 'content-type': type }, body: Buffer.from(bytes) };
    const response = await fetch(`${url}/internal/assets/${slug}`, sent);
    if (!response.ok) throw new Error(await response.text());
  };
  return {
    call,
    json,
    find,
    async refusal(method, path, body) {
      const response = await call(method, path, body);
      const { code, errors = [] } = (await response.json()) as { code: string; errors?: { field: string }[] };
      return [response.status, code, ...errors.map(({ field }) => field)].join(' ');
    },
    putFile,
    putList: (slug, text) => putFile(slug, 'application/octet-stream', Buffer.from(text as string)),
    async begin(configurationId, kind, body = {}) {
      return (await json<{ runId: string }>('POST', `/internal/configurations/${configurationId}/${kind}`, body)).runId;
    },
    ended: (runId) =>
      until(async () => {
        const run = await find(runId);
        return ['queued', 'active'].includes(run.state) ? undefined : run;
      }),
    async configure({ type, context = { id: `course of ${type.name}`.replaceAll(' ', '-') }, more = {} }) {
      await json('POST', '/internal/certificate-types', type);
      const asked = { context: { kind: 'course', name: 'Algebra I', ...context }, type: type.name, ...more };
      return (await json<{ id: string }>('POST', '/internal/configurations', asked)).id;
    },
  };
}
