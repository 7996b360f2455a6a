// The table of environment variables: how each is read, what it defaults to, what it means. `docs/settings.md` is made from it.

import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { certificateVariables } from './certificate-variables.ts';
import { readEncryptionKeys } from './encryption-key.ts';
import { type Failpoint, failpoints } from './failpoint.ts';
import { mailVariables } from './mail-variables.ts';
import { readOrigin } from './origin.ts';
import { pageVariables } from './page-variables.ts';
import { pipelineVariables } from './pipeline-variables.ts';
import { pluginVariables } from './plugin-variables.ts';
import { decimal, flag, integer, list, oneOf, secret, text, url, type Variable } from './variable-kinds.ts';

function readDatabaseUrl(value: string): string | undefined {
  if (!/^postgres(ql)?:\/\/\S+$/.test(value) || !URL.canParse(value)) return undefined;
  const { username, password } = new URL(value);
  try {
    decodeURIComponent(username + password);
    return value;
  } catch {
    return undefined;
  }
}

const reservedPrefixes = new Set(['reports', 'certificates', 'images', 'assets']);

function parseTenant(item: string): { origin: string; prefix: string } | undefined {
  const [, address = '', prefix = ''] = /^([^=]+)(?:=(.*))?$/.exec(item) ?? [];
  const origin = readOrigin(address);
  const isGoodPrefix = !item.includes('=') || (/^[a-z0-9-]{1,30}$/.test(prefix) && !reservedPrefixes.has(prefix));
  return origin !== undefined && isGoodPrefix ? { origin, prefix } : undefined;
}

function parseIssuer(item: string): { issuer: string; origin: string } | undefined {
  const at = item.lastIndexOf('=');
  const origin = readOrigin(item.slice(at + 1));
  return at > 0 && origin !== undefined ? { issuer: item.slice(0, at), origin } : undefined;
}

function parseProxy(item: string): string | undefined {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return item;
  const [, address = '', bits = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128) ? item : undefined;
}

/** Without what it needs, the pages of all would be one. */
function pagePattern(fallback: string, needed: readonly string[], meaning: string): Variable<string> {
  const parse = (value: string) =>
    /^\/(?!\/)[^\s\\#]*(#!?\/[^\s\\#]*)?$/.test(value) &&
    /^[^{}]*(\{(studentId|testId)\}[^{}]*)*$/.test(value) &&
    needed.every((name) => value.includes(name))
      ? value
      : undefined;
  return { parse, fallback, rule: `a path with ${needed.join(' and ')}`, example: fallback, meaning };
}

export const variables = {
  PORT: integer(8080, [0, 65535], 'Port to listen on; 0 takes a free one.'),
  HOST: text('127.0.0.1', { example: '0.0.0.0', meaning: 'Address to listen on. The image sets 0.0.0.0.' }),
  NODE_ENV: oneOf(['development', 'test', 'production'], '`production` refuses development secrets.'),
  LOG_LEVEL: oneOf(['info', 'debug', 'warn', 'error', 'silent'], 'Least level that is logged.'),
  PDF_SERVICE_INTERNAL_TOKEN: secret({
    example: 'a random text of 32 characters or more',
    meaning: 'Service token of the backend; two with a comma between them are both good, for rotation.',
  }),
  DEFAULT_FRONTEND_ORIGIN: {
    parse: readOrigin,
    fallback: undefined as string | undefined,
    rule: 'an origin: scheme, host and port, nothing more',
    example: 'https://school.example',
    meaning: 'Origin used when none is named. Default: the first of FRONTEND_ORIGINS, else the example school.',
  },
  FRONTEND_ORIGINS: list(parseTenant, {
    rule: 'origins, each with an optional =prefix of a-z, 0-9 and -, not reports, certificates or images',
    example: 'https://a.example https://b.example=b',
    meaning: 'Origins that may be opened, each with the key prefix of its tenant. Default: the default origin.',
  }),
  RENDER_ALLOWED_ORIGINS: list(readOrigin, {
    rule: 'origins',
    example: 'https://api.school.example',
    meaning: 'Further origins that pages may reach (API, fonts). Nothing else is reachable.',
  }),
  USER_TOKEN_SECRET: secret({ example: 'a random text', meaning: 'HS256 secret of user tokens.' }),
  USER_TOKEN_JWKS_URL: url({
    example: 'https://id.example/jwks.json',
    meaning: 'Key set of user tokens (RS256, ES256), in place of a secret.',
  }),
  USER_TOKEN_ISSUER: text(undefined, { example: 'https://id.example', meaning: 'Required issuer of user tokens.' }),
  USER_TOKEN_AUDIENCE: text(undefined, { example: 'platen', meaning: 'Required audience of user tokens.' }),
  USER_TOKEN_ISSUERS: list(parseIssuer, {
    rule: 'pairs issuer=origin',
    example: 'https://id.a.example=https://a.example',
    meaning: 'Which issuer speaks for which origin, for several tenants.',
  }),
  REPORT_TOKEN_SECRET: secret({
    example: 'another random text',
    meaning: 'HS256 secret: report tokens are verified and minted.',
  }),
  REPORT_TOKEN_JWKS_URL: url({
    example: 'https://backend.example/jwks.json',
    meaning: 'Key set of report tokens (RS256, ES256): they are verified, not minted.',
  }),
  REPORT_TOKEN_ISSUER: text('inzighted-backend', { example: 'inzighted-backend', meaning: 'Issuer of report tokens.' }),
  AWS_STORAGE_BUCKET_NAME: text(undefined, {
    example: 'school-reports',
    meaning: 'S3 bucket. Without it documents lie in DATA_DIR.',
  }),
  AWS_REGION: text(undefined, { example: 'eu-central-1', meaning: 'Region of the bucket.' }),
  AWS_ACCESS_KEY_ID: secret({ example: 'AKIA…', meaning: 'Access key; without it the SDK looks in its usual places.' }),
  AWS_SECRET_ACCESS_KEY: secret({ example: 'a secret key', meaning: 'Secret of the access key.' }),
  AWS_S3_ENDPOINT: url({ example: 'http://127.0.0.1:9000', meaning: 'S3 endpoint that is not AWS.' }),
  AWS_S3_PUBLIC_ENDPOINT: url({
    example: 'https://files.school.example',
    meaning: 'Where links to certificates in S3 lead, for people. Default: as AWS_S3_ENDPOINT.',
  }),
  AWS_S3_FORCE_PATH_STYLE: flag(false, 'Bucket in the path, not in the host name. MinIO wants it.'),
  MINIO_ENDPOINT_URL: url({ example: 'http://127.0.0.1:9000', meaning: 'The same as AWS_S3_ENDPOINT, path style.' }),
  MINIO_ACCESS_KEY: secret({ example: 'an access key', meaning: 'The same as AWS_ACCESS_KEY_ID.' }),
  MINIO_SECRET_KEY: secret({ example: 'a secret key', meaning: 'The same as AWS_SECRET_ACCESS_KEY.' }),
  MINIO_REGION: text(undefined, { example: 'us-east-1', meaning: 'The same as AWS_REGION.' }),
  S3_CHECKSUMS: oneOf(
    ['auto', 'when-required'],
    '`auto`: checksums on every S3 request, but only where required with an endpoint that is not AWS.',
  ),
  DATA_DIR: text('./data', {
    example: '/var/lib/platen',
    meaning: 'Embedded storage and database. One process at a time.',
  }),
  DATABASE_URL: {
    parse: readDatabaseUrl,
    fallback: undefined as string | undefined,
    rule: 'a postgres:// or postgresql:// URL, user and password percent-encoded',
    example: 'postgresql://platen:password@db.example/platen',
    meaning: 'PostgreSQL, shared by all processes. Without it the database lies in DATA_DIR.',
    isSecret: true,
  },
  PLATEN_ROLE: oneOf(
    ['all', 'api', 'worker'],
    '`api`: HTTP and interactive renders; `worker`: jobs and the service endpoints; `all`: both.',
  ),
  ENCRYPTION_KEY: {
    parse: readEncryptionKeys,
    fallback: undefined as [Buffer, ...Buffer[]] | undefined,
    rule: 'base64 of 32 bytes, or the path of a file that holds it; several with commas between them',
    example: 'the output of: openssl rand -base64 32',
    meaning:
      'Key with which tokens of jobs lie in the database, the same for all processes. With several the first encrypts and each decrypts, for rotation. In development one is made in DATA_DIR.',
    isSecret: true,
  },
  PROGRESS_TIMEOUT_SECONDS: integer(300, [1, 3000], 'Seconds that a job may take from the start of its work.'),
  JOB_HISTORY_DAYS: integer(14, [1, 3650], 'Days for which ended jobs, class runs and runs can be looked at.'),
  RENDER_CONCURRENCY: integer(availableParallelism(), [1, 64], 'Renders at once. Default: number of cores.'),
  RENDER_QUEUE_LIMIT: integer(64, [0, 100_000], 'Interactive renders waiting; beyond it 503 `queue_full`.'),
  PDF_TIMEOUT: integer(120_000, [1000, 600_000], 'Milliseconds for one render.'),
  BROWSER_PATH: text(undefined, {
    example: '/usr/bin/chromium-headless-shell',
    meaning: 'Headless shell to use; `bundled` for the one that npm brings. Default: found.',
  }),
  PUPPETEER_EXECUTABLE_PATH: text(undefined, {
    example: '/usr/bin/chromium-headless-shell',
    meaning: 'Serves as BROWSER_PATH.',
  }),
  ...pageVariables,
  ORIGIN_SETTINGS: text(undefined, {
    example: '{"https://b.example":{"PAGE_LANGUAGE":"ta-IN"}}',
    meaning:
      "The page's settings where an origin differs: JSON, or the path of a file with it. Names are those from TOKEN_STORAGE_KEY to STRICT_WARNINGS.",
  }),
  LANG: text(undefined, { example: 'de_DE.UTF-8', meaning: 'Language of the process, which PAGE_LANGUAGE goes by.' }),
  DOCUMENT_CACHE_MB: integer(64, [0, 4096], 'Memory in MB for stored documents of up to 1 MiB; 0 keeps none.'),
  RATE_LIMIT_PER_15_MIN: integer(1000, [1, 10_000_000], 'Public requests per caller in 15 minutes.'),
  BROWSER_SANDBOX: flag(true, 'Whether the browser runs in its sandbox.'),
  ALLOW_ROOT: flag(false, 'Whether production may run as root.'),
  PAGE_STUDENT: pagePattern(
    '/report?studentId={studentId}&testId={testId}',
    ['{studentId}', '{testId}'],
    "The educator's page of one student.",
  ),
  PAGE_STUDENT_SELF: pagePattern('/student-report?testId={testId}', ['{testId}'], "The student's own page."),
  PAGE_TEACHER: pagePattern('/teacher-report?testId={testId}', ['{testId}'], "The teacher's own page."),
  PAGE_CLASS: pagePattern('/report?studentId=overall&testId={testId}', ['{testId}'], 'The page of a class.'),
  MAX_PAGES: integer(500, [1, 10_000], 'Most pages of one document.'),
  MAX_PDF_BYTES: integer(52_428_800, [1024, 268_435_456], 'Most bytes of one document.'),
  RENDER_MEMORY_LIMIT_MB: integer(1536, [64, 1_048_576], 'Resident memory in MB at which a page is ended.'),
  BROWSER_MEMORY_LIMIT_MB: integer(
    3072,
    [256, 1_048_576],
    'Resident memory in MB of all its processes at which a browser is replaced.',
  ),
  BROWSER_RECYCLE_AFTER: integer(500, [1, 1_000_000], 'Renders before a browser is replaced.'),
  ASYNC_REPORTS_PER_MIN: integer(
    5,
    [1, 100_000],
    'Reports that one person may ask for without waiting (`Prefer: respond-async`) in a minute.',
  ),
  CALLER_RENDER_LIMIT: integer(4, [1, 1000], 'Renders of one public caller at once.'),
  ...certificateVariables,
  ...pluginVariables,
  ...pipelineVariables,
  ...mailVariables,
  DIAGNOSTICS_DIR: text(undefined, {
    example: '/tmp/platen',
    meaning:
      'Where screenshots and pages of the newest 100 failed renders go; the pages without tokens, the screenshots as they were shown. Its owner alone may read it.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: url({
    example: 'http://collector.example:4318',
    meaning: 'Where traces are sent by OTLP over HTTP, at `/v1/traces` below it. Without it there are none.',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: secret({
    example: 'authorization=Bearer%20abc',
    meaning: 'Headers of what is sent there: pairs with commas between, percent-encoded.',
  }),
  OTEL_SERVICE_NAME: text('platen', { example: 'platen-worker', meaning: 'Name of this service in traces.' }),
  OTEL_TRACES_SAMPLER_ARG: decimal(1, [0, 1], 'Share of the traces that begin here which are sent.'),
  PLATEN_FAILPOINT: {
    parse: (value) => failpoints.find((name) => name === value),
    fallback: undefined as Failpoint | undefined,
    rule: 'a place that `src/failpoint.ts` lists; not in production',
    example: 'certificate-stored',
    meaning: 'For tests of Platen itself: where the process kills itself.',
  },
  TRUST_PROXY: list(parseProxy, {
    rule: 'IP addresses, subnets, or loopback, linklocal, uniquelocal',
    example: '10.0.0.0/8',
    meaning: 'Proxies whose X-Forwarded-* headers count.',
  }),
} satisfies Record<string, Variable<unknown>>;

export type VariableName = keyof typeof variables;
export type Values = { [Name in VariableName]: (typeof variables)[Name]['fallback'] };
