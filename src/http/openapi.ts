// The OpenAPI document, made from the endpoints and the schemas that check requests.

import { z } from 'zod';
import { catalogue, type ErrorCode } from '../errors.ts';
import type { Answer, Endpoint } from './contract.ts';
import { problemSchema } from './problem.ts';

type Json = Record<string, unknown>;

const schemes = {
  anyone: {},
  service: { security: [{ serviceToken: [] }] },
  user: { security: [{ userToken: [] }] },
  either: { security: [{ serviceToken: [] }, { userToken: [] }] },
  ticket: { security: [{ serviceToken: [] }, { userToken: [] }, { ticket: [] }] },
};

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const {
    $schema: _,
    id: __,
    ...rest
  } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' }) as Json;
  return rest;
}

/** Express writes `:id` and `*path` where OpenAPI writes `{id}`. */
const openApiPath = (path: string) => path.replace(/[:*](\w+)/g, '{$1}');

function describeParameters(endpoint: Endpoint): Json[] {
  const inPath = [...endpoint.path.matchAll(/[:*](\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return [...inPath, ...describeQuery(endpoint), ...describeHeaders(endpoint)];
}

const lastEventId = z.string().meta({ description: 'Id of the last event that the client has; it is not sent again.' });

function describeHeaders({ headers, answers }: Endpoint): Json[] {
  const isStream = Object.values(answers).some(({ mediaType }) => mediaType === 'text/event-stream');
  const all = { ...headers, ...(isStream ? { 'Last-Event-ID': lastEventId } : {}) };
  return Object.entries(all).map(([name, header]) => {
    const { description, ...schema } = toJsonSchema(header, 'input');
    return { name, in: 'header', required: false, schema, description };
  });
}

function describeQuery({ query, queryAliases = {} }: Endpoint): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = toJsonSchema(query, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => {
    const aliases = queryAliases[name];
    const also = aliases === undefined ? [] : [`Also spelt ${aliases.join(', ')}.`];
    const text = [description, ...also].filter(Boolean).join(' ');
    return {
      name,
      in: 'query',
      required: required.includes(name),
      schema,
      ...(text === '' ? {} : { description: text }),
    };
  });
}

function describeAnswer({ description, schema, mediaType }: Answer): Json {
  const json = schema === undefined ? {} : { 'application/json': { schema: toJsonSchema(schema, 'output') } };
  if (mediaType !== undefined) return { description, content: { ...json, ...describeBody(mediaType) } };
  return schema === undefined ? { description } : { description, content: json };
}

function describeBody(mediaType: string): Json {
  // A schema would be that of one event, for those who read it so.
  if (mediaType === 'text/event-stream') return { [mediaType]: {} };
  if (mediaType.endsWith('+json')) return { [mediaType]: { schema: { type: 'object' } } };
  const body = mediaType.startsWith('text/') ? { type: 'string' } : { type: 'string', format: 'binary' };
  return { [mediaType]: { schema: body } };
}

/** Problems by status: several codes may share one. */
function describeErrors(codes: readonly ErrorCode[]): Record<string, Json> {
  const byStatus = Map.groupBy(new Set(codes), (code) => catalogue[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, atStatus]) => [
      status,
      {
        description: atStatus.map((code) => `\`${code}\`: ${catalogue[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

/** An endpoint's own answer of a status that has problems too. */
function join(problem: Json | undefined, answer: Json): Json {
  if (problem === undefined) return answer;
  const content = { ...(problem.content as Json), ...(answer.content as Json | undefined) };
  return { content, description: `${String(problem.description)}. ${String(answer.description)}` };
}

function describeRequestBody({ body, fileTypes, isBodyOptional }: Endpoint): Json {
  if (fileTypes !== undefined) {
    const form = { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } };
    const asBody = fileTypes.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]);
    const content = { ...Object.fromEntries(asBody), 'multipart/form-data': { schema: form } };
    return { requestBody: { required: true, content } };
  }
  if (body === undefined) return {};
  const content = { 'application/json': { schema: toJsonSchema(body, 'input') } };
  return { requestBody: { required: isBodyOptional !== true, content } };
}

function describeOperation(endpoint: Endpoint): Json {
  const { tag, summary, description, access, action, answers, errors, method, path } = endpoint;
  const parameters = describeParameters(endpoint);
  const everywhere: ErrorCode[] = ['uri_too_long', 'internal_error', 'shutting_down'];
  const problems = describeErrors([...errors, ...everywhere]);
  return {
    operationId: `${method}${path.replace(/[^a-z0-9]+(.)?/gi, (_, letter?: string) => letter?.toUpperCase() ?? '')}`,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...schemes[access],
    ...(action === undefined ? {} : { 'x-audit-action': action }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...describeRequestBody(endpoint),
    responses: {
      ...problems,
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, join(problems[status], describeAnswer(answer))]),
      ),
    },
  };
}

export function createOpenApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    const path = openApiPath(endpoint.path);
    paths[path] = { ...paths[path], [endpoint.method]: describeOperation(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Platen',
      version,
      description:
        'Renders the report pages of an education platform, keeps the PDFs, and hands each to those who may read it.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Reports', description: 'For people: students, teachers, admins.' },
      { name: 'Jobs', description: 'Work that goes on after the request, and how far it is.' },
      { name: 'Progress', description: 'How far a generation is, for people and their pages.' },
      { name: 'Class runs', description: 'All reports of a class for one test, for the backend.' },
      { name: 'Internal', description: 'For the backend, with the service token.' },
      { name: 'Service', description: 'For those who operate Platen.' },
    ],
    paths,
    components: {
      schemas: { Problem: toJsonSchema(problemSchema, 'output') },
      securitySchemes: {
        userToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: "The platform's user token." },
        serviceToken: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Service-Auth',
          description: '`Bearer` and PDF_SERVICE_INTERNAL_TOKEN.',
        },
        ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'Single use, 30 s; for EventSource.' },
      },
    },
  };
}
